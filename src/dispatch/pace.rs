//! How fast a sink is sent to: so many at once, and so many in a while.
//!
//! A permit is asked for before a delivery is claimed, since a claim counts as an attempt and must not
//! wait. It is asked for only when a delivery is due, since a permit cannot be given back.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Permits for one sink.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
}

/// What may leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permits {
    /// This many.
    pub(super) now: usize,
    /// The next one after this wait, where the pace is what holds it back.
    pub(super) next: Option<Duration>,
}

impl Pace {
    /// A pace of so many at once and one more after each interval, or no limit at all.
    pub(super) fn new(limit: Option<(NonZeroU32, Duration)>) -> Self {
        let limiter = limit.and_then(|(burst, interval)| {
            let quota = Quota::with_period(interval)?.allow_burst(burst);
            Some(RateLimiter::direct(quota))
        });
        Self {
            limiter,
            clock: DefaultClock::default(),
        }
    }

    /// As [`Pace::new`], where somebody else has used the same limit until so long ago: he may have left
    /// nothing, and no more is there than what has come since.
    pub(super) fn since(limit: Option<(NonZeroU32, Duration)>, idle: Option<Duration>) -> Self {
        let pace = Self::new(limit);
        if let (Some(limiter), Some((burst, interval)), Some(idle)) = (&pace.limiter, limit, idle) {
            let come = idle.as_nanos().checked_div(interval.as_nanos());
            let come = come.and_then(|come| u32::try_from(come).ok());
            let missing = burst.get().saturating_sub(come.unwrap_or(u32::MAX));
            if let Some(missing) = NonZeroU32::new(missing) {
                // No more than there is, so that it never fails.
                let _ = limiter.check_n(missing);
            }
        }
        pace
    }

    /// Whether there is a limit at all.
    pub(super) const fn is_limited(&self) -> bool {
        self.limiter.is_some()
    }

    /// Takes up to `wanted` permits, all of which the caller uses.
    pub(super) fn take(&self, wanted: usize) -> Permits {
        let Some(limiter) = &self.limiter else {
            return Permits {
                now: wanted,
                next: None,
            };
        };
        for now in 0..wanted {
            if let Err(not_until) = limiter.check() {
                return Permits {
                    now,
                    next: Some(not_until.wait_time_from(self.clock.now())),
                };
            }
        }
        Permits {
            now: wanted,
            next: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_units_worth_leaves_at_once_and_then_one_at_a_time() {
        let burst = NonZeroU32::new(3).expect("more than none");
        let pace = Pace::new(Some((burst, Duration::from_secs(20))));
        assert!(pace.is_limited());
        assert_eq!(pace.take(1), Permits { now: 1, next: None });
        let rest = pace.take(10);
        assert_eq!(rest.now, 2);
        let wait = rest.next.expect("the others have to wait");
        assert!(
            wait > Duration::from_secs(15) && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert_eq!(pace.take(1).now, 0);
    }

    #[test]
    fn who_takes_over_has_what_has_come_since_the_one_before() {
        let limit = NonZeroU32::new(3).map(|burst| (burst, Duration::from_secs(20)));
        for (idle, left) in [(0, 0), (19, 0), (20, 1), (59, 2), (60, 3), (1_000_000, 3)] {
            let pace = Pace::since(limit, Some(Duration::from_secs(idle)));
            assert_eq!(pace.take(9).now, left, "after {idle} s");
        }
        assert_eq!(Pace::since(limit, None).take(9).now, 3);
        let pace = Pace::since(None, Some(Duration::ZERO));
        assert_eq!(pace.take(64).now, 64);
    }

    #[test]
    fn without_a_limit_everything_may_leave() {
        let pace = Pace::new(None);
        assert!(!pace.is_limited());
        assert_eq!(
            pace.take(64),
            Permits {
                now: 64,
                next: None
            }
        );
    }
}
