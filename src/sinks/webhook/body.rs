//! What stands in a webhook's body.
//!
//! A file of its own because the choice is the receiver's: some hash raw bytes, some hash what they
//! parsed and printed again, some know CloudEvents, some want a shape of their own. None of these
//! bodies depends on the attempt, so all attempts of a delivery carry the same bytes, unless a template
//! tells how long ago something was.

use bytes::Bytes;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::super::Message;
use super::super::record::RawData;
use super::super::slot::Filled;
use super::canonical;
use crate::model::{DataAt, Event};

/// The option whose template makes a body.
pub(super) const SLOT: &str = "body";

/// Which body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// The upstream's bytes.
    Event,
    /// The same JSON, printed as JavaScript prints it, with the delivery's id in it.
    Canonical,
    /// A CloudEvent in structured mode.
    CloudEvents,
    /// What a template made.
    Template,
}

/// <https://github.com/cloudevents/spec>, version 1.0.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstreamid: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    backfilled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<RawData<'a>>,
}

impl Body {
    /// The bytes for a delivery.
    pub(super) fn bytes(self, message: &Message<'_>) -> Bytes {
        match (self, message.wording.filled.get(SLOT)) {
            (Self::Event, _) => message.event.payload.clone(),
            (Self::Canonical, _) => canonical::bytes(&message.event.payload, message.id.as_str()),
            (Self::CloudEvents, _) => cloud_event(message),
            (Self::Template, Some(rendered)) => Bytes::from(rendered.clone()),
            (Self::Template, None) => built_in(message),
        }
    }

    /// Whether title and message stand in it: only where a template made none.
    pub(super) fn shows_wording(self, filled: &Filled) -> bool {
        self == Self::Template && !filled.contains_key(SLOT)
    }

    /// What the bytes are, unless the configuration says otherwise.
    pub(super) fn content_type(self, event: &Event) -> &'static str {
        match self {
            Self::Event if event.data == DataAt::Text => "text/plain; charset=utf-8",
            Self::CloudEvents => "application/cloudevents+json; charset=utf-8",
            Self::Event | Self::Canonical | Self::Template => "application/json",
        }
    }
}

/// Receivers parse what they get, so what a template makes has to be JSON.
pub(super) fn json(text: &str) -> Result<Option<String>, String> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(error) => Err(format!("is no JSON: {error}")),
    }
}

/// The event's type, or a stream's own word for an event without one: receivers refuse an empty type.
pub(super) fn kind(event: &Event) -> &str {
    match &*event.kind {
        "" => "message",
        kind => kind,
    }
}

fn cloud_event(message: &Message<'_>) -> Bytes {
    let event = message.event;
    let data = event.data_bytes().map(RawData::of);
    let cloud = CloudEvent {
        specversion: "1.0",
        // Source and id together name one event, and the upstream uses its ids again.
        id: message.id.as_str(),
        source: format!("urn:bellwire:{}", event.source),
        kind: kind(event),
        time: event.time.unwrap_or(event.received).to_string(),
        upstreamid: event.id.as_deref(),
        backfilled: event.backfilled,
        datacontenttype: match data {
            Some(RawData::Json(_) | RawData::Mended(_)) => Some("application/json"),
            Some(RawData::Text(_)) => Some("text/plain"),
            None => None,
        },
        data,
    };
    Bytes::from(serde_json::to_vec(&cloud).expect("text and numbers have a JSON form"))
}

/// What goes out when a template failed: an alert is never swallowed.
fn built_in(message: &Message<'_>) -> Bytes {
    let wording = message.wording;
    let body = json!({
        "title": wording.title,
        "message": wording.details(),
        "webhook_id": message.id.as_str(),
    });
    Bytes::from(body.to_string())
}
