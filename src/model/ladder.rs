//! The bounds of trying again, as the configuration sets them.

use std::time::Duration;

/// How long to wait between two attempts of a delivery, and when to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// The first wait.
    pub initial: Duration,
    /// What each wait is multiplied by to get the next; at least 1.
    pub factor: f64,
    /// No wait is longer than this.
    pub max: Duration,
    /// A delivery older than this is not tried again.
    pub max_age: Duration,
    /// A delivery that has failed this often is not tried again. A rest that the receiver asked for
    /// does not count.
    pub max_attempts: Option<u32>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            factor: 3.0,
            max: Duration::from_secs(3600),
            max_age: Duration::from_secs(24 * 3600),
            max_attempts: None,
        }
    }
}

/// How long a whole sink rests when its receiver says "later" without saying when: each rest in a row
/// is twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rests {
    /// The first one.
    pub first: Duration,
    /// No rest is longer than this.
    pub max: Duration,
}
