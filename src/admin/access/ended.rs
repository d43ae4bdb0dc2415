//! Sessions that somebody has ended before their time, so that a copy of their cookie opens nothing.
//!
//! A cookie is checked without anything being kept, so what is kept is the exception: the ends of those
//! that were logged out. They are in memory only. A restart forgets them, which the book says.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// So many are kept. Only who has the token can end more, and the one with the least time left goes.
const ENDED_MAX: usize = 1024;

/// Sessions by when they would have ended, which no two have in common.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<BTreeSet<Timestamp>>);

impl Ended {
    /// Ends a session.
    pub(super) fn add(&self, until: Timestamp, now: Timestamp) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // By then the cookie is worth nothing anyway.
        *ended = ended.split_off(&now);
        ended.insert(until);
        if ended.len() > ENDED_MAX {
            ended.pop_first();
        }
    }

    /// Whether a session was ended.
    pub(super) fn has(&self, until: Timestamp) -> bool {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains(&until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ended_is_kept_within_a_limit_and_until_it_is_over_anyway() {
        let at = |second: i64| Timestamp::from_second(1_760_000_000 + second).expect("in range");
        let kept = |ended: &Ended| ended.0.lock().expect("nobody panicked").len();
        let ended = Ended::default();
        for second in (1..=1024).rev() {
            ended.add(at(second), at(0));
        }
        assert!(ended.has(at(1)) && ended.has(at(1024)) && !ended.has(at(1025)));
        ended.add(at(1024), at(0));
        assert!(ended.has(at(1)), "the same once more takes no place");
        ended.add(at(2000), at(0));
        assert_eq!(kept(&ended), 1024);
        assert!(!ended.has(at(1)) && ended.has(at(2)) && ended.has(at(2000)));
        ended.add(at(2001), at(1024));
        assert_eq!(kept(&ended), 3, "1024, 2000 and 2001");
    }
}
