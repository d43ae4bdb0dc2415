//! A dead letter as JSON: a delivery with the names that every outside surface has for its parts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::Done;
use crate::model::{Attempt, Claim};

/// The delivery that an attempt ended.
pub(super) fn json(done: &Done) -> Value {
    let Claim {
        id,
        sink,
        rule,
        event,
        ..
    } = &done.claim;
    json!({
        "id": id.as_str(),
        "event": {
            "source": event.source.as_str(),
            "id": event.id.as_deref(),
            "type": &*event.kind,
            "time": event.time.map(text),
            "backfilled": event.backfilled,
        },
        "sink": sink.as_str(),
        "rule": &**rule,
        "state": done.state.as_str(),
        "attempts": done.claim.attempt,
        "created": text(done.claim.created),
        "next_attempt": Value::Null,
        "reason": done.reason,
        "last": done.attempt.as_ref().map(last),
    })
}

fn last(attempt: &Attempt) -> Value {
    json!({
        "at": text(attempt.at),
        "status": attempt.status,
        "duration_ms": u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        "answer": attempt.answer,
    })
}

fn text(moment: Timestamp) -> String {
    format!("{moment:.3}")
}
