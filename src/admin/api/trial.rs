//! One message to one sink, now, and what its receiver says. It is no event, so it has no row.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::super::{Parts, Refusal};
use super::{Answer, Named, json, named, object, whole};
#[cfg(test)]
use crate::admin::openapi::{NoToken, NotUnderstood, OtherOrigin, Test, Tested, TooLarge, Unknown};
use crate::model::{DataAt, Event, INTERNAL_SOURCE, Name, Outcome};

/// The type of the message, where the caller brings no event.
const KIND: &str = "bellwire.test";

/// The source of an event that the caller brings.
const SOURCE: &str = "test";

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

/// What is read of an event; the rest is passed on as it is.
#[derive(Debug, serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Sends one message to a sink, now: 200 where the receiver accepted it, 502 where it did not.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/api/v1/sinks/{name}/test",
    params(("name" = String, Path, description = "The sink's name.")),
    request_body = Option<Test>,
    responses(
        (status = 200, description = "The receiver accepted it.", body = Tested),
        (status = 502, description = "The receiver did not accept it.", body = Tested),
        NotUnderstood, NoToken, OtherOrigin, Unknown, TooLarge,
    ),
))]
pub(in crate::admin) async fn test(
    State(parts): State<Arc<Parts>>,
    name: Named,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let (name, body) = (named(name)?, whole(body)?);
    let setup = Arc::clone(&parts.setup.borrow());
    let sink = setup.sink(&name)?;
    let now = parts.clock.now();
    let wish: Option<Wish<'_>> = match body.trim_ascii() {
        b"" | b"null" => None,
        body => Some(object(body).map_err(|error| {
            Refusal::bad(format!("the body is empty, or JSON with `event`: {error}"))
        })?),
    };
    let event = match wish.and_then(|wish| wish.event) {
        Some(payload) => brought(payload, now)?,
        None => own(&name, now),
    };
    let attempt = (parts.tester)(Arc::clone(sink), event).await;
    let accepted = attempt.outcome == Outcome::Delivered;
    let value = json!({
        "sink": name,
        "accepted": accepted,
        "status": attempt.status,
        "answer": attempt.answer,
        "reason": attempt.reason,
        "duration_ms": u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
    });
    let status = if accepted {
        StatusCode::OK
    } else {
        StatusCode::BAD_GATEWAY
    };
    Ok(json(status, &value))
}

/// The message that says nothing but that it arrived.
fn own(sink: &str, now: Timestamp) -> Event {
    let payload = json!({
        "type": KIND,
        "timestamp": format!("{now:.3}"),
        "data": { "sink": sink, "message": "This is a test. Nothing has happened." },
    });
    read(payload.to_string(), INTERNAL_SOURCE, now).expect("our own message is an event")
}

/// An event that the caller brings, byte for byte.
fn brought(payload: &RawValue, now: Timestamp) -> Result<Event, Refusal> {
    read(payload.get().to_owned(), SOURCE, now).map_err(|wrong| {
        Refusal::bad(format!(
            "the event is to be an object with `type` and `data`: {wrong}"
        ))
    })
}

/// Reads an event of TTMT's form. A part that is missing is no less a mistake than a wrong one: rules
/// and templates would find nothing where they look.
fn read(payload: String, source: &str, now: Timestamp) -> Result<Event, String> {
    if !payload.starts_with('{') {
        return Err("it is none".to_owned());
    }
    let envelope: Envelope<'_> =
        serde_json::from_str(&payload).map_err(|error| error.to_string())?;
    let (kind, data) = match (envelope.kind, envelope.data) {
        (Some(kind), Some(data)) => (kind, data),
        (Some(_), None) => return Err("it has no `data`".to_owned()),
        (None, Some(_)) => return Err("it has no `type`".to_owned()),
        (None, None) => return Err("it has no `type` and no `data`".to_owned()),
    };
    let start = (data.get().as_ptr() as usize).wrapping_sub(payload.as_ptr() as usize);
    let end = start.wrapping_add(data.get().len());
    let time = envelope.timestamp.and_then(|text| text.parse().ok());
    Ok(Event {
        source: Name::new(source).expect("a constant that is a name"),
        id: None,
        kind: kind.as_ref().into(),
        time,
        received: now,
        backfilled: false,
        identity: None,
        data: DataAt::Json { start, end },
        about: None,
        payload: Bytes::from(payload),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_brought_stays_as_it_is_byte_for_byte() {
        let text = r#"{ "type":"tp_hit","data" : {"price":1.10 ,"symbol":"X"}, "more":[1] }"#;
        let body = format!("{{\"event\":{text}}}");
        let wish: Wish<'_> = serde_json::from_str(&body).expect("a wish");
        let now = Timestamp::UNIX_EPOCH;
        let event = brought(wish.event.expect("an event"), now).expect("readable");
        assert_eq!(event.payload, text.as_bytes());
        assert_eq!(
            event.data_bytes(),
            Some(br#"{"price":1.10 ,"symbol":"X"}"#.as_slice())
        );
        assert_eq!(&*event.kind, "tp_hit");
        let own = own("phone", now);
        assert_eq!((own.is_internal(), &*own.kind), (true, KIND));
        assert_eq!(own.data_json().expect("data")["sink"], "phone");
    }
}
