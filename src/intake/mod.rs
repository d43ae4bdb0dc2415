//! Source to store: keeps one connection of a source open, has every event routed, and commits each
//! batch together with the cursor it stands for.
//!
//! A room of its own because what is read from the socket and what is safe on disk must never drift
//! apart, and this is the only place that knows both. Nothing counts as received until it is
//! committed, and no more than one batch is read past one that is not. What the stream may have missed is read
//! over REST beside it and committed in turn with it. It spawns no task, knows neither frames
//! nor tables, and sends nothing to anybody: what it has to say goes to `status`.

mod away;
mod catchup;
mod closing;
mod desk;
mod dial;
mod drive;
mod follow;
mod gap;
mod load;
mod names;
mod report;
mod throttle;
pub mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::{Accepted, Batch, Checkpoint, Event, Name, PictureRow, Route};
use crate::sources::budget::Budget;
use crate::sources::policy::Kind;
use crate::sources::ttmt_rest::Account;
use crate::sources::{Connect, Pending};
use crate::status::Status;

pub use dial::{Dial, Gate};

use report::Report;

/// Where events become durable.
pub trait Queue: Send + Sync {
    /// Commits a batch as a whole. Once this is `Ok`, it survives a power cut. The batch stays with the
    /// caller, who may try again; nothing of it is copied unless an earlier try still has it.
    fn accept(&self, batch: &mut Arc<Batch>) -> Pending<'_, Result<Accepted, String>>;
    /// How far a source has been followed; the default for one that is new.
    fn checkpoint(&self, source: &Name) -> Pending<'_, Result<Checkpoint, String>>;
    /// The rows of a source's picture; none for one that is new.
    fn picture(&self, source: &Name) -> Pending<'_, Result<Vec<PictureRow>, String>>;
}

/// What rules make of an event. Asked anew for each one, so that rules can be exchanged behind it.
pub trait Router: Send + Sync {
    /// Where an event goes; nowhere is a normal answer.
    fn routes(&self, event: &Event) -> Vec<Route>;
}

/// A chance between 0 and 1, for spreading waits.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Everything that one source needs.
#[derive(Clone)]
pub struct Parts {
    /// Its name.
    pub name: Name,
    /// Whose reconnection schedule it follows.
    pub kind: Kind,
    /// Opens its connections.
    pub connector: Arc<dyn Connect>,
    /// The REST API behind its key, for asking what became of the key, where there is one.
    pub account: Option<Arc<dyn Account>>,
    /// The REST API for what the stream cannot replay, unless that is turned off.
    pub backfill: Option<Backfill>,
    /// The request allowance of its key, where there is one; shared with `account`.
    pub budget: Option<Arc<Budget>>,
    /// Where its events are committed.
    pub queue: Arc<dyn Queue>,
    /// What rules make of its events.
    pub router: Arc<dyn Router>,
    /// Where it shows how it is doing, and says what people should hear.
    pub status: Status,
    /// Wall time for what it says.
    pub clock: Clock,
    /// Counted up after each commit that put deliveries into the queue. A listener that marks the
    /// value as seen before it looks cannot miss one.
    pub nudge: watch::Sender<u64>,
    /// Whether one account of several is followed, so that ids of the others' events are missing and
    /// nothing is wrong.
    pub filtered: bool,
    /// How long it may be away before `bellwire.source_lost`.
    pub lost_after: Duration,
    /// Its place among the sources of its host.
    pub dial: Dial,
    /// Spreads its waits.
    pub jitter: Jitter,
}

/// What the stream missed is read with these.
#[derive(Clone)]
pub struct Backfill {
    /// For reading much: it leaves a part of the key's allowance alone.
    pub bulk: Arc<dyn Account>,
    /// For what somebody waits for.
    pub urgent: Arc<dyn Account>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Follows one source until `stop`.
///
/// Stopping drops whatever is under way: the socket closes at once, and a batch that is being
/// committed is committed or not as a whole, with its cursor.
pub async fn run(parts: Parts, stop: CancellationToken) {
    let report = Report::new(
        parts.name.clone(),
        parts.status.clone(),
        parts.clock.clone(),
        parts.lost_after,
    );
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = follow::run(&parts, &report) => {}
        () = report.watch() => {}
    }
    report.stopped();
}
