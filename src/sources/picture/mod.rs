//! The picture of a TTMT source: which trades and positions there are, and what has been told of each.
//!
//! A room of its own inside `sources` because the stream is a hint and REST is the record, and this is
//! where the two are held against each other. It is pure: events and answers go in; what nobody has
//! told yet comes out as events of the stream's own type and shape. It remembers facts and not values:
//! a fact never becomes untrue, so it does not matter in which order the two accounts arrive. What it
//! remembers goes to disk with the events that it stands for, through [`Picture::take_changes`].

mod compare;
mod found;
mod hear;
mod positions;
mod read;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Name, PictureRow};
use record::{Ids, Trade};

pub use compare::{Reading, Since};
pub use found::Found;
pub use hear::{Heard, LookUp};

/// The key of the one row that is about the picture as a whole.
const WHOLE: &str = "picture";

/// Trades and single positions that are remembered at most.
const TRADES_MAX: usize = 5_000;

/// Finished trades that are remembered: the late copies and overlapping reads that they are needed
/// for come within days.
const FINISHED_KEPT: usize = 500;

/// What is known of the trades of one source.
#[derive(Debug)]
pub struct Picture {
    source: Name,
    trades: BTreeMap<String, Trade>,
    /// Where each position is, by either of its ids.
    index: HashMap<String, String>,
    /// Keys of what has changed since it was last committed.
    changed: BTreeSet<String>,
    /// Whether everything that was open at some time has been read.
    complete: bool,
    /// Since when something may have been missed that was not read yet.
    gap: Option<Timestamp>,
    finished: usize,
}

/// The row about the picture as a whole.
#[derive(Default, Serialize, Deserialize)]
struct Whole {
    #[serde(default)]
    complete: bool,
    #[serde(default)]
    gap: Option<Timestamp>,
}

impl Picture {
    /// The picture as its rows have it. A row that cannot be read is left out, and REST has to be read
    /// anew.
    #[must_use]
    pub fn load(source: Name, rows: &[PictureRow]) -> Self {
        let mut picture = Self {
            source,
            trades: BTreeMap::new(),
            index: HashMap::new(),
            changed: BTreeSet::new(),
            complete: false,
            gap: None,
            finished: 0,
        };
        let mut unreadable = 0_usize;
        for row in rows {
            let body = row.body.as_deref().unwrap_or_default();
            if row.key == WHOLE {
                let whole: Whole = serde_json::from_slice(body).unwrap_or_default();
                (picture.complete, picture.gap) = (whole.complete, whole.gap);
            } else if let Ok(trade) = serde_json::from_slice::<Trade>(body) {
                picture.finished += usize::from(!trade.is_open());
                picture.put(row.key.clone(), trade);
            } else {
                unreadable += 1;
            }
        }
        if unreadable > 0 {
            tracing::warn!(source = %picture.source, unreadable, "rows of the picture cannot be read");
            picture.complete = false;
        }
        picture.changed.clear();
        picture
    }

    /// Whether everything that is open has been read at some time, so that what is unknown is new.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Everything that is open has been read.
    pub fn complete(&mut self) {
        if !self.complete {
            self.complete = true;
            self.changed.insert(WHOLE.to_owned());
        }
    }

    /// Since when something may have been missed that was not read yet, also by an earlier process: the
    /// cursor moves on behind a gap before it is closed.
    #[must_use]
    pub const fn gap(&self) -> Option<Timestamp> {
        self.gap
    }

    /// Something may have been missed since this moment.
    pub fn open_gap(&mut self, since: Timestamp) {
        let gap = self.gap.map_or(since, |gap| gap.min(since));
        if self.gap.replace(gap) != Some(gap) {
            self.changed.insert(WHOLE.to_owned());
        }
    }

    /// Everything that may have been missed has been read.
    pub fn close_gap(&mut self) {
        if self.gap.take().is_some() {
            self.changed.insert(WHOLE.to_owned());
        }
    }

    /// Whether there is anything to commit.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What has to be committed with the events that were heard or found, and nothing else: the rows
    /// that changed since this was last asked.
    pub fn take_changes(&mut self) -> Vec<PictureRow> {
        let changed = std::mem::take(&mut self.changed);
        let row = |key: String| {
            let body = if key == WHOLE {
                serde_json::to_vec(&Whole {
                    complete: self.complete,
                    gap: self.gap,
                })
                .ok()
            } else {
                let trade = self.trades.get(&key);
                trade.and_then(|trade| serde_json::to_vec(trade).ok())
            };
            PictureRow { key, body }
        };
        changed.into_iter().map(row).collect()
    }

    /// Ids of trades that something may still happen to.
    #[must_use]
    pub fn open_trades(&self) -> Vec<String> {
        let open = self.trades.values().filter(|trade| trade.is_open());
        open.filter_map(|trade| trade.id.clone()).collect()
    }

    /// Whether a trade has been known since a moment or longer.
    #[must_use]
    pub fn knew(&self, trade: &str, at: Timestamp) -> bool {
        let known = self.trades.get(&trade_key(trade));
        known.is_some_and(|trade| trade.since <= at)
    }

    /// Whether any position is open.
    #[must_use]
    pub fn has_open(&self) -> bool {
        self.trades.values().any(|trade| trade.is_open())
    }

    /// Forgets a trade that is not there any more.
    pub fn forget(&mut self, trade: &str) {
        self.remove(&trade_key(trade));
    }

    /// The entry of a trade, or of a position without one.
    fn entry(&mut self, key: &str, id: Option<&str>, now: Timestamp) -> &mut Trade {
        if !self.trades.contains_key(key) {
            self.make_room();
        }
        self.trades
            .entry(key.to_owned())
            .or_insert_with(|| Trade::new(id.map(str::to_owned), now))
    }

    /// Where a position is, if it is known.
    fn place(&self, ids: &Ids) -> Option<&str> {
        let names = index_names(ids);
        let mut places = names.iter().filter_map(|name| self.index.get(name));
        places.next().map(String::as_str)
    }

    /// The place of an object: that of its trade, else where its position is, else one of its own. A
    /// position that was known without a trade moves to the trade that turns out to be its own.
    fn settle(&mut self, trade: Option<&str>, ids: &Ids) -> Option<String> {
        let place = self.place(ids).map(str::to_owned);
        let Some(trade) = trade else {
            return place.or_else(|| Some(format!("p:{}", ids.best()?)));
        };
        let key = trade_key(trade);
        if let Some(place) = place.filter(|place| *place != key)
            && let Some(single) = self.remove(&place)
        {
            let entry = self.entry(&key, Some(trade), single.touched);
            entry.positions.extend(single.positions);
            self.touch(&key, single.touched);
        }
        Some(key)
    }

    /// Notes that an entry changed.
    fn touch(&mut self, key: &str, now: Timestamp) {
        let Some(trade) = self.trades.get_mut(key) else {
            return;
        };
        trade.touched = trade.touched.max(now);
        for position in &trade.positions {
            for name in index_names(&position.ids()) {
                if self.index.get(&name).is_none_or(|place| place != key) {
                    self.index.insert(name, key.to_owned());
                }
            }
        }
        self.changed.insert(key.to_owned());
    }

    /// Notes that an entry is finished or, rarely, open again.
    fn recount(&mut self, was_open: bool, key: &str) {
        let is_open = self.trades.get(key).is_none_or(Trade::is_open);
        match (was_open, is_open) {
            (true, false) => self.finished += 1,
            (false, true) => self.finished = self.finished.saturating_sub(1),
            _ => {}
        }
        if self.finished > FINISHED_KEPT + FINISHED_KEPT / 4 {
            self.drop_oldest(|trade| !trade.is_open(), self.finished - FINISHED_KEPT);
        }
    }

    fn put(&mut self, key: String, trade: Trade) {
        let touched = trade.touched;
        self.trades.insert(key.clone(), trade);
        self.touch(&key, touched);
    }

    fn remove(&mut self, key: &str) -> Option<Trade> {
        let trade = self.trades.remove(key)?;
        self.finished -= usize::from(!trade.is_open()).min(self.finished);
        for position in &trade.positions {
            for name in index_names(&position.ids()) {
                self.index.remove(&name);
            }
        }
        self.changed.insert(key.to_owned());
        Some(trade)
    }

    fn make_room(&mut self) {
        if self.trades.len() >= TRADES_MAX {
            tracing::warn!(source = %self.source, "more trades than can be remembered; the oldest go");
            self.drop_oldest(|_| true, TRADES_MAX / 10);
        }
    }

    fn drop_oldest(&mut self, which: impl Fn(&Trade) -> bool, count: usize) {
        let mut oldest: Vec<(Timestamp, String)> = self
            .trades
            .iter()
            .filter(|(_, trade)| which(trade))
            .map(|(key, trade)| (trade.touched, key.clone()))
            .collect();
        oldest.sort();
        for (_, key) in oldest.into_iter().take(count) {
            self.remove(&key);
        }
    }
}

fn trade_key(id: &str) -> String {
    format!("t:{id}")
}

/// The names under which a position is found. The two kinds of id may look alike.
fn index_names(ids: &Ids) -> Vec<String> {
    let id = ids.id.iter().map(|id| format!("i:{id}"));
    let broker = ids.broker.iter().map(|broker| format!("b:{broker}"));
    id.chain(broker).collect()
}
