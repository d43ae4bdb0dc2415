//! Any other event stream as a source: its options, and how its events are read.
//!
//! A file of its own because here the configuration says where type, time and data stand. Every
//! payload is an event, JSON or not; nothing is a control event.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use launchdarkly_sdk_transport::HttpTransport;
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator};

use super::body::Patience;
use super::connection::Connector;
use super::decode::{Decode, Frame, identity, time};
use super::json::{self, Pointer};
use super::resume::Ids;
use super::{Connect, Kind, Source, What, options};
use crate::clock::Clock;
#[cfg(test)]
use crate::config::form;
use crate::config::{SourceConfig, Table};
use crate::model::{DataAt, Event, Name, Secret};
use crate::transport::{StreamLimits, StreamTransport};

/// `kind = "sse"`.
pub(super) const KIND: Kind = Kind {
    name: "sse",
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

/// How long such a stream may be silent where nothing else is configured.
const IDLE_DEFAULT: Duration = Duration::from_secs(5 * 60);

/// What is asked for where the transport alone knows where it goes.
const ANYWHERE: &str = "http://feed.invalid/";

/// Numbers from here on are milliseconds: as seconds they would be the year 5138.
const MILLISECONDS_FROM: f64 = 100_000_000_000.0;

/// Headers that say how the connection works, which is not the configuration's business.
const RESERVED: [HeaderName; 5] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("last-event-id"),
];

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// The address of the stream.
    url: form::Address,
    /// Headers of the request; each value may be a secret.
    headers: Option<form::Headers>,
    /// JSON pointer to the type of an event. Default: the stream's `event:` field.
    #[schemars(regex(pattern = POINTER), extend("examples" = ["/type"]))]
    r#type: Option<String>,
    /// JSON pointer to the time of an event. Default: its arrival.
    #[schemars(regex(pattern = POINTER), extend("examples" = ["/timestamp"]))]
    time: Option<String>,
    /// JSON pointer to what rules see as `data`. Default: the whole document.
    #[schemars(regex(pattern = POINTER), extend("examples" = ["/data"]))]
    data: Option<String>,
}

/// RFC 6901.
#[cfg(test)]
const POINTER: &str = "^(/([^~]|~[01])*)?$";

fn build(config: &SourceConfig, options: &mut Table, clock: &Clock) -> Option<Source> {
    let common = options::common(options);
    let feed = Feed {
        source: config.name.clone(),
        kind: pointer(options, "type"),
        time: pointer(options, "time"),
        data: pointer(options, "data"),
    };
    let headers = headers(options);
    if !options.has("url") {
        options.missing("url", "`url = \"https://example.org/events\"`");
    }
    let text = options.secret("url")?;
    let url = options::address(options, "url", &text)?;

    let transport = StreamTransport::new(&url, common.proxy.as_ref(), StreamLimits::default())
        .map_err(|error| options.wrong("url", error.what(), error.remedy()))
        .ok()?;
    let connector = Connector {
        address: Secret::new(url.as_str().to_owned()),
        headers: Arc::new(move || headers.clone()),
        secrets: options::secrets(&url),
        transport,
        event_bytes_max: common.event_bytes_max,
        patience: patience(common.idle_timeout),
        decoder: Arc::new(feed),
        ids: Arc::new(Ids::new(config.name.clone())),
        clock: clock.clone(),
    };
    Some(Source {
        name: config.name.clone(),
        display_url: options::display(&url),
        lost_after: config.lost_after,
        connector: Arc::new(connector),
        rest: None,
        warnings: Vec::new(),
    })
}

/// A feed whose requests are carried by a transport of the caller's own, with these headers on each.
/// Nothing is looked up in its events, and it may be silent for as long as it likes.
pub fn feed_over<T: HttpTransport>(
    source: Name,
    transport: T,
    headers: Vec<(HeaderName, Secret)>,
    event_bytes_max: usize,
    clock: &Clock,
) -> impl Connect + use<T> {
    Connector {
        address: Secret::new(ANYWHERE.to_owned()),
        headers: Arc::new(move || headers.clone()),
        secrets: Vec::new(),
        transport,
        event_bytes_max,
        patience: Patience {
            idle: None,
            age: None,
        },
        ids: Arc::new(Ids::new(source.clone())),
        decoder: Arc::new(Feed {
            source,
            kind: None,
            time: None,
            data: None,
        }),
        clock: clock.clone(),
    }
}

/// A healthy stream of any other kind may live for ever, but not in silence.
fn patience(idle_timeout: Option<Duration>) -> Patience {
    Patience {
        idle: Some(idle_timeout.unwrap_or(IDLE_DEFAULT)),
        age: None,
    }
}

fn pointer(options: &mut Table, key: &str) -> Option<Pointer> {
    let text = options.string(key)?;
    let pointer = Pointer::new(&text);
    if pointer.is_none() {
        let message = format!("`{text}` is no JSON pointer");
        options.wrong(key, message, "a path such as `/type` or `/meta/time`");
    }
    pointer
}

fn headers(options: &mut Table) -> Vec<(HeaderName, Secret)> {
    let mut headers = Vec::new();
    for (text, value) in options.secret_map("headers") {
        let key = format!("headers.{text}");
        match HeaderName::from_bytes(text.as_bytes()) {
            Err(_) => options.wrong(
                &key,
                format!("`{text}` is no header name"),
                "letters, digits and `-`",
            ),
            Ok(name) if RESERVED.contains(&name) => {
                options.wrong(
                    &key,
                    format!("`{text}` is set by bellwire itself"),
                    "leave it out",
                );
            }
            Ok(_) if HeaderValue::from_str(value.expose()).is_err() => {
                options.wrong(
                    &key,
                    "this value cannot be sent in a header",
                    "one line of text",
                );
            }
            Ok(name) => headers.push((name, value)),
        }
    }
    headers
}

/// Where the configuration says that things stand.
pub(super) struct Feed {
    pub(super) source: Name,
    pub(super) kind: Option<Pointer>,
    pub(super) time: Option<Pointer>,
    pub(super) data: Option<Pointer>,
}

impl Decode for Feed {
    fn decode(&self, frame: &Frame) -> What {
        let document = json::document(&frame.payload);
        let pointers = [&self.kind, &self.time, &self.data].map(Option::as_ref);
        let found = document.map(|document| Pointer::look_up(pointers, document));
        let [told_kind, told_time, data] = found.unwrap_or_default();
        let told_kind = told_kind.and_then(json::scalar);
        let kind = told_kind.as_deref().unwrap_or(&frame.kind);
        let told_time = told_time.and_then(json::scalar);
        let id = frame.own_id.as_deref().filter(|id| !id.is_empty());
        What::Event(Event {
            source: self.source.clone(),
            id: id.map(Arc::from),
            kind: Arc::from(kind),
            time: told_time.as_deref().and_then(moment),
            received: frame.received,
            backfilled: false,
            about: None,
            identity: id.map(|id| identity(id, told_time.as_deref(), kind, &frame.payload)),
            payload: frame.payload.clone(),
            data: match document {
                None => DataAt::Text,
                Some(document) => match (&self.data, data) {
                    (None, _) => json::place(&frame.payload, document),
                    (Some(_), Some(data)) => json::place(&frame.payload, data),
                    (Some(_), None) => DataAt::Missing,
                },
            },
        })
    }
}

/// A moment as ISO 8601, or as seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    time(text).or_else(|| {
        let number: f64 = text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())?;
        let seconds = match number.abs() >= MILLISECONDS_FROM {
            true => number / 1_000.0,
            false => number,
        };
        // Rounded to whole milliseconds, as far as a double is exact for today's dates.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, and the range is checked"
        )]
        let millisecond = (seconds * 1_000.0).round() as i64;
        Timestamp::from_millisecond(millisecond).ok()
    })
}

#[cfg(test)]
mod tests;
