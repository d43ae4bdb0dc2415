//! The request that would carry an event, made as for a delivery and not sent.
//!
//! A file of its own because it is the one way out of this room that has neither queue nor client.

use jiff::Timestamp;

use super::attempt::encode;
use crate::model::{Claim, DeliveryId, Event, Living};
use crate::rules::Rule;
use crate::sinks::Sink;
use crate::transport::Outgoing;

/// Makes the request of a first attempt; of a living notification's first one, where the event changes
/// the one of this key.
///
/// # Errors
/// Why no request can carry it, which would be the reason on its dead letter.
pub fn preview(
    sink: &Sink,
    rule: &Rule,
    event: &Event,
    living: Option<&str>,
    id: &str,
    now: Timestamp,
) -> Result<Outgoing, String> {
    let claim = Claim {
        suppressed: None,
        row: 0,
        id: DeliveryId::new(id),
        sink: sink.name.clone(),
        rule: std::sync::Arc::clone(&rule.name),
        attempt: 1,
        step: 0,
        plain: false,
        created: now,
        asked: None,
        early_for: None,
        woken: false,
        living: living.map(|key| Living {
            key: key.into(),
            message: None,
        }),
        event: event.clone(),
    };
    encode(sink, Some(rule), &claim, now).map(|made| made.request)
}
