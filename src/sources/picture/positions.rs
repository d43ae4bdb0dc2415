//! The list of open positions: what is on it is open, and what is not on it any more has closed.
//!
//! A file of its own because this list is complete where lists of trades have pages, and because it is
//! the only account of positions that belong to no trade. How a position ended is in its trade.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::compare::{Reading, Since, ids};
use super::found::{Found, Kind};
use super::read::{self, Members};
use super::record::{Ids, Told, Trade};
use super::{Picture, trade_key};

impl Picture {
    /// Takes in all open positions; answers what nobody has told of positions without a trade, and the
    /// trades that have to be read to know more.
    pub fn see_positions(
        &mut self,
        rows: &[Value],
        reading: &Reading,
    ) -> (Vec<Found>, Vec<String>) {
        let mut unread = BTreeSet::new();
        let mut listed = HashSet::new();
        for row in rows.iter().filter_map(Value::as_object) {
            let ids = ids(row);
            listed.extend(ids.id.clone());
            listed.extend(ids.broker.clone());
            unread.extend(self.see_open(row, &ids, reading));
        }
        let mut found = Vec::new();
        let keys: Vec<String> = self.trades.keys().cloned().collect();
        for key in keys {
            let Some(trade) = self.trades.get_mut(&key) else {
                continue;
            };
            let is_gone = |ids: &Ids| {
                let mut names = ids.id.iter().chain(&ids.broker);
                !names.any(|name| listed.contains(name))
            };
            let is_whole = trade.id.is_some();
            let gone = trade
                .positions
                .iter()
                .filter(|position| position.is_open() && position.since < reading.begun)
                .filter(|position| is_whole || position.single)
                .any(|position| is_gone(&position.ids()));
            match (gone, trade.id.clone()) {
                (false, _) => {}
                (true, Some(id)) => {
                    unread.insert(id);
                }
                (true, None) => {
                    found.extend(trade.close_single(reading));
                    self.touch(&key, reading.at);
                    self.recount(true, &key);
                }
            }
        }
        (found, unread.into_iter().collect())
    }

    /// Takes in the names of an open position, and nothing that happened to it.
    pub fn learn_position(&mut self, row: &Value, now: Timestamp) {
        if let Some(row) = row.as_object() {
            self.see_open(row, &ids(row), &names_only(now));
        }
    }

    /// Takes in the names of a trade and of its positions, and nothing that happened to them.
    pub fn learn_trade(&mut self, trade: &Value, now: Timestamp) {
        let Some(shown) = trade.as_object() else {
            return;
        };
        let Some(id) = read::id(shown, &["id", "trade_id"]) else {
            return;
        };
        let key = trade_key(&id);
        let entry = self.entry(&key, Some(&id), now);
        read::keep(shown, read::TRADE, &mut entry.members);
        self.touch(&key, now);
        let rows = read::get(shown, &["positions"]).and_then(Value::as_array);
        for row in rows.into_iter().flatten().filter_map(Value::as_object) {
            let mut row = row.clone();
            row.insert("trade_id".to_owned(), id.as_str().into());
            self.see_open(&row, &ids(&row), &names_only(now));
        }
    }

    /// Takes in one open position; answers its trade when that has to be read.
    fn see_open(&mut self, row: &Members, ids: &Ids, reading: &Reading) -> Option<String> {
        let trade = read::id(row, &["trade_id"]);
        let key = self.settle(trade.as_deref(), ids)?;
        let known = self.trades.get(&key);
        let is_known = known.is_some_and(|entry| entry.find(ids).is_some());
        let before = known.cloned();
        let entry = self.entry(&key, trade.as_deref(), reading.at);
        if let Some(position) = entry.position(ids, reading.at) {
            read::keep(row, read::POSITION, &mut position.members);
            position.single |= trade.is_none();
            if reading.since == Since::Now && position.fill == Told::No {
                position.fill = Told::Before;
            }
        }
        if before.as_ref() != Some(entry) {
            self.touch(&key, reading.at);
        }
        trade.filter(|_| !is_known)
    }

    /// Whether the trade of this id has been held against REST or heard from its beginning.
    #[must_use]
    pub fn follows(&self, trade: &str) -> bool {
        let known = self.trades.get(&trade_key(trade));
        known.is_some_and(|trade| trade.followed)
    }
}

const fn names_only(now: Timestamp) -> Reading {
    Reading {
        begun: now,
        at: now,
        since: Since::Unknown,
    }
}

impl Trade {
    /// A position that belongs to no trade is gone: nobody can say how it ended.
    fn close_single(&mut self, reading: &Reading) -> Vec<Found> {
        let mut found = Vec::new();
        let singles = self.positions.iter_mut();
        for position in singles.filter(|it| it.is_open() && it.single) {
            position.closed = match reading.since {
                Since::Now => Told::Before,
                Since::Moment(_) | Since::Unknown => Told::Backfill,
            };
            if position.closed == Told::Backfill {
                let row = Members::new();
                let one = Found::of_position(Kind::Closed, None, position, &row, None);
                found.push(one.by(reading.at));
            }
        }
        for one in &mut found {
            one.about(self);
        }
        found
    }
}
