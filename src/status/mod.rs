//! What is going on right now: one shared snapshot that loops write and pages read, and the line on
//! which bellwire's own notices travel to the room that makes events of them.
//!
//! A room of its own because `intake`, `dispatch` and `upkeep` write it and `admin` reads it, and none
//! of them may know another. It holds no history and no secret, and it decides nothing but readiness.

mod readiness;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::model::{Accepted, Attempt, Name, Notice};

pub use readiness::{HeartbeatStatus, Readiness};
pub use tally::{Durations, Types};

/// Notices that may wait for `upkeep`; more than that are counted and dropped, since a full line
/// means that nothing can be written anyway.
const NOTICES_MAX: usize = 1024;

/// The shared snapshot. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Status {
    inner: Arc<Mutex<Snapshot>>,
    /// Counts the changes, for those who wait for one.
    changes: watch::Sender<u64>,
    notices: mpsc::Sender<Notice>,
}

/// Everything that is known about the running instance.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Why the store cannot be written, if it cannot.
    pub store_fault: Option<String>,
    /// Whether the process is on its way out.
    pub stopping: bool,
    /// Each source.
    pub sources: BTreeMap<Name, SourceStatus>,
    /// Each sink.
    pub sinks: BTreeMap<Name, SinkStatus>,
    /// bellwire's own events.
    pub internal: Types,
    /// Conditions and keys of each rule that could not be worked out.
    pub expression_failures: BTreeMap<Arc<str>, u64>,
    /// Notices that found no place on the line.
    pub notices_dropped: u64,
    /// How the heartbeat is doing, once it has told its switch something.
    pub heartbeat: Option<HeartbeatStatus>,
}

/// How a source is doing.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    /// Whether some rule listens to it.
    pub used: bool,
    /// Whether another instance follows it.
    pub elsewhere: bool,
    /// Whether a stream is open.
    pub connected: bool,
    /// Since when it has been as it is, connected or not.
    pub since: Option<Timestamp>,
    /// Since when it has been away, once that was told as a loss.
    pub lost_since: Option<Timestamp>,
    /// What it is doing, for people: `streaming`, `waiting 3 s: connection refused`.
    pub activity: String,
    /// Why it needs a person: a revoked key, a wrong address.
    pub fault: Option<String>,
    /// When the last event arrived.
    pub last_event: Option<Timestamp>,
    /// How the last connection ended.
    pub last_end: Option<String>,
    /// Connections opened.
    pub connects: u64,
    /// Events taken in.
    pub events: u64,
    /// The same, by their types.
    pub types: Types,
    /// Of these, what was found over REST.
    pub backfilled: u64,
    /// What was last said about a gap.
    pub last_gap: Option<String>,
    /// Replays recognised.
    pub repeated: u64,
    /// Events too large to be read.
    pub skipped: u64,
    /// Events that could not be read.
    pub undecodable: u64,
    /// Ids that could not become a cursor.
    pub unusable_ids: u64,
    /// Requests left in this minute, by the server's word.
    pub requests_left: Option<u32>,
    /// What the REST API shows while the stream is away.
    pub poll: Option<String>,
}

/// How a sink is doing.
#[derive(Clone, Debug, Default)]
pub struct SinkStatus {
    /// Whether some rule sends to it.
    pub used: bool,
    /// Whether another instance serves it.
    pub elsewhere: bool,
    /// Why it is suspended, if it is.
    pub suspended: Option<String>,
    /// Since when nothing gets through to it, while one delivery at a time is tried.
    pub away_since: Option<Timestamp>,
    /// Since when it has failed, once that was told.
    pub failing_since: Option<Timestamp>,
    /// Until when it rests because the receiver asked for it.
    pub resting_until: Option<Timestamp>,
    /// Attempts that failed since the last one that did not.
    pub failed_in_a_row: u32,
    /// The last reason for a failure.
    pub last_failure: Option<String>,
    /// When a delivery was last accepted.
    pub last_delivered: Option<Timestamp>,
    /// Deliveries accepted since the start.
    pub delivered: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Dead letters since the start.
    pub dead: u64,
    /// Deliveries since the start that were too old when their turn came.
    pub expired: u64,
    /// Deliveries since the start that were over a limit.
    pub throttled: u64,
    /// Deliveries since the start that went into the message of another one.
    pub merged: u64,
    /// How long accepted deliveries took, from the time of their events.
    pub durations: Durations,
    /// The last request and what came of it.
    pub last_attempt: Option<Attempt>,
    /// Deliveries since the start of which a template failed, so that something else went out, or less.
    pub template_failures: u64,
}

impl Status {
    /// An empty snapshot, and the end of the line that `upkeep` reads.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (notices, line) = mpsc::channel(NOTICES_MAX);
        let status = Self {
            inner: Arc::default(),
            changes: watch::Sender::default(),
            notices,
        };
        (status, line)
    }

    /// A copy of the whole snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Hears that something has changed; what it is, a snapshot shows.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that there is a source, and whether a rule uses it.
    pub fn expect_source(&self, name: &Name, used: bool) {
        self.change(|all| all.sources.entry(name.clone()).or_default().used = used);
    }

    /// Says that there is a sink, and whether a rule uses it.
    pub fn expect_sink(&self, name: &Name, used: bool) {
        self.change(|all| all.sinks.entry(name.clone()).or_default().used = used);
    }

    /// Changes what is known about a source. Whoever speaks of one that there is no more, such as a
    /// task on its way out, changes nothing.
    pub fn source(&self, name: &Name, change: impl FnOnce(&mut SourceStatus)) {
        self.change(|all| all.sources.get_mut(name).map(change));
    }

    /// Changes what is known about a sink, as [`Status::source`] does.
    pub fn sink(&self, name: &Name, change: impl FnOnce(&mut SinkStatus)) {
        self.change(|all| all.sinks.get_mut(name).map(change));
    }

    /// Says whether another instance follows a source. What was found out about it here is over then.
    pub fn source_elsewhere(&self, name: &Name, elsewhere: bool) {
        self.source(name, |source| {
            source.elsewhere = elsewhere;
            source.connected = false;
            source.fault = None;
            source.lost_since = None;
            source.poll = None;
        });
    }

    /// Says whether another instance serves a sink. What was found out about it here is over then.
    pub fn sink_elsewhere(&self, name: &Name, elsewhere: bool) {
        self.sink(name, |sink| {
            sink.elsewhere = elsewhere;
            sink.suspended = None;
            sink.away_since = None;
            sink.failing_since = None;
            sink.resting_until = None;
            sink.failed_in_a_row = 0;
        });
    }

    /// Counts what was put into the queue, for the sinks and as events of bellwire's own; a source counts
    /// its own.
    pub fn accepted(&self, accepted: &Accepted, internal: bool) {
        self.change(|all| {
            for (sink, count) in &accepted.throttled {
                if let Some(sink) = all.sinks.get_mut(sink) {
                    sink.throttled += count;
                }
            }
            for (sink, count) in &accepted.merged {
                if let Some(sink) = all.sinks.get_mut(sink) {
                    sink.merged += count;
                }
            }
            for (kind, count) in accepted.types.iter().filter(|_| internal) {
                all.internal.count(kind, *count);
            }
        });
    }

    /// Counts an expression of a rule that could not be worked out.
    pub fn expression_failed(&self, rule: &Arc<str>) {
        self.change(|all| {
            let count = all.expression_failures.entry(Arc::clone(rule));
            *count.or_default() += 1;
        });
    }

    /// Forgets sources and sinks that there are no more.
    pub fn keep(&self, sources: &[Name], sinks: &[Name]) {
        self.change(|all| {
            all.sources.retain(|name, _| sources.contains(name));
            all.sinks.retain(|name, _| sinks.contains(name));
        });
    }

    /// Says whether the store can be written.
    pub fn store(&self, fault: Option<String>) {
        self.change(|all| all.store_fault = fault);
    }

    /// Says that the process is on its way out.
    pub fn stopping(&self) {
        self.change(|all| all.stopping = true);
    }

    /// Says something about bellwire itself. Never waits; answers whether it found a place on the line.
    pub fn raise(&self, notice: Notice) -> bool {
        let sent = self.notices.try_send(notice);
        let found_place = sent.is_ok();
        if let Err(error) = sent {
            let kind = error.into_inner().kind;
            self.change(|all| all.notices_dropped += 1);
            tracing::warn!(kind, "a notice found no place and was dropped");
        }
        found_place
    }

    /// Changes the snapshot, and says so once the change can be seen.
    fn change<T>(&self, apply: impl FnOnce(&mut Snapshot) -> T) -> T {
        let changed = apply(&mut self.lock());
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
