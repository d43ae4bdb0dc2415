//! What the stream told, as REST shows it: signals, trades with their orders, positions.
//!
//! A room of its own because it is pure: payloads in, objects out, with no clock and no socket. REST
//! answers from it alone, so that it can never say other than the stream did, whether a world, a script
//! or a fault spoke. It does not know who asks, and makes nothing happen.

mod fact;
mod position;
mod row;
mod signal;
#[cfg(test)]
mod tests;
mod trade;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use fact::Fact;
pub(super) use position::Position;
use position::Positions;
pub(super) use signal::Signal;
pub(super) use trade::Trade;

/// Trades that are kept, and signals; the oldest of those that are over go first.
const KEPT_MAX: usize = 5_000;

/// Everything that was told.
#[derive(Default)]
pub(super) struct Ledger {
    signals: BTreeMap<String, Signal>,
    trades: BTreeMap<String, Trade>,
    positions: Positions,
}

/// What of a trade's surroundings is shown in full with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) signal: bool,
    pub(super) positions: bool,
    pub(super) orders: bool,
}

impl Include {
    pub(super) const ALL: Self = Self {
        signal: true,
        positions: true,
        orders: true,
    };
}

impl Ledger {
    /// Takes in one payload of the stream; `now` stands in for a timestamp that it lacks. What is
    /// unknown, of no account, or without the ids it needs changes nothing.
    pub(super) fn fold(&mut self, payload: &[u8], now: Timestamp) {
        let Some(fact) = Fact::read(payload, now) else {
            return;
        };
        match fact.kind.as_str() {
            "signal_received" => self.receive(&fact),
            "trade_executed" => self.write(&fact, Trade::execute),
            "order_fill" => {
                self.write(&fact, Trade::fill);
                self.positions.fill(&fact);
            }
            "order_cancelled" => self.write(&fact, Trade::cancel),
            "tp_hit" => {
                self.write(&fact, Trade::hit);
                self.positions.hit(&fact);
            }
            "trade_finalized" => self.write(&fact, Trade::finalize),
            "position_update" => {
                self.write(&fact, |_, _| {});
                self.positions.update(&fact);
            }
            "position_closed" => {
                self.write(&fact, |_, _| {});
                self.positions.close(&fact);
            }
            "breakeven_set" | "stop_loss_modified" | "take_profit_modified" => {
                self.write(&fact, |_, _| {});
                self.positions.modify(&fact);
            }
            _ => {}
        }
    }

    pub(super) fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.trades.values()
    }

    pub(super) fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.signals.values()
    }

    pub(super) fn trade(&self, id: &str) -> Option<&Trade> {
        self.trades.get(id)
    }

    pub(super) fn signal(&self, id: &str) -> Option<&Signal> {
        self.signals.get(id)
    }

    /// The signal that a trade follows, while it is kept.
    pub(super) fn signal_of(&self, trade: &Trade) -> Option<&Signal> {
        self.signal(trade.signal_id()?)
    }

    /// The positions of a trade, open and closed.
    pub(super) fn positions_of(&self, trade: &str) -> Vec<Value> {
        self.positions.of(trade).map(Position::fat_json).collect()
    }

    /// The open positions of all accounts, oldest first.
    pub(super) fn open_positions(&self) -> Vec<&Position> {
        self.positions.open()
    }

    /// A trade with as much around it as is wanted.
    pub(super) fn show(&self, trade: &Trade, include: Include) -> Value {
        let mut shown = trade.json();
        if let (true, Some(signal)) = (include.signal, self.signal_of(trade)) {
            shown["signal"] = signal.json();
        }
        if include.positions {
            shown["positions"] = self.positions_of(trade.id()).into();
        }
        if include.orders {
            shown["orders"] = trade.orders().into();
        }
        shown
    }

    /// Whether nothing more will come of a signal.
    pub(super) fn is_over(&self, signal: &Signal) -> bool {
        let is_over = |id: &String| self.trades.get(id).is_none_or(Trade::is_terminal);
        signal.is_refused() || !signal.trades.is_empty() && signal.trades.iter().all(is_over)
    }

    fn receive(&mut self, fact: &Fact) {
        let (Some(id), Some(_)) = (fact.text("signal_id"), fact.text("account_id")) else {
            return;
        };
        self.signal_or_new(id, fact).receive(fact);
        self.trim();
    }

    /// Writes into the trade that an event names; one that is new begins with it.
    fn write(&mut self, fact: &Fact, write: impl FnOnce(&mut Trade, &Fact)) {
        let (Some(id), Some(_)) = (fact.text("trade_id"), fact.text("account_id")) else {
            return;
        };
        let new = || Trade::new(id, fact);
        let trade = self.trades.entry(id.to_owned()).or_insert_with(new);
        trade.learn(fact);
        write(trade, fact);
        if let Some(signal) = fact.signal().and_then(|it| it.get("signal_id")?.as_str()) {
            self.signal_or_new(signal, fact).follow(id, fact);
        }
        self.trim();
    }

    fn signal_or_new(&mut self, id: &str, fact: &Fact) -> &mut Signal {
        let new = || Signal::new(id, fact);
        self.signals.entry(id.to_owned()).or_insert_with(new)
    }

    fn trim(&mut self) {
        if self.trades.len() > KEPT_MAX {
            let over = self.trades.iter().filter(|(_, trade)| trade.is_terminal());
            let oldest = over.min_by_key(|(id, trade)| (trade.created(), *id));
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.trades.remove(&id);
                self.positions.forget(&id);
            }
        }
        if self.signals.len() > KEPT_MAX {
            let over = self.signals.iter().filter(|(_, it)| self.is_over(it));
            let oldest = over.min_by_key(|(id, signal)| (signal.created(), *id));
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.signals.remove(&id);
            }
        }
    }
}
