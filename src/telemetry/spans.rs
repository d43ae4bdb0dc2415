//! The steps of an event as spans, with the names that their fields have everywhere.
//!
//! Both steps of a trace, the arrival and each attempt, are worked out from the event, so they meet
//! again whatever lies between them: a queue, days, another process.

use tracing::{Level, Span, field, span};

use crate::model::{Batch, Claim, Event, Trace};

/// What is told apart from all other spans: only these are steps of a trace.
pub const TARGET: &str = "bellwire::trace";

/// The arrivals of a batch, each from an event that has been read to one that is safely in the queue. To
/// be dropped when they are.
#[must_use]
pub fn arrivals(batch: &Batch) -> Vec<Span> {
    let events = batch.events.iter();
    let spans = events.map(|(event, routes)| arrival(event, routes.len()));
    spans.filter(|span| !span.is_disabled()).collect()
}

fn arrival(event: &Event, deliveries: usize) -> Span {
    // The fields are worked out only where somebody wants the span.
    span!(
        target: TARGET,
        Level::DEBUG,
        "event",
        trace.id = %format_args!("{:032x}", Trace::of(event).id()),
        trace.step = %format_args!("{:016x}", Trace::of(event).step()),
        source = %event.source,
        event.id = event.id.as_deref(),
        event.type = &*event.kind,
        event.backfilled = event.backfilled,
        deliveries,
    )
}

/// One attempt, from its claim to its settlement. `outcome` and `status` are recorded when they are known.
#[must_use]
pub fn attempt(claim: &Claim, trace: Trace) -> Span {
    span!(
        target: TARGET,
        Level::INFO,
        "attempt",
        trace.id = %format_args!("{:032x}", trace.id()),
        trace.step = %format_args!("{:016x}", trace.step()),
        trace.parent = %format_args!("{:016x}", Trace::of(&claim.event).step()),
        source = %claim.event.source,
        event.type = &*claim.event.kind,
        delivery.id = %claim.id,
        sink = %claim.sink,
        rule = &*claim.rule,
        attempt = claim.attempt,
        outcome = field::Empty,
        status = field::Empty,
        reason = field::Empty,
    )
}
