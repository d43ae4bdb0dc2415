//! Whether the queue can be written, as people and readiness see it, and when `bellwire.disk_full` is
//! raised.
//!
//! A file of its own because being full is told once and not at every boundary it wavers about. A queue
//! at its limit drains in fits: small rows find a place while a batch does not, and one delivery that
//! ends lets one batch in. So it counts as full until little waits in it. What is free on a disk at the
//! next moment is nobody's to know, so that one counts as full until it has taken everything for a while.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Shortage, StoreError};
use crate::clock::Clock;
use crate::model::Notice;
use crate::status::Status;

/// A batch that is refused is offered again every second. When none was for this long, nobody waits.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// A disk that is full again within this time is the same trouble still.
const SAME_TROUBLE: Duration = Duration::from_secs(60);

/// Full is over when only this share waits of what waited when it was told. A queue of that size takes
/// any batch.
const LITTLE: u64 = 4;

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
    /// Why nothing could be written last.
    fault: Option<String>,
    /// That the file is not at its place.
    replaced: Option<String>,
    full: Option<Full>,
    /// How many deliveries may wait until the limit that was told is no news any more.
    limit_told: Option<u64>,
    /// When the disk that was told was last full.
    disk_told: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(status: Status) -> Self {
        Self {
            status,
            clock: Clock::system(),
            fault: None,
            replaced: None,
            full: None,
            limit_told: None,
            disk_told: None,
        }
    }

    /// Something could not be written; `events` when it was a batch of a source. `waiting` counts what
    /// waits.
    pub(super) fn failed(
        &mut self,
        error: &StoreError,
        events: bool,
        waiting: impl FnOnce() -> u64,
    ) {
        let reason = error.to_string();
        if self.fault.is_none() {
            tracing::error!(error = reason, "the queue cannot be written");
        }
        if let StoreError::Full { what, .. } = error {
            let now = Instant::now();
            if self.is_news(*what, now, waiting) {
                self.status.raise(Notice {
                    kind: "bellwire.disk_full",
                    time: self.clock.now(),
                    data: json!({ "reason": reason }),
                    told: None,
                });
            }
            let events = events || self.full.is_some_and(|full| full.events);
            self.full = Some(Full { events, at: now });
        }
        self.fault = Some(reason);
        self.show();
    }

    /// Whether this has not been told yet; from now on it has.
    fn is_news(&mut self, what: Shortage, now: Instant, waiting: impl FnOnce() -> u64) -> bool {
        if what == Shortage::Limit {
            let is_news = self.limit_told.is_none();
            self.limit_told.get_or_insert_with(|| waiting() / LITTLE);
            return is_news;
        }
        let before = self.disk_told.replace(now);
        before.is_none_or(|before| before + SAME_TROUBLE < now)
    }

    /// Something was written; `events` when it was a batch of a source. `few_wait` answers whether no
    /// more than so many deliveries wait.
    pub(super) fn wrote(&mut self, events: bool, few_wait: impl FnOnce(u64) -> bool) {
        if let Some(full) = self.full
            && full.events
            && !events
            && full.at.elapsed() < REFUSED_WITHIN
        {
            return;
        }
        self.full = None;
        if events && self.limit_told.is_some_and(few_wait) {
            self.limit_told = None;
        }
        if self.fault.take().is_some() {
            tracing::info!("the queue can be written again");
            self.show();
        }
    }

    /// Whether the file is at its place. One that is not can be written all the same, but for nothing.
    pub(super) fn placed(&mut self, replaced: Option<StoreError>) {
        if replaced.is_some() == self.replaced.is_some() {
            return;
        }
        self.replaced = replaced.map(|error| error.to_string());
        match &self.replaced {
            Some(reason) => tracing::error!("{reason}"),
            None => tracing::info!("the queue file is at its place again"),
        }
        self.show();
    }

    fn show(&self) {
        let reason = self.replaced.as_ref().or(self.fault.as_ref());
        self.status.store(reason.cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(what: Shortage) -> StoreError {
        StoreError::Full {
            what,
            detail: "it is full".to_owned(),
        }
    }

    #[test]
    fn a_disk_that_wavers_about_being_full_is_told_once() {
        let (status, mut notices) = Status::new();
        let mut alarm = Alarm::new(status.clone());
        for what in [Shortage::Disk, Shortage::Refusal, Shortage::Disk] {
            alarm.failed(&full(what), true, || 0);
            alarm.wrote(false, |_| true);
            assert!(
                status.snapshot().store_fault.is_some(),
                "events are refused"
            );
            alarm.wrote(true, |_| true);
            assert_eq!(status.snapshot().store_fault, None);
        }
        assert!(notices.try_recv().is_ok());
        assert!(notices.try_recv().is_err());
    }

    #[test]
    fn a_disk_that_is_full_again_after_a_while_is_told_again() {
        let mut alarm = Alarm::new(Status::new().0);
        let first = Instant::now();
        let mut is_news = |at| alarm.is_news(Shortage::Disk, at, || 0);
        assert!(is_news(first));
        let soon = first + SAME_TROUBLE;
        assert!(!is_news(soon), "that counts from the last time");
        assert!(!is_news(soon + SAME_TROUBLE));
        assert!(is_news(soon + 2 * SAME_TROUBLE + Duration::from_millis(1)));
    }

    #[test]
    fn a_queue_at_its_limit_is_told_once_until_little_waits_in_it() {
        let (status, mut notices) = Status::new();
        let mut alarm = Alarm::new(status);
        let mut waiting = 400;
        while waiting > 100 {
            alarm.failed(&full(Shortage::Limit), true, || waiting);
            waiting -= 50;
            alarm.wrote(true, |few| waiting <= few);
        }
        assert!(notices.try_recv().is_ok());
        assert!(notices.try_recv().is_err(), "one stretch");
        alarm.failed(&full(Shortage::Disk), true, || waiting);
        assert!(notices.try_recv().is_ok(), "another thing to do about it");
        alarm.failed(&full(Shortage::Limit), true, || waiting);
        assert!(notices.try_recv().is_ok(), "it was well meanwhile");
    }
}
