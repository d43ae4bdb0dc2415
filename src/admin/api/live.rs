//! What arrives, as it arrives: Server-Sent Events, each one an event with its deliveries.
//!
//! A file of its own because such an answer has no end. It is read from the queue at the pace of its
//! reader, from behind the last event that the reader has, so a slow reader costs no memory and misses
//! nothing that is still kept. While nothing arrives the queue is not asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{self, MethodRouter};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[cfg(test)]
use super::super::openapi::{NoQueue, NoToken, NotUnderstood, Since, Unknown};
use super::super::{Ending, Parts, Refusal, no_such, standing};
use super::Answer;
use super::query::Query;
use crate::model::{Event, INTERNAL_SOURCE, Name};
use crate::rules::{Rules, Why};
use crate::sinks::Wording;
use crate::store::Arrived;

/// Most readers at once.
const READERS_MAX: usize = 16;

/// Events that are read at once: as many of the largest ones as fit in memory without thought.
const EVENTS_AT_ONCE: u32 = 16;

/// Longest silence. A reader can tell from it that the line is dead.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Largest `data` that is shown, in bytes. What is too much to be read is not, either.
const DATA_BYTES_MAX: usize = 64 * 1024;

/// The id that a reader of a stream shows when it comes back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The stream, with places for so many readers.
pub(super) fn get() -> MethodRouter<Arc<Parts>> {
    let places = Arc::new(Semaphore::new(READERS_MAX));
    routing::get(
        move |ending: Option<Extension<Ending>>,
              parts: State<Arc<Parts>>,
              raw: RawQuery,
              headers: HeaderMap| {
            let places = Arc::clone(&places);
            async move { open(&places, ending, parts, raw, &headers).await }
        },
    )
}

/// Events as they arrive, oldest first, without an end: Server-Sent Events whose `data` is an event as the
/// list has it, with its `title`, the `rules` that match it, and its `data`.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/events/live",
    operation_id = "live",
    params(
        Since,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last message that was heard; it goes before `after`.",
            pattern = "^[0-9]{1,18}$"),
    ),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String),
        NotUnderstood, NoToken, Unknown, NoQueue),
))]
pub(in crate::admin) async fn open(
    places: &Arc<Semaphore>,
    ending: Option<Extension<Ending>>,
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
    headers: &HeaderMap,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["source", "after"])?;
    let source = query.text("source").map(|name| source(&parts, name));
    let (source, after) = (source.transpose()?, query.after()?);
    let shown = last_event_id(headers)?;
    let unavailable = |detail: String| Refusal(StatusCode::SERVICE_UNAVAILABLE, detail);
    let Some(Extension(Ending(stop))) = ending else {
        let detail = "nothing arrives while no instance runs";
        return Err(unavailable(detail.to_owned()));
    };
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| {
        unavailable(format!(
            "{READERS_MAX} are listening already, which is the most at once"
        ))
    })?;
    // Before the look, so that nothing can arrive unseen between the two.
    let sign = parts.store.arrivals();
    let newest = parts.store.newest_event().await?;
    // A place beyond the newest is one of another queue.
    let after = shown
        .or(after)
        .filter(|after| *after <= newest)
        .unwrap_or(newest);
    let reader = Reader {
        parts,
        sign,
        stop,
        source,
        after,
        _place: place,
    };
    // Without data it shows nothing, and says from where to go on.
    let start = Bytes::from(format!("id: {after}\n\n"));
    let chunks = stream::unfold((Some(start), reader), |(start, mut reader)| async move {
        let chunk = match start {
            Some(start) => start,
            None => reader.next().await?,
        };
        Some((Ok::<_, Infallible>(chunk), (None, reader)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The source of a name; a misspelt one would look like one that has nothing to say.
fn source(parts: &Parts, name: &str) -> Result<Name, Refusal> {
    let setup = Arc::clone(&parts.setup.borrow());
    let known = setup.sources.iter().map(|(known, ..)| known.as_str());
    let known = known.chain([INTERNAL_SOURCE]);
    let found = known.clone().find(|known| *known == name);
    found
        .and_then(|name| Name::new(name).ok())
        .ok_or_else(|| Refusal::unknown(no_such("source", name, known)))
}

/// Behind which event a reader wants to go on. A wrong id is refused, since what the reader has missed
/// would be left out without a word. To an `EventSource` that is the end, and it does not come again and
/// again; by itself it shows no id but one of ours, so only a program's mistake can meet it.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    // An empty one is none: so the standard has it.
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let id = id.to_str().unwrap_or_default();
    let place = id.parse().ok().filter(|place| *place >= 0);
    place.map(Some).ok_or_else(|| {
        Refusal::bad("`Last-Event-ID` is the `id` of a message of this stream, as it was given")
    })
}

/// One who listens.
struct Reader {
    parts: Arc<Parts>,
    sign: watch::Receiver<u64>,
    stop: CancellationToken,
    source: Option<Name>,
    /// The place in the queue's order up to which all has been told.
    after: i64,
    /// Given back when the connection goes.
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next events, or a sign of life. Nothing once the service stops, or the queue cannot be read.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.stop.is_cancelled() {
            self.sign.borrow_and_update();
            let standing = standing(&self.parts.status.snapshot());
            let source = self.source.clone();
            let looked = self
                .parts
                .store
                .arrived(standing, self.after, source, EVENTS_AT_ONCE);
            let (found, reached) = looked.await.ok()?;
            let has_moved = reached > self.after;
            self.after = reached;
            if !found.is_empty() {
                let setup = Arc::clone(&self.parts.setup.borrow());
                let messages = found.iter().map(|one| message(&setup.rules, one));
                return Some(Bytes::from(messages.collect::<String>()));
            }
            if has_moved {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                _ = self.sign.changed() => {}
                () = sleep(SILENCE_MAX) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
        None
    }
}

/// An event as a message of the stream. JSON has no line breaks of its own.
fn message(rules: &Rules, arrived: &Arrived) -> String {
    let value = told(rules, arrived);
    format!("id: {}\ndata: {value}\n\n", arrived.row.seq)
}

/// An event as the list shows it; behind that its title, the rules in force that match it, and its
/// `data` as they see it.
fn told(rules: &Rules, arrived: &Arrived) -> Value {
    let mut value = arrived.row.json();
    let event = arrived.event.as_ref();
    let matches = |event| {
        let explained = rules.explain(event).into_iter();
        let matching = explained.filter(|(_, why)| *why == Why::Matched);
        let names = matching.map(|(rule, _)| rule.to_string());
        names.collect::<Vec<_>>()
    };
    value["title"] = json!(event.map(|event| Wording::of(event).title));
    value["rules"] = json!(event.map(matches).unwrap_or_default());
    let bytes = event.and_then(Event::data_bytes).map_or(0, <[u8]>::len);
    let shown = event.filter(|_| bytes <= DATA_BYTES_MAX);
    let data = shown.and_then(Event::data_named);
    if data.is_none() && bytes > 0 {
        value["data_bytes"] = json!(bytes);
    }
    value["data"] = json!(data);
    value
}
