//! The picture of a TTMT source: which trades and positions there are, and what has been told of each.
//!
//! A room of its own inside `sources` because the stream is a hint and REST is the record, and this is
//! where the two are held against each other. It is pure: events and answers go in; what nobody has
//! told yet comes out as events of the stream's own type and shape. It remembers facts and not values:
//! a fact never becomes untrue, so it does not matter in which order the two accounts arrive. What it
//! remembers goes to disk with the events that it stands for, through [`Picture::take_changes`].

mod accounts;
mod bounds;
mod compare;
mod found;
mod hear;
mod positions;
mod read;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Name, PictureRow};
use record::{Ids, Position, Trade};

pub use compare::{Reading, Since};
pub use found::Found;
pub use hear::{Heard, LookUp};

/// The key of the one row that is about the picture as a whole.
const WHOLE: &str = "picture";

/// A trade in a state that nobody knows is waited for this long.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);

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
    /// When everything was last read.
    looked: Option<Timestamp>,
    /// Since when something may have been missed that was not read yet.
    gap: Option<Timestamp>,
    /// When something last happened to any trade that was forgotten: what is not known since may have
    /// been told.
    forgotten: Option<Timestamp>,
    /// What was found and not spoken of yet, by type.
    tally: Tally,
    finished: usize,
    singles: usize,
    is_crowded: bool,
    /// Whose things were heard of, as far as that matters.
    accounts: BTreeSet<String>,
    /// Whether one account is followed, by configuration.
    is_filtered: bool,
}

/// How often something was found, by type.
pub type Tally = BTreeMap<String, u64>;

/// The row about the picture as a whole.
#[derive(Default, Serialize, Deserialize)]
struct Whole {
    #[serde(default)]
    complete: bool,
    #[serde(default)]
    looked: Option<Timestamp>,
    #[serde(default)]
    gap: Option<Timestamp>,
    #[serde(default)]
    forgotten: Option<Timestamp>,
    #[serde(default)]
    tally: Tally,
    #[serde(default)]
    accounts: BTreeSet<String>,
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
            looked: None,
            gap: None,
            forgotten: None,
            tally: Tally::new(),
            finished: 0,
            singles: 0,
            is_crowded: false,
            accounts: BTreeSet::new(),
            is_filtered: false,
        };
        let mut unreadable = 0_usize;
        for row in rows {
            let body = row.body.as_deref().unwrap_or_default();
            if row.key == WHOLE {
                let whole: Whole = serde_json::from_slice(body).unwrap_or_default();
                (picture.complete, picture.looked) = (whole.complete, whole.looked);
                (picture.gap, picture.forgotten) = (whole.gap, whole.forgotten);
                picture.tally = whole.tally;
                picture.accounts.extend(whole.accounts);
            } else if let Ok(trade) = serde_json::from_slice::<Trade>(body) {
                picture.finished += usize::from(!trade.is_open());
                picture.singles += usize::from(trade.id.is_none());
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

    /// When everything was last read, by the clock here.
    #[must_use]
    pub const fn looked(&self) -> Option<Timestamp> {
        self.looked
    }

    /// Everything that is open has been read, in a reading that began at this moment.
    pub fn complete(&mut self, begun: Timestamp) {
        self.complete = true;
        self.looked = self.looked.max(Some(begun));
        self.changed.insert(WHOLE.to_owned());
    }

    /// Nobody reads any more what the stream misses, so that what is unknown later may be old.
    pub fn neglect(&mut self) {
        let (was_complete, gap) = (std::mem::take(&mut self.complete), self.gap.take());
        if was_complete || gap.is_some() {
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

    /// Counts something that was found, until it is spoken of, also by a later process.
    pub fn count(&mut self, found: &Found) {
        *self.tally.entry(found.kind().to_owned()).or_default() += 1;
        self.changed.insert(WHOLE.to_owned());
    }

    /// What was found since this was last asked.
    pub fn take_tally(&mut self) -> Tally {
        if !self.tally.is_empty() {
            self.changed.insert(WHOLE.to_owned());
        }
        std::mem::take(&mut self.tally)
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
                    looked: self.looked,
                    gap: self.gap,
                    forgotten: self.forgotten,
                    tally: self.tally.clone(),
                    accounts: self.accounts.clone(),
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

    /// Ids of trades that something may still happen to, those that were last heard of first. What has
    /// nothing open, is not active and was not heard of for long is none of them any more.
    #[must_use]
    pub fn open_trades(&self, now: Timestamp) -> Vec<String> {
        let is_stale = |trade: &Trade| {
            let is_quiet = !trade.is_active() && now.duration_since(trade.touched) > STALE;
            is_quiet && !trade.positions.iter().any(Position::is_open)
        };
        let open = self.trades.values().filter(|trade| trade.is_open());
        let mut open: Vec<&Trade> = open.filter(|trade| !is_stale(trade)).collect();
        open.sort_by_key(|trade| std::cmp::Reverse(trade.touched));
        open.into_iter()
            .filter_map(|trade| trade.id.clone())
            .collect()
    }

    /// Whether a trade has been known since a moment or longer.
    #[must_use]
    pub fn knew(&self, trade: &str, at: Timestamp) -> bool {
        let known = self.trades.get(&trade_key(trade));
        known.is_some_and(|trade| trade.since <= at)
    }

    /// Whether something may still happen to anything that is known.
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
            self.singles += usize::from(id.is_none());
        }
        self.trades
            .entry(key.to_owned())
            .or_insert_with(|| Trade::new(id.map(str::to_owned), now))
    }

    /// Where a position is, if it is known. Numbers of two brokers may be the same, so the database id
    /// decides where there is one.
    fn place(&self, ids: &Ids) -> Option<&str> {
        let names = index_names(ids);
        let mut places = names.iter().filter_map(|name| self.index.get(name));
        places.next().map(String::as_str)
    }

    /// The place of an object: that of its trade, else where its position is, else one of its own. A
    /// position that was known without its trade, or in another one, moves to the one that is told.
    fn settle(&mut self, trade: Option<&str>, ids: &Ids) -> Option<String> {
        let place = self.place(ids).map(str::to_owned);
        let Some(trade) = trade else {
            return place.or_else(|| Some(format!("p:{}", ids.best()?)));
        };
        let key = trade_key(trade);
        if let Some(place) = place.filter(|place| *place != key) {
            self.move_position(&place, ids, &key, trade);
        }
        Some(key)
    }

    fn move_position(&mut self, place: &str, ids: &Ids, key: &str, trade: &str) {
        let moved = if place.starts_with("p:") {
            self.remove(place)
                .map(|single| (single.positions, single.touched))
        } else {
            self.trades.get_mut(place).and_then(|other| {
                // A broker's number alone does not show that it is the same position.
                let same = |position: &Position| position.id.is_some() && position.id == ids.id;
                let at = other.positions.iter().position(same)?;
                Some((vec![other.positions.remove(at)], other.touched))
            })
        };
        let Some((positions, touched)) = moved else {
            return;
        };
        self.changed.insert(place.to_owned());
        let entry = self.entry(key, Some(trade), touched);
        for position in positions {
            let ids = position.ids();
            let known = entry.find(&ids);
            entry.positions.push(position);
            if let Some(known) = known {
                entry.unite(known, &ids);
            }
        }
        self.touch(key, touched);
    }

    /// Notes that an entry changed.
    fn touch(&mut self, key: &str, now: Timestamp) {
        let Some(trade) = self.trades.get_mut(key) else {
            return;
        };
        trade.touched = trade.touched.max(now);
        for position in &trade.positions {
            for name in index_names(&position.ids()) {
                let known = self.index.get(&name);
                // A number that two brokers share stays with the first.
                if known.is_none_or(|place| place != key && name.starts_with("i:")) {
                    self.index.insert(name, key.to_owned());
                }
            }
        }
        self.changed.insert(key.to_owned());
        self.note_accounts_of(key);
    }

    fn put(&mut self, key: String, trade: Trade) {
        let touched = trade.touched;
        self.trades.insert(key.clone(), trade);
        self.touch(&key, touched);
    }

    fn remove(&mut self, key: &str) -> Option<Trade> {
        let trade = self.trades.remove(key)?;
        self.finished -= usize::from(!trade.is_open()).min(self.finished);
        self.singles -= usize::from(trade.id.is_none()).min(self.singles);
        for position in &trade.positions {
            for name in index_names(&position.ids()) {
                if self.index.get(&name).is_some_and(|place| place == key) {
                    self.index.remove(&name);
                }
            }
        }
        self.changed.insert(key.to_owned());
        Some(trade)
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
