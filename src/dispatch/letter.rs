//! A dead letter as JSON: the delivery as it stands in the queue once its last attempt is settled.

use serde_json::Value;

use super::attempt::Done;
use crate::store::{DeliveryRow, EventHead};

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
