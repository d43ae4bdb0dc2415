//! When a sink's trouble is spoken of: once when it has failed for a while or is suspended, and once
//! when it is over.

use jiff::{SignedDuration, Timestamp};

/// A sink fails when a delivery waits because of it, or so many in a row have become dead letters: one alone says
/// more of the event than of the sink …
const DEAD_MIN: u32 = 3;

/// … and the first of these attempts was this long ago: a restart of the receiver is no news.
const FAILING_FOR: SignedDuration = SignedDuration::from_mins(1);

/// So many of those that wait are known by their rows. Once all of these have ended, the next failure shows others.
const WAITING_MAX: usize = 64;

/// What is wrong with a sink, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Since when.
    pub(super) since: Timestamp,
    /// The newest reason.
    pub(super) reason: String,
    /// Deliveries that have ended since it was over, and before anybody counted what waits.
    pub(super) ended: usize,
}

/// The trouble of one sink, and whether it has been spoken of.
///
/// Failures to deliver internal events are to be kept from it: what is said about them would be one
/// more internal event to fail on.
#[derive(Debug)]
pub(super) struct Alarm {
    trouble: Option<Trouble>,
    dead_in_a_row: u32,
    /// The rows of some deliveries that these have left waiting.
    waiting: Vec<i64>,
    told: bool,
    /// What was told is a suspension.
    told_suspended: bool,
}

impl Alarm {
    pub(super) const fn new() -> Self {
        Self {
            trouble: None,
            dead_in_a_row: 0,
            waiting: Vec::new(),
            told: false,
            told_suspended: false,
        }
    }

    /// An earlier lane has told this.
    pub(super) fn resume(&mut self, trouble: Trouble, suspended: bool) {
        self.trouble = Some(trouble);
        self.told = true;
        self.told_suspended = suspended;
    }

    /// An attempt that began then has failed, and the delivery of this row waits or is dead.
    pub(super) fn failed(&mut self, began: Timestamp, reason: &str, row: i64, waits: bool) {
        if !waits {
            self.dead_in_a_row = self.dead_in_a_row.saturating_add(1);
        } else if self.waiting.len() < WAITING_MAX && !self.waiting.contains(&row) {
            self.waiting.push(row);
        }
        self.note(began, reason);
    }

    /// A delivery waits no more, whatever became of it.
    pub(super) fn ended(&mut self, row: i64) {
        self.waiting.retain(|waiting| *waiting != row);
    }

    /// The sink is suspended. Answers with the trouble to speak of, unless that was told before.
    pub(super) fn suspended(&mut self, now: Timestamp, reason: &str) -> Option<Trouble> {
        self.told = true;
        let is_news = !std::mem::replace(&mut self.told_suspended, true);
        let trouble = self.note(now, reason).clone();
        is_news.then_some(trouble)
    }

    /// A delivery was accepted. Answers with the trouble that was spoken of and is over.
    pub(super) fn accepted(&mut self) -> Option<Trouble> {
        self.dead_in_a_row = 0;
        self.waiting.clear();
        self.told_suspended = false;
        let told = std::mem::take(&mut self.told);
        self.trouble.take().filter(|_| told)
    }

    /// When it is to be spoken of, unless something is accepted before.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let trouble = self.trouble.as_ref()?;
        let fails = !self.waiting.is_empty() || self.dead_in_a_row >= DEAD_MIN;
        (!self.told && fails).then(|| trouble.since + FAILING_FOR)
    }

    /// The trouble to speak of, once its time has come.
    pub(super) fn speak(&mut self, now: Timestamp) -> Option<Trouble> {
        self.due().filter(|due| *due <= now)?;
        self.told = true;
        self.trouble.clone()
    }

    fn note(&mut self, since: Timestamp, reason: &str) -> &Trouble {
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since,
            reason: String::new(),
            ended: 0,
        });
        reason.clone_into(&mut trouble.reason);
        trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + second).expect("in range")
    }

    #[test]
    fn failing_is_told_once_for_each_time_and_so_is_its_end() {
        let mut subject = Alarm::new();
        subject.failed(at(0), "422", 1, false);
        subject.failed(at(70), "422", 2, false);
        assert_eq!(subject.speak(at(80)), None, "two bad events are not enough");
        subject.failed(at(80), "connection refused", 3, false);
        let told = Trouble {
            since: at(0),
            reason: "connection refused".to_owned(),
            ended: 0,
        };
        assert_eq!(subject.speak(at(80)), Some(told.clone()));
        subject.failed(at(90), "connection refused", 4, false);
        assert_eq!((subject.due(), subject.speak(at(999))), (None, None));
        assert_eq!(subject.accepted(), Some(told));
        assert_eq!(subject.accepted(), None);

        subject.failed(at(100), "401 Unauthorized", 5, true);
        assert_eq!(subject.speak(at(159)), None, "not for long enough");
        assert_eq!(subject.due(), Some(at(160)));
        assert_eq!(subject.accepted(), None, "nobody was told");
        assert_eq!(subject.due(), None);
    }

    #[test]
    fn one_delivery_that_was_tried_often_and_is_dead_is_no_trouble_of_its_sink() {
        let mut subject = Alarm::new();
        for (second, waits) in [(0, true), (1, true), (2, true), (3, false)] {
            subject.failed(at(second), "503", 1, waits);
        }
        subject.ended(1);
        assert_eq!(subject.due(), None);
        subject.failed(at(4), "503", 2, true);
        subject.failed(at(5), "503", 3, true);
        subject.failed(at(6), "503", 3, false);
        subject.ended(3);
        assert_eq!(subject.due(), Some(at(60)), "another one waits");
        subject.ended(2);
        assert_eq!(subject.due(), None, "it has expired");
        subject.failed(at(7), "503", 4, false);
        assert_eq!(subject.due(), Some(at(60)), "three are dead");
        assert_eq!(subject.accepted(), None);
    }

    #[test]
    fn a_suspension_is_told_by_others_and_its_end_here() {
        let mut subject = Alarm::new();
        for second in 0..3 {
            subject.failed(at(second), "503", second, true);
        }
        let trouble = subject.suspended(at(5), "410 Gone").expect("news");
        assert_eq!(subject.suspended(at(6), "410 Gone"), None, "told already");
        assert_eq!(trouble.since, at(0));
        assert_eq!(subject.due(), None, "said already");
        assert_eq!(subject.accepted(), Some(trouble));
        assert!(
            subject.suspended(at(9), "410 Gone").is_some(),
            "another one"
        );
    }

    #[test]
    fn what_an_earlier_lane_told_is_not_told_again_but_its_end_is() {
        let trouble = Trouble {
            since: at(0),
            reason: "503".to_owned(),
            ended: 0,
        };
        let mut subject = Alarm::new();
        subject.resume(trouble.clone(), false);
        for second in 100..110 {
            subject.failed(at(second), "503", second, true);
        }
        assert_eq!((subject.due(), subject.speak(at(999))), (None, None));
        let suspended = subject
            .suspended(at(999), "410 Gone")
            .expect("that is news");
        assert_eq!(suspended.since, at(0));
        assert!(subject.accepted().is_some());

        let mut subject = Alarm::new();
        subject.resume(trouble, true);
        assert_eq!(subject.suspended(at(5), "410 Gone"), None, "told already");
        assert_eq!(subject.accepted().map(|told| told.since), Some(at(0)));
    }

    #[test]
    fn one_failure_is_a_trouble_when_its_delivery_still_waits_after_a_minute() {
        let mut subject = Alarm::new();
        subject.failed(at(0), "400", 6, true);
        assert_eq!((subject.due(), subject.speak(at(59))), (Some(at(60)), None));
        assert!(subject.speak(at(60)).is_some());
        assert!(subject.accepted().is_some());
        subject.failed(at(100), "422", 7, false);
        assert_eq!(subject.due(), None, "it began anew");
    }
}
