//! One thing that happens in the world, and its text on the stream.
//!
//! Its own file because the id is not the world's: the stream counts, and gives the number when the
//! event goes out.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
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
    let mut envelope = Map::new();
    envelope.insert("type".to_owned(), kind.into());
    envelope.insert("eventId".to_owned(), id.into());
    envelope.insert("timestamp".to_owned(), format!("{now:.3}").into());
    envelope.insert("data".to_owned(), Value::Object(data.clone()));
    Value::Object(envelope).to_string().into()
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
