//! At most one notice a minute about the same trouble, and none that goes uncounted.
//!
//! A file of its own because it is a small pure state with one promise. It raises nothing itself.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

/// The shortest time between two notices.
pub(super) const PERIOD: Duration = Duration::from_mins(1);

/// What a notice says, without its count.
pub(super) type Detail = Map<String, Value>;

/// Remembers when it last let one through, and what came since.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    last: Option<Instant>,
    held: Option<(Detail, u64)>,
}

impl Throttle {
    /// Takes one trouble in; the latest detail stands for those before it.
    pub(super) fn push(&mut self, detail: Detail) {
        let count = self.held.take().map_or(0, |(_, count)| count);
        self.held = Some((detail, count + 1));
    }

    /// When something may be let through, if anything waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.as_ref()?;
        Some(self.last.map_or_else(Instant::now, |last| last + PERIOD))
    }

    /// Lets through what waits, if it may: the latest detail with `count`.
    pub(super) fn pull(&mut self) -> Option<Detail> {
        // In this order: what may go at once is due at the moment of asking.
        let due = self.due()?;
        let now = Instant::now();
        if due > now {
            return None;
        }
        self.last = Some(now);
        self.drain()
    }

    /// Lets through what waits, now: there will be no later.
    pub(super) fn drain(&mut self) -> Option<Detail> {
        let (mut detail, count) = self.held.take()?;
        detail.insert("count".to_owned(), Value::from(count));
        Some(detail)
    }
}

/// The members of an object; none of anything else.
pub(super) fn members(detail: Value) -> Detail {
    match detail {
        Value::Object(members) => members,
        _ => Detail::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the real clock, where two readings are never the same moment.
    #[test]
    fn the_first_trouble_is_told_at_once_and_the_next_ones_wait_with_their_count() {
        let mut subject = Throttle::default();
        let push = |subject: &mut Throttle, id: u64| {
            let detail = [("id".to_owned(), Value::from(id))];
            subject.push(detail.into_iter().collect());
            subject.pull()
        };
        let first = push(&mut subject, 1).expect("told at once");
        assert_eq!((&first["id"], &first["count"]), (&1.into(), &1.into()));
        assert_eq!(push(&mut subject, 2), None);
        assert_eq!(push(&mut subject, 3), None);
        let due = subject.due().expect("something waits");
        assert!(due > Instant::now());
        subject.last = None;
        let later = subject.pull().expect("the period is over");
        assert_eq!((&later["id"], &later["count"]), (&3.into(), &2.into()));
    }
}
