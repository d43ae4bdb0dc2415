//! Whether an alert would get through now, and if not, why.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::access::Door;
#[cfg(test)]
use super::openapi::Readiness;
use super::{Parts, standing};
use crate::status::{SinkStatus, Snapshot, SourceStatus};
use crate::store::InstanceRow;

/// Longest wait for the queue: whoever asks for readiness does not wait long.
const QUEUE_ANSWERS: Duration = Duration::from_secs(1);

/// Answers 200 or 503. Without the token, where one is set, only the bare status is told.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready",
    security((), ("token" = [])),
    responses(
        (status = 200, description = "An alert would get through.", body = Readiness),
        (status = 503, description = "It would not.", body = Readiness),
    ),
))]
pub(super) async fn show(
    State(parts): State<Arc<Parts>>,
    Extension(door): Extension<Arc<Door>>,
    headers: HeaderMap,
) -> Response {
    let snapshot = parts.status.snapshot();
    let now = parts.clock.now();
    let reasons = snapshot.obstacles(now);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = if door.may_look(&headers) {
        let mut body = whole(&snapshot, &reasons, now);
        body["orphaned"] = orphaned(&parts, &snapshot).await;
        if parts.store.is_shared() {
            body["instances"] = instances(&parts).await;
        }
        body
    } else {
        json!({ "ready": reasons.is_empty() })
    };
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

/// What waits for sinks that are no longer configured, which keeps no alert from getting through.
/// Nothing where the queue does not answer: readiness is told all the same.
async fn orphaned(parts: &Parts, snapshot: &Snapshot) -> Value {
    match tokio::time::timeout(QUEUE_ANSWERS, parts.store.depths()).await {
        Ok(Ok(depths)) => depths
            .orphaned(&standing(snapshot))
            .map(|(sink, count)| (sink.to_string(), json!(count)))
            .collect(),
        _ => Value::Null,
    }
}

/// Who works on the queue; nothing where it does not answer.
async fn instances(parts: &Parts) -> Value {
    match tokio::time::timeout(QUEUE_ANSWERS, parts.store.instances()).await {
        Ok(Ok(instances)) => instances.iter().map(of_instance).collect(),
        _ => Value::Null,
    }
}

pub(super) fn of_instance(instance: &InstanceRow) -> Value {
    json!({
        "id": instance.id,
        "own": instance.is_own,
        "host": instance.host,
        "version": instance.version,
        "config": instance.config,
        "differs": instance.differs,
        "started": text(instance.started),
        "seen": text(instance.seen),
        "gone": instance.is_gone,
        "duties": instance.duties,
    })
}

fn whole(snapshot: &Snapshot, reasons: &[String], now: Timestamp) -> Value {
    let sources: Map<String, Value> = snapshot
        .sources
        .iter()
        .map(|(name, source)| (name.to_string(), of_source(source)))
        .collect();
    let sinks: Map<String, Value> = snapshot
        .sinks
        .iter()
        .map(|(name, sink)| (name.to_string(), of_sink(sink, now)))
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
        "elsewhere": source.elsewhere,
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

pub(super) fn of_sink(sink: &SinkStatus, now: Timestamp) -> Value {
    // A lane that rests no more has no cause to say so.
    let resting_until = sink.resting_until.filter(|until| *until > now);
    json!({
        "used": sink.used,
        "elsewhere": sink.elsewhere,
        "suspended": sink.suspended,
        "away_since": sink.away_since.map(text),
        "resting_until": resting_until.map(text),
        "failed_in_a_row": sink.failed_in_a_row,
        "last_failure": sink.last_failure,
        "last_delivered": sink.last_delivered.map(text),
        "delivered": sink.delivered,
        "failed": sink.failed,
        "dead": sink.dead,
        "template_failures": sink.template_failures,
    })
}

fn text(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_that_is_over_is_not_shown() {
        let at = |second: i64| Timestamp::from_second(1_760_000_000 + second).expect("in range");
        let sink = SinkStatus {
            resting_until: Some(at(10)),
            ..SinkStatus::default()
        };
        let shown = |now| of_sink(&sink, now)["resting_until"].clone();
        assert_eq!(shown(at(9)), text(at(10)));
        assert_eq!(shown(at(10)), Value::Null);
        assert_eq!(shown(at(11)), Value::Null);
    }
}
