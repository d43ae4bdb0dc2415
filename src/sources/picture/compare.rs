//! What REST tells: a trade as it is now is held against what has been told of it, and what nobody has
//! told comes out.
//!
//! A file of its own because REST is the record: whatever it proves has happened, whether the stream
//! got through or not. What it proves without a time is told without one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::found::{Found, Kind};
use super::hear::is_final;
use super::read::{self, Members};
use super::record::{Ids, Level, Position, Told, Trade};
use super::{Picture, trade_key};

/// A happening may be written down with a time a little before the stream told of it, so what lies this
/// short before the gap is looked at, too. What was told is known, and not told again.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);

/// For a trade that nobody followed there is nothing to know what was told, so only the coarseness of
/// its times is allowed for.
const COARSE: SignedDuration = SignedDuration::from_secs(1);

/// Members that say when a trade was opened, and when something last happened to it.
const BORN: &[&str] = &["created_at", "executed_at", "opened_at", "open_time"];
const OVER: &[&str] = &["closed_at", "finalized_at", "close_time", "updated_at"];
/// Members that say when a position was opened.
const OPENED: &[&str] = &["opened_at", "open_time", "filled_at", "created_at"];

/// Since when things that nobody told count as missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Never: this is the first look, and nobody needs to hear of the past.
    Now,
    /// Since this moment, by the upstream's clock.
    Moment(Timestamp),
    /// Nobody knows: only what happened to trades that have been followed.
    Unknown,
}

/// One reading of REST.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// When the request left: what was heard later is newer than the answer.
    pub begun: Timestamp,
    /// When the answer was there.
    pub at: Timestamp,
    /// Since when things count as missed.
    pub since: Since,
}

/// How a trade is held against what is known of it.
struct Judge {
    since: Since,
    /// Whether what is untold and without a time counts as missed.
    is_fresh: bool,
}

impl Picture {
    /// Takes in a trade as REST shows it, with its positions where they are known; answers what nobody
    /// has told, in the order in which it happened.
    pub fn see_trade(
        &mut self,
        trade: &Value,
        positions: Option<&[Value]>,
        reading: &Reading,
    ) -> Vec<Found> {
        let Some(shown) = trade.as_object() else {
            return Vec::new();
        };
        let Some(id) = read::id(shown, &["id", "trade_id"]) else {
            return Vec::new();
        };
        let embedded = read::get(shown, &["positions"]).and_then(Value::as_array);
        let positions: Option<Vec<&Members>> = positions
            .or(embedded.map(Vec::as_slice))
            .map(|rows| rows.iter().filter_map(Value::as_object).collect());
        for ids in positions.iter().flatten().map(|row| ids(row)) {
            if !ids.is_empty() {
                self.settle(Some(&id), &ids);
            }
        }
        let complete = self.complete;
        let key = trade_key(&id);
        let known = self.trades.get(&key);
        let was_open = known.is_none_or(Trade::is_open);
        let before = known.cloned();
        let entry = self.entry(&key, Some(&id), reading.at);
        let judge = Judge::new(reading.since, before.as_ref(), shown, complete);
        let mut found = entry.see(shown, positions.as_deref(), reading, &judge);
        if before.as_ref() != Some(entry) {
            self.touch(&key, reading.at);
            self.recount(was_open, &key);
        }
        found.sort_by_key(|found| found.order());
        found
    }
}

impl Judge {
    /// For a trade that may have been known. One that was not is new when it began since; where nothing
    /// tells when it began, it is new if everything that was open is known.
    fn new(since: Since, known: Option<&Trade>, shown: &Members, complete: bool) -> Self {
        let is_followed = complete && known.is_some_and(|trade| trade.followed);
        let is_fresh = match since {
            Since::Now => false,
            Since::Unknown => is_followed,
            Since::Moment(since) => {
                let overlap = if complete { OVERLAP } else { COARSE };
                let born = read::time(shown, BORN);
                is_followed || born.map_or(complete, |born| born >= since - overlap)
            }
        };
        Self { since, is_fresh }
    }

    /// Who has told a fact from now on: `Backfill` when it was missed. Of a trade that is followed, all
    /// that nobody has told was missed, however long ago.
    fn rule(&self, told: Told, time: Option<Timestamp>) -> Told {
        if told != Told::No {
            return told;
        }
        let is_missed = match (self.since, time) {
            (Since::Now, _) => false,
            (Since::Moment(since), Some(time)) => self.is_fresh || time >= since - COARSE,
            (Since::Moment(_) | Since::Unknown, _) => self.is_fresh,
        };
        if is_missed {
            Told::Backfill
        } else {
            Told::Before
        }
    }

    /// Whether something happened when the stream was surely there.
    fn is_before(&self, time: Option<Timestamp>) -> bool {
        match (self.since, time) {
            (Since::Moment(since), Some(time)) => time < since - OVERLAP,
            _ => false,
        }
    }

    /// Settles a fact; answers whether it was missed.
    fn settle(&self, told: &mut Told, time: Option<Timestamp>) -> bool {
        let was = *told;
        *told = self.rule(was, time);
        was == Told::No && *told == Told::Backfill
    }
}

impl Trade {
    fn see(
        &mut self,
        shown: &Members,
        positions: Option<&[&Members]>,
        reading: &Reading,
        judge: &Judge,
    ) -> Vec<Found> {
        let born = read::time(shown, BORN);
        let over = read::time(shown, OVER);
        self.followed = true;
        self.see_status(shown, over, reading);
        let mut found = Vec::new();
        if self.was_placed(shown, positions) && judge.settle(&mut self.executed, born) {
            found.push(Found::of_trade(Kind::Executed, self, shown, born));
        }
        let mut levels = std::mem::take(&mut self.levels);
        for row in positions.unwrap_or_default() {
            self.see_position(row, shown, &mut levels, judge, reading, &mut found);
        }
        self.levels = levels;
        self.see_flags(shown, over, judge, reading, &mut found);
        if let Some(status) = self.end_shown(shown) {
            let mut told = self.end(&status);
            let is_missed = judge.settle(&mut told, over);
            self.set_end(&status, told);
            if is_missed {
                let end = Found::of_trade(Kind::Finalized, self, shown, over);
                found.push(end.counting(positions));
            }
        }
        if let Some(rows) = positions.filter(|_| self.finished) {
            self.close_the_unlisted(rows);
        }
        for one in &mut found {
            one.about(self);
        }
        found
    }

    fn see_status(&mut self, shown: &Members, over: Option<Timestamp>, reading: &Reading) {
        // An answer without a time is as old as its request: the stream may have told more since.
        let time = over.unwrap_or(reading.begun);
        if self.status_time.is_none_or(|known| known <= time) || !self.finished {
            self.status_time = self.status_time.max(over);
            read::keep(shown, read::TRADE, &mut self.members);
            self.finished |= self
                .end_shown(shown)
                .is_some_and(|end| end != "needs_recovery");
        }
    }

    /// The state in which a trade is over, as far as the stream would tell it.
    fn end_shown(&self, shown: &Members) -> Option<String> {
        let status = read::status(shown)?;
        let is_over = read::get(shown, &["closed_at", "finalized_at"]).is_some();
        let is_end = is_final(&status) || status == "needs_recovery";
        (is_end || (is_over && status != "active")).then_some(status)
    }

    /// Whether orders were placed: a trade may wait, fail or be cancelled before that.
    fn was_placed(&self, shown: &Members, positions: Option<&[&Members]>) -> bool {
        let status = read::status(shown).unwrap_or_else(|| "active".to_owned());
        let is_past = status.starts_with("closed") || status == "needs_recovery";
        let filled = read::number(shown, &["orders_filled"]).is_some_and(|count| count > 0.0);
        let has_positions = positions.is_some_and(|rows| !rows.is_empty());
        status == "active" || is_past || filled || has_positions
    }

    fn see_position(
        &mut self,
        row: &Members,
        trade: &Members,
        levels: &mut BTreeMap<u32, Level>,
        judge: &Judge,
        reading: &Reading,
        found: &mut Vec<Found>,
    ) {
        let id = self.id.clone();
        let Some(position) = self.position(&ids(row), reading.at) else {
            return;
        };
        read::keep(row, read::POSITION, &mut position.members);
        let (opened, closed) = (read::time(row, OPENED), read::time(row, read::CLOSED));
        let mut tell = |kind, position: &Position, time| {
            let one = Found::of_position(kind, id.as_deref(), position, row, time);
            found.push(one.by(closed.unwrap_or(reading.at)));
        };
        if judge.settle(&mut position.fill, opened) {
            tell(Kind::Fill, position, opened);
        }
        if is_at_breakeven(row) && judge.settle(&mut position.breakeven, None) {
            tell(Kind::Breakeven, position, None);
        }
        if !read::is_closed(row) {
            return;
        }
        if let Some(number) = target(row, trade).filter(|_| ended_by(row, &["tp", "take_profit"])) {
            let level = levels.entry(number).or_default();
            // A close that the stream told well before the gap, and without a hit, shows that it tells
            // one hit for a level, as does a hit that named no position.
            let is_old = position.closed == Told::Stream && judge.is_before(closed);
            let is_told_as_one = level.told >= Told::Stream && (level.anonymous || is_old);
            if is_told_as_one && position.hit == Told::No {
                position.hit = Told::Before;
            } else if judge.settle(&mut position.hit, closed) {
                tell(Kind::Hit(number), position, closed);
            }
            if level.told == Told::No {
                level.told = position.hit;
                level.until = Some(reading.at);
            }
        }
        if judge.settle(&mut position.closed, closed) {
            tell(Kind::Closed, position, closed);
        }
    }

    /// Targets that the trade says were hit, without any position that shows it.
    fn see_flags(
        &mut self,
        shown: &Members,
        over: Option<Timestamp>,
        judge: &Judge,
        reading: &Reading,
        found: &mut Vec<Found>,
    ) {
        let flags = read::get(shown, &["tp_hits"]).and_then(Value::as_object);
        for number in flags.into_iter().flatten().filter_map(flag) {
            let level = self.levels.entry(number).or_default();
            if judge.settle(&mut level.told, None) {
                level.anonymous = true;
                level.until = Some(reading.at);
                let one = Found::of_trade(Kind::Hit(number), self, shown, None);
                found.push(one.by(over.unwrap_or(reading.at)));
            }
        }
    }

    /// A trade that is over has no position open that it does not list.
    fn close_the_unlisted(&mut self, rows: &[&Members]) {
        let listed: Vec<Ids> = rows.iter().map(|row| ids(row)).collect();
        for position in self.positions.iter_mut().filter(|it| it.is_open()) {
            if !listed.iter().any(|ids| position.is(ids)) {
                position.closed = Told::Before;
            }
        }
    }
}

/// The ids of a position as REST shows it.
pub(super) fn ids(row: &Members) -> Ids {
    Ids {
        id: read::id(row, &["id", "position_id"]),
        broker: read::id(row, &["metaapi_position_id"]),
    }
}

/// Whether the reason of a close is one of these, in whatever words around it.
fn ended_by(row: &Members, words: &[&str]) -> bool {
    let reason = read::word(row, &["close_reason", "reason"]);
    reason.is_some_and(|reason| {
        let reason = reason.to_lowercase().replace([' ', '-'], "_");
        words
            .iter()
            .any(|word| reason == *word || reason.starts_with(&format!("{word}_")))
    })
}

/// The level that a position waited for, by its own word or by its price among the trade's targets.
fn target(row: &Members, trade: &Members) -> Option<u32> {
    read::level(row).or_else(|| {
        let price = read::number(row, &["take_profit"])?;
        let targets = read::get(trade, &["take_profits"])?.as_array()?;
        let same = |target: &Value| target.as_f64().is_some_and(|target| target == price);
        let place = targets.iter().position(same)?;
        u32::try_from(place + 1).ok()
    })
}

/// Whether the stop is where the position cannot lose any more, or was when it closed.
fn is_at_breakeven(row: &Members) -> bool {
    if ended_by(row, &["breakeven", "be"]) {
        return true;
    }
    let (stop, entry) = (
        read::number(row, &["stop_loss"]),
        read::number(row, &["entry_price"]),
    );
    let (Some(stop), Some(entry)) = (stop, entry) else {
        return false;
    };
    match read::word(row, &["direction"]).map(|word| word.to_lowercase()) {
        Some(word) if matches!(word.as_str(), "buy" | "long") => stop >= entry,
        Some(word) if matches!(word.as_str(), "sell" | "short") => stop <= entry,
        _ => false,
    }
}

/// The level of a flag that is set: `tp1`, `tp1_hit`, `1` are all the first.
fn flag((key, hit): (&String, &Value)) -> Option<u32> {
    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let number = digits.parse().ok().filter(|number| read::is_level(*number));
    number.filter(|_| hit.as_bool() == Some(true))
}
