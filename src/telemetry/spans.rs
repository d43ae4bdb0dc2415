//! The steps of an event as spans, with the names that their fields have everywhere.
//!
//! Both steps of a trace, the arrival and each attempt, are worked out from the event, so they meet
//! again whatever lies between them: a queue, days, another process.

use tracing::{Level, Span, field, span};

use crate::model::{Batch, Claim, Event, Trace};

/// What is told apart from all other spans: only these are steps of a trace.
pub const TARGET: &str = "bellwire::trace";

macro_rules! attempt_at {
    ($level:expr, $claim:expr, $trace:expr) => {
        span!(
            target: TARGET,
            $level,
            "attempt",
            trace.id = %format_args!("{:032x}", $trace.id()),
            trace.step = %format_args!("{:016x}", $trace.step()),
            trace.parent = %format_args!("{:016x}", Trace::of(&$claim.event).step()),
            source = %$claim.event.source,
            event.type = &*$claim.event.kind,
            delivery.id = %$claim.id,
            sink = %$claim.sink,
            rule = &*$claim.rule,
            attempt = $claim.attempt,
            outcome = field::Empty,
            status = field::Empty,
            reason = field::Empty,
        )
    };
}

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
///
/// Its level is that of details, so that attempts of which nothing is told cost nothing.
#[must_use]
pub fn attempt(claim: &Claim, trace: Trace) -> Span {
    attempt_at!(Level::DEBUG, claim, trace)
}

/// The same around a line that everybody sees, where nobody wanted the span before.
#[must_use]
pub fn told(claim: &Claim, trace: Trace) -> Span {
    match Span::current() {
        current if current.is_disabled() => attempt_at!(Level::INFO, claim, trace),
        current => current,
    }
}
