//! When a sink's dead letters are spoken of: the first at once, further ones within the hour together.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::model::Notice;

/// How long after a notice the next ones are gathered.
const GATHER: SignedDuration = SignedDuration::from_hours(1);

/// What is known of one sink's dead letters since they were last spoken of.
#[derive(Debug, Default)]
pub(super) struct Obituary {
    quiet_until: Option<Timestamp>,
    gathered: u64,
    last: Option<Value>,
}

impl Obituary {
    /// A dead letter was written; `about` describes it. Answers with the notice to raise now, if any.
    pub(super) fn dead(&mut self, about: Value, now: Timestamp) -> Option<Notice> {
        if self.quiet_until.is_some_and(|until| now < until) {
            self.gathered += 1;
            self.last = Some(about);
            return None;
        }
        self.quiet_until = Some(now + GATHER);
        Some(notice(about, 1 + std::mem::take(&mut self.gathered), now))
    }

    /// When gathered dead letters are to be spoken of, if there are any.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.quiet_until.filter(|_| self.gathered > 0)
    }

    /// The notice about what was gathered, once its time has come.
    pub(super) fn speak(&mut self, now: Timestamp) -> Option<Notice> {
        self.due().filter(|due| *due <= now)?;
        self.last_words(now)
    }

    /// The notice about what was gathered, now: there will be no later.
    pub(super) fn last_words(&mut self, now: Timestamp) -> Option<Notice> {
        self.quiet_until = Some(now + GATHER);
        let count = std::mem::take(&mut self.gathered);
        Some(notice(self.last.take()?, count, now))
    }
}

fn notice(mut about: Value, count: u64, now: Timestamp) -> Notice {
    if let Value::Object(members) = &mut about {
        members.insert("count".to_owned(), json!(count));
    }
    Notice {
        kind: "bellwire.delivery_dead",
        time: now,
        data: about,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_within_the_hour_together() {
        let start = Timestamp::from_second(1_760_000_000).expect("in range");
        let later = |minutes: i64| start + SignedDuration::from_mins(minutes);
        let mut subject = Obituary::default();
        let about = |id: u32| json!({ "sink": "team", "id": id });

        let first = subject.dead(about(1), start).expect("told at once");
        assert_eq!(first.data, json!({ "sink": "team", "id": 1, "count": 1 }));
        assert_eq!(subject.due(), None);
        assert_eq!(subject.dead(about(2), later(1)), None);
        assert_eq!(subject.dead(about(3), later(2)), None);
        assert_eq!(subject.due(), Some(later(60)));
        assert_eq!(subject.speak(later(59)), None);
        let second = subject.speak(later(60)).expect("the hour is over");
        assert_eq!(second.data, json!({ "sink": "team", "id": 3, "count": 2 }));
        assert_eq!(subject.speak(later(61)), None);
        assert!(subject.dead(about(4), later(121)).is_some());
    }
}
