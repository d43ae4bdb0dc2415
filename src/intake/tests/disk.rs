//! The queue in memory: commits batches as a whole, knows replays by their identity, and can be slow,
//! full or broken.
//!
//! A file of its own because it stands for the real queue's promises and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::intake::Queue;
use crate::model::{Accepted, Batch, Checkpoint, Cursor, Event, Identity, Name, PictureRow};
use crate::sources::Pending;

#[derive(Default)]
pub(super) struct Disk {
    /// What survives.
    rows: Mutex<Rows>,
    /// How often a batch was handed in.
    tries: AtomicUsize,
    /// This many tries are refused.
    pub(super) refusals: AtomicUsize,
    /// This many tries to read the checkpoint fail.
    pub(super) unreadable: AtomicUsize,
    /// While true, nothing is committed and nothing is refused.
    pub(super) busy: watch::Sender<bool>,
}

#[derive(Default)]
struct Rows {
    events: Vec<Event>,
    /// Of these, those that went somewhere.
    rung: Vec<Event>,
    seen: HashSet<Identity>,
    checkpoint: Checkpoint,
    picture: BTreeMap<String, Vec<u8>>,
    commits: Vec<Commit>,
}

/// One commit.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) at: Instant,
    pub(super) events: usize,
    pub(super) payload_bytes: usize,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Disk {
    /// A disk that a source has been followed on before.
    pub(super) fn at(cursor: Cursor) -> Self {
        let disk = Self::default();
        disk.rows.lock().expect("no panic").checkpoint.cursor = cursor;
        disk
    }

    pub(super) fn refusing(tries: usize) -> Self {
        let disk = Self::default();
        disk.refusals.store(tries, Ordering::SeqCst);
        disk
    }

    /// What a restart finds.
    pub(super) fn survivor(&self) -> Self {
        let disk = Self::default();
        {
            let (mut new, old) = (
                disk.rows.lock().expect("no panic"),
                self.rows.lock().expect("no panic"),
            );
            new.events.clone_from(&old.events);
            new.rung.clone_from(&old.rung);
            new.seen.clone_from(&old.seen);
            new.checkpoint.clone_from(&old.checkpoint);
            new.picture.clone_from(&old.picture);
        }
        disk
    }

    /// Ids of the events, in the order of their commit.
    pub(super) fn ids(&self) -> Vec<u64> {
        let rows = self.rows.lock().expect("no panic");
        let ids = rows.events.iter().filter_map(|event| event.id.as_deref());
        ids.map(|id| id.parse().expect("a number")).collect()
    }

    /// The newest event that was followed happened at this time.
    pub(super) fn set_time(&self, time: Timestamp) {
        self.rows.lock().expect("no panic").checkpoint.high_time = Some(time);
    }

    /// The events, in the order of their commit.
    pub(super) fn events(&self) -> Vec<Event> {
        self.rows.lock().expect("no panic").events.clone()
    }

    /// Those that went to some sink.
    pub(super) fn rung(&self) -> Vec<Event> {
        self.rows.lock().expect("no panic").rung.clone()
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.rows.lock().expect("no panic").checkpoint.clone()
    }

    pub(super) fn commits(&self) -> Vec<Commit> {
        self.rows.lock().expect("no panic").commits.clone()
    }

    pub(super) fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }

    fn commit(&self, batch: Batch) -> Accepted {
        let mut rows = self.rows.lock().expect("no panic");
        let payloads = batch.events.iter().map(|(event, _)| event.payload.len());
        rows.commits.push(Commit {
            at: Instant::now(),
            events: batch.events.len(),
            payload_bytes: payloads.sum(),
            checkpoint: batch.checkpoint.clone(),
        });
        if let Some(checkpoint) = batch.checkpoint {
            rows.checkpoint = checkpoint;
        }
        for row in batch.picture {
            match row.body {
                Some(body) => rows.picture.insert(row.key, body),
                None => rows.picture.remove(&row.key),
            };
        }
        let mut accepted = Accepted::default();
        for (place, (event, routes)) in batch.events.into_iter().enumerate() {
            let identity = event.identity.clone();
            if identity.is_some_and(|identity| !rows.seen.insert(identity)) {
                accepted.repeated.push(place);
                continue;
            }
            accepted.new += 1;
            accepted.deliveries += routes.len();
            if !routes.is_empty() {
                rows.rung.push(event.clone());
            }
            rows.events.push(event);
        }
        accepted
    }
}

impl Queue for Disk {
    fn accept(&self, batch: &mut Arc<Batch>) -> Pending<'_, Result<Accepted, String>> {
        let batch = Batch::clone(batch);
        Box::pin(async move {
            self.tries.fetch_add(1, Ordering::SeqCst);
            let mut busy = self.busy.subscribe();
            busy.wait_for(|busy| !busy).await.expect("held by the disk");
            if spend(&self.refusals) {
                return Err("the disk is full".to_owned());
            }
            Ok(self.commit(batch))
        })
    }

    fn checkpoint(&self, _: &Name) -> Pending<'_, Result<Checkpoint, String>> {
        Box::pin(async {
            if spend(&self.unreadable) {
                return Err("not open yet".to_owned());
            }
            Ok(Self::checkpoint(self))
        })
    }

    fn picture(&self, _: &Name) -> Pending<'_, Result<Vec<PictureRow>, String>> {
        Box::pin(async {
            let rows = self.rows.lock().expect("no panic");
            let row = |(key, body): (&String, &Vec<u8>)| PictureRow {
                key: key.clone(),
                body: Some(body.clone()),
            };
            Ok(rows.picture.iter().map(row).collect())
        })
    }
}

/// Takes one of what is left, if anything is.
fn spend(left: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
}
