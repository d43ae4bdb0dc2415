//! What the watches in force have heard, shared by whoever commits events and by the task that tells of
//! silences.
//!
//! A file of its own because it stands on the way of every event: who commits asks which watches hear a
//! batch and says what became of it, without waiting for anybody. The task is woken only by an event that
//! ends a silence, and by other watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::model::{Accepted, Batch};
use crate::rules::Watches;
use crate::store::WatchRow;

/// The ears of all watches. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Ears(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct State {
    watches: Arc<Watches>,
    /// Counts the exchanges.
    version: u64,
    known: HashMap<Arc<str>, Known>,
}

/// What is known of a watch, as its row in the queue has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// When it last heard an event, or else when it was first seen.
    pub(super) heard: Timestamp,
    /// Since when a silence lasts that was told.
    pub(super) told: Option<Timestamp>,
}

/// The watches in force and what is known of each, at one moment.
pub(super) struct Look {
    pub(super) watches: Arc<Watches>,
    pub(super) version: u64,
    pub(super) known: HashMap<Arc<str>, Known>,
}

impl Ears {
    /// The ears of these watches, for now.
    #[must_use]
    pub fn new(watches: Arc<Watches>) -> Self {
        let ears = Self::default();
        ears.lock().watches = watches;
        ears
    }

    /// Puts other watches in force.
    pub fn exchange(&self, watches: Arc<Watches>) {
        let mut state = self.lock();
        state.watches = watches;
        state.version += 1;
        drop(state);
        self.0.woken.notify_one();
    }

    /// Notes on a batch which watches hear it.
    pub fn listen(&self, batch: &mut Batch) {
        let watches = Arc::clone(&self.lock().watches);
        batch.heard = watches.heard(&batch.events);
    }

    /// Takes in what was heard, now that it is durable.
    pub fn heard(&self, accepted: &Accepted) {
        let mut is_over = false;
        let mut state = self.lock();
        for (watch, at) in &accepted.heard {
            let known = state.known.entry(Arc::clone(watch));
            let known = known.or_insert(Known {
                heard: *at,
                told: None,
            });
            known.heard = *at;
            is_over |= known.told.is_some();
        }
        drop(state);
        if is_over {
            self.0.woken.notify_one();
        }
    }

    /// Waits until there is something to look at.
    pub(super) async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// What there is to see now.
    pub(super) fn look(&self) -> Look {
        let state = self.lock();
        Look {
            watches: Arc::clone(&state.watches),
            version: state.version,
            known: state.known.clone(),
        }
    }

    /// Takes in what the queue knew at a moment. An event may have been heard between the two.
    pub(super) fn learn(&self, rows: Vec<WatchRow>, now: Timestamp) {
        let mut state = self.lock();
        let before = std::mem::take(&mut state.known);
        for row in rows {
            let heard = before.get(&row.name).map(|known| known.heard);
            let known = Known {
                heard: row.heard.max(heard.unwrap_or(row.heard)).min(now),
                told: row.told,
            };
            state.known.insert(row.name, known);
        }
    }

    /// Takes in that a silence was told, or that its end was.
    pub(super) fn told(&self, watch: &str, told: Option<Timestamp>) {
        if let Some(known) = self.lock().known.get_mut(watch) {
            known.told = told;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
