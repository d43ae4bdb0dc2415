//! Whether the queue can be written, as people and readiness see it, and when `bellwire.disk_full` is
//! raised.
//!
//! A file of its own because a full disk is told once and not at every boundary it wavers about: small
//! rows may find a place while a batch does not, and one delivery that ends lets one batch in.

use std::time::{Duration, Instant};

use serde_json::json;

use super::StoreError;
use crate::clock::Clock;
use crate::model::Notice;
use crate::status::Status;

/// A batch that is refused is offered again every second. When none was for this long, nobody waits.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Being full again within this time is the same trouble still, unless there was much room meanwhile.
const SAME_TROUBLE: Duration = Duration::from_secs(60);

/// What became of the disk.
#[derive(Clone, Copy, Debug)]
struct Full {
    /// Whether events were refused, and not only something small.
    events: bool,
    /// When something was last refused.
    at: Instant,
}

/// Says what is wrong with the disk.
#[derive(Debug)]
pub(super) struct Alarm {
    status: Status,
    clock: Clock,
    faulty: bool,
    full: Option<Full>,
    /// When it was last full, once that was told, until it is well again.
    told: Option<Instant>,
    /// Whether it was the limit that was reached. Room below it says nothing about a disk that is full.
    limit: bool,
}

impl Alarm {
    pub(super) fn new(status: Status) -> Self {
        Self {
            status,
            clock: Clock::system(),
            faulty: false,
            full: None,
            told: None,
            limit: false,
        }
    }

    /// A batch of a source found no room below the limit.
    pub(super) fn reached_limit(&mut self, error: &StoreError) {
        self.failed(error, true);
        self.limit = true;
    }

    /// Something could not be written; `events` when it was a batch of a source.
    pub(super) fn failed(&mut self, error: &StoreError, events: bool) {
        let now = Instant::now();
        let reason = error.to_string();
        if !self.faulty {
            tracing::error!(error = reason, "the queue cannot be written");
        }
        self.faulty = true;
        if matches!(error, StoreError::Full { .. }) {
            if self.full.is_none() && self.told.is_none_or(|at| at + SAME_TROUBLE < now) {
                self.status.raise(Notice {
                    kind: "bellwire.disk_full",
                    time: self.clock.now(),
                    data: json!({ "reason": reason }),
                    told: None,
                });
            }
            self.told = Some(now);
            self.limit = false;
            let events = events || self.full.is_some_and(|full| full.events);
            self.full = Some(Full { events, at: now });
        }
        self.status.store(Some(reason));
    }

    /// Something was written; `events` when it was a batch of a source, `roomy` when the queue is far
    /// from its limit.
    pub(super) fn wrote(&mut self, events: bool, roomy: bool) {
        if let Some(full) = self.full
            && full.events
            && !events
            && full.at.elapsed() < REFUSED_WITHIN
        {
            return;
        }
        self.full = None;
        if roomy && self.limit {
            self.told = None;
        }
        if self.faulty {
            tracing::info!("the queue can be written again");
            self.faulty = false;
            self.status.store(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_wavers_about_being_full_is_told_once() {
        let (status, mut notices) = Status::new();
        let mut alarm = Alarm::new(status.clone());
        let error = StoreError::Full {
            detail: "the disk is full".to_owned(),
        };
        for _ in 0..3 {
            alarm.failed(&error, true);
            alarm.wrote(false, true);
            assert!(
                status.snapshot().store_fault.is_some(),
                "events are refused"
            );
            alarm.wrote(true, true);
            assert_eq!(status.snapshot().store_fault, None);
        }
        assert!(notices.try_recv().is_ok());
        assert!(notices.try_recv().is_err());
    }
}
