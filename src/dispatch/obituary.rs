//! When a sink's dead letters are spoken of: the first at once, further ones within the hour together.
//!
//! What has died and what has been told stands in the queue, so a process that is killed neither
//! forgets one nor begins the hour anew. Here is only what the queue cannot know yet.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::model::{Name, Notice, Told};
use crate::store::Deaths;

/// How long after a notice the next ones are gathered.
const GATHER: SignedDuration = SignedDuration::from_hours(1);

/// Wait before the queue is asked again after it failed.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// When one sink's dead letters are to be looked at and spoken of.
#[derive(Debug)]
pub(super) struct Obituary {
    /// When the queue is to be asked; never, while nothing can have died.
    ask_at: Option<Timestamp>,
    quiet_until: Option<Timestamp>,
    /// Of so many deaths has been spoken, whether or not the notice is in the queue yet.
    spoken: u64,
}

impl Obituary {
    /// An earlier process may have left some.
    pub(super) const fn new() -> Self {
        Self {
            ask_at: Some(Timestamp::MIN),
            quiet_until: None,
            spoken: 0,
        }
    }

    /// A dead letter was written.
    pub(super) fn dead(&mut self) {
        self.ask_at = self.quiet_until.or(Some(Timestamp::MIN));
    }

    /// When the queue is to be asked for what has died, if it is.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        self.ask_at
    }

    /// The queue could not be asked.
    pub(super) fn unread(&mut self, now: Timestamp) {
        self.ask_at = now.checked_add(ASK_AGAIN).ok();
    }

    /// The notice about what has died, if there is something to tell and its time has come.
    pub(super) fn notice(
        &mut self,
        sink: &Name,
        deaths: &Deaths,
        now: Timestamp,
    ) -> Option<Notice> {
        if self.quiet_until.is_none() {
            // A clock that was set back must not make it silent for longer than the hour.
            let told_at = deaths.told_at.map(|told_at| told_at.min(now));
            self.quiet_until = told_at.and_then(|told_at| told_at.checked_add(GATHER).ok());
        }
        let untold = deaths.count.saturating_sub(self.spoken.max(deaths.told));
        let quiet_until = self.quiet_until.filter(|until| *until > now);
        self.ask_at = quiet_until.filter(|_| untold > 0);
        if untold == 0 || quiet_until.is_some() {
            return None;
        }
        Some(notice(sink, deaths, untold, now))
    }

    /// The same without regard to the hour: there will be no later.
    pub(super) fn last_words(
        &mut self,
        sink: &Name,
        deaths: &Deaths,
        now: Timestamp,
    ) -> Option<Notice> {
        self.quiet_until = Some(now);
        self.notice(sink, deaths, now)
    }

    /// A notice is on its way.
    pub(super) fn spoke(&mut self, told: &Told) {
        self.spoken = told.deaths;
        self.quiet_until = told.at.checked_add(GATHER).ok();
    }
}

/// The delivery that died last as it stands in the queue, and how many died with it.
fn notice(sink: &Name, deaths: &Deaths, count: u64, now: Timestamp) -> Notice {
    let mut data = match &deaths.last {
        Some(last) => last.json(),
        None => json!({ "sink": sink.as_str() }),
    };
    if let Value::Object(members) = &mut data {
        members.insert("count".to_owned(), json!(count));
    }
    Notice {
        kind: "bellwire.delivery_dead",
        time: now,
        data,
        told: Some(Told {
            sink: sink.clone(),
            deaths: deaths.count,
            at: now,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + 60 * minutes).expect("in range")
    }

    fn deaths(count: u64, told: u64, told_at: Option<Timestamp>) -> Deaths {
        Deaths {
            count,
            told,
            told_at,
            last: None,
        }
    }

    /// What is told of when the queue says this: how many, and how far that goes.
    fn told(subject: &mut Obituary, deaths: &Deaths, now: Timestamp) -> Option<(u64, u64)> {
        let notice = subject.notice(&Name::new("team").expect("a name"), deaths, now)?;
        assert_eq!(notice.data["sink"], "team");
        let told = notice.told.expect("it tells of dead letters");
        subject.spoke(&told);
        Some((notice.data["count"].as_u64().expect("a count"), told.deaths))
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_within_the_hour_together() {
        let mut subject = Obituary::new();
        assert_eq!(told(&mut subject, &deaths(0, 0, None), at(0)), None);
        assert_eq!(subject.due(), None, "nothing has died");
        subject.dead();
        assert_eq!(subject.due(), Some(Timestamp::MIN));
        let first = deaths(1, 0, None);
        assert_eq!(told(&mut subject, &first, at(0)), Some((1, 1)));
        assert_eq!(subject.due(), None);
        subject.dead();
        subject.dead();
        assert_eq!(subject.due(), Some(at(60)));
        let all = deaths(3, 1, Some(at(0)));
        assert_eq!(told(&mut subject, &all, at(59)), None);
        assert_eq!(subject.due(), Some(at(60)));
        assert_eq!(told(&mut subject, &all, at(60)), Some((2, 3)));
        assert_eq!(subject.due(), None);
        subject.dead();
        assert_eq!(subject.due(), Some(at(120)));
    }

    #[test]
    fn a_new_process_keeps_the_hour_and_the_count_of_the_one_before() {
        let left = deaths(5, 1, Some(at(0)));
        let mut subject = Obituary::new();
        assert_eq!(told(&mut subject, &left, at(10)), None);
        assert_eq!(subject.due(), Some(at(60)));
        assert_eq!(told(&mut subject, &left, at(60)), Some((4, 5)));

        let mut late = Obituary::new();
        assert_eq!(told(&mut late, &left, at(61)), Some((4, 5)), "it is over");

        let mut untold = Obituary::new();
        let never = deaths(1, 0, None);
        let now = Some((1, 1));
        assert_eq!(told(&mut untold, &never, at(5)), now, "nobody was told");
    }

    #[test]
    fn what_is_on_its_way_into_the_queue_is_not_told_again() {
        let mut subject = Obituary::new();
        assert_eq!(told(&mut subject, &deaths(2, 0, None), at(0)), Some((2, 2)));
        subject.dead();
        let unwritten = deaths(3, 0, None);
        assert_eq!(told(&mut subject, &unwritten, at(60)), Some((1, 3)));
    }

    #[test]
    fn a_clock_that_was_set_back_and_a_queue_that_fails_delay_it_only() {
        let mut subject = Obituary::new();
        subject.unread(at(0));
        assert_eq!(subject.due(), Some(at(0) + ASK_AGAIN));
        let ahead = deaths(2, 1, Some(at(10_000)));
        assert_eq!(told(&mut subject, &ahead, at(0)), None);
        assert_eq!(subject.due(), Some(at(60)));
        assert_eq!(told(&mut subject, &ahead, at(60)), Some((1, 2)));
    }

    #[test]
    fn last_words_do_not_wait_and_begin_an_hour() {
        let mut subject = Obituary::new();
        let name = Name::new("team").expect("a name");
        let left = deaths(5, 1, Some(at(0)));
        assert_eq!(subject.notice(&name, &left, at(1)), None);
        let last = subject.last_words(&name, &left, at(2)).expect("words");
        assert_eq!(last.data["count"], 4);
        assert_eq!(last.told.expect("told").at, at(2));
    }
}
