//! Store to sink: claim what is due, send it, judge the answer, settle.
//!
//! A room of its own because it is the only one that makes deliveries happen, and because it must not
//! know where they come from: it meets `intake` only in the queue and in a nudge that says no more
//! than that there may be work. Every sink has a lane of its own, so that one which is down, slow or
//! lying holds up nobody else. A lane sleeps until something is handed to it, it is nudged, an attempt ends,
//! or something is due. Its requests are driven by its own task, so that they leave in their order.

mod alarm;
mod answered;
mod attempt;
mod encode;
mod lane;
mod obituary;
mod outage;
mod pace;
mod preview;
mod rests;
mod stand_in;
mod suspension;
#[cfg(test)]
mod tests;
mod trial;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use lane::Lane;
use rests::KindRests;

use crate::clock::Clock;
use crate::crew::Crew;
use crate::rules::Current;
use crate::sinks::Sink;
use crate::status::Status;
use crate::store::{Duty, Store};
use crate::transport::Client;

pub use preview::{left_out, preview};
pub use trial::{Mended, test};
pub use wording::LeftOut;

/// What this room works with.
#[derive(Clone)]
pub struct Parts {
    /// The queue.
    pub store: Store,
    /// Sends requests.
    pub client: Client,
    /// The rules, for the wording of a delivery.
    pub rules: Current,
    /// The shared snapshot.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// Changes whenever there may be new work.
    pub nudge: watch::Sender<u64>,
    /// Sinks that have accepted a test, which ends their suspension.
    pub mended: Mended,
    /// How long attempts in flight may take to end once the process is told to stop.
    pub drain: Duration,
}

/// So long after a sink has got another address a rest may be of the one before.
const MOVED_FOR: Duration = Duration::from_mins(10);

/// Keeps a lane for each of the sinks that there are, which may change, until `stop`; returns when the
/// attempts in flight have ended or the time for that is over.
///
/// A lane whose sink changes ends what it has in flight before its successor claims anything, so
/// nothing is sent twice; one whose sink stays the same notices nothing.
///
/// # Panics
/// When a lane does: a fault of ours, which must not leave a sink unserved in silence.
pub async fn run(
    parts: Parts,
    mut sinks: watch::Receiver<Vec<Arc<Sink>>>,
    stop: CancellationToken,
) {
    let kind_rests = KindRests::default();
    let given_up = Arc::new(Notify::new());
    let stand_in = parts.store.on_duty(
        Duty::StandIn,
        &parts.clock,
        stop.clone(),
        |_| {},
        |store, leave| {
            let parts = Parts {
                store,
                ..parts.clone()
            };
            stand_in::run(parts, Arc::clone(&given_up), leave)
        },
    );
    let mut stand_in = std::pin::pin!(stand_in);
    let mut lanes = Crew::new(stop.clone(), Handle::current());
    let mut before: Vec<Arc<Sink>> = Vec::new();
    loop {
        let wanted = sinks.borrow_and_update().clone();
        // An address says that it is the very same sink, for as long as its lane holds it.
        let mark = |sink: &Arc<Sink>| Arc::as_ptr(sink).addr();
        lanes.keep(|_, lane| wanted.iter().any(|sink| mark(sink) == *lane));
        let known_before = std::mem::replace(&mut before, wanted.clone());
        for sink in wanted {
            if lanes.has(&sink.name, &mark(&sink)) {
                continue;
            }
            let (parts, rests, stop) = (parts.clone(), kind_rests.clone(), stop.clone());
            let given_up = Arc::clone(&given_up);
            let known = sinks.clone();
            let name = sink.name.clone();
            let mut same_name = known_before.iter().filter(|known| known.name == name);
            let has_moved = same_name.any(|known| known.display != sink.display);
            let mut moved = has_moved.then(Instant::now);
            lanes.add(name.clone(), mark(&sink), |leave| async move {
                let duty = Duty::Sink(name.clone());
                let waits = |elsewhere| parts.status.sink_elsewhere(&name, elsewhere);
                let serve = |store, leave| {
                    let parts = Parts {
                        store,
                        ..parts.clone()
                    };
                    let (sink, known, rests) = (Arc::clone(&sink), known.clone(), rests.clone());
                    let (given_up, stop) = (Arc::clone(&given_up), stop.clone());
                    // Whoever serves the sink much later knows a rest of the new one.
                    let has_moved = moved.take().is_some_and(|at| at.elapsed() < MOVED_FOR);
                    let lane = Lane::new(parts, sink, known, rests, given_up, stop, leave);
                    lane.moved(has_moved).run()
                };
                let clock = &parts.clock;
                parts.store.on_duty(duty, clock, leave, waits, serve).await;
            });
        }
        let changed = async {
            if sinks.changed().await.is_err() {
                // Nobody can change them any more.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            // A lane that is gone leaves its sink unserved, so the whole room ends with it.
            () = lanes.unasked() => return,
            () = &mut stand_in => break,
            () = changed => {}
        }
    }
    lanes.all_ended().await;
}
