//! How one source is doing, as others see it: its part of the status snapshot, and its notices.
//!
//! A file of its own so that following a source and talking about it stay apart. It also keeps the
//! watch over how long the source has been away, which goes on whatever the follower waits for. It
//! never changes what the follower does.

mod taken;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::away::Away;
use super::closing::{self, Outcome};
use super::gap::Gap;
use super::throttle::{Detail, Throttle, members};
use super::words;
use crate::clock::Clock;
use crate::model::{Checkpoint, Name, Notice};
use crate::sources::End;
use crate::sources::picture::Tally;
use crate::status::{SourceStatus, Status};

/// The voice of one source.
#[derive(Debug)]
pub(super) struct Report {
    source: Name,
    status: Status,
    clock: Clock,
    lost_after: Duration,
    away: watch::Sender<Away>,
    ledger: Mutex<Ledger>,
    /// Something was put into one of the throttles.
    trouble: Notify,
}

#[derive(Debug, Default)]
struct Ledger {
    /// Why the source is away.
    reason: String,
    /// Whether its loss was reported.
    lost: bool,
    /// What was last said about its key, until a stream shows that it is good.
    refused: Option<&'static str>,
    /// Events that could not be read.
    skips: Throttle,
    /// Ids that started over.
    epochs: Throttle,
}

/// How a key can be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withdrawn {
    /// For good.
    Revoked,
    /// For a time.
    AccessDisabled,
}

impl Report {
    pub(super) fn new(source: Name, status: Status, clock: Clock, lost_after: Duration) -> Self {
        let now = clock.now();
        // Whoever followed this source before may have told its loss, so that its return is news.
        let before = status.snapshot().sources.remove(&source);
        let lost_since = before.and_then(|before| before.lost_since);
        let length = lost_since.and_then(|since| now.duration_since(since).try_into().ok());
        let report = Self {
            source,
            status,
            clock,
            lost_after,
            away: watch::Sender::new(Away::of(length.unwrap_or_default())),
            ledger: Mutex::new(Ledger {
                reason: "not connected yet".to_owned(),
                lost: lost_since.is_some(),
                ..Ledger::default()
            }),
            trouble: Notify::new(),
        };
        report.show(|status| {
            status.connected = false;
            status.since = Some(now);
            status.fault = None;
            status.poll = None;
        });
        report
    }

    /// Watches over absence and held-back notices. Never ends.
    pub(super) async fn watch(&self) {
        tokio::join!(self.watch_absence(), self.watch_trouble());
    }

    /// Says what the source is doing.
    pub(super) fn activity(&self, activity: impl Into<String>) {
        let activity = activity.into();
        self.show(|status| status.activity = activity);
    }

    /// Says that a person has to do something.
    pub(super) fn fault(&self, fault: &str) {
        self.lock().reason = fault.to_owned();
        self.show(|status| status.fault = Some(fault.to_owned()));
    }

    /// A stream is open.
    pub(super) fn opened(&self) {
        let now = self.clock.now();
        self.lock().refused = None;
        self.away
            .send_modify(|away| away.opened = Some(Instant::now()));
        self.show(|status| {
            status.connected = true;
            status.since = Some(now);
            "streaming".clone_into(&mut status.activity);
            status.fault = None;
            status.poll = None;
            status.connects += 1;
        });
        tracing::info!(source = %self.source, "connected");
    }

    /// The open stream has shown that it is more than an accepted request.
    pub(super) fn proven(&self) {
        let Some(away) = self.away.send_replace(Away::default()).length() else {
            return;
        };
        let was_lost = std::mem::take(&mut self.lock().lost);
        if was_lost {
            self.show(|status| status.lost_since = None);
            let away = away.as_secs();
            let reason = format!("connected again after {away} s");
            self.raise(
                "bellwire.source_recovered",
                json!({ "reason": reason, "away_seconds": away }),
            );
        }
    }

    /// A connection, or the attempt to make one, ended.
    pub(super) fn ended(&self, end: &End) {
        let name = words::name(end);
        let now = self.clock.now();
        self.away.send_modify(|away| {
            away.since.get_or_insert_with(Instant::now);
            away.opened = None;
        });
        self.lock().reason.clone_from(&name);
        match end {
            End::Recycled => tracing::debug!(source = %self.source, "{name}"),
            _ => tracing::warn!(source = %self.source, "{name}"),
        }
        self.show(|status| {
            if status.connected {
                status.connected = false;
                status.since = Some(now);
            }
            status.activity.clone_from(&name);
            status.last_end = Some(name);
        });
    }

    /// Nothing is done any more.
    pub(super) fn stopped(&self) {
        let now = self.clock.now();
        self.show(|status| {
            if status.connected {
                status.connected = false;
                status.since = Some(now);
            }
            "stopped".clone_into(&mut status.activity);
            status.poll = None;
        });
        let held = {
            let mut ledger = self.lock();
            (ledger.skips.drain(), ledger.epochs.drain())
        };
        self.tell_trouble(held);
    }

    /// The source is lost for a reason that need not wait for `lost_after`.
    pub(super) fn lost(&self, reason: &str) {
        self.lock().lost = true;
        let away = self.away.borrow().since.map(|since| since.elapsed());
        let since = self.clock.now() - away.unwrap_or_default();
        self.show(|status| status.lost_since = status.lost_since.or(Some(since)));
        tracing::error!(source = %self.source, reason, "source lost");
        let away = self.away.borrow().since.map(|since| since.elapsed());
        let since = away.and_then(|away| self.clock.now().checked_sub(away).ok());
        let since = since.map(|since| format!("{since:.3}"));
        self.raise(
            "bellwire.source_lost",
            json!({ "reason": reason, "since": since }),
        );
    }

    /// The key, or its access, is gone. Said once until a stream is open again.
    pub(super) fn withdrawn(&self, how: Withdrawn) {
        let (cause, reason) = match how {
            Withdrawn::Revoked => ("revoked", words::PARKED),
            Withdrawn::AccessDisabled => ("access_disabled", words::SUSPENDED),
        };
        self.refused(cause, reason);
    }

    /// Who asks is not let in. Said once for a cause until a stream is open again.
    pub(super) fn refused(&self, cause: &'static str, reason: &str) {
        self.fault(reason);
        if self.lock().refused.replace(cause) != Some(cause) {
            tracing::error!(source = %self.source, reason, "key refused");
            self.raise(
                "bellwire.auth_revoked",
                json!({ "cause": cause, "reason": reason }),
            );
        }
    }

    /// The server refuses the cursor, so events between it and the next connection may be missing.
    pub(super) fn cursor_rejected(&self, cursor: Option<&str>, name: &str) {
        let reason = format!(
            "the server refuses to resume ({name}), so the next connection starts where the server \
             likes; events in between may be missing"
        );
        tracing::error!(source = %self.source, reason);
        self.raise("bellwire.gap", json!({ "reason": reason, "after": cursor }));
    }

    /// The upstream's ids started over.
    pub(super) fn epoch(&self, checkpoint: &Checkpoint) {
        let id = checkpoint.cursor.header();
        tracing::warn!(source = %self.source, epoch = checkpoint.epoch, id, "ids started over");
        let detail = json!({
            "reason": "the upstream's ids started over, as after a restart",
            "epoch": checkpoint.epoch,
            "id": id,
        });
        self.lock().epochs.push(members(detail));
        self.trouble.notify_one();
    }

    /// The server took the cursor away.
    pub(super) fn cleared(&self) {
        tracing::warn!(
            source = %self.source,
            "the server cleared the cursor; the next connection starts where it likes"
        );
    }

    /// What the REST API shows while the stream is away.
    pub(super) fn polled(&self, shown: String) {
        self.show(|status| status.poll = Some(shown));
    }

    /// What the key has left of its minute.
    pub(super) fn requests_left(&self, requests_left: Option<u32>) {
        self.show(|status| status.requests_left = requests_left);
    }

    /// Events may have been missed: said once for each gap.
    pub(super) fn gap(&self, gap: &Gap, tally: &Tally, outcome: &Outcome) {
        let notice = closing::notice(gap, tally, outcome);
        let reason = notice["reason"].as_str().unwrap_or_default().to_owned();
        tracing::warn!(source = %self.source, reason, "gap");
        self.show(|status| status.last_gap = Some(reason));
        self.raise("bellwire.gap", notice);
    }

    /// A gap is closed that nobody has to hear of, or has heard of before.
    pub(super) fn gap_closed(&self, gap: &Gap, tally: &Tally) {
        let (cause, recovered) = (gap.cause.words(), tally.values().sum::<u64>());
        tracing::info!(source = %self.source, cause, recovered, "REST was read");
    }

    fn missed(&self, detail: serde_json::Value) {
        let reason = detail.get("reason").and_then(|reason| reason.as_str());
        tracing::warn!(source = %self.source, reason, "event skipped");
        self.lock().skips.push(members(detail));
        self.trouble.notify_one();
    }

    async fn watch_absence(&self) {
        let mut away = self.away.subscribe();
        loop {
            let lost_at = away.borrow_and_update().lost_at(self.lost_after);
            let deadline = lost_at.filter(|_| !self.lock().lost);
            let over = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => self.lost_by_time(),
                _ = away.changed() => {}
            }
        }
    }

    fn lost_by_time(&self) {
        let reason = {
            let ledger = self.lock();
            // It may have come back in this very moment.
            if ledger.lost || self.away.borrow().lost_at(self.lost_after).is_none() {
                return;
            }
            ledger.reason.clone()
        };
        self.lost(&reason);
    }

    async fn watch_trouble(&self) {
        loop {
            let due = {
                let ledger = self.lock();
                let (skips, epochs) = (ledger.skips.due(), ledger.epochs.due());
                skips.into_iter().chain(epochs).min()
            };
            let Some(due) = due else {
                self.trouble.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.trouble.notified() => continue,
            }
            let free = {
                let mut ledger = self.lock();
                (ledger.skips.pull(), ledger.epochs.pull())
            };
            self.tell_trouble(free);
        }
    }

    fn tell_trouble(&self, (skips, epochs): (Option<Detail>, Option<Detail>)) {
        if let Some(detail) = skips {
            self.raise("bellwire.event_skipped", detail.into());
        }
        if let Some(detail) = epochs {
            self.raise("bellwire.epoch", detail.into());
        }
    }

    /// Every notice names its source first.
    fn raise(&self, kind: &'static str, detail: serde_json::Value) {
        let mut data = Detail::new();
        data.insert("source".to_owned(), self.source.as_str().into());
        data.extend(members(detail));
        self.status.raise(Notice {
            kind,
            time: self.clock.now(),
            data: data.into(),
            told: None,
        });
    }

    fn show(&self, change: impl FnOnce(&mut SourceStatus)) {
        self.status.source(&self.source, change);
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
