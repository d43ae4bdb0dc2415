//! What has to happen although no event and no receiver asks for it: notices and silences become internal
//! events, and old rows leave the disk.
//!
//! A room of its own so that `intake` and `dispatch` can say something about bellwire without knowing
//! rules or the queue: they raise a notice, and it takes the same way as any event, rows first. This
//! room sends nothing and listens to no upstream. It sleeps until a notice, a silence or the next round is
//! due.

mod ears;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::{Batch, DataAt, Event, INTERNAL_SOURCE, Name, Notice, Route};
use crate::status::Status;
use crate::store::{Duty, Place, Store};
use crate::telemetry;

pub use ears::Ears;

use silence::Silences;

/// Longest and shortest time between two rounds of removing old rows.
const ROUND_MAX: Duration = Duration::from_secs(3600);
const ROUND_MIN: Duration = Duration::from_secs(60);

/// Time between two looks after the queue's file, for when nothing else is asked of the queue.
const LOOK_AFTER: Duration = Duration::from_secs(60);

/// Wait before a notice that could not be written is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Notices taken into one transaction.
const NOTICES_AT_ONCE: usize = 64;

/// Decides where an internal event goes.
pub type Router = Arc<dyn Fn(&Event) -> Vec<Route> + Send + Sync>;

/// What this room works with.
pub struct Parts {
    /// The queue.
    pub store: Store,
    /// Who hears of internal events.
    pub router: Router,
    /// Where they are counted.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// What the other rooms have to say.
    pub notices: mpsc::Receiver<Notice>,
    /// Wakes the lanes after a commit.
    pub nudge: watch::Sender<u64>,
    /// What the watches hear.
    pub ears: Ears,
    /// How long finished events stay.
    pub keep: Duration,
}

/// Works until `stop`, then writes down what was still said.
pub async fn run(parts: Parts, stop: CancellationToken) {
    let silences = Silences {
        store: parts.store.clone(),
        router: Arc::clone(&parts.router),
        status: parts.status.clone(),
        clock: parts.clock.clone(),
        nudge: parts.nudge.clone(),
        ears: parts.ears.clone(),
    };
    let watch = |store, leave| {
        let silences = Silences {
            store,
            ..silences.clone()
        };
        async move { silences.run(&leave).await }
    };
    let (store, clock) = (parts.store.clone(), parts.clock.clone());
    let watching = store.on_duty(Duty::Silence, &clock, stop.clone(), |_| {}, watch);
    let old = Old {
        store: store.clone(),
        clock: clock.clone(),
        keep: parts.keep,
    };
    let remove = |store, leave| {
        let old = Old {
            store,
            ..old.clone()
        };
        async move { old.remove(&leave).await }
    };
    let removing = store.on_duty(Duty::Upkeep, &clock, stop.clone(), |_| {}, remove);
    tokio::join!(serve(parts, &stop), watching, removing);
}

async fn serve(mut parts: Parts, stop: &CancellationToken) {
    let mut said = Vec::with_capacity(NOTICES_AT_ONCE);
    let mut next_look = Instant::now() + LOOK_AFTER;
    loop {
        tokio::select! {
            biased;
            count = parts.notices.recv_many(&mut said, NOTICES_AT_ONCE) => {
                if count == 0 {
                    return;
                }
                parts.write_down(&said, stop).await;
                said.clear();
            }
            () = stop.cancelled() => break,
            () = sleep_until(next_look) => {
                parts.store.look_after().await;
                next_look = Instant::now() + LOOK_AFTER;
            }
        }
    }
    while let Ok(notice) = parts.notices.try_recv() {
        parts.write_down(&[notice], stop).await;
    }
}

impl Parts {
    /// Puts notices into the queue as events; waits for a store that cannot be written, until `stop`.
    async fn write_down(&self, notices: &[Notice], stop: &CancellationToken) {
        let events = notices
            .iter()
            .map(|notice| {
                let event = internal_event(notice, self.clock.now());
                let routes = (self.router)(&event);
                (event, routes)
            })
            .collect();
        let mut batch = Batch {
            source: internal_source(),
            events,
            checkpoint: None,
            picture: Vec::new(),
            heard: Vec::new(),
        };
        self.ears.listen(&mut batch);
        let _until_durable = telemetry::arrivals(&batch);
        let told: Vec<_> = notices
            .iter()
            .filter_map(|notice| notice.told.clone())
            .collect();
        let past = Old {
            store: self.store.clone(),
            clock: self.clock.clone(),
            keep: self.keep,
        };
        let mut old = Place::START;
        let accepted = loop {
            let error = match self.store.tell(batch.clone(), told.clone()).await {
                Ok(accepted) => break accepted,
                Err(error) => error,
            };
            if stop.is_cancelled() {
                tracing::warn!(%error, lost = batch.events.len(), "notices could not be written down");
                return;
            }
            // On a full disk this is what makes room.
            old = past.prune(old).await.unwrap_or(Place::START);
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(WRITE_AGAIN) => {}
            }
        };
        self.ears.heard(&accepted);
        self.status.accepted(&accepted, true);
        self.nudge.send_modify(|count| *count += 1);
    }
}

/// What is old and has ended.
#[derive(Clone)]
struct Old {
    store: Store,
    clock: Clock,
    keep: Duration,
}

impl Old {
    /// Removes it, round after round, until `stop`.
    async fn remove(&self, stop: &CancellationToken) {
        let round = (self.keep / 10).clamp(ROUND_MIN, ROUND_MAX);
        let mut place = Place::START;
        while !stop.is_cancelled() {
            // One share at a time: nobody must wait behind a long past.
            let next = self.prune(place).await;
            if next.is_none() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(round) => {}
                }
            }
            place = next.unwrap_or(Place::START);
        }
    }

    /// Removes one share of what is old; answers where the next one begins, if there is more.
    async fn prune(&self, from: Place) -> Option<Place> {
        let cutoff = self.clock.now().checked_sub(self.keep).ok()?;
        match self.store.prune(cutoff, from).await {
            Ok(share) => share.next,
            Err(error) => {
                tracing::warn!(%error, "old events could not be removed");
                None
            }
        }
    }
}

fn internal_source() -> Name {
    Name::new(INTERNAL_SOURCE).expect("our own name is one")
}

/// The event that a notice becomes.
#[must_use]
pub fn internal_event(notice: &Notice, received: Timestamp) -> Event {
    let head = json!({ "type": notice.kind, "timestamp": format!("{:.3}", notice.time) });
    let mut payload = head.to_string();
    payload.truncate(payload.len() - 1);
    payload.push_str(",\"data\":");
    let start = payload.len();
    payload.push_str(&notice.data.to_string());
    let end = payload.len();
    payload.push('}');
    Event {
        source: internal_source(),
        id: None,
        kind: notice.kind.into(),
        time: Some(notice.time),
        received,
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::from(payload),
        data: DataAt::Json { start, end },
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_file_of_an_idle_queue_is_looked_after() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let (status, notices) = Status::new();
        let clock = Clock::system();
        let store = Store::open(folder.path(), status.clone(), clock.now()).expect("opens");
        let (file, aside) = (
            folder.path().join("bellwire.db"),
            folder.path().join("aside.db"),
        );
        let parts = Parts {
            store,
            router: Arc::new(|_| Vec::new()),
            status: status.clone(),
            clock,
            notices,
            nudge: watch::Sender::default(),
            ears: Ears::default(),
            keep: ROUND_MAX * 100,
        };
        let mut changes = status.changes();
        let began = Instant::now();
        std::fs::rename(&file, &aside).expect("taken away");
        let stop = CancellationToken::new();
        let until = stop.clone();
        // Without the silences, whose timers would go on while the queue is asked.
        let work = tokio::spawn(async move { serve(parts, &until).await });
        changes.changed().await.expect("the first round says so");
        assert!(status.snapshot().store_fault.is_some());
        std::fs::rename(&aside, &file).expect("put back");
        changes.changed().await.expect("a look says so");
        assert_eq!(status.snapshot().store_fault, None);
        assert!(began.elapsed() < ROUND_MAX, "before the next round");
        stop.cancel();
        work.await.expect("it ends");
    }

    #[test]
    fn an_internal_event_reads_like_any_other() {
        let time = Timestamp::from_millisecond(1_760_000_000_120).expect("in range");
        let notice = Notice {
            kind: "bellwire.source_lost",
            time,
            data: json!({ "source": "ttmt", "reason": "connection refused" }),
            told: None,
        };
        let event = internal_event(&notice, time + 1.second());
        assert_eq!(
            std::str::from_utf8(&event.payload),
            Ok(
                r#"{"type":"bellwire.source_lost","timestamp":"2025-10-09T08:53:20.120Z","data":{"source":"ttmt","reason":"connection refused"}}"#
            )
        );
        assert_eq!(event.data_json(), Some(notice.data));
        assert!(event.is_internal());
    }
}
