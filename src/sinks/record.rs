//! An event as one JSON object, for receivers that are told everything in one piece.
//!
//! A file of its own because several kinds send it, and its keys are what people's programs read. The
//! data stands in it as it came, digit for digit.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Message;
use crate::model;

/// The data of an event as it stands in the payload, or as text. What is half a character is replaced.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum RawData<'a> {
    Json(&'a RawValue),
    Mended(Box<RawValue>),
    Text(String),
}

impl<'a> RawData<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        // Half a character in it would cost the receiver all of it: many parsers are strict.
        let read = match model::mended(bytes) {
            Cow::Borrowed(bytes) => serde_json::from_slice(bytes).map(Self::Json),
            Cow::Owned(bytes) => serde_json::from_slice(&bytes).map(Self::Mended),
        };
        read.unwrap_or_else(|_| Self::Text(String::from_utf8_lossy(bytes).into_owned()))
    }
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a str>,
    webhook_id: &'a str,
    source: &'a str,
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    backfilled: bool,
    title: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<RawData<'a>>,
}

/// The object for a delivery. `event_type` is for Home Assistant, which wants the type under that name.
pub(super) fn bytes(message: &Message<'_>, event_type: Option<&str>) -> Bytes {
    let event = message.event;
    let record = Record {
        event_type,
        webhook_id: message.id.as_str(),
        source: event.source.as_str(),
        id: event.id.as_deref(),
        kind: &event.kind,
        time: event.time.unwrap_or(event.received).to_string(),
        backfilled: event.backfilled,
        title: &message.wording.title,
        message: message.wording.details(),
        data: event.data_bytes().map(RawData::of),
    };
    Bytes::from(serde_json::to_vec(&record).expect("text and numbers have a JSON form"))
}
