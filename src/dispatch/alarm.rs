//! When a sink's trouble is spoken of: once when it has failed for a while or is suspended, and once
//! when it is over.

use jiff::{SignedDuration, Timestamp};

/// A sink fails when so many attempts in a row have failed …
const FAILED_MIN: u32 = 3;

/// … and the first of them this long ago: a restart of the receiver is no news.
const FAILING_FOR: SignedDuration = SignedDuration::from_mins(1);

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
#[derive(Debug, Default)]
pub(super) struct Alarm {
    trouble: Option<Trouble>,
    failed_in_a_row: u32,
    told: bool,
}

impl Alarm {
    /// An attempt that began then has failed.
    pub(super) fn failed(&mut self, began: Timestamp, reason: &str) {
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        self.note(began, reason);
    }

    /// The sink is suspended, of which the caller speaks.
    pub(super) fn suspended(&mut self, now: Timestamp, reason: &str) -> Trouble {
        self.told = true;
        self.note(now, reason).clone()
    }

    /// A delivery was accepted. Answers with the trouble that was spoken of and is over.
    pub(super) fn accepted(&mut self) -> Option<Trouble> {
        let Self { trouble, told, .. } = std::mem::take(self);
        trouble.filter(|_| told)
    }

    /// When it is to be spoken of, unless something is accepted before.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let trouble = self.trouble.as_ref()?;
        (!self.told && self.failed_in_a_row >= FAILED_MIN).then(|| trouble.since + FAILING_FOR)
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
        let mut subject = Alarm::default();
        subject.failed(at(0), "503");
        subject.failed(at(70), "503");
        assert_eq!(subject.speak(at(80)), None, "twice is not often enough");
        subject.failed(at(80), "connection refused");
        let told = Trouble {
            since: at(0),
            reason: "connection refused".to_owned(),
            ended: 0,
        };
        assert_eq!(subject.speak(at(80)), Some(told.clone()));
        subject.failed(at(90), "connection refused");
        assert_eq!((subject.due(), subject.speak(at(999))), (None, None));
        assert_eq!(subject.accepted(), Some(told));
        assert_eq!(subject.accepted(), None);

        for second in 100..103 {
            subject.failed(at(second), "503");
        }
        assert_eq!(subject.speak(at(159)), None, "not for long enough");
        assert_eq!(subject.due(), Some(at(160)));
        assert_eq!(subject.accepted(), None, "nobody was told");
        assert_eq!(subject.due(), None);
    }

    #[test]
    fn a_suspension_is_told_by_others_and_its_end_here() {
        let mut subject = Alarm::default();
        for second in 0..3 {
            subject.failed(at(second), "503");
        }
        let trouble = subject.suspended(at(5), "410 Gone");
        assert_eq!(trouble.since, at(0));
        assert_eq!(subject.due(), None, "said already");
        assert_eq!(subject.accepted(), Some(trouble));
    }
}
