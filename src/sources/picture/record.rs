//! What is remembered of one trade: its ids, a few of its members, and who has told each thing that
//! happened to it.
//!
//! A file of its own because this is what stands on disk, so its shape outlives a release. It draws no
//! conclusions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read::Members;

/// Positions of one trade that are remembered; the product has 36 at most.
const POSITIONS_MAX: usize = 200;

/// Ends of one trade that are remembered.
pub(super) const ENDS_MAX: usize = 8;

/// Who has told that something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub(super) enum Told {
    /// Nobody: as far as is known it has not happened.
    #[default]
    No,
    /// It had happened before anybody listened, so nobody needs to hear of it.
    Before,
    /// The stream.
    Stream,
    /// The REST API, so that a copy that the stream still brings is a repetition.
    Backfill,
}

impl From<Told> for u8 {
    fn from(told: Told) -> Self {
        match told {
            Told::No => 0,
            Told::Before => 1,
            Told::Stream => 2,
            Told::Backfill => 3,
        }
    }
}

impl From<u8> for Told {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::No,
            2 => Self::Stream,
            3 => Self::Backfill,
            _ => Self::Before,
        }
    }
}

/// One trade, or one position that belongs to none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Trade {
    /// Its id; a position that was opened by hand has no trade.
    pub(super) id: Option<String>,
    /// Since when it has been known here.
    pub(super) since: Timestamp,
    /// When something last happened to it, by any account.
    pub(super) touched: Timestamp,
    /// Whether all that happened before was told or is known to be old, so that what is new is new.
    #[serde(default)]
    pub(super) followed: bool,
    /// Whether it has reached a state that is final.
    #[serde(default)]
    pub(super) finished: bool,
    /// When its status was told; an older one does not replace it.
    #[serde(default)]
    pub(super) status_time: Option<Timestamp>,
    #[serde(default)]
    pub(super) members: Members,
    #[serde(default)]
    pub(super) executed: Told,
    /// Targets that were hit, by level.
    #[serde(default)]
    pub(super) levels: BTreeMap<u32, Level>,
    /// Final states, by their word.
    #[serde(default)]
    pub(super) ends: BTreeMap<String, Told>,
    #[serde(default)]
    pub(super) positions: Vec<Position>,
}

/// One target that was hit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Level {
    pub(super) told: Told,
    /// Whether it was told without a position, so that any position may have been meant.
    #[serde(default)]
    pub(super) anonymous: bool,
    /// Until when copies of what REST told can have come about.
    #[serde(default)]
    pub(super) until: Option<Timestamp>,
}

/// One position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Its database id.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// Its id at the broker.
    #[serde(default)]
    pub(super) broker: Option<String>,
    /// Since when it has been known here.
    pub(super) since: Timestamp,
    #[serde(default)]
    pub(super) members: Members,
    /// Whether it was shown, by either account, as one that belongs to no trade.
    #[serde(default)]
    pub(super) single: bool,
    #[serde(default)]
    pub(super) fill: Told,
    #[serde(default)]
    pub(super) hit: Told,
    #[serde(default)]
    pub(super) breakeven: Told,
    #[serde(default)]
    pub(super) closed: Told,
}

/// The two ids of a position, of which either may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) id: Option<String>,
    pub(super) broker: Option<String>,
}

impl Ids {
    pub(super) const fn is_empty(&self) -> bool {
        self.id.is_none() && self.broker.is_none()
    }

    /// The one that names the position best.
    pub(super) fn best(&self) -> Option<&str> {
        self.id.as_deref().or(self.broker.as_deref())
    }
}

impl Trade {
    pub(super) fn new(id: Option<String>, now: Timestamp) -> Self {
        Self {
            id,
            since: now,
            touched: now,
            ..Self::default()
        }
    }

    /// Whether something may still happen to it, or has happened and was not told. A position without
    /// a trade counts only if it was shown as one: else it is a bare id, whose trade is not known yet.
    pub(super) fn is_open(&self) -> bool {
        let is_whole = self.id.is_some();
        let may_go_on = is_whole && !self.finished;
        may_go_on
            || self
                .positions
                .iter()
                .any(|position| position.is_open() && (is_whole || position.single))
    }

    /// Whether it was active when it was last heard of.
    pub(super) fn is_active(&self) -> bool {
        self.members.get("status").and_then(Value::as_str) == Some("active")
    }

    /// The place of the position with one of these ids, if it is known.
    pub(super) fn find(&self, ids: &Ids) -> Option<usize> {
        self.positions.iter().position(|position| position.is(ids))
    }

    /// The position with these ids, added if it is not known. `None` when there are too many. Where one
    /// was known by its database id and one by the broker's, they turn out to be the same.
    pub(super) fn position(&mut self, ids: &Ids, now: Timestamp) -> Option<&mut Position> {
        let place = match self.find(ids) {
            Some(place) => {
                self.unite(place, ids);
                place
            }
            None if ids.is_empty() || self.positions.len() >= POSITIONS_MAX => return None,
            None => {
                self.positions.push(Position {
                    since: now,
                    ..Position::default()
                });
                self.positions.len() - 1
            }
        };
        let position = self.positions.get_mut(place)?;
        position.id = position.id.take().or_else(|| ids.id.clone());
        position.broker = position.broker.take().or_else(|| ids.broker.clone());
        Some(position)
    }

    /// Makes one of two records of the same position.
    pub(super) fn unite(&mut self, place: usize, ids: &Ids) {
        let others = self.positions.iter().enumerate().skip(place + 1);
        let is_same = |position: &Position| position.is(ids);
        let Some(other) = others
            .filter(|(_, it)| is_same(it))
            .map(|(at, _)| at)
            .next()
        else {
            return;
        };
        let other = self.positions.remove(other);
        let position = &mut self.positions[place];
        position.id = position.id.take().or(other.id);
        position.broker = position.broker.take().or(other.broker);
        position.since = position.since.min(other.since);
        position.single |= other.single;
        for (key, value) in other.members {
            position.members.entry(key).or_insert(value);
        }
        for (told, more) in [
            (&mut position.fill, other.fill),
            (&mut position.hit, other.hit),
            (&mut position.breakeven, other.breakeven),
            (&mut position.closed, other.closed),
        ] {
            *told = (*told).max(more);
        }
    }

    /// Who has told that it ended in this state.
    pub(super) fn end(&self, status: &str) -> Told {
        self.ends.get(status).copied().unwrap_or_default()
    }

    /// Notes who has told that it ended in this state.
    pub(super) fn set_end(&mut self, status: &str, told: Told) {
        if self.ends.len() < ENDS_MAX || self.ends.contains_key(status) {
            self.ends.insert(status.to_owned(), told);
        }
    }

    /// The members with the trade's id in front.
    pub(super) fn shown(&self) -> Option<Members> {
        let id = self.id.as_deref()?;
        let mut shown = Members::new();
        shown.insert("id".to_owned(), id.into());
        shown.insert("trade_id".to_owned(), id.into());
        shown.extend(self.members.clone());
        Some(shown)
    }
}

impl Position {
    pub(super) fn is_open(&self) -> bool {
        self.closed == Told::No
    }

    /// Whether it is the one with these ids. The database id decides where both have one.
    pub(super) fn is(&self, ids: &Ids) -> bool {
        match (&self.id, &ids.id) {
            (Some(own), Some(id)) => own == id,
            _ => self.broker.is_some() && self.broker == ids.broker,
        }
    }

    pub(super) fn ids(&self) -> Ids {
        Ids {
            id: self.id.clone(),
            broker: self.broker.clone(),
        }
    }

    /// The members with the ids in front.
    pub(super) fn shown(&self, trade: Option<&str>) -> Members {
        let mut shown = Members::new();
        for (key, id) in [
            ("id", &self.id),
            ("position_id", &self.id),
            ("metaapi_position_id", &self.broker),
        ] {
            if let Some(id) = id {
                shown.insert(key.to_owned(), id.as_str().into());
            }
        }
        if let Some(trade) = trade {
            shown.insert("trade_id".to_owned(), trade.into());
        }
        shown.extend(self.members.clone());
        shown
    }
}
