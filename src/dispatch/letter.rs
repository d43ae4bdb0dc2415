//! A dead letter as JSON: the delivery as it stands in the queue once its last attempt is settled.

use serde_json::{Value, json};

use super::attempt::Done;
use crate::model::State;
use crate::store::{Aside, DeliveryRow, EventHead};

/// The delivery that an attempt ended.
pub(super) fn json(done: &Done) -> Value {
    let claim = &done.claim;
    DeliveryRow {
        row: claim.row,
        id: claim.id.clone(),
        event: EventHead::of(&claim.event),
        sink: claim.sink.clone(),
        rule: claim.rule.to_string(),
        state: done.state,
        attempts: claim.attempt,
        created: claim.created,
        due: claim.created,
        reason: done.reason.clone(),
        last: done.attempt.clone(),
        replayed_from: None,
    }
    .json()
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
