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
        // One for which no request was made does not count.
        attempts: claim
            .attempt
            .saturating_sub(u32::from(done.attempt.is_none())),
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Claim, DataAt, DeliveryId, Event, Name};

    #[test]
    fn a_claim_for_which_no_request_was_made_is_no_attempt() {
        let now = Timestamp::UNIX_EPOCH;
        let name = |text| Name::new(text).expect("a name");
        let event = Event {
            source: name("ttmt"),
            id: None,
            kind: "tp_hit".into(),
            time: None,
            received: now,
            backfilled: false,
            identity: None,
            data: DataAt::Missing,
            about: None,
            payload: bytes::Bytes::new(),
        };
        let done = Done {
            claim: Claim {
                row: 1,
                id: DeliveryId::new("msg_1"),
                sink: name("phone"),
                rule: "every".into(),
                attempt: 3,
                step: 0,
                plain: false,
                created: now,
                early_for: None,
                woken: false,
                asked: None,
                suppressed: None,
                event,
            },
            state: State::Dead,
            reason: Some("it cannot be encoded".to_owned()),
            attempt: None,
            sign: None,
            wake: crate::model::Wake::Never,
            rest_until: None,
            suspend: None,
        };
        assert_eq!(json(&done)["attempts"], 2);
    }
}
