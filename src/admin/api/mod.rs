//! The API below `/api/v1/`: what the page shows, as JSON, and what a person may do by hand.
//!
//! Every list has the same form, and every refusal is a problem document. Bodies are small and have
//! limits; whether a caller may ask at all is decided before.

pub(super) mod by_hand;
pub(super) mod lists;
pub(super) mod live;
mod query;
pub(super) mod replay;
pub(super) mod trial;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::Value;

#[cfg(test)]
use super::openapi::NoToken;
use super::{Parts, Refusal};

/// Made of what stands beside the handlers, and committed. Without spaces, since it is part of the program.
const DESCRIPTION: &str = include_str!("openapi.json");

/// Most bytes of a request's body: an event as large as a source takes by default fits in.
const BODY_BYTES_MAX: usize = 2 << 20;

/// The id or name in a path.
type Named = Result<Path<String>, PathRejection>;

/// What a handler answers.
type Answer = Result<Response, Refusal>;

pub(super) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route("/openapi.json", get(describe))
        .route("/events", get(lists::events))
        .route("/events/live", live::get())
        .route("/deliveries", get(lists::deliveries))
        .route("/sources", get(lists::sources))
        .route("/sinks", get(lists::sinks))
        .route("/rules", get(lists::rules))
        .route("/instances", get(lists::instances))
        .route("/deliveries/{id}", get(by_hand::show))
        .route("/deliveries/{id}/retry", post(by_hand::retry))
        .route("/deliveries/{id}/drop", post(by_hand::drop))
        .route("/replay", post(replay::replay))
        .route("/sinks/{name}/test", post(trial::test))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// This description.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "openapi",
    responses((status = 200, description = "It, in OpenAPI 3.1.", body = serde_json::Value), NoToken),
))]
pub(super) async fn describe() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let description: Value = serde_json::from_str(DESCRIPTION).expect("a test has read it");
    (headers, format!("{description:#}\n")).into_response()
}

fn json(status: StatusCode, value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, value.to_string()).into_response()
}

fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| Refusal(rejection.status(), rejection.body_text()))
}

/// Reads a body that is an object; a list of the same values would do for serde.
fn object<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("it is no JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn named(path: Named) -> Result<String, Refusal> {
    let refused = |rejection: PathRejection| Refusal(rejection.status(), rejection.body_text());
    path.map(|Path(name)| name).map_err(refused)
}
