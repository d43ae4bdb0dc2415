//! A trade of one account: its positions, what they earn, and what its events say.
//!
//! Its own file because it knows a price only as a number that it is shown; how prices come about is
//! the signal's. It does not know the other accounts' trades.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::happening::Happening;
use super::market::{Account, Instrument};
use super::number::decimal;
use super::{Ids, LEVELS, uuid};

/// Chance that a stop cannot be moved to the entry.
const BREAKEVEN_FAILS: f64 = 0.04;

/// What the trades of one signal have in common.
pub(super) struct Terms<'a> {
    pub(super) instrument: &'a Instrument,
    /// 1 for a purchase, -1 for a sale.
    pub(super) sign: i64,
    pub(super) stop: i64,
    pub(super) targets: [i64; LEVELS],
    /// Where the second layer waits.
    pub(super) limit: i64,
    pub(super) summary: Value,
}

impl Terms<'_> {
    /// Points from one price to another, in the direction that earns.
    const fn gain(&self, from: i64, to: i64) -> i64 {
        (to - from) * self.sign
    }

    const fn direction(&self) -> &'static str {
        if self.sign > 0 { "buy" } else { "sell" }
    }

    fn price(&self, points: i64) -> Value {
        decimal(points, self.instrument.digits)
    }
}

/// One open position.
struct Position {
    id: String,
    broker_id: String,
    /// The target it waits for, counted from 0.
    level: usize,
    volume: i64,
    entry: i64,
    stop: i64,
    breakeven: bool,
}

/// One trade.
pub(super) struct Trade {
    id: String,
    account: Account,
    volume: i64,
    layer_waits: bool,
    positions: Vec<Position>,
    closed: u32,
    realized: i64,
    hits: [bool; LEVELS],
    finalized: bool,
}

/// An order that the market takes.
struct Order {
    kind: &'static str,
    layer: u32,
    level: usize,
    price: i64,
}

impl Trade {
    /// Opens a trade at the market: one position for each target, and one order that waits.
    pub(super) fn open(
        terms: &Terms<'_>,
        account: &Account,
        price: i64,
        ids: &mut Ids,
        rng: &mut StdRng,
    ) -> (Self, Vec<Happening>) {
        let mut trade = Self {
            id: uuid(rng),
            account: account.clone(),
            volume: rng.random_range(2..=12),
            layer_waits: true,
            positions: Vec::new(),
            closed: 0,
            realized: 0,
            hits: [false; LEVELS],
            finalized: false,
        };
        let mut happened: Vec<Happening> = (0..LEVELS)
            .map(|level| {
                let slip = rng.random_range(0..=8) * terms.sign;
                let order = Order {
                    kind: "market",
                    layer: 1,
                    level,
                    price: price + slip,
                };
                trade.fill(terms, &order, ids, rng)
            })
            .collect();
        happened.push(trade.executed(terms));
        (trade, happened)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.finalized
    }

    /// Open positions.
    pub(super) fn open_count(&self) -> usize {
        self.positions.len()
    }

    /// The stop that is hit last, if anything is open.
    pub(super) fn last_stop(&self, terms: &Terms<'_>) -> Option<i64> {
        let stops = self.positions.iter().map(|position| position.stop);
        stops.min_by_key(|stop| stop * terms.sign)
    }

    /// What the market does to the trade at this price.
    pub(super) fn feel(
        &mut self,
        terms: &Terms<'_>,
        price: i64,
        ids: &mut Ids,
        rng: &mut StdRng,
    ) -> Vec<Happening> {
        let mut happened = Vec::new();
        if self.layer_waits && !self.finalized && terms.gain(terms.limit, price) <= 0 {
            self.layer_waits = false;
            let order = Order {
                kind: "limit",
                layer: 2,
                level: 1,
                price: terms.limit,
            };
            happened.push(self.fill(terms, &order, ids, rng));
        }
        happened.extend(self.reach_stops(terms, price, rng));
        happened.extend(self.reach_targets(terms, price, rng));
        happened.extend(self.finalize(terms));
        happened
    }

    /// Closes what is open by hand.
    pub(super) fn close_by_hand(&mut self, terms: &Terms<'_>, price: i64) -> Vec<Happening> {
        let mut happened: Vec<Happening> = std::mem::take(&mut self.positions)
            .into_iter()
            .map(|position| self.closed(terms, &position, price, "manual"))
            .collect();
        happened.extend(self.finalize(terms));
        happened
    }

    /// A look at one open position.
    pub(super) fn update(&self, terms: &Terms<'_>, turn: usize, price: i64) -> Option<Happening> {
        let position = self.positions.get(turn)?;
        Some(self.tell(terms, "position_update", self.look(terms, position, price)))
    }

    fn fill(
        &mut self,
        terms: &Terms<'_>,
        order: &Order,
        ids: &mut Ids,
        rng: &mut StdRng,
    ) -> Happening {
        let position = Position {
            id: uuid(rng),
            broker_id: ids.broker_id(),
            level: order.level,
            volume: self.volume,
            entry: order.price,
            stop: terms.stop,
            breakeven: false,
        };
        let fields = json!({
            "order_id": uuid(rng),
            "metaapi_order_id": position.broker_id,
            "position_id": position.id,
            "metaapi_position_id": position.broker_id,
            "trade_id": self.id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "order_type": order.kind,
            "layer": order.layer,
            "tp_level": order.level + 1,
            "volume": decimal(position.volume, 2),
            "entry_price": terms.price(order.price),
            "stop_loss": terms.price(terms.stop),
            "take_profit": terms.price(terms.targets[order.level]),
            "status": "filled",
        });
        self.positions.push(position);
        self.tell(terms, "order_fill", fields)
    }

    fn executed(&self, terms: &Terms<'_>) -> Happening {
        let count = self.positions.len() as i64;
        let entries: i64 = self.positions.iter().map(|position| position.entry).sum();
        // The mean of several fills has one digit more than a price.
        let mean = entries * 10 / count.max(1);
        let fields = json!({
            "trade_id": self.id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "status": "active",
            "orders_placed": count + 1,
            "orders_filled": count,
            "volume": decimal(self.volume * count, 2),
            "entry_price": decimal(mean, terms.instrument.digits + 1),
            "stop_loss": terms.price(terms.stop),
            "take_profits": terms.targets.map(|target| terms.price(target)),
        });
        self.tell(terms, "trade_executed", fields)
    }

    fn reach_stops(&mut self, terms: &Terms<'_>, price: i64, rng: &mut StdRng) -> Vec<Happening> {
        let hit = |position: &mut Position| terms.gain(position.stop, price) <= 0;
        let stopped: Vec<Position> = self.positions.extract_if(.., hit).collect();
        let close = |position: Position| {
            let slip = rng.random_range(0..=5) * terms.sign;
            let reason = if position.breakeven {
                "breakeven"
            } else {
                "sl"
            };
            self.closed(terms, &position, position.stop - slip, reason)
        };
        stopped.into_iter().map(close).collect()
    }

    fn reach_targets(&mut self, terms: &Terms<'_>, price: i64, rng: &mut StdRng) -> Vec<Happening> {
        let hit = |position: &mut Position| terms.gain(terms.targets[position.level], price) >= 0;
        let won: Vec<Position> = self.positions.extract_if(.., hit).collect();
        let mut happened = Vec::new();
        let mut first = false;
        for position in won {
            let close = terms.targets[position.level] + rng.random_range(0..=6) * terms.sign;
            happened.push(self.hit(terms, &position, close));
            happened.push(self.closed(terms, &position, close, "tp"));
            let before = std::mem::replace(&mut self.hits[position.level], true);
            first |= position.level == 0 && !before;
        }
        if first {
            happened.extend(self.break_even(terms, rng));
        }
        happened
    }

    fn hit(&self, terms: &Terms<'_>, position: &Position, close: i64) -> Happening {
        let fields = json!({
            "trade_id": self.id,
            "position_id": position.id,
            "metaapi_position_id": position.broker_id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "tp_level": position.level + 1,
            "tp_price": terms.price(terms.targets[position.level]),
            "close_price": terms.price(close),
            "volume": decimal(position.volume, 2),
            "realized_pl": decimal(self.profit(terms, position, close), 2),
        });
        self.tell(terms, "tp_hit", fields)
    }

    fn closed(
        &mut self,
        terms: &Terms<'_>,
        position: &Position,
        close: i64,
        reason: &str,
    ) -> Happening {
        let profit = self.profit(terms, position, close);
        self.realized += profit;
        self.closed += 1;
        let fields = json!({
            "id": position.id,
            "metaapi_position_id": position.broker_id,
            "trade_id": self.id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "volume": decimal(position.volume, 2),
            "entry_price": terms.price(position.entry),
            "close_price": terms.price(close),
            "realized_pl": decimal(profit, 2),
            "close_reason": reason,
            "status": "closed",
        });
        self.tell(terms, "position_closed", fields)
    }

    /// Moves every remaining stop to the entry and two pips, which now and then fails.
    fn break_even(&mut self, terms: &Terms<'_>, rng: &mut StdRng) -> Vec<Happening> {
        let mut happened = Vec::new();
        let mut positions = std::mem::take(&mut self.positions);
        for position in &mut positions {
            let stop = position.entry + 2 * terms.instrument.pip * terms.sign;
            if rng.random_bool(BREAKEVEN_FAILS) {
                let fields = json!({
                    "trade_id": self.id,
                    "metaapi_position_id": position.broker_id,
                    "symbol": terms.instrument.symbol,
                    "direction": terms.direction(),
                    "target_stop_loss": terms.price(stop),
                    "attempts": 5,
                    "error": "Stop level too close to market price",
                });
                happened.push(self.tell(terms, "breakeven_failed", fields));
                continue;
            }
            position.stop = stop;
            position.breakeven = true;
            let fields = json!({
                "position_id": position.id,
                "trade_id": self.id,
                "stop_loss": terms.price(stop),
            });
            let kind = "breakeven_set";
            happened.push(Happening::new(kind, fields, Value::Null, &self.account));
        }
        self.positions = positions;
        happened
    }

    fn finalize(&mut self, terms: &Terms<'_>) -> Option<Happening> {
        if self.finalized || !self.positions.is_empty() {
            return None;
        }
        self.finalized = true;
        let won = self.realized >= 0;
        let hits: Map<String, Value> = (0..6)
            .map(|level| {
                let hit = self.hits.get(level).copied().unwrap_or_default();
                (format!("tp{}", level + 1), hit.into())
            })
            .collect();
        let fields = json!({
            "trade_id": self.id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "status": if won { "closed_profit" } else { "closed_loss" },
            "realized_pl": decimal(self.realized, 2),
            "tp_hits": hits,
            "positions_closed": self.closed,
            "orders_cancelled": u8::from(self.layer_waits),
        });
        Some(self.tell(terms, "trade_finalized", fields))
    }

    fn look(&self, terms: &Terms<'_>, position: &Position, price: i64) -> Value {
        json!({
            "id": position.id,
            "metaapi_position_id": position.broker_id,
            "symbol": terms.instrument.symbol,
            "direction": terms.direction(),
            "volume": decimal(position.volume, 2),
            "entry_price": terms.price(position.entry),
            "current_price": terms.price(price),
            "unrealized_pl": decimal(self.profit(terms, position, price), 2),
            "status": "open",
            "trade_id": self.id,
        })
    }

    fn profit(&self, terms: &Terms<'_>, position: &Position, price: i64) -> i64 {
        let points = terms.gain(position.entry, price);
        let instrument = terms.instrument;
        instrument.profit(points, position.volume, &self.account.currency)
    }

    fn tell(&self, terms: &Terms<'_>, kind: &'static str, fields: Value) -> Happening {
        Happening::new(kind, fields, terms.summary.clone(), &self.account)
    }
}
