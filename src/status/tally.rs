//! What is counted, each within a limit: how many events of which type, how long deliveries took.
//!
//! Types come from outside, so only so many are told apart; the rest is counted together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Types of one source that are counted apart, and the longest name of one. An upstream has some dozens.
const TYPES_MAX: usize = 100;
const TYPE_BYTES_MAX: usize = 100;

/// What the types beyond the limits are counted as.
const OTHER: &str = "other";

/// How many of the last deliveries the quantiles of a sink are of.
const RECENT_MAX: usize = 500;

/// Upper ends of the histogram's buckets in seconds: from a ring on the home network to one after a long outage.
const BUCKETS: [f64; 12] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 3_600.0, 86_400.0,
];

/// How many events there were of each type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types(BTreeMap<Arc<str>, u64>);

impl Types {
    /// Counts events of a type.
    pub fn count(&mut self, kind: &Arc<str>, events: u64) {
        if let Some(count) = self.0.get_mut(kind) {
            *count += events;
        } else if kind.len() <= TYPE_BYTES_MAX && self.0.len() < TYPES_MAX {
            self.0.insert(Arc::clone(kind), events);
        } else {
            *self.0.entry(Arc::from(OTHER)).or_default() += events;
        }
    }

    /// Each type with its count, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(kind, count)| (&**kind, *count))
    }
}

/// How long it took from the time of an event until its delivery was accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    below: [u64; BUCKETS.len() + 1],
    sum: f64,
    recent: VecDeque<Duration>,
}

impl Durations {
    /// Counts one delivery.
    pub fn count(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.partition_point(|end| *end < seconds);
        self.below[bucket] += 1;
        self.sum += seconds;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(duration);
    }

    /// The sum of all durations, in seconds.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.below.iter().sum()
    }

    /// The buckets of a histogram: the upper end of each in seconds, and how many are in this one alone.
    /// The last one has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let ends = BUCKETS.into_iter().chain([f64::INFINITY]);
        ends.zip(self.below)
    }

    /// The durations that so many hundredths of the last 500 did not exceed, for each of `hundredths`;
    /// `None` where there is none yet.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, hundredths: [usize; N]) -> Option<[Duration; N]> {
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        // The nearest rank, as it is usually taken.
        let rank = |hundredth: usize| (sorted.len() * hundredth).div_ceil(100).saturating_sub(1);
        Some(hundredths.map(|hundredth| sorted[rank(hundredth).min(last)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_types_are_a_hundred_and_the_rest() {
        let mut types = Types::default();
        types.count(&"tp_hit".into(), 1);
        for number in 0..10_000 {
            types.count(&format!("type_{number}").into(), 2);
        }
        types.count(&"x".repeat(101).into(), 1);
        types.count(&"tp_hit".into(), 1);
        assert_eq!(types.iter().count(), TYPES_MAX + 1);
        assert_eq!(types.iter().map(|(_, count)| count).sum::<u64>(), 20_003);
        let count = |wanted| types.iter().find(|(kind, _)| *kind == wanted);
        assert_eq!(count("tp_hit"), Some(("tp_hit", 2)));
        assert_eq!(count("other"), Some(("other", 2 * (10_000 - 99) + 1)));
    }

    #[test]
    fn a_duration_on_the_end_of_a_bucket_is_in_it() {
        let mut durations = Durations::default();
        for millis in [0, 50, 51, 1_000, 1_001] {
            durations.count(Duration::from_millis(millis));
        }
        durations.count(Duration::from_secs(86_401));
        let filled: Vec<_> = durations
            .buckets()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(
            filled,
            [(0.05, 2), (0.1, 1), (1.0, 1), (2.5, 1), (f64::INFINITY, 1)]
        );
        assert_eq!(durations.total(), 6);
        assert!(
            (durations.sum() - 86_403.102).abs() < 1e-6,
            "{}",
            durations.sum()
        );
    }

    #[test]
    fn quantiles_are_of_the_last_deliveries() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantiles([50]), None);
        durations.count(Duration::from_secs(7));
        assert_eq!(
            durations.quantiles([50, 99]),
            Some([Duration::from_secs(7); 2])
        );
        for second in 1..=500 {
            durations.count(Duration::from_secs(second));
        }
        let expected = [250, 495, 500].map(Duration::from_secs);
        assert_eq!(durations.quantiles([50, 99, 100]), Some(expected));
    }
}
