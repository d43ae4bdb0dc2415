//! Store to sink: claim what is due, send it, judge the answer, settle.
//!
//! A room of its own because it is the only one that makes deliveries happen, and because it must not
//! know where they come from: it meets `intake` only in the queue and in a nudge that says no more
//! than that there may be work. Every sink has a lane of its own, so that one which is down, slow or
//! lying holds up nobody else. A lane sleeps until it is nudged, an attempt ends, or something is due.

mod attempt;
mod lane;
mod letter;
mod obituary;
mod pace;
mod rests;
mod suspension;
mod trial;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::rules::Rules;
use crate::sinks::Sink;
use crate::status::Status;
use crate::store::Store;
use crate::transport::Client;

pub use trial::{Mended, test};

/// What this room works with.
#[derive(Clone)]
pub struct Parts {
    /// The queue.
    pub store: Store,
    /// Sends requests.
    pub client: Client,
    /// The rules, for the wording of a delivery.
    pub rules: Arc<Rules>,
    /// The shared snapshot.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// Changes whenever there may be new work.
    pub nudge: watch::Receiver<u64>,
    /// Sinks that have accepted a test, which ends their suspension.
    pub mended: Mended,
    /// How long attempts in flight may take to end once the process is told to stop.
    pub drain: Duration,
}

/// Keeps a lane for each sink until `stop`; returns when the attempts in flight have ended or the time
/// for that is over.
///
/// # Panics
/// When a lane does: a fault of ours, which must not leave a sink unserved in silence.
pub async fn run(parts: Parts, sinks: Vec<Arc<Sink>>, stop: CancellationToken) {
    let mut lanes = JoinSet::new();
    let kind_rests = rests::KindRests::default();
    for sink in sinks {
        let lane = lane::Lane::new(parts.clone(), sink, kind_rests.clone(), stop.clone());
        lanes.spawn(lane.run());
    }
    tokio::select! {
        () = stop.cancelled() => {}
        Some(ended) = lanes.join_next() => {
            // A lane that is gone leaves its sink unserved, so the whole room ends with it.
            pass_on(ended);
            return;
        }
    }
    while let Some(ended) = lanes.join_next().await {
        pass_on(ended);
    }
}

fn pass_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
