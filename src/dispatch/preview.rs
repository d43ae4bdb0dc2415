//! The request that would carry an event, made as for a delivery and not sent.
//!
//! A file of its own because it is the one way out of this room that has neither queue nor client.

use jiff::Timestamp;

use super::encode::encode;
use super::wording::{self, LeftOut};
use crate::model::{Claim, DeliveryId, Event, Living, Trace};
use crate::rules::Rule;
use crate::sinks::Sink;
use crate::transport::Outgoing;

/// Makes the request of a first attempt, where the event may change a living notification. It is made by
/// a sink that stands in for the `real` one, and knows none of its secrets, and by the hours of the
/// event's own time, where it has one.
///
/// # Errors
/// Why no request can carry it, which would be the reason on its dead letter.
pub fn preview(
    sink: &Sink,
    real: &Sink,
    rule: &Rule,
    event: &Event,
    living: Option<Living>,
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
        due: now,
        early_for: None,
        woken: false,
        living,
        instead: None,
        alone: true,
        event: as_kept(event),
        bundle: Vec::new(),
    };
    let hour = event.time.unwrap_or(now);
    let made = encode(
        sink,
        Some(real),
        Some(rule),
        &claim,
        Trace::EXAMPLE,
        now,
        hour,
    );
    made.map(|made| made.request)
}

/// The buttons that the request of an event does without.
#[must_use]
pub fn left_out(sink: &Sink, rule: &Rule, event: &Event, now: Timestamp) -> Vec<LeftOut> {
    wording::left_out(sink, Some(rule), &as_kept(event), now)
}

/// An event as it comes out of the queue, which keeps microseconds.
fn as_kept(event: &Event) -> Event {
    let kept = |time: Timestamp| Timestamp::from_microsecond(time.as_microsecond()).ok();
    Event {
        time: event.time.and_then(kept),
        ..event.clone()
    }
}
