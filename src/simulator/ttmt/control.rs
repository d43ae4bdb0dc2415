//! `POST /simulate/{fault}` and `GET /simulate/requests`: the handle, for tests in another process.
//!
//! Its own file because it is no part of the API: it needs no key and is there only on a loopback
//! address.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use super::api::Api;
use super::script::Line;

/// Does what a script line with this directive would do, at once.
pub(super) async fn simulate(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, (StatusCode, String)> {
    let line = read(name, &body).map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    match line {
        Line::Message(message) => {
            api.send(&message).await;
        }
        Line::Fault(fault) => Box::pin(api.apply(fault)).await,
        Line::AwaitStream => tokio::select! {
            () = api.feed.heard() => {}
            () = api.stop.cancelled() => return Err((StatusCode::GONE, "stopped".to_owned())),
        },
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What was asked of the API so far.
pub(super) async fn requests(State(api): State<Arc<Api>>) -> Json<Value> {
    Json(api.requests.json())
}

fn read(name: String, body: &[u8]) -> Result<Line, String> {
    let mut object: Map<String, Value> = if body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body).map_err(|error| format!("not a JSON object: {error}"))?
    };
    object.insert("simulate".to_owned(), name.into());
    Line::parse(&Value::Object(object).to_string())
}
