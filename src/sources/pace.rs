//! The arithmetic of one wait: doubling, spreading, floor and cap.
//!
//! A file of its own because it is all the arithmetic there is, for connections and requests alike;
//! what it is applied to is decided where the failure is seen.

use std::time::Duration;

/// The measures of one wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The first wait.
    pub(super) base: Duration,
    /// The longest wait.
    pub(super) cap: Duration,
    /// The shortest wait that the server allows.
    pub(super) floor: Duration,
    /// Where between its half and its whole this wait falls, from 0 to 1.
    pub(super) chance: f64,
}

impl Pace {
    /// The wait at the cap.
    pub(super) fn slowest(&self) -> Duration {
        self.within(self.cap.max(self.base))
    }

    /// Between half of a wait and the whole of it, but never less than the server allows.
    pub(super) fn within(&self, wait: Duration) -> Duration {
        wait.mul_f64(f64::midpoint(1.0, self.chance))
            .max(self.floor)
    }
}

/// `base` doubled so many times, up to the cap or to a base beyond it.
pub(super) fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    base.saturating_mul(1 << times.min(16)).min(cap.max(base))
}

/// A chance as a share, whatever the caller's dice show.
pub(super) const fn unit(chance: f64) -> f64 {
    if chance >= 0.0 { chance.min(1.0) } else { 0.0 }
}
