//! One signal: the way its price takes, leg by leg, and the trades that follow it on each account.
//!
//! Its own file because a price here is not a free walk: each leg has an end that is reached after a
//! known number of looks, so that every trade comes to an end and a demo rings when it should. The
//! walk between is random.

use std::collections::VecDeque;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::happening::Happening;
use super::market::{Account, INSTRUMENTS, Instrument};
use super::trade::{Terms, Trade};
use super::{Ids, LEVELS, Pace, uuid};

/// One stretch of the price's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// Against the trade, far enough for the second layer to fill.
    Pullback,
    /// To a target, counted from 0.
    Target(usize),
    /// To the last stop of any open position.
    Stop,
    /// A little back, where somebody closes everything by hand.
    ByHand,
}

/// A signal that is being traded.
pub(super) struct Signal {
    /// Its place in the list of instruments.
    pub(super) instrument: usize,
    sign: i64,
    entry: i64,
    summary: Value,
    /// Points from the entry to the price, in the direction that earns.
    offset: i64,
    legs: VecDeque<Leg>,
    leg: Leg,
    from: i64,
    goal: i64,
    looks_left: u32,
    turn: usize,
    trades: Vec<Trade>,
}

impl Signal {
    /// A signal at this price, traded on every account.
    pub(super) fn open(
        instrument: usize,
        price: i64,
        accounts: &[Account],
        ids: &mut Ids,
        rng: &mut StdRng,
    ) -> (Self, Vec<Happening>) {
        let mut signal = Self {
            instrument,
            sign: if rng.random_bool(0.5) { 1 } else { -1 },
            entry: price,
            summary: json!({
                "signal_id": uuid(rng),
                "telegram_message_id": ids.message_id(rng),
            }),
            offset: 0,
            legs: way(rng),
            leg: Leg::ByHand,
            from: 0,
            goal: 0,
            looks_left: 0,
            turn: 0,
            trades: Vec::new(),
        };
        let mut happened = Vec::new();
        let terms = signal.terms();
        let mut trades = Vec::new();
        for account in accounts {
            let (trade, opening) = Trade::open(&terms, account, price, ids, rng);
            trades.push(trade);
            happened.extend(opening);
        }
        signal.trades = trades;
        (signal, happened)
    }

    /// Brings the price close to the first target, which is then `looks` away, and all of them are hit.
    pub(super) fn warm(&mut self, looks: u32) {
        self.legs = (1..LEVELS).map(Leg::Target).collect();
        self.offset = INSTRUMENTS[self.instrument].target * 7 / 10;
        self.begin(Leg::Target(0), looks);
    }

    pub(super) fn is_over(&self) -> bool {
        self.trades.iter().all(Trade::is_over)
    }

    pub(super) const fn price(&self) -> i64 {
        self.entry + self.offset * self.sign
    }

    /// Moves the price once and tells what came of it; at least an update while anything is open.
    pub(super) fn step(&mut self, pace: Pace, ids: &mut Ids, rng: &mut StdRng) -> Vec<Happening> {
        if self.looks_left == 0 {
            let next = self.legs.pop_front().unwrap_or(Leg::ByHand);
            self.begin(next, rng.random_range(pace.looks()));
        }
        self.walk(rng);
        let mut trades = std::mem::take(&mut self.trades);
        let happened = self.shake(&mut trades, ids, rng);
        self.trades = trades;
        if happened.is_empty() {
            return self.look().into_iter().collect();
        }
        happened
    }

    fn shake(&self, trades: &mut [Trade], ids: &mut Ids, rng: &mut StdRng) -> Vec<Happening> {
        let (terms, price) = (self.terms(), self.price());
        let by_hand = self.leg == Leg::ByHand && self.looks_left == 0;
        let mut happened = Vec::new();
        for trade in trades {
            happened.extend(trade.feel(&terms, price, ids, rng));
            if by_hand {
                happened.extend(trade.close_by_hand(&terms, price));
            }
        }
        happened
    }

    /// An update of the open position whose turn it is.
    fn look(&mut self) -> Option<Happening> {
        let open: usize = self.trades.iter().map(Trade::open_count).sum();
        let mut turn = self.turn % open.max(1);
        self.turn = turn + 1;
        for trade in &self.trades {
            if turn < trade.open_count() {
                return trade.update(&self.terms(), turn, self.price());
            }
            turn -= trade.open_count();
        }
        None
    }

    fn begin(&mut self, leg: Leg, looks: u32) {
        self.leg = leg;
        self.from = self.offset;
        self.goal = self.goal_of(leg);
        self.looks_left = looks;
    }

    fn goal_of(&self, leg: Leg) -> i64 {
        let instrument = self.traded();
        match leg {
            Leg::Pullback => -instrument.stop * 45 / 100,
            Leg::Target(level) => target_offset(instrument, level),
            Leg::Stop => {
                let terms = self.terms();
                let stops = self
                    .trades
                    .iter()
                    .filter_map(|trade| trade.last_stop(&terms));
                let offsets = stops.map(|stop| (stop - self.entry) * self.sign);
                offsets.min().unwrap_or(self.offset)
            }
            Leg::ByHand => self.offset - instrument.target / 4,
        }
    }

    /// One look closer to the goal. Until the last look the price stays between the leg's ends, so
    /// that nothing is hit before its time but the stops and orders that lie on the way.
    fn walk(&mut self, rng: &mut StdRng) {
        self.looks_left = self.looks_left.saturating_sub(1);
        if self.looks_left == 0 {
            self.offset = self.goal;
            return;
        }
        let step = (self.goal - self.offset) / (i64::from(self.looks_left) + 1);
        let swing = step.abs() + 1;
        let next = self.offset + step + rng.random_range(-swing..=swing);
        let (low, high) = (self.from.min(self.goal) + 1, self.from.max(self.goal) - 1);
        if low <= high {
            self.offset = next.clamp(low, high);
        }
    }

    fn traded(&self) -> &'static Instrument {
        &INSTRUMENTS[self.instrument]
    }

    fn terms(&self) -> Terms<'static> {
        let instrument = self.traded();
        let at = |offset: i64| self.entry + offset * self.sign;
        Terms {
            instrument,
            sign: self.sign,
            stop: at(-instrument.stop),
            targets: std::array::from_fn(|level| at(target_offset(instrument, level))),
            limit: at(-instrument.stop * 40 / 100),
            summary: self.summary.clone(),
        }
    }
}

const fn target_offset(instrument: &Instrument, level: usize) -> i64 {
    instrument.target * (level as i64 + 1)
}

/// The way a price will take: mostly to one target or more, sometimes straight to the stop.
fn way(rng: &mut StdRng) -> VecDeque<Leg> {
    let mut legs = VecDeque::new();
    if rng.random_bool(0.4) {
        legs.push_back(Leg::Pullback);
    }
    let targets = match rng.random_range(0..10) {
        0..2 => 0,
        2..5 => 1,
        5..7 => 2,
        _ => LEVELS,
    };
    legs.extend((0..targets).map(Leg::Target));
    let by_hand = targets > 0 && rng.random_bool(0.2);
    legs.push_back(if by_hand { Leg::ByHand } else { Leg::Stop });
    legs
}
