//! Whether an alert would get through now, and if not, why.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Parts, access};
use crate::status::{SinkStatus, Snapshot, SourceStatus};

/// Answers 200 or 503. Without the token, where one is set, only the bare status is told.
pub(super) async fn show(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    let snapshot = parts.status.snapshot();
    let now = parts.clock.now();
    let reasons = snapshot.obstacles(now);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = if access::is_allowed(parts.token.as_ref(), &headers) {
        whole(&snapshot, &reasons)
    } else {
        json!({ "ready": reasons.is_empty() })
    };
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

fn whole(snapshot: &Snapshot, reasons: &[String]) -> Value {
    let sources: Map<String, Value> = snapshot
        .sources
        .iter()
        .map(|(name, source)| (name.to_string(), of_source(source)))
        .collect();
    let sinks: Map<String, Value> = snapshot
        .sinks
        .iter()
        .map(|(name, sink)| (name.to_string(), of_sink(sink)))
        .collect();
    json!({
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "store": { "writable": snapshot.store_fault.is_none(), "fault": snapshot.store_fault },
        "sources": sources,
        "sinks": sinks,
    })
}

pub(super) fn of_source(source: &SourceStatus) -> Value {
    json!({
        "used": source.used,
        "connected": source.connected,
        "since": source.since.map(text),
        "activity": source.activity,
        "fault": source.fault,
        "last_event": source.last_event.map(text),
        "last_end": source.last_end,
        "connects": source.connects,
        "events": source.events,
        "backfilled": source.backfilled,
        "repeated": source.repeated,
        "skipped": source.skipped,
        "undecodable": source.undecodable,
        "requests_left": source.requests_left,
        "poll": source.poll,
        "last_gap": source.last_gap,
    })
}

pub(super) fn of_sink(sink: &SinkStatus) -> Value {
    json!({
        "used": sink.used,
        "suspended": sink.suspended,
        "away_since": sink.away_since.map(text),
        "resting_until": sink.resting_until.map(text),
        "failed_in_a_row": sink.failed_in_a_row,
        "last_failure": sink.last_failure,
        "last_delivered": sink.last_delivered.map(text),
        "delivered": sink.delivered,
        "failed": sink.failed,
        "dead": sink.dead,
    })
}

fn text(moment: Timestamp) -> String {
    format!("{moment:.3}")
}
