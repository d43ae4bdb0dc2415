//! What the running instance shows over HTTP, and what people may do to the queue by hand: health,
//! readiness, metrics, the page at `/`, and the API below `/api/v1/`.
//!
//! A room of its own because it is the only one that answers callers. It reads the shared snapshot and
//! the queue; what it changes, it changes in the queue alone, as if it had always stood there, and
//! wakes the lanes. It knows neither sources nor lanes: the test of a sink is lent to it. The command
//! line asks the same API of a stopped instance's files, without a socket.

mod access;
mod api;
mod connections;
mod metrics;
#[cfg(test)]
mod openapi;
mod page;
mod ready;

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::clock::Clock;
use crate::config::one_of;
use crate::model::{Attempt, Event, Name, Secret};
use crate::rules::Rules;
use crate::sinks::Sink;
use crate::status::{Snapshot, Status};
use crate::store::{Standing, Store, StoreError};

/// What is being waited for, whoever waits.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends one event to a sink at once, outside the queue, and says what came of it.
pub type Tester = Arc<dyn Fn(Arc<Sink>, Event) -> Pending<Attempt> + Send + Sync>;

/// What this room works with.
#[derive(Clone)]
pub struct Parts {
    /// The queue.
    pub store: Store,
    /// The shared snapshot.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// What callers have to show; `None` on an address that only this machine reaches.
    pub token: Option<Secret>,
    /// What is configured at present.
    pub setup: watch::Receiver<Arc<Setup>>,
    /// Tests a sink.
    pub tester: Tester,
    /// Wakes the lanes.
    pub nudge: watch::Sender<u64>,
}

/// What is configured, as far as lists show it and replays need it.
#[derive(Debug, Default)]
pub struct Setup {
    /// The rules.
    pub rules: Arc<Rules>,
    /// The sinks.
    pub sinks: Vec<Arc<Sink>>,
    /// The sources, each with its kind and where it is, without credentials.
    pub sources: Vec<(Name, &'static str, String)>,
}

/// When answers that have no end of their own come to theirs.
#[derive(Clone)]
struct Ending(CancellationToken);

/// Serves until `stop`, then lets open requests finish.
pub async fn run(parts: Parts, listener: TcpListener, stop: CancellationToken) {
    let router = router(parts, stop.clone()).layer(Extension(Ending(stop.clone())));
    connections::serve(listener, router.layer(map_response(sealed)), stop).await;
}

/// Answers one request without a socket: status and body.
pub async fn answer(parts: Parts, request: Request<Bytes>) -> (u16, Bytes) {
    let Ok(response) = router(parts, CancellationToken::new())
        .oneshot(request.map(Body::from))
        .await;
    let status = response.status().as_u16();
    // The bodies of this room are made in memory, so reading one cannot fail.
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    (status, body.unwrap_or_default())
}

fn router(parts: Parts, stop: CancellationToken) -> Router {
    let shared = Arc::new(parts);
    let door = access::Door::new(Arc::clone(&shared));
    let guarded = page::routes(Arc::clone(&shared), stop)
        .route("/metrics", get(metrics::show))
        .nest("/api/v1", api::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&door), access::require_token));
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready::show))
        .route("/style.css", get(page::style))
        .route("/page.js", get(page::script))
        .merge(access::login(Arc::clone(&door)))
        .method_not_allowed_fallback(wrong_method)
        .merge(guarded)
        .layer(Extension(Arc::clone(&door)))
        .layer(from_fn(access::refuse_other_origins));
    let router = match shared.token {
        Some(_) => router,
        None => router.layer(from_fn(access::refuse_other_hosts)),
    };
    router
        .layer(from_fn_with_state(door, page::explain_refusals))
        .with_state(shared)
}

/// Says to browsers what holds for everything here: nothing comes from elsewhere, nothing is shown
/// inside other pages, and nothing is kept. The address of a page goes nowhere else; to our own it
/// does, since without it a browser would not name the origin of what a form sends.
async fn sealed(mut response: Response) -> Response {
    const SEALS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in SEALS {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the process is alive.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/healthz",
    security(()),
    responses((status = 200, description = "It is.", body = String)),
))]
async fn alive() -> &'static str {
    "alive\n"
}

async fn nothing_here(State(_): State<Arc<Parts>>) -> Response {
    problem(StatusCode::NOT_FOUND, "there is nothing at this path")
}

async fn wrong_method() -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take that method",
    )
}

/// What the queue cannot know about the sinks.
fn standing(snapshot: &Snapshot) -> Standing {
    let suspended = snapshot.sinks.iter();
    Standing {
        configured: Some(snapshot.sinks.keys().cloned().collect()),
        suspended: suspended
            .filter(|(_, sink)| sink.suspended.is_some())
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

/// Why a request is not answered as it wished. It stays with the answer, for whoever tells it to people.
#[derive(Clone, Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(detail: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, detail.into())
    }

    fn unknown(detail: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, detail.into())
    }
}

/// Says that a `sink` or a `rule` of this name is none of those there are, and names these.
fn no_such<'a>(what: &str, wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if known.clone().next().is_none() {
        return format!("there is no {what} `{wrong}`, and no other");
    }
    format!("there is no {what} `{wrong}`; {}", one_of(wrong, known))
}

impl Setup {
    /// The sink of this name.
    fn sink(&self, name: &str) -> Result<&Arc<Sink>, Refusal> {
        let found = self.sinks.iter().find(|sink| sink.name.as_str() == name);
        found.ok_or_else(|| {
            let known = self.sinks.iter().map(|sink| sink.name.as_str());
            Refusal::unknown(no_such("sink", name, known))
        })
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        problem(self.0, &self.1)
    }
}

/// An error as RFC 9457 wants it.
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let headers = [(header::CONTENT_TYPE, "application/problem+json")];
    let reason = Extension(Refusal(status, detail.to_owned()));
    (status, headers, reason, body.to_string()).into_response()
}
