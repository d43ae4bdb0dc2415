//! What the running instance shows over HTTP: health, readiness, and the page at `/`.
//!
//! A room of its own because it only reads: the shared snapshot and the queue. It changes nothing in
//! either, and it knows neither sources nor lanes.

mod access;
mod page;
mod ready;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::Secret;
use crate::status::Status;
use crate::store::Store;

/// What this room works with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The queue, read only.
    pub store: Store,
    /// The shared snapshot.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// What callers have to show; `None` on an address that only this machine reaches.
    pub token: Option<Secret>,
}

/// Serves until `stop`, then lets open requests finish.
///
/// # Errors
/// What the system says when the listener fails.
pub async fn run(
    parts: Parts,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(parts))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

fn router(parts: Parts) -> Router {
    let shared = Arc::new(parts);
    let guarded = Router::new()
        .route("/", get(page::show))
        .route("/style.css", get(style))
        .route_layer(axum::middleware::from_fn_with_state(
            Arc::clone(&shared),
            access::require_token,
        ));
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready::show))
        .merge(guarded)
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn alive() -> &'static str {
    "alive\n"
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("style.css"),
    )
}

async fn nothing_here(State(_): State<Arc<Parts>>) -> Response {
    problem(StatusCode::NOT_FOUND, "there is nothing at this path")
}

async fn wrong_method() -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path is for reading: send GET",
    )
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
    (status, headers, body.to_string()).into_response()
}
