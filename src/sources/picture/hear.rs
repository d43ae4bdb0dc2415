//! What the stream tells: each event leaves its fact in the picture, and gets the names of what it is
//! about.
//!
//! A file of its own because the stream is one of two accounts of the same happenings. It never holds
//! an event back; it only says that one repeats what REST had told before.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::read::{self, Members};
use super::record::{Ids, Told, Trade};
use super::{Picture, trade_key};
use crate::model::{Event, json_value};

/// How far the clocks here and upstream may be apart where only time tells a copy from a new event.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What the picture made of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// REST had told the same happening before, so nobody has to hear it again.
    pub copy: bool,
    /// What is known of the trade and position that it is about, as a JSON object.
    pub about: Option<Bytes>,
}

/// What has to be read for an event to have names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookUp {
    /// The trade, if the event names one.
    pub trade: Option<String>,
    /// The position, by whichever id the event has.
    pub position: String,
}

/// The ids in an event's data.
struct Subject {
    trade: Option<String>,
    ids: Ids,
}

impl Picture {
    /// Takes in an event of the stream.
    pub fn hear(&mut self, event: &Event) -> Heard {
        let Some(data) = event.data_bytes() else {
            return Heard::default();
        };
        if &*event.kind == "position_update" && self.is_old_news(data) {
            return Heard::default();
        }
        let Some(Value::Object(data)) = json_value(data) else {
            return Heard::default();
        };
        self.note_account(&data);
        let subject = subject(&event.kind, &data);
        let Some(key) = self.settle(subject.trade.as_deref(), &subject.ids) else {
            return Heard::default();
        };
        let now = event.received;
        let known = self.trades.get(&key);
        let was_open = known.is_none_or(Trade::is_open);
        let before = known.cloned();
        let trade = self.entry(&key, subject.trade.as_deref(), now);
        let copy = trade.hear(event, &data, &subject.ids);
        let changed = before.as_ref() != Some(trade);
        let about = (&*event.kind != "position_update").then(|| trade.about(&subject.ids));
        if changed {
            self.touch(&key, now);
            self.recount(was_open, &key);
        }
        Heard {
            copy,
            about: about.flatten(),
        }
    }

    /// What would have to be read for an event to have names: one that says no symbol and is about a
    /// position that is not known.
    #[must_use]
    pub fn look_up(&self, event: &Event) -> Option<LookUp> {
        // Every other type is documented to carry what it is about.
        if !event.kind.starts_with("breakeven_") {
            return None;
        }
        let Some(Value::Object(data)) = json_value(event.data_bytes()?) else {
            return None;
        };
        let subject = subject(&event.kind, &data);
        let trade = subject.trade.as_deref().map(trade_key);
        let is_named = read::get(&data, &["symbol"]).is_some()
            || self
                .place(&subject.ids)
                .is_some_and(|key| self.is_named(key))
            || trade.is_some_and(|key| self.is_named(&key));
        (!is_named).then_some(LookUp {
            trade: subject.trade,
            position: subject.ids.best()?.to_owned(),
        })
    }

    fn is_named(&self, key: &str) -> bool {
        let trade = self.trades.get(key);
        trade.is_some_and(|trade| {
            let positions = trade.positions.iter().map(|position| &position.members);
            let mut all = std::iter::once(&trade.members).chain(positions);
            all.any(|members| members.contains_key("symbol"))
        })
    }

    /// Whether an update is about a position that is known as it is. Updates are most of the stream,
    /// so this reads no more than it must.
    fn is_old_news(&self, data: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Update<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
            #[serde(borrow)]
            metaapi_position_id: Cow<'a, str>,
            #[serde(borrow, default)]
            trade_id: Option<Cow<'a, str>>,
        }
        let Ok(update) = serde_json::from_slice::<Update<'_>>(data) else {
            return false;
        };
        // Known by both its ids, and where it is said to be.
        let place = |mark: &str, id: &str| self.index.get(&format!("{mark}:{id}"));
        let Some(key) = place("i", &update.id) else {
            return false;
        };
        let trade = key.strip_prefix("t:");
        place("b", &update.metaapi_position_id) == Some(key)
            && match update.trade_id {
                Some(told) => trade == Some(&*told),
                None => trade.is_some() || self.trades.get(key).is_some_and(Trade::is_open),
            }
    }
}

impl Trade {
    /// Takes in an event about it; answers whether it repeats what REST told.
    fn hear(&mut self, event: &Event, data: &Members, ids: &Ids) -> bool {
        let kind = &*event.kind;
        let now = event.received;
        let is_about_trade = matches!(kind, "trade_executed" | "trade_finalized");
        if is_about_trade {
            self.hear_status(event.time, data);
        } else if self.id.is_some() {
            // The trade's own prices and volume are not those of its positions.
            read::keep(data, &["symbol", "direction"], &mut self.members);
            read::keep(data, read::OWNER, &mut self.members);
        }
        let is_single = self.id.is_none() && kind == "position_update";
        if !is_about_trade && let Some(position) = self.position(ids, now) {
            read::keep(data, read::POSITION, &mut position.members);
            position.single |= is_single;
        }
        match kind {
            "trade_executed" => {
                self.followed = true;
                tell(&mut self.executed)
            }
            "trade_finalized" => self.hear_end(data),
            "tp_hit" => self.hear_hit(event.time, data, ids),
            "order_fill" => self.position(ids, now).is_some_and(|it| tell(&mut it.fill)),
            "breakeven_set" => {
                let position = self.position(ids, now);
                position.is_some_and(|it| tell(&mut it.breakeven))
            }
            "position_closed" => self
                .position(ids, now)
                .is_some_and(|it| tell(&mut it.closed)),
            _ => false,
        }
    }

    /// Takes in members and state, unless a newer account is there already.
    fn hear_status(&mut self, time: Option<Timestamp>, data: &Members) {
        if time.is_some() && time < self.status_time {
            return;
        }
        self.status_time = time.or(self.status_time);
        read::keep(data, read::TRADE, &mut self.members);
        if let Some(status) = read::status(data) {
            self.finished = is_final(&status);
        }
    }

    fn hear_end(&mut self, data: &Members) -> bool {
        let Some(status) = read::status(data) else {
            // It ended somehow, and REST may have told how.
            return self.ends.values().any(|told| *told == Told::Backfill);
        };
        let mut told = self.end(&status);
        let copy = tell(&mut told);
        self.set_end(&status, told);
        copy
    }

    fn hear_hit(&mut self, time: Option<Timestamp>, data: &Members, ids: &Ids) -> bool {
        let place = self.find(ids);
        let position = place.and_then(|place| self.positions.get_mut(place));
        let is_anonymous = position.is_none();
        let mut copy = position.is_some_and(|it| tell(&mut it.hit));
        let Some(number) = read::level(data) else {
            return copy;
        };
        let level = self.levels.entry(number).or_default();
        if level.told == Told::Backfill && (level.anonymous || is_anonymous) {
            let until = level.until.unwrap_or(Timestamp::MAX);
            copy |= time.is_none_or(|time| time.duration_since(until) <= SKEW);
        }
        if level.told < Told::Stream {
            level.told = Told::Stream;
            level.anonymous = is_anonymous;
        }
        copy
    }

    /// What is known of it and of one of its positions.
    pub(super) fn about(&self, ids: &Ids) -> Option<Bytes> {
        let mut about = Members::new();
        if let Some(trade) = self.shown() {
            about.insert("trade".to_owned(), trade.into());
        }
        if let Some(position) = self.find(ids).and_then(|place| self.positions.get(place)) {
            let shown = position.shown(self.id.as_deref());
            about.insert("position".to_owned(), shown.into());
        }
        (!about.is_empty()).then(|| Value::Object(about).to_string().into())
    }
}

/// Notes that the stream told a fact; answers whether REST had told it before.
fn tell(told: &mut Told) -> bool {
    if *told < Told::Stream {
        *told = Told::Stream;
    }
    *told == Told::Backfill
}

/// Whether a trade's state is one that it does not leave.
pub(super) fn is_final(status: &str) -> bool {
    status.starts_with("closed") || status == "failed"
}

fn subject(kind: &str, data: &Members) -> Subject {
    let is_position = matches!(kind, "position_update" | "position_closed");
    let id = match is_position {
        true => read::id(data, &["id", "position_id"]),
        false => read::id(data, &["position_id"]),
    };
    Subject {
        trade: read::id(data, &["trade_id"]),
        ids: Ids {
            id,
            broker: read::id(data, &["metaapi_position_id"]),
        },
    }
}
