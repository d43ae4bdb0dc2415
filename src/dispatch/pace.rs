//! How fast a sink is sent to: so many at once, and so many in a while.
//!
//! A permit is asked for before a delivery is claimed, since a claim counts as an attempt and must not
//! wait. A permit that found nothing to send is kept for the next delivery.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Permits for one sink.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    interval: Duration,
    spare: usize,
    spare_since: Instant,
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
        let clock = DefaultClock::default();
        let limiter = limit.and_then(|(burst, interval)| {
            let quota = Quota::with_period(interval)?.allow_burst(burst);
            Some(RateLimiter::direct(quota))
        });
        Self {
            limiter,
            clock,
            interval: limit.map_or(Duration::MAX, |(_, interval)| interval),
            spare: 0,
            spare_since: Instant::now(),
        }
    }

    /// Takes up to `wanted` permits.
    pub(super) fn take(&mut self, wanted: usize) -> Permits {
        let Some(limiter) = &self.limiter else {
            return Permits {
                now: wanted,
                next: None,
            };
        };
        self.spare = fade(self.spare, self.interval, &mut self.spare_since);
        let mut now = self.spare.min(wanted);
        self.spare -= now;
        while now < wanted {
            match limiter.check() {
                Ok(()) => now += 1,
                Err(not_until) => {
                    return Permits {
                        now,
                        next: Some(not_until.wait_time_from(self.clock.now())),
                    };
                }
            }
        }
        Permits { now, next: None }
    }

    /// Gives back permits that nothing was sent with.
    pub(super) fn give_back(&mut self, unused: usize) {
        if self.limiter.is_some() {
            self.spare += unused;
        }
    }
}

/// The limiter refills as if what was given back had been used, so that fades at the same pace:
/// otherwise an idle lane would gather more than its burst.
fn fade(spare: usize, interval: Duration, since: &mut Instant) -> usize {
    if spare == 0 {
        *since = Instant::now();
        return 0;
    }
    let refilled = since.elapsed().as_nanos() / interval.as_nanos().max(1);
    let refilled = u32::try_from(refilled).unwrap_or(u32::MAX);
    *since += interval.saturating_mul(refilled);
    spare.saturating_sub(refilled as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_units_worth_leaves_at_once_and_then_one_at_a_time() {
        let burst = NonZeroU32::new(3).expect("more than none");
        let mut pace = Pace::new(Some((burst, Duration::from_secs(20))));
        let first = pace.take(10);
        assert_eq!(first.now, 3);
        let wait = first.next.expect("the rest has to wait");
        assert!(
            wait > Duration::from_secs(15) && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert_eq!(pace.take(1).now, 0);
        pace.give_back(2);
        assert_eq!(pace.take(1), Permits { now: 1, next: None });
        assert_eq!(pace.take(2).now, 1, "what was given back is there once");
    }

    #[test]
    fn an_idle_lane_gathers_no_more_than_its_burst() {
        let burst = NonZeroU32::new(2).expect("more than none");
        let interval = Duration::from_millis(20);
        let mut pace = Pace::new(Some((burst, interval)));
        let start = Instant::now();
        // Woken all the time, and never with anything to send.
        while start.elapsed() < 4 * interval {
            let unused = pace.take(2).now;
            pace.give_back(unused);
        }
        assert_eq!(
            pace.take(10).now,
            2,
            "the bucket is full again, and what was given back is gone"
        );
    }

    #[test]
    fn without_a_limit_everything_may_leave() {
        let mut pace = Pace::new(None);
        assert_eq!(
            pace.take(64),
            Permits {
                now: 64,
                next: None
            }
        );
    }
}
