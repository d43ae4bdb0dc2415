//! One thing that happened, as an upstream told it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Name, json_value, mended};

/// The pseudo-source of events about bellwire itself.
pub const INTERNAL_SOURCE: &str = "bellwire";

/// One event: what the upstream said, byte for byte, and what bellwire read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it came from.
    pub source: Name,
    /// The upstream's own id, if it gave one. Not unique for ever: a restarted server counts anew.
    pub id: Option<Arc<str>>,
    /// The event type that rules match, called `type` on every outside surface.
    pub kind: Arc<str>,
    /// When it happened, by the upstream's clock.
    pub time: Option<Timestamp>,
    /// When it arrived here.
    pub received: Timestamp,
    /// Whether it was fetched after a gap instead of heard live.
    pub backfilled: bool,
    /// What recognises a replay of this event; `None` for an event that can never be one.
    pub identity: Option<Identity>,
    /// The payload as it was received, never trimmed, re-parsed or re-encoded.
    pub payload: Bytes,
    /// Where in the payload stands what rules see as `data`.
    pub data: DataAt,
    /// What is known of it beside its payload, as a JSON object: the `trade` and the `position` that it
    /// is about, and `partial`, the parts that a backfilled event could not be given.
    pub about: Option<Bytes>,
}

/// The part of a payload that rules and templates see as `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataAt {
    /// Nowhere: the event has no data.
    Missing,
    /// One JSON value at these byte offsets of the payload.
    Json {
        /// Offset of its first byte.
        start: usize,
        /// Offset behind its last byte.
        end: usize,
    },
    /// The payload is no JSON; the whole of it is a string.
    Text,
}

/// Members of `data` that name what an event is about, and that are filled in where it leaves them out.
const NAMING: [&str; 8] = [
    "symbol",
    "direction",
    "trade_id",
    "position_id",
    "metaapi_position_id",
    "account_id",
    "account_label",
    "currency",
];

/// A fingerprint: two events of one source with the same one are the same event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity(pub Vec<u8>);

impl Event {
    /// The moment that ages are counted from: when it happened, unless that is unknown or in the
    /// future, then when it arrived.
    #[must_use]
    pub fn age_from(&self) -> Timestamp {
        match self.time {
            Some(time) if time <= self.received => time,
            _ => self.received,
        }
    }

    /// Whether this is an event about bellwire itself.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.source.as_str() == INTERNAL_SOURCE
    }

    /// The bytes of `data`, if there are any.
    #[must_use]
    pub fn data_bytes(&self) -> Option<&[u8]> {
        match self.data {
            DataAt::Missing => None,
            DataAt::Json { start, end } => self.payload.get(start..end),
            DataAt::Text => Some(&self.payload),
        }
    }

    /// `data` as a JSON value: `None` when it is missing or too much to be read ([`json_value`]), a string when the
    /// payload is no JSON.
    #[must_use]
    pub fn data_json(&self) -> Option<Value> {
        let bytes = self.data_bytes()?;
        match self.data {
            DataAt::Json { .. } => json_value(&mended(bytes)),
            DataAt::Text | DataAt::Missing => {
                Some(Value::String(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
    }

    /// What is known beside the payload; empty for most events.
    #[must_use]
    pub fn about_json(&self) -> Map<String, Value> {
        let about = self.about.as_deref();
        about
            .and_then(|about| serde_json::from_slice(about).ok())
            .unwrap_or_default()
    }

    /// `data` as people and rules see it: where it does not name its trade, symbol or account, the
    /// names are those of the position or trade that it is about. The payload stays as it is. `None` where
    /// there is nothing, and where it is too much to be read.
    #[must_use]
    pub fn data_named(&self) -> Option<Value> {
        let data = self.data_json();
        if self.about.is_none() {
            return data;
        }
        if data.is_none() && self.data_bytes().is_some() {
            return None;
        }
        let about = self.about_json();
        if !["position", "trade"]
            .iter()
            .any(|object| about.contains_key(*object))
        {
            return data;
        }
        let mut members = match data {
            Some(Value::Object(members)) => members,
            None | Some(Value::Null) => Map::new(),
            other => return other,
        };
        for key in NAMING {
            if members.get(key).is_some_and(|value| !value.is_null()) {
                continue;
            }
            let known = ["position", "trade"]
                .into_iter()
                .filter_map(|object| about.get(object)?.get(key))
                .find(|value| !value.is_null());
            if let Some(known) = known {
                members.insert(key.to_owned(), known.clone());
            }
        }
        Some(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(payload: &'static str, data: DataAt) -> Event {
        Event {
            source: Name::new("feed").expect("a name"),
            id: None,
            kind: "message".into(),
            time: None,
            received: Timestamp::from_second(1_000).expect("in range"),
            backfilled: false,
            identity: None,
            payload: Bytes::from_static(payload.as_bytes()),
            data,
            about: None,
        }
    }

    #[test]
    fn data_is_the_part_of_the_payload_that_the_source_pointed_at() {
        let whole = r#"{"type":"x","data":{"price":1.10}}"#;
        let inside = event(whole, DataAt::Json { start: 19, end: 33 });
        assert_eq!(inside.data_bytes(), Some(br#"{"price":1.10}"#.as_slice()));
        assert_eq!(
            inside.data_json().map(|value| value.to_string()),
            Some(r#"{"price":1.10}"#.to_owned()),
            "a number keeps its digits"
        );
        assert_eq!(event(whole, DataAt::Missing).data_json(), None);
        assert_eq!(
            event("not json", DataAt::Text).data_json(),
            Some(Value::String("not json".to_owned()))
        );
    }

    #[test]
    fn res_11_names_that_an_event_leaves_out_are_those_of_what_it_is_about() {
        let whole = r#"{"data":{"position_id":"p","currency":null,"account_id":"a"}}"#;
        let end = whole.len() - 1;
        let mut subject = event(whole, DataAt::Json { start: 8, end });
        let bare = subject.data_json();
        assert_eq!(subject.data_named(), bare, "nothing is known");
        subject.about = Some(Bytes::from_static(
            br#"{"position":{"symbol":"XAUUSD","account_id":"b","volume":1.10},"trade":{"symbol":"no","currency":"USD"}}"#,
        ));
        let named = subject.data_named().expect("data");
        assert_eq!(named["symbol"], "XAUUSD");
        assert_eq!(named["currency"], "USD", "null is left out, too");
        assert_eq!(named["account_id"], "a", "what it says itself stays");
        assert_eq!(named.get("volume"), None, "only names");
        assert_eq!(subject.data_json(), bare);
        subject.data = DataAt::Missing;
        assert_eq!(subject.data_named().expect("data")["symbol"], "XAUUSD");
    }

    #[test]
    fn age_counts_from_arrival_where_the_time_is_missing_or_in_the_future() {
        let mut subject = event("{}", DataAt::Missing);
        assert_eq!(subject.age_from(), subject.received);
        subject.time = Timestamp::from_second(900).ok();
        assert_eq!(subject.age_from().as_second(), 900);
        subject.time = Timestamp::from_second(2_000).ok();
        assert_eq!(subject.age_from(), subject.received);
    }
}
