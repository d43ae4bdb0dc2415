//! What is going on right now: one shared snapshot that loops write and pages read, and the line on
//! which bellwire's own notices travel to the room that makes events of them.
//!
//! A room of its own because `intake`, `dispatch` and `upkeep` write it and `admin` reads it, and none
//! of them may know another. It holds no history and no secret, and it decides nothing but readiness.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{Name, Notice};

/// Notices that may wait for `upkeep`; more than that are counted and dropped, since a full line
/// means that nothing can be written anyway.
const NOTICES_MAX: usize = 1024;

/// The shared snapshot. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Status {
    inner: Arc<Mutex<Snapshot>>,
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
    /// Notices that found no place on the line.
    pub notices_dropped: u64,
}

/// How a source is doing.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    /// Whether some rule listens to it.
    pub used: bool,
    /// Whether a stream is open.
    pub connected: bool,
    /// Since when it has been as it is, connected or not.
    pub since: Option<Timestamp>,
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
    /// Why it is suspended, if it is.
    pub suspended: Option<String>,
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
}

impl Status {
    /// An empty snapshot, and the end of the line that `upkeep` reads.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (notices, line) = mpsc::channel(NOTICES_MAX);
        let status = Self {
            inner: Arc::default(),
            notices,
        };
        (status, line)
    }

    /// A copy of the whole snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Changes what is known about a source.
    pub fn source(&self, name: &Name, change: impl FnOnce(&mut SourceStatus)) {
        change(self.lock().sources.entry(name.clone()).or_default());
    }

    /// Changes what is known about a sink.
    pub fn sink(&self, name: &Name, change: impl FnOnce(&mut SinkStatus)) {
        change(self.lock().sinks.entry(name.clone()).or_default());
    }

    /// Says whether the store can be written.
    pub fn store(&self, fault: Option<String>) {
        self.lock().store_fault = fault;
    }

    /// Says that the process is on its way out.
    pub fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Says something about bellwire itself. Never waits.
    pub fn raise(&self, notice: Notice) {
        if let Err(error) = self.notices.try_send(notice) {
            let kind = error.into_inner().kind;
            self.lock().notices_dropped += 1;
            tracing::warn!(kind, "a notice found no place and was dropped");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
