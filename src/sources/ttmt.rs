//! The TTMT Power-User API as a source: its options, and how its events are read.
//!
//! A file of its own because TTMT puts the event type inside the JSON and speaks about the
//! connection in events of the stream. Its REST API is another file's.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header;
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::value::RawValue;
use url::Url;

use super::body::Patience;
use super::connection::Connector;
use super::decode::{Decode, Frame, identity, time};
use super::resume::Ids;
use super::ttmt_rest::Uuid;
use super::{Control, Kind, RestAccess, Source, What, json, options};
use crate::clock::Clock;
#[cfg(test)]
use crate::config::form;
use crate::config::{SourceConfig, Table};
use crate::model::{DataAt, Event, INTERNAL_SOURCE, Name, Secret};
use crate::transport::{Credentials, StreamLimits, StreamTransport};

/// `kind = "ttmt"`.
pub(super) const KIND: Kind = Kind {
    name: "ttmt",
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const BASE_URL: &str = "https://app.telegramtometatrader.com/api/v1";

/// No connection of TTMT lives longer than 5 minutes, so one that seems to is dead. Silence alone
/// says nothing, since no heartbeat is documented.
const AGE_MAX: Duration = Duration::from_secs(330);

const KEY_PREFIX: &str = "ttmt_live_";
const KEY_CHARS: usize = 53;

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// A key of the Power-User API.
    api_key: Key,
    /// Where the API is. Default: `https://app.telegramtometatrader.com/api/v1`.
    #[schemars(extend("default" = BASE_URL))]
    base_url: Option<form::Address>,
    /// One account only: its UUID from `GET /accounts`. Default: all.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"))]
    account_id: Option<String>,
    /// Whether the REST API is asked for what the stream cannot replay. Default: true.
    #[schemars(extend("default" = true))]
    backfill: Option<bool>,
}

#[cfg(test)]
form::value! { Key = form::secret_like("^[!-~]+$") }

fn build(config: &SourceConfig, options: &mut Table, clock: &Clock) -> Option<Source> {
    let common = options::common(options);
    let api_key = api_key(options);
    let base_url = base_url(options);
    let account_id = account_id(options);
    let backfill = options.boolean("backfill").unwrap_or(true);
    let (api_key, base_url) = (api_key?, base_url?);
    let warnings = odd_form(&config.name, &api_key).into_iter().collect();

    let transport = StreamTransport::new(&base_url, common.proxy.as_ref(), StreamLimits::default())
        .map_err(|error| options.wrong("kind", error.what(), error.remedy()))
        .ok()?;
    let key = api_key.clone();
    let connector = Connector {
        address: Secret::new(stream_url(&base_url, account_id.as_ref()).into()),
        headers: Arc::new(move || vec![(header::AUTHORIZATION, bearer(&key))]),
        secrets: options::secrets(&base_url),
        transport,
        event_bytes_max: common.event_bytes_max,
        patience: patience(common.idle_timeout),
        decoder: Arc::new(Envelope::new(config.name.clone())),
        ids: Arc::new(Ids::new(config.name.clone())),
        clock: clock.clone(),
    };
    Some(Source {
        name: config.name.clone(),
        display_url: options::display(&base_url),
        lost_after: config.lost_after,
        connector: Arc::new(connector),
        rest: Some(RestAccess {
            base_url,
            api_key,
            account_id,
            backfill,
            proxy: common.proxy,
        }),
        warnings,
    })
}

/// Silence ends a connection only where that is configured, age always does.
const fn patience(idle_timeout: Option<Duration>) -> Patience {
    Patience {
        idle: idle_timeout,
        age: Some(AGE_MAX),
    }
}

fn api_key(options: &mut Table) -> Option<Secret> {
    if !options.has("api_key") {
        options.missing("api_key", "`api_key = { env = \"TTMT_API_KEY\" }`");
        return None;
    }
    let key = options.secret("api_key")?;
    if !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        options.wrong(
            "api_key",
            "this key holds a character that no key has",
            "copy it again",
        );
        return None;
    }
    Some(key)
}

/// Simulators have keys of their own making, so an odd form is worth a word and no more.
fn odd_form(source: &Name, key: &Secret) -> Option<String> {
    let (text, chars) = (key.expose(), key.expose().len());
    if !text.starts_with(KEY_PREFIX) {
        Some(format!(
            "the API key of source `{source}` does not begin with `{KEY_PREFIX}`"
        ))
    } else if chars != KEY_CHARS {
        Some(format!(
            "the API key of source `{source}` has {chars} characters where {KEY_CHARS} are usual"
        ))
    } else {
        None
    }
}

fn base_url(options: &mut Table) -> Option<Url> {
    let text = match options.has("base_url") {
        true => options.secret("base_url")?,
        false => Secret::new(BASE_URL.to_owned()),
    };
    let mut url = options::address(options, "base_url", &text)?;
    if url.query().is_some() {
        options.wrong(
            "base_url",
            "a base address has no query",
            format!("`{BASE_URL}`"),
        );
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

fn account_id(options: &mut Table) -> Option<Uuid> {
    let text = options.string("account_id")?;
    let account_id = text.parse().ok();
    if account_id.is_none() {
        let help = "the `account_id` that GET /accounts shows, a UUID";
        options.wrong("account_id", format!("`{text}` is no account id"), help);
    }
    account_id
}

fn stream_url(base_url: &Url, account_id: Option<&Uuid>) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}/stream", base_url.path().trim_end_matches('/')));
    if let Some(account_id) = account_id {
        url.query_pairs_mut()
            .append_pair("account_id", account_id.as_str());
    }
    url
}

fn bearer(key: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", key.expose()))
}

impl RestAccess {
    /// An upstream's words without the credentials that it may have repeated. The key's prefix is
    /// everybody's, so what comes behind it is hidden also where it stands alone.
    #[must_use]
    pub fn without_credentials(&self, text: &str) -> String {
        let key = self.api_key.expose();
        let bare = key.strip_prefix(KEY_PREFIX).unwrap_or(key);
        let mut secrets = options::secrets(&self.base_url);
        secrets.extend([self.api_key.clone(), Secret::new(bare.to_owned())]);
        Credentials::of(&secrets).hidden_in(text)
    }
}

/// Reads an event of bellwire's own, whose envelope has the same form.
pub(super) fn read_internal(frame: &Frame) -> What {
    let source = Name::new(INTERNAL_SOURCE).expect("a constant that is a name");
    Envelope::new(source).decode(frame)
}

/// Reads the envelope that TTMT puts around every event.
pub(super) struct Envelope {
    source: Name,
    /// Frames whose own id was another than the one in the JSON.
    mismatches: AtomicU64,
}

impl Envelope {
    const fn new(source: Name) -> Self {
        Self {
            source,
            mismatches: AtomicU64::new(0),
        }
    }

    /// The event's id: the frame's, since that is the one to resume from, else the envelope's.
    fn id<'a>(&self, frame: &'a Frame, told: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        let Some(own) = frame.own_id.as_deref().filter(|id| !id.is_empty()) else {
            return told;
        };
        if told.is_some_and(|told| told != own) {
            let count = self.mismatches.fetch_add(1, Ordering::Relaxed) + 1;
            if count == 1 {
                tracing::warn!(source = %self.source, "the id of a frame is not the one in its JSON; the frame's is used");
            } else {
                tracing::debug!(source = %self.source, count, "the id of a frame is not the one in its JSON");
            }
        }
        Some(Cow::Borrowed(own))
    }
}

impl Decode for Envelope {
    fn decode(&self, frame: &Frame) -> What {
        let keys = ["type", "eventId", "event_id", "timestamp", "data", "reason"];
        let Some(members) = json::object(&frame.payload, keys) else {
            return undecodable(match json::document(&frame.payload) {
                Some(_) => "the payload is no JSON object",
                None => "the payload is no JSON",
            });
        };
        let [kind, event_id, snake_event_id, timestamp, data, reason] = members;
        let kind = kind.and_then(json::scalar);
        let kind = kind.as_deref().unwrap_or_else(|| spare_kind(frame));
        match kind {
            "recycle" => {
                return What::Control(Control::Recycle {
                    reason: text(reason),
                });
            }
            "auth_revoked" => {
                return What::Control(Control::AuthRevoked {
                    reason: text(reason),
                });
            }
            _ => {}
        }
        let told = event_id.or(snake_event_id).and_then(json::scalar);
        let id = self.id(frame, told);
        let timestamp = timestamp.and_then(json::string);
        What::Event(Event {
            source: self.source.clone(),
            identity: id
                .as_deref()
                .map(|id| identity(id, timestamp.as_deref(), kind, &frame.payload)),
            id: id.as_deref().map(Arc::from),
            kind: Arc::from(kind),
            time: timestamp.as_deref().and_then(time),
            received: frame.received,
            backfilled: false,
            about: None,
            payload: frame.payload.clone(),
            data: data
                .filter(|data| data.get() != "null")
                .map_or(DataAt::Missing, |data| json::place(&frame.payload, data)),
        })
    }
}

/// The type of an event whose JSON has none: the one of its frame, where that has one.
fn spare_kind(frame: &Frame) -> &str {
    match frame.kind.as_str() {
        "message" => "unknown",
        kind => kind,
    }
}

fn text(value: Option<&RawValue>) -> Option<String> {
    value.and_then(json::scalar).map(Cow::into_owned)
}

fn undecodable(reason: &str) -> What {
    What::Undecodable {
        reason: reason.to_owned(),
    }
}

/// A reader of envelopes for the tests of connections.
#[cfg(test)]
pub(super) fn envelope() -> Envelope {
    Envelope::new(super::canned::name())
}

#[cfg(test)]
mod tests;
