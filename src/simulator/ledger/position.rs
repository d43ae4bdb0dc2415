//! Positions, open and closed, and the ways to find one.
//!
//! Its own file because the stream names a position in two ways, by the database's id or by the
//! broker's, and because a position may belong to no trade, or to one only later.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::Value;

use super::fact::Fact;
use super::row::{OWNER, Row};

/// Positions of no trade that are kept; the oldest go first.
const LOOSE_MAX: usize = 20_000;

/// The fields of `GET /positions`.
const SHOWN: [&str; 14] = [
    "id",
    "metaapi_position_id",
    "symbol",
    "direction",
    "volume",
    "entry_price",
    "current_price",
    "unrealized_pl",
    "status",
    "trade_id",
    "signal",
    "account_id",
    "account_label",
    "currency",
];

/// What a trade says of its positions besides.
const MORE: [&str; 8] = [
    "stop_loss",
    "take_profit",
    "tp_level",
    "opened_at",
    "closed_at",
    "close_price",
    "realized_pl",
    "close_reason",
];

/// One position.
pub(in crate::simulator) struct Position {
    row: Row,
    opened: Timestamp,
}

impl Position {
    fn new(id: &str, fact: &Fact) -> Self {
        let mut row = Row::new(&[&SHOWN[..], &MORE[..]].concat());
        row.set("id", id);
        row.set("status", "open");
        row.set("opened_at", fact.time.as_str());
        row.set("unrealized_pl", 0);
        row.complete_as("current_price", fact, "entry_price");
        Self {
            row,
            opened: fact.at,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.row.text("status"), Some("open" | "partial_closed"))
    }

    /// Takes over what any event that knows the position may add.
    fn learn(&mut self, fact: &Fact) {
        let names = ["metaapi_position_id", "symbol", "direction", "entry_price"];
        self.row.complete(fact, &names);
        self.row.complete(fact, &["trade_id", "signal"]);
        self.row.complete(fact, &OWNER);
    }

    /// The position as `GET /positions` shows it.
    pub(in crate::simulator) fn json(&self) -> Value {
        self.row.only(&SHOWN)
    }

    /// The position as its trade shows it.
    pub(in crate::simulator) fn fat_json(&self) -> Value {
        self.row.json()
    }

    pub(in crate::simulator) fn account(&self) -> Option<&str> {
        self.row.text("account_id")
    }
}

/// All positions.
#[derive(Default)]
pub(super) struct Positions {
    rows: BTreeMap<String, Position>,
    /// Ids by account and broker's id.
    by_broker: BTreeMap<(String, String), String>,
    /// Ids by trade, in the order in which they were heard of.
    by_trade: BTreeMap<String, Vec<String>>,
    /// Those that had no trade when they were first heard of.
    loose: VecDeque<String>,
}

impl Positions {
    /// The open ones, oldest first.
    pub(super) fn open(&self) -> Vec<&Position> {
        let mut open: Vec<&Position> = self.rows.values().filter(|it| it.is_open()).collect();
        open.sort_by_key(|position| position.opened);
        open
    }

    /// Those of a trade, open and closed.
    pub(super) fn of(&self, trade: &str) -> impl Iterator<Item = &Position> {
        let ids = self.by_trade.get(trade).into_iter().flatten();
        ids.filter_map(|id| self.rows.get(id))
    }

    /// Forgets those of a trade.
    pub(super) fn forget(&mut self, trade: &str) {
        for id in self.by_trade.remove(trade).into_iter().flatten() {
            self.remove(&id);
        }
    }

    pub(super) fn fill(&mut self, fact: &Fact) {
        if let Some(position) = self.get_or_open("position_id", fact) {
            let names = ["volume", "stop_loss", "take_profit", "tp_level"];
            position.row.complete(fact, &names);
        }
    }

    pub(super) fn update(&mut self, fact: &Fact) {
        let Some(position) = self.get_or_open("id", fact) else {
            return;
        };
        // Nothing reopens a position, so a late update of a closed one is stale.
        if !position.is_open() {
            return;
        }
        let names = ["current_price", "unrealized_pl", "volume", "status"];
        position.row.take(fact, &names);
        position.row.take(fact, &["stop_loss", "take_profit"]);
        if !position.is_open() {
            position.row.set("closed_at", fact.time.as_str());
        }
    }

    pub(super) fn close(&mut self, fact: &Fact) {
        let Some(position) = self.get_or_open("id", fact) else {
            return;
        };
        let row = &mut position.row;
        row.set("status", "closed");
        row.set("closed_at", fact.time.as_str());
        row.set("unrealized_pl", 0);
        row.take_as("current_price", fact, "close_price");
        row.take(fact, &["volume", "close_price", "realized_pl"]);
        row.take(fact, &["close_reason"]);
    }

    /// Notes the level that a position really reached, which need not be the one it began with.
    pub(super) fn hit(&mut self, fact: &Fact) {
        if let Some(position) = self.get("position_id", fact) {
            position.row.take(fact, &["tp_level"]);
        }
    }

    /// Moves a stop or a target.
    pub(super) fn modify(&mut self, fact: &Fact) {
        if let Some(position) = self.get("position_id", fact) {
            position.row.take(fact, &["stop_loss"]);
            position.row.take_as("stop_loss", fact, "new_stop_loss");
            position.row.take_as("take_profit", fact, "new_take_profit");
        }
    }

    /// The position that an event names, by either id.
    fn get(&mut self, name: &str, fact: &Fact) -> Option<&mut Position> {
        let id = match fact.text(name) {
            Some(id) => id.to_owned(),
            None => self.by_broker.get(&broker_key(fact)?)?.clone(),
        };
        let position = self.rows.get_mut(&id)?;
        let had_trade = position.row.text("trade_id").is_some();
        position.learn(fact);
        if let (false, Some(trade)) = (had_trade, position.row.text("trade_id")) {
            self.by_trade.entry(trade.to_owned()).or_default().push(id);
        }
        Some(position)
    }

    /// The position that an event names, which is opened if it is new and belongs to an account.
    fn get_or_open(&mut self, name: &str, fact: &Fact) -> Option<&mut Position> {
        if let Some(id) = fact.text(name)
            && fact.text("account_id").is_some()
            && !self.rows.contains_key(id)
        {
            self.rows.insert(id.to_owned(), Position::new(id, fact));
            if let Some(key) = broker_key(fact) {
                self.by_broker.insert(key, id.to_owned());
            }
            if fact.text("trade_id").is_none() {
                self.loose.push_back(id.to_owned());
                self.trim();
            }
        }
        self.get(name, fact)
    }

    fn trim(&mut self) {
        while self.loose.len() > LOOSE_MAX {
            let Some(oldest) = self.loose.pop_front() else {
                return;
            };
            let row = self.rows.get(&oldest).map(|position| &position.row);
            if row.is_some_and(|row| row.text("trade_id").is_none()) {
                self.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, id: &str) {
        let Some(position) = self.rows.remove(id) else {
            return;
        };
        let account = position.row.text("account_id");
        let broker = position.row.text("metaapi_position_id");
        if let (Some(account), Some(broker)) = (account, broker) {
            let key = (account.to_owned(), broker.to_owned());
            self.by_broker.remove(&key);
        }
    }
}

/// A broker's id means something inside its account only.
fn broker_key(fact: &Fact) -> Option<(String, String)> {
    let broker = fact.text("metaapi_position_id")?;
    Some((fact.text("account_id")?.to_owned(), broker.to_owned()))
}
