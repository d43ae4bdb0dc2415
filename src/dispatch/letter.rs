//! A dead letter as JSON: a delivery with the names that every outside surface has for its parts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::attempt::Done;
use crate::model::{Attempt, Claim, State};
use crate::store::Aside;

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

/// A delivery whose row could not be read: what is known of it.
pub(super) fn aside(aside: &Aside) -> Value {
    json!({
        "id": aside.id.as_str(),
        "event": Value::Null,
        "sink": aside.sink.as_str(),
        "rule": Value::Null,
        "state": State::Dead.as_str(),
        "attempts": Value::Null,
        "created": Value::Null,
        "next_attempt": Value::Null,
        "reason": aside.reason,
        "last": Value::Null,
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
