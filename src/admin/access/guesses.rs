//! How often a wrong token may be shown: ten times in any minute, by all callers together. Behind a
//! proxy all of them have the same address, so it would tell nobody apart.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// So many wrong tokens are answered in a minute.
const GUESSES_MAX: usize = 10;

const WINDOW: Duration = Duration::from_secs(60);

/// When the last wrong tokens were shown, oldest first; never more than are allowed.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<VecDeque<Timestamp>>);

impl Guesses {
    /// Looks whether a token is right, and counts it if not.
    ///
    /// # Errors
    /// How long to wait, when it is not looked at because there were too many wrong ones.
    pub(super) fn attempt(
        &self,
        now: Timestamp,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, Duration> {
        // Held while one is compared, so that many at once are no more than as many in turn.
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |shown: &Timestamp| Duration::try_from(now.duration_since(*shown)).ok();
        // One that lies in the future is of a clock that has been set back since.
        wrong.retain(|shown| age(shown).is_some_and(|age| age < WINDOW));
        if wrong.len() >= GUESSES_MAX {
            let oldest = wrong.front().and_then(age).unwrap_or_default();
            return Err(WINDOW.saturating_sub(oldest));
        }
        let right = is_right();
        if !right {
            wrong.push_back(now);
            if wrong.len() == GUESSES_MAX {
                tracing::warn!(wrong = GUESSES_MAX, "somebody guesses at `http.token`");
            }
        }
        Ok(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_ones_a_minute_and_right_ones_do_not_count() {
        let at = |second: i64| Timestamp::from_second(1_760_000_000 + second).expect("in range");
        let guesses = Guesses::default();
        for second in 0..10 {
            assert_eq!(guesses.attempt(at(second), || true), Ok(true));
            assert_eq!(guesses.attempt(at(second), || false), Ok(false));
        }
        let wait = |seconds| Err(Duration::from_secs(seconds));
        let looked = || -> bool { panic!("it must not be looked at") };
        assert_eq!(guesses.attempt(at(10), looked), wait(50));
        assert_eq!(guesses.attempt(at(59), looked), wait(1));
        // The oldest is over, and one more is looked at.
        assert_eq!(guesses.attempt(at(60), || false), Ok(false));
        assert_eq!(guesses.attempt(at(60), looked), wait(1));
        assert_eq!(guesses.attempt(at(61), || true), Ok(true));
        // A clock that is set back shuts nobody out for longer.
        assert_eq!(guesses.attempt(at(-3_600), || true), Ok(true));
    }
}
