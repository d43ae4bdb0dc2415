//! The pages for people: is it listening, did my alert go out, and if not, why. They are made here and
//! read well without scripts, with no resource from elsewhere; everything foreign is escaped by the
//! template. One script keeps them as things stand.

mod acts;
mod event;
mod frame;
mod lists;
mod live;
mod replay;
mod state;
mod words;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::html;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::{Parts, Refusal, standing};
use crate::model::State as DeliveryState;
use crate::store::{Depths, Filter};
use frame::Frame;

pub(super) use frame::{document, explain_refusals, page, to};

/// Events and dead letters on the first page.
const EVENTS_SHOWN: usize = 25;
const DEAD_SHOWN: usize = 10;

/// The same on the pages that have nothing else.
const LISTED: usize = 50;

/// Most bytes of what a form sends.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What the pages work with.
pub(super) struct Site {
    parts: Arc<Parts>,
    replies: acts::Replies,
    /// One for each page that may listen.
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// What stands behind the question mark, or in the body of a form. What nobody asks for is passed
/// over: a page is better than a complaint.
#[derive(Debug, Default)]
struct Asked(BTreeMap<String, String>);

/// The pages, for those who may see them. Whoever listens hears the end at `stop`.
pub(super) fn routes(parts: Arc<Parts>, stop: CancellationToken) -> Router<Arc<Parts>> {
    let site = Arc::new(Site {
        parts,
        replies: acts::Replies::default(),
        places: Arc::new(Semaphore::new(live::LISTENERS_MAX)),
        stop,
    });
    Router::new()
        .route("/", get(show))
        .route("/live", get(live::listen))
        .route("/events", get(events))
        .route("/events/{seq}", get(event::show))
        .route("/dead-letters", get(dead_letters))
        .route("/replay", get(replay::show).post(replay::send))
        .route("/deliveries/{id}/retry", post(acts::retry))
        .route("/deliveries/{id}/drop", post(acts::drop))
        .route("/sinks/{name}/test", post(acts::test))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(site)
}

/// What the pages are made with, for everybody: it holds nothing of this instance.
pub(super) async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (headers, include_str!("style.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (headers, include_str!("page.js"))
}

async fn show(State(site): State<Arc<Site>>, asked: Asked) -> Result<Response, Refusal> {
    let parts = &site.parts;
    let now = parts.clock.now();
    let snapshot = parts.status.snapshot();
    let dead = Filter {
        state: Some(DeliveryState::Dead),
        ..Filter::default()
    };
    let (depths, instances, events, dead) = tokio::try_join!(
        parts.store.depths(),
        parts.store.instances(),
        parts
            .store
            .events(standing(&snapshot), None, EVENTS_SHOWN as u32),
        parts
            .store
            .deliveries(standing(&snapshot), dead, DEAD_SHOWN as u32),
    )?;
    let reasons = snapshot.obstacles(now);
    let all_dead = dead_count(&depths);
    let main = html! {
        (site.reply(&asked))
        (state::verdict(&reasons, &snapshot, all_dead, now))
        (state::sources(&snapshot, now))
        (state::sinks(&snapshot, &depths, now))
        @if !instances.is_empty() { (state::instances(&instances, now)) }
        section #dead-letters aria-labelledby="dead-letters-title" {
            h2 #dead-letters-title { "Dead letters" @if all_dead > 0 { " (" (all_dead) ")" } }
            (lists::dead_letters(&dead, now))
            @if all_dead > dead.len() as u64 { p { a href="/dead-letters" { "All dead letters" } } }
        }
        section #timeline aria-labelledby="timeline-title" {
            h2 #timeline-title { "Recent events" }
            (lists::events(&events, now))
            (lists::older("/events", events.get(EVENTS_SHOWN - 1).map(|last| last.seq)))
        }
    };
    let title = if reasons.is_empty() {
        "ready"
    } else {
        "not ready"
    };
    let frame = Frame {
        title,
        path: "/",
        live: true,
    };
    Ok(page(StatusCode::OK, frame.around(parts, &main)))
}

async fn events(State(site): State<Arc<Site>>, asked: Asked) -> Result<Response, Refusal> {
    let parts = &site.parts;
    let standing = standing(&parts.status.snapshot());
    let after = asked.after()?;
    let events = parts.store.events(standing, after, LISTED as u32).await?;
    let main = html! {
        h1 { "Events" }
        (lists::events(&events, parts.clock.now()))
        (lists::older("/events", events.get(LISTED - 1).map(|last| last.seq)))
    };
    let frame = Frame {
        title: "events",
        path: "/events",
        live: true,
    };
    Ok(page(StatusCode::OK, frame.around(parts, &main)))
}

async fn dead_letters(State(site): State<Arc<Site>>, asked: Asked) -> Result<Response, Refusal> {
    let parts = &site.parts;
    let standing = standing(&parts.status.snapshot());
    let dead = Filter {
        state: Some(DeliveryState::Dead),
        after: asked.after()?,
        ..Filter::default()
    };
    let dead = parts
        .store
        .deliveries(standing, dead, LISTED as u32)
        .await?;
    let main = html! {
        h1 { "Dead letters" }
        p { "What will not be tried again by itself. The receivers have not accepted it." }
        (lists::dead_letters(&dead, parts.clock.now()))
        (lists::older("/dead-letters", dead.get(LISTED - 1).map(|last| last.row)))
    };
    let frame = Frame {
        title: "dead letters",
        path: "/dead-letters",
        live: true,
    };
    Ok(page(StatusCode::OK, frame.around(parts, &main)))
}

fn dead_count(depths: &Depths) -> u64 {
    let by_sink = depths.by_sink.values();
    by_sink
        .filter_map(|states| states.get(DeliveryState::Dead.as_str()))
        .sum()
}

impl Asked {
    fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// What a form sent; nothing, where that is too much to be one of ours.
    fn of_form(sent: &acts::Sent) -> Self {
        sent.as_deref().map(Self::read).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Where the page before ended.
    fn after(&self) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text("after") else {
            return Ok(None);
        };
        let place = text.parse().ok().filter(|place| *place >= 0);
        // The first page would look as if it were the one that was asked for.
        place
            .map(Some)
            .ok_or_else(|| Refusal::bad(format!("`after={text}`: this is no place in the list")))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.query().unwrap_or_default().as_bytes()))
    }
}
