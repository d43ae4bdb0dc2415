//! Rests that a platform imposes on this whole address, and so on every sink of its kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Until when each kind rests. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct KindRests(Arc<Mutex<BTreeMap<&'static str, Timestamp>>>);

impl KindRests {
    /// Lets a kind rest, unless it rests longer already.
    pub(super) fn rest(&self, kind: &'static str, until: Timestamp) {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rests.entry(kind).or_insert(until);
        *known = until.max(*known);
    }

    /// Until when a kind rests.
    pub(super) fn until(&self, kind: &'static str) -> Option<Timestamp> {
        let rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.get(kind).copied()
    }
}
