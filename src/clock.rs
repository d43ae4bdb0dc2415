//! Wall time for everybody who writes it down.
//!
//! A room of its own so that tests can let it follow the runtime's paused clock, and so that no other
//! room asks the operating system for the time. It does not sleep: waiting is the runtime's.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A source of wall time. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Runtime { start: Timestamp, origin: Instant },
}

impl Clock {
    /// The operating system's wall clock, corrections of the time included.
    #[must_use]
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that shows `start` now and goes on as the runtime's clock does, paused or not.
    #[must_use]
    pub fn runtime(start: Timestamp) -> Self {
        Self(Kind::Runtime {
            start,
            origin: Instant::now(),
        })
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Runtime { start, origin } => start
                .checked_add(origin.elapsed())
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// How long until a moment; zero when it has passed.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Duration {
        Duration::try_from(moment.duration_since(self.now())).unwrap_or_default()
    }
}

/// A moment of the past as people write it: an age such as `2h`, or a time as RFC 3339 has it. `None`
/// where it is neither, or beyond the calendar.
#[must_use]
pub fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    match humantime::parse_duration(text) {
        Ok(age) => now.checked_sub(age).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_an_age_or_a_time() {
        let now = Timestamp::from_second(1_750_000_000).expect("in range");
        for (text, second) in [
            ("2h", Some(1_749_992_800)),
            (" 1h 30m ", Some(1_749_994_600)),
            ("2025-06-15T15:06:40Z", Some(1_750_000_000)),
            ("2025-06-15T17:06:40+02:00", Some(1_750_000_000)),
            ("2025-06-15", None),
            ("yesterday", None),
            ("-2h", None),
            ("", None),
            ("99999999y", None),
        ] {
            let read = since(text, now).map(Timestamp::as_second);
            assert_eq!(read, second, "{text:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn follows_the_runtimes_clock() {
        let start = Timestamp::from_second(1_750_000_000).expect("in range");
        let clock = Clock::runtime(start);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().duration_since(start).as_secs(), 90);
        let past = clock.until(start);
        assert_eq!(past, Duration::ZERO, "the past is not waited for");
    }
}
