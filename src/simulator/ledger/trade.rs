//! One trade with its orders.
//!
//! Its own file because a trade's record is written by many events and closed by one, which may come
//! twice.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fact::Fact;
use super::row::{OWNER, Row};

/// Targets that a trade can have.
const LEVELS: u64 = 6;

const NAMES: [&str; 20] = [
    "id",
    "symbol",
    "direction",
    "status",
    "volume",
    "entry_price",
    "stop_loss",
    "take_profits",
    "tp_hits",
    "realized_pl",
    "orders_placed",
    "orders_filled",
    "error_code",
    "created_at",
    "updated_at",
    "closed_at",
    "signal",
    "account_id",
    "account_label",
    "currency",
];

const ORDER_NAMES: [&str; 19] = [
    "id",
    "metaapi_order_id",
    "trade_id",
    "position_id",
    "symbol",
    "direction",
    "order_type",
    "layer",
    "tp_level",
    "volume",
    "price",
    "stop_loss",
    "take_profit",
    "status",
    "created_at",
    "filled_at",
    "account_id",
    "account_label",
    "currency",
];

/// One trade.
pub(in crate::simulator) struct Trade {
    row: Row,
    created: Timestamp,
    updated: Timestamp,
    hits: [bool; LEVELS as usize],
    orders: Vec<Row>,
}

impl Trade {
    pub(super) fn new(id: &str, fact: &Fact) -> Self {
        let mut row = Row::new(&NAMES);
        row.set("id", id);
        row.set("status", "active");
        row.set("take_profits", Vec::<Value>::new());
        row.set("orders_placed", 0);
        row.set("orders_filled", 0);
        row.set("created_at", fact.time.as_str());
        row.set("updated_at", fact.time.as_str());
        let mut trade = Self {
            row,
            created: fact.at,
            updated: fact.at,
            hits: [false; LEVELS as usize],
            orders: Vec::new(),
        };
        trade.show_hits();
        trade
    }

    /// Takes over what any event that names the trade may add.
    pub(super) fn learn(&mut self, fact: &Fact) {
        self.row.complete(fact, &["symbol", "direction"]);
        self.row.complete(fact, &OWNER);
        if let Some(signal) = fact.signal()
            && self.row.value("signal").is_null()
        {
            self.row.set("signal", signal.clone());
        }
    }

    pub(super) fn execute(&mut self, fact: &Fact) {
        self.touch(fact);
        let names = ["volume", "entry_price", "stop_loss", "take_profits"];
        self.row.take(fact, &names);
        self.row.take(fact, &["orders_placed", "orders_filled"]);
        self.count_orders();
    }

    pub(super) fn fill(&mut self, fact: &Fact) {
        self.touch(fact);
        let names = ["volume", "entry_price", "stop_loss"];
        self.row.complete(fact, &names);
        if let Some(order) = self.order(fact) {
            order.take_as("price", fact, "entry_price");
            order.set("status", "filled");
            order.set("filled_at", fact.time.as_str());
        }
        self.count_orders();
    }

    pub(super) fn cancel(&mut self, fact: &Fact) {
        self.touch(fact);
        if let Some(order) = self.order(fact) {
            order.set("status", "cancelled");
            order.set("filled_at", Value::Null);
        }
        self.count_orders();
    }

    pub(super) fn hit(&mut self, fact: &Fact) {
        self.touch(fact);
        let level = fact.value("tp_level").and_then(Value::as_u64);
        if let Some(level @ 1..=LEVELS) = level {
            self.hits[level as usize - 1] = true;
            self.show_hits();
        }
    }

    /// Closes the record; the later of two ends counts.
    pub(super) fn finalize(&mut self, fact: &Fact) {
        self.touch(fact);
        self.row.take(fact, &["status", "realized_pl"]);
        self.row.take(fact, &["error_code"]);
        let closed = self.is_terminal().then(|| fact.time.as_str().into());
        self.row.set("closed_at", closed.unwrap_or(Value::Null));
        for (index, hit) in self.hits.iter_mut().enumerate() {
            let told = fact.value("tp_hits").and_then(|it| it.get(name(index)));
            *hit |= told == Some(&Value::Bool(true));
        }
        self.show_hits();
    }

    pub(in crate::simulator) fn is_terminal(&self) -> bool {
        let status = self.row.text("status").unwrap_or_default();
        status.starts_with("closed_") || status == "failed"
    }

    pub(in crate::simulator) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    pub(in crate::simulator) const fn created(&self) -> Timestamp {
        self.created
    }

    pub(in crate::simulator) fn text(&self, name: &str) -> Option<&str> {
        self.row.text(name)
    }

    pub(in crate::simulator) fn signal_id(&self) -> Option<&str> {
        self.row.value("signal").get("signal_id")?.as_str()
    }

    pub(in crate::simulator) fn json(&self) -> Value {
        self.row.json()
    }

    pub(in crate::simulator) fn orders(&self) -> Vec<Value> {
        self.orders.iter().map(Row::json).collect()
    }

    /// The order that an event names, which is noted if it is new.
    fn order(&mut self, fact: &Fact) -> Option<&mut Row> {
        let id = fact.text("order_id")?;
        let known = self.orders.iter().position(|it| it.text("id") == Some(id));
        let index = known.unwrap_or_else(|| {
            let mut order = Row::new(&ORDER_NAMES);
            order.set("id", id);
            order.set("created_at", fact.time.as_str());
            self.orders.push(order);
            self.orders.len() - 1
        });
        let order = self.orders.get_mut(index)?;
        order.take(fact, &ORDER_NAMES[1..10]);
        order.take(fact, &["stop_loss", "take_profit"]);
        order.take(fact, &OWNER);
        Some(order)
    }

    /// At least as many orders as are known; more may have been told.
    fn count_orders(&mut self) {
        let filled = |order: &&Row| order.text("status") == Some("filled");
        let filled = self.orders.iter().filter(filled).count();
        let counts = [
            ("orders_placed", self.orders.len()),
            ("orders_filled", filled),
        ];
        for (name, count) in counts {
            let told = self.row.value(name).as_u64().unwrap_or(0);
            if told < count as u64 {
                self.row.set(name, count);
            }
        }
    }

    fn show_hits(&mut self) {
        let hits = self.hits.iter().enumerate();
        let shown: Map<String, Value> = hits
            .map(|(index, hit)| (name(index), (*hit).into()))
            .collect();
        self.row.set("tp_hits", shown);
    }

    fn touch(&mut self, fact: &Fact) {
        if fact.at >= self.updated {
            self.updated = fact.at;
            self.row.set("updated_at", fact.time.as_str());
        }
    }
}

fn name(index: usize) -> String {
    format!("tp{}", index + 1)
}
