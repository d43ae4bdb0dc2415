//! From a claim to the request that carries it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use super::wording::{Subject, why, word};
use crate::model::{Claim, Trace};
use crate::rules::Rule;
use crate::sinks::{self, Message, Sink};
use crate::transport::Outgoing;

/// A request, and what went wrong with its templates.
pub(super) struct Made {
    pub(super) request: Outgoing,
    pub(super) fault: Option<String>,
}

/// The request of a delivery; where the sink stands in for another one, with the options of that `real`
/// one, as [`word`] has them. The `hour` is the moment by which its rule's hours last or not. A panic while it is made is that delivery's fault and nobody else's.
pub(super) fn encode(
    sink: &Sink,
    real: Option<&Sink>,
    rule: Option<&Rule>,
    claim: &Claim,
    trace: Trace,
    now: Timestamp,
    hour: Timestamp,
) -> Result<Made, String> {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let subject = Subject::of(claim, rule);
        let wording = word(sink, real, rule, &subject, now);
        let collected = sinks::collected(subject.bundle, why(rule));
        let event = collected.as_ref().unwrap_or(&claim.event);
        let encoded = sink.translator.encode(&Message {
            id: &claim.id,
            now,
            event,
            wording: &wording,
            priority: rule.and_then(|rule| rule.priority),
            instead: claim.instead.as_deref(),
            quiet: rule.is_some_and(|rule| rule.is_quiet(event, hour)),
            living: claim
                .living
                .as_ref()
                .filter(|_| sink.translator.can_update()),
            plain: claim.plain,
            trace,
        });
        let fault = wording.note;
        encoded.map(|request| Made { request, fault })
    }));
    match made {
        Ok(encoded) => encoded.map_err(|error| error.reason),
        Err(_) => Err(
            "bellwire failed while it made the request; this is a defect of bellwire".to_owned(),
        ),
    }
}
