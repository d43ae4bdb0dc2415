//! How much the picture remembers, and what goes when it is full.
//!
//! A file of its own because what comes from outside has a limit, and this is where all of them are.

use jiff::Timestamp;

use super::record::Trade;
use super::{Picture, WHOLE};

/// Trades that are remembered at most.
pub(super) const TRADES_MAX: usize = 2_000;

/// Positions without a trade that are remembered at most: a flood of them must cost no trade its past.
pub(super) const SINGLES_MAX: usize = 500;

/// Finished trades that are remembered: the late copies and overlapping reads that they are needed
/// for come within days.
pub(super) const FINISHED_KEPT: usize = 500;

impl Picture {
    /// Notes that an entry is finished or, rarely, open again.
    pub(super) fn recount(&mut self, was_open: bool, key: &str) {
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

    pub(super) fn make_room(&mut self) {
        if self.singles >= SINGLES_MAX {
            self.drop_oldest(|trade| trade.id.is_none(), SINGLES_MAX / 10);
        }
        if self.trades.len() - self.singles.min(self.trades.len()) >= TRADES_MAX {
            if !std::mem::replace(&mut self.is_crowded, true) {
                tracing::warn!(source = %self.source, "more trades than can be remembered; the oldest go; said once");
            }
            self.drop_oldest(|trade| trade.id.is_some(), TRADES_MAX / 10);
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
        for (touched, key) in oldest.into_iter().take(count) {
            self.remove(&key);
            if key.starts_with("t:") {
                self.forgotten = self.forgotten.max(Some(touched));
                self.changed.insert(WHOLE.to_owned());
            }
        }
    }
}
