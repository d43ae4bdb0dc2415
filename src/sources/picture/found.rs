//! Something that REST shows to have happened, on its way to become an event of the stream's shape.
//!
//! A file of its own because rules, templates and receivers must not have to know by which way an event
//! came. What REST does not tell is left out and named; nothing is made up.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::read::{self, Members};
use super::record::{Position, Trade};
use crate::model::{DataAt, Event, Identity, Name};
use crate::sources::decode::fingerprint;

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// An order became a position.
    Fill,
    /// A trade was placed.
    Executed,
    /// A target was reached.
    Hit(u32),
    /// A position left the market.
    Closed,
    /// A stop was moved to where nothing can be lost.
    Breakeven,
    /// A trade is over.
    Finalized,
}

/// Something that happened and that nobody has told.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    kind: Kind,
    /// What makes it the same happening however often it is found.
    subject: Vec<String>,
    /// When it happened, where REST tells.
    time: Option<Timestamp>,
    /// When it happened at the latest.
    latest: Timestamp,
    data: Members,
    position: Option<String>,
    about: Option<Bytes>,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Fill => "order_fill",
            Self::Executed => "trade_executed",
            Self::Hit(_) => "tp_hit",
            Self::Closed => "position_closed",
            Self::Breakeven => "breakeven_set",
            Self::Finalized => "trade_finalized",
        }
    }

    /// Members of the event beside ids and owner, in the stream's order.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Fill => &[
                "symbol",
                "direction",
                "order_type",
                "layer",
                "tp_level",
                "volume",
                "entry_price",
                "stop_loss",
                "take_profit",
            ],
            Self::Executed => &[
                "symbol",
                "direction",
                "status",
                "orders_placed",
                "orders_filled",
                "volume",
                "entry_price",
                "stop_loss",
                "take_profits",
            ],
            Self::Hit(_) => &[
                "symbol",
                "direction",
                "close_price",
                "volume",
                "realized_pl",
            ],
            Self::Closed => &[
                "symbol",
                "direction",
                "volume",
                "entry_price",
                "close_price",
                "realized_pl",
                "close_reason",
            ],
            Self::Breakeven => &["symbol", "stop_loss"],
            Self::Finalized => &[
                "symbol",
                "direction",
                "status",
                "realized_pl",
                "tp_hits",
                "error_code",
            ],
        }
    }

    /// Members without which the event says less than the stream's would.
    const fn wanted(self) -> &'static [&'static str] {
        match self {
            Self::Fill => &["entry_price", "volume"],
            Self::Executed => &["symbol"],
            Self::Hit(_) => &["position_id", "close_price", "realized_pl"],
            Self::Closed => &["close_price", "realized_pl", "close_reason"],
            Self::Breakeven => &["stop_loss"],
            Self::Finalized => &["status"],
        }
    }
}

impl Found {
    /// Something that happened to a trade as a whole.
    pub(super) fn of_trade(
        kind: Kind,
        trade: &Trade,
        shown: &Members,
        time: Option<Timestamp>,
    ) -> Self {
        let id = trade.id.clone().unwrap_or_default();
        let mut data = Members::new();
        data.insert("trade_id".to_owned(), id.as_str().into());
        let mut subject = vec![id];
        match kind {
            Kind::Hit(level) => {
                data.extend(named(shown, &["symbol", "direction"]));
                data.extend(hit(level, shown, shown));
                subject.push(level.to_string());
            }
            _ => data.extend(named(shown, kind.members())),
        }
        if kind == Kind::Executed {
            // As it was then, whatever has become of it.
            data.insert("status".to_owned(), "active".into());
        }
        if kind == Kind::Finalized {
            subject.extend(read::word(shown, &["status"]));
        }
        data.extend(owner(&[shown, &trade.members]));
        Self::new(kind, subject, time, data)
    }

    /// Something that happened to one position.
    pub(super) fn of_position(
        kind: Kind,
        trade: Option<&str>,
        position: &Position,
        row: &Members,
        time: Option<Timestamp>,
    ) -> Self {
        let mut data = Members::new();
        // The stream calls a position's id by its own name only where the event is the position.
        let own = match kind {
            Kind::Closed => "id",
            _ => "position_id",
        };
        let ids = position.ids();
        for (key, id) in [(own, &ids.id), ("metaapi_position_id", &ids.broker)] {
            data.extend(id.as_deref().map(|id| (key.to_owned(), id.into())));
        }
        data.insert("trade_id".to_owned(), trade.into());
        let members: &[&Members] = &[row, &position.members];
        for key in kind.members() {
            let value = members.iter().find_map(|from| read::get(from, &[key]));
            data.extend(value.map(|value| ((*key).to_owned(), value.clone())));
        }
        match kind {
            Kind::Hit(level) => data.extend(hit(level, row, row)),
            Kind::Fill => data.extend([("status".to_owned(), "filled".into())]),
            Kind::Closed => data.extend([("status".to_owned(), "closed".into())]),
            _ => {}
        }
        data.extend(owner(members));
        let name = ids.best().unwrap_or_default().to_owned();
        let mut subject = vec![trade.unwrap_or_default().to_owned(), name];
        if let Kind::Hit(level) = kind {
            subject.push(level.to_string());
        }
        let mut found = Self::new(kind, subject, time, data);
        found.position = ids.best().map(str::to_owned);
        found
    }

    fn new(kind: Kind, subject: Vec<String>, time: Option<Timestamp>, data: Members) -> Self {
        Self {
            kind,
            subject,
            time,
            latest: time.unwrap_or(Timestamp::MAX),
            data,
            position: None,
            about: None,
        }
    }

    /// The same, knowing that it happened by this moment.
    pub(super) fn by(mut self, latest: Timestamp) -> Self {
        self.latest = self.time.unwrap_or(latest);
        self
    }

    /// The end of a trade with a count of the positions that it closed.
    pub(super) fn counting(mut self, positions: Option<&[&Members]>) -> Self {
        if let Some(rows) = positions {
            let closed = rows.iter().filter(|row| read::is_closed(row));
            let count = closed.count();
            self.data
                .insert("positions_closed".to_owned(), count.into());
        }
        self
    }

    /// Adds what is known of its trade and position.
    pub(super) fn about(&mut self, trade: &Trade) {
        let ids = trade
            .positions
            .iter()
            .map(Position::ids)
            .find(|ids| ids.best() == self.position.as_deref());
        self.about = trade.about(&ids.unwrap_or_default());
    }

    /// Its place among things that were found together.
    pub(super) fn order(&self) -> (Timestamp, Kind) {
        (self.latest, self.kind)
    }

    /// When it happened at the latest, for putting findings of several trades in order.
    #[must_use]
    pub const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// The event type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The event: of the stream's type and shape, with its time where that is known, marked as
    /// backfilled, and with the same identity whenever it is found.
    #[must_use]
    pub fn event(self, source: &Name, received: Timestamp) -> Event {
        let partial = self.partial();
        let mut head = Members::new();
        head.insert("type".to_owned(), self.kind().into());
        if let Some(time) = self.time {
            head.insert("timestamp".to_owned(), format!("{time:.3}").into());
        }
        head.insert("backfilled".to_owned(), true.into());
        if !partial.is_empty() {
            head.insert("partial".to_owned(), partial.clone().into());
        }
        let mut payload = Value::Object(head).to_string();
        payload.pop();
        payload.push_str(",\"data\":");
        let start = payload.len();
        payload.push_str(&Value::Object(self.data).to_string());
        let end = payload.len();
        payload.push('}');
        let mut parts = vec!["backfill", self.kind.name()];
        parts.extend(self.subject.iter().map(String::as_str));
        Event {
            source: source.clone(),
            id: None,
            kind: Arc::from(self.kind.name()),
            time: self.time,
            received,
            backfilled: true,
            identity: Some(Identity(fingerprint(&parts))),
            payload: Bytes::from(payload),
            data: DataAt::Json { start, end },
            about: with_partial(self.about, partial),
        }
    }

    /// What the stream would have said and REST does not.
    fn partial(&self) -> Vec<&'static str> {
        let timeless = self.time.is_none().then_some("timestamp");
        let is_missing = |key: &&&str| !self.data.contains_key(**key);
        let missing = self.kind.wanted().iter().filter(is_missing).copied();
        timeless.into_iter().chain(missing).collect()
    }
}

fn named<'a>(
    from: &'a Members,
    keys: &'a [&'static str],
) -> impl Iterator<Item = (String, Value)> + 'a {
    keys.iter()
        .filter_map(|key| Some(((*key).to_owned(), from.get(*key)?.clone())))
}

/// The level and its price.
fn hit(level: u32, prices: &Members, trade: &Members) -> Vec<(String, Value)> {
    let place = usize::try_from(level).unwrap_or_default().wrapping_sub(1);
    let targets = trade.get("take_profits").and_then(Value::as_array);
    let price = targets
        .and_then(|targets| targets.get(place))
        .or_else(|| read::get(prices, &["take_profit"]))
        .filter(|price| !price.is_null());
    let mut members = vec![("tp_level".to_owned(), Value::from(level))];
    members.extend(price.map(|price| ("tp_price".to_owned(), price.clone())));
    members
}

/// Who owns it; the signal is null rather than missing, as on the stream.
fn owner(from: &[&Members]) -> Members {
    let mut members = Members::new();
    for key in read::OWNER {
        let value = from.iter().find_map(|from| read::told(from, key));
        if value.is_some() || *key == "signal" {
            members.insert((*key).to_owned(), value.unwrap_or_default());
        }
    }
    members
}

fn with_partial(about: Option<Bytes>, partial: Vec<&'static str>) -> Option<Bytes> {
    if partial.is_empty() {
        return about;
    }
    let mut members: Members = about
        .and_then(|about| serde_json::from_slice(&about).ok())
        .unwrap_or_default();
    members.insert("partial".to_owned(), partial.into());
    Some(Value::Object(members).to_string().into())
}
