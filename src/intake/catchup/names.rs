//! Finding out what an event is about that names it by an id alone.
//!
//! A file of its own because somebody waits for it: the event, and all behind it. So it is asked for
//! seldom and not for long, and an alert without names goes out rather than none.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::super::desk::Desk;
use super::read::Reader;
use crate::model::Event;
use crate::sources::picture::LookUp;

/// Longest wait for the names of what an event is about.
const NAMES_WAIT: Duration = Duration::from_secs(5);

/// So many look-ups in one minute: a burst of unknown ids must not spend the key's allowance.
const LOOK_UPS: usize = 4;
const MINUTE: Duration = Duration::from_mins(1);

/// One reading of all open positions answers for every id that comes this soon after it.
const FRESH: Duration = Duration::from_secs(5);

/// Ids that REST did not know and that are not asked for again; beyond that they are forgotten.
const UNKNOWN_MAX: usize = 256;

/// What was asked for, and in vain.
#[derive(Debug, Default)]
pub(in super::super) struct Names {
    unknown: HashSet<String>,
    /// When the last look-ups were made, oldest first.
    asked: VecDeque<Instant>,
    /// When all open positions were last read.
    positions: Option<Instant>,
}

impl Names {
    /// Whether to ask for this now. Counts it, if so.
    fn permit(&mut self, wanted: &LookUp) -> bool {
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

    fn note_unknown(&mut self, id: &str) {
        if self.unknown.len() >= UNKNOWN_MAX {
            self.unknown.clear();
        }
        self.unknown.insert(id.to_owned());
    }
}

/// Finds the names of what an event is about, if it has none and REST has.
pub(in super::super) async fn name(desk: &Desk<'_>, event: &Event) {
    let Some(rest) = &desk.parts.backfill else {
        return;
    };
    let Some(wanted) = wanted(desk, event) else {
        return;
    };
    if !desk.names().permit(&wanted) {
        desk.names().note_unknown(&wanted.position);
        return;
    }
    let looking = Reader::new(desk, &rest.urgent);
    let found = tokio::time::timeout(NAMES_WAIT, looking.look_up(&wanted)).await;
    if found.is_err() {
        tracing::warn!(source = %desk.parts.name, "nobody could be asked in time what an event is about");
    }
    let look_up = desk.picture().and_then(|picture| picture.look_up(event));
    if look_up.is_some() {
        desk.names().note_unknown(&wanted.position);
    }
}

/// Whether REST should be asked what an event is about before it is taken in.
pub(in super::super) fn is_nameless(desk: &Desk<'_>, event: &Event) -> bool {
    desk.parts.backfill.is_some() && wanted(desk, event).is_some()
}

fn wanted(desk: &Desk<'_>, event: &Event) -> Option<LookUp> {
    let wanted = desk.picture()?.look_up(event)?;
    let is_unknown = desk.names().unknown.contains(&wanted.position);
    (!is_unknown).then_some(wanted)
}
