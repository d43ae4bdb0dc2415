//! One thing that happens in the world, and its text on the stream.
//!
//! Its own file because the id is not the world's: the stream counts, and gives the number when the
//! event goes out.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::market::Account;

/// One event that has no id yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// The event type.
    pub kind: &'static str,
    /// The account it belongs to.
    pub account: Arc<str>,
    /// What it says.
    pub data: Map<String, Value>,
}

impl Happening {
    /// An event of an account: the fields of its type, then those that every event ends with.
    pub(super) fn new(kind: &'static str, fields: Value, signal: Value, account: &Account) -> Self {
        Self {
            kind,
            account: account.id.as_str().into(),
            data: owned(fields, signal, account),
        }
    }

    /// The payload on the stream.
    #[must_use]
    pub fn payload(&self, id: u64, now: Timestamp) -> Bytes {
        envelope(self.kind, id, now, &self.data)
    }
}

/// An event as it stands on the stream.
pub(in crate::simulator) fn envelope(
    kind: &str,
    id: u64,
    now: Timestamp,
    data: &Map<String, Value>,
) -> Bytes {
    let envelope = Envelope {
        kind,
        id,
        timestamp: format!("{now:.3}"),
        data,
    };
    let text = serde_json::to_vec(&envelope);
    text.expect("a map with text for keys is always JSON")
        .into()
}

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "eventId")]
    id: u64,
    timestamp: String,
    data: &'a Map<String, Value>,
}

/// Fields of something that an account owns, with the signal and the account behind them.
pub(in crate::simulator) fn owned(
    fields: Value,
    signal: Value,
    account: &Account,
) -> Map<String, Value> {
    let mut data = match fields {
        Value::Object(fields) => fields,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    data.insert("signal".to_owned(), signal);
    data.insert("account_id".to_owned(), account.id.as_str().into());
    data.insert("account_label".to_owned(), account.label.as_str().into());
    data.insert("currency".to_owned(), account.currency.as_str().into());
    data
}
