//! What was asked for to name events, and in vain.
//!
//! A file of its own because it is a small memory with one promise: a burst of ids that nobody knows
//! costs few requests. It asks for nothing itself.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::sources::picture::LookUp;

/// So many look-ups in one minute: a burst of unknown ids must not spend the key's allowance.
const LOOK_UPS: usize = 4;
const MINUTE: Duration = Duration::from_mins(1);

/// One reading of all open positions answers for every id that comes this soon after it.
const FRESH: Duration = Duration::from_secs(5);

/// Ids that REST did not know and that are not asked for again; beyond that they are forgotten.
const UNKNOWN_MAX: usize = 256;

/// What was asked for, and in vain.
#[derive(Debug, Default)]
pub(super) struct Names {
    unknown: HashSet<String>,
    /// When the last look-ups were made, oldest first.
    asked: VecDeque<Instant>,
    /// When all open positions were last read.
    positions: Option<Instant>,
}

impl Names {
    /// Whether to ask for this now. Counts it, if so.
    pub(super) fn permit(&mut self, wanted: &LookUp) -> bool {
        let now = Instant::now();
        while self
            .asked
            .front()
            .is_some_and(|asked| *asked + MINUTE <= now)
        {
            self.asked.pop_front();
        }
        let is_fresh = self.positions.is_some_and(|read| now < read + FRESH);
        let is_permitted = self.asked.len() < LOOK_UPS && (wanted.trade.is_some() || !is_fresh);
        if is_permitted {
            self.asked.push_back(now);
            if wanted.trade.is_none() {
                self.positions = Some(now);
            }
        }
        is_permitted
    }

    /// REST does not know this id.
    pub(super) fn note_unknown(&mut self, id: &str) {
        if self.unknown.len() >= UNKNOWN_MAX {
            self.unknown.clear();
        }
        self.unknown.insert(id.to_owned());
    }

    /// Whether REST is known not to know an id.
    pub(super) fn is_unknown(&self, id: &str) -> bool {
        self.unknown.contains(id)
    }
}
