//! Who does what, where several instances share a queue: each duty is one instance's at a time.
//!
//! A file of its own because a queue in a folder has one owner and nothing to share, while on a server every
//! source has to be followed by one instance and every sink served by one, or streams would be refused and
//! orders lost. Whoever leads works through a handle whose requests fail once somebody else has taken over,
//! so that nobody writes in the name of a duty that is not his any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::server::leases::{Ask, Leases};
use super::{Store, StoreError, interrupted};
use crate::clock::Clock;
use crate::model::Name;

/// Wait before a duty is taken again that could not be begun.
const AGAIN: Duration = Duration::from_secs(1);

/// What one instance does at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    /// To follow a source.
    Source(Name),
    /// To serve a sink.
    Sink(Name),
    /// To have other sinks step in.
    StandIn,
    /// To watch over silences.
    Silence,
    /// To remove what is old.
    Upkeep,
    /// To tell the switch outside that all is well.
    Heartbeat,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(name) => write!(f, "source {name}"),
            Self::Sink(name) => write!(f, "sink {name}"),
            Self::StandIn => f.write_str("stand-in"),
            Self::Silence => f.write_str("silence"),
            Self::Upkeep => f.write_str("upkeep"),
            Self::Heartbeat => f.write_str("heartbeat"),
        }
    }
}

/// A duty as it was taken: whoever takes it next has a higher fence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) duty: Box<str>,
    pub(super) fence: i64,
}

/// A duty that this instance has, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) held: Arc<Held>,
    /// Cancelled when the work is to end: another instance is to have the duty, or has it already.
    pub(super) ended: CancellationToken,
    pub(super) leases: Leases,
    /// How long nobody had it before, where somebody ever had.
    pub(super) idle: Option<Duration>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.leases.ask(Ask::Release(Arc::clone(&self.held)));
    }
}

impl Store {
    /// Does something whenever this instance has a duty, until `leave`: anew each time that it has it, and
    /// through a queue whose requests fail with [`StoreError::Fenced`] once another instance has it. What the
    /// instance before had in flight is taken back by then. `waits` is told whenever somebody else has it. A queue
    /// in a folder is shared with nobody, so there the work begins at once.
    ///
    /// Ends with `leave`, or when the work has ended that nobody has asked to.
    pub async fn on_duty<W>(
        &self,
        duty: Duty,
        clock: &Clock,
        leave: CancellationToken,
        waits: impl Fn(bool),
        mut work: impl FnMut(Self, CancellationToken) -> W,
    ) where
        W: Future<Output = ()>,
    {
        let Some(leases) = &self.leases else {
            // Boxed, since there would be room for it here and once more below.
            return Box::pin(work(self.clone(), leave)).await;
        };
        while !leave.is_cancelled() {
            waits(true);
            let led = tokio::select! {
                () = leave.cancelled() => return,
                led = self.lead(leases, &duty, clock) => led,
            };
            let (store, hold) = match led {
                Ok(led) => led,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%duty, %error, "a duty cannot be taken over");
                    sleep(AGAIN).await;
                    continue;
                }
            };
            waits(false);
            let ended = leave.child_token();
            let mut working = Box::pin(work(store, ended.clone()));
            tokio::select! {
                () = &mut working => return,
                () = hold.ended.cancelled() => {
                    ended.cancel();
                    working.await;
                }
            }
        }
    }

    /// Waits until this instance has a duty.
    pub(super) async fn lead(
        &self,
        leases: &Leases,
        duty: &Duty,
        clock: &Clock,
    ) -> Result<(Self, Hold), StoreError> {
        let (reply, taken) = oneshot::channel();
        leases.ask(Ask::Want(duty.to_string().into(), reply));
        let hold = taken.await.map_err(|_| StoreError::Closed)?;
        let mut store = self.clone();
        store.by = Some(Arc::clone(&hold.held));
        store.idle = hold.idle;
        let now = clock.now();
        match duty {
            Duty::Sink(sink) => {
                let sink = sink.clone();
                let back = store.call(move |connection, _| {
                    connection
                        .with_triggers(|| interrupted::take_back(connection, Some(&sink), now))
                });
                back.await?;
            }
            Duty::Upkeep => {
                let back = store.call(move |connection, _| {
                    connection.with_triggers(|| interrupted::take_back_orphaned(connection, now))
                });
                back.await?;
            }
            Duty::Source(_) | Duty::StandIn | Duty::Silence | Duty::Heartbeat => {}
        }
        Ok((store, hold))
    }

    /// How long nobody did what this handle is for before this instance took it over; `None` where nobody
    /// ever has, or nobody else could have.
    #[must_use]
    pub const fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// Whether other instances may work on the same queue.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.leases.is_some()
    }
}
