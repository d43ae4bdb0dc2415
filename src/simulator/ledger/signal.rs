//! One signal, from its message to the end of its last trade.
//!
//! Its own file because the stream seldom tells of a signal by itself: mostly it is known from the
//! trades that follow it, on one account or on several.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::fact::Fact;
use super::row::{OWNER, Row};

const NAMES: [&str; 13] = [
    "id",
    "channel_id",
    "telegram_message_id",
    "symbol",
    "direction",
    "status",
    "entry",
    "stop_loss",
    "take_profits",
    "created_at",
    "account_id",
    "account_label",
    "currency",
];

/// One signal.
pub(in crate::simulator) struct Signal {
    row: Row,
    created: Timestamp,
    accounts: BTreeSet<String>,
    pub(super) trades: BTreeSet<String>,
}

impl Signal {
    pub(super) fn new(id: &str, fact: &Fact) -> Self {
        let mut row = Row::new(&NAMES);
        row.set("id", id);
        row.set("status", "pending");
        row.set("created_at", fact.time.as_str());
        Self {
            row,
            created: fact.at,
            accounts: BTreeSet::new(),
            trades: BTreeSet::new(),
        }
    }

    /// Takes over what the message said.
    pub(super) fn receive(&mut self, fact: &Fact) {
        let names = ["channel_id", "telegram_message_id", "symbol", "direction"];
        self.row.take(fact, &names);
        self.row.take(fact, &["entry", "stop_loss", "take_profits"]);
        if self.trades.is_empty() {
            self.row.take(fact, &["status"]);
        }
        self.learn(fact);
    }

    /// Notes a trade that follows the signal.
    pub(super) fn follow(&mut self, trade: &str, fact: &Fact) {
        self.trades.insert(trade.to_owned());
        self.row.set("status", "processed");
        if let Some(message) = fact.signal().and_then(|it| it.get("telegram_message_id")) {
            self.row.set("telegram_message_id", message.clone());
        }
        let names = ["symbol", "direction", "stop_loss", "take_profits"];
        self.row.complete(fact, &names);
        self.row.complete_as("entry", fact, "entry_price");
        self.learn(fact);
    }

    fn learn(&mut self, fact: &Fact) {
        self.row.complete(fact, &OWNER);
        let account = fact.text("account_id").map(str::to_owned);
        self.accounts.extend(account);
    }

    /// Whether it ended without a trade.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.row.text("status"), Some("skipped" | "failed"))
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

    pub(in crate::simulator) fn belongs_to(&self, account: &str) -> bool {
        let same = |it: &String| it.eq_ignore_ascii_case(account);
        self.accounts.iter().any(same)
    }

    pub(in crate::simulator) fn json(&self) -> Value {
        let mut row = self.row.clone();
        if row.value("take_profits").is_null() {
            row.set("take_profits", Vec::<Value>::new());
        }
        row.json()
    }

    /// With a message as somebody might have written it.
    pub(in crate::simulator) fn fat_json(&self) -> Value {
        let said = |name: &str, otherwise: &str| match self.row.value(name) {
            Value::String(text) => text.to_uppercase(),
            Value::Null => otherwise.to_owned(),
            other => other.to_string(),
        };
        let mut text = format!(
            "🔔 {} {} @ {}\nSL {}",
            said("symbol", "?"),
            said("direction", "?"),
            said("entry", "market"),
            said("stop_loss", "none"),
        );
        let targets = self.row.value("take_profits").as_array();
        for (target, number) in targets.into_iter().flatten().zip(1..) {
            if !target.is_null() {
                text.push_str(&format!("\nTP{number} {target}"));
            }
        }
        let mut fat = self.json();
        fat["text"] = text.into();
        fat
    }
}
