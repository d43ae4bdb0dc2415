//! One event as the ledger reads it off the stream.
//!
//! Its own file because here it is decided what counts: a payload without a type or without an object
//! of data says nothing that REST could show.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// What one event says, and when it says it was.
pub(super) struct Fact {
    pub(super) kind: String,
    pub(super) at: Timestamp,
    /// The same moment, spelt as the event spells it.
    pub(super) time: String,
    data: Map<String, Value>,
}

impl Fact {
    /// Reads a payload; `now` stands in for a timestamp that is missing.
    pub(super) fn read(payload: &[u8], now: Timestamp) -> Option<Self> {
        let mut event: Map<String, Value> = serde_json::from_slice(payload).ok()?;
        let (Some(Value::String(kind)), Some(Value::Object(data))) =
            (event.shift_remove("type"), event.shift_remove("data"))
        else {
            return None;
        };
        let told = event.get("timestamp").and_then(Value::as_str);
        let parsed = told.and_then(|text| Some((text.parse().ok()?, text.to_owned())));
        let (at, time) = parsed.unwrap_or_else(|| (now, format!("{now:.3}")));
        Some(Self {
            kind,
            at,
            time,
            data,
        })
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.data.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// The signal that it names.
    pub(super) fn signal(&self) -> Option<&Value> {
        self.value("signal").filter(|signal| signal.is_object())
    }
}
