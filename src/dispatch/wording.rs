//! How a delivery reads: the rule's templates, else the sink's, else the built-in wording.

use jiff::Timestamp;

use crate::expr::{Scope, Template};
use crate::model::{Event, Suppressed};
use crate::rules::Rule;
use crate::sinks::{Sink, Wording};

/// Words an event for a sink. A template that fails leaves the built-in text in place and adds one
/// line that says so: it never swallows the alert.
pub(super) fn word(
    sink: &Sink,
    rule: Option<&Rule>,
    event: &Event,
    suppressed: Option<Suppressed>,
    now: Timestamp,
) -> Wording {
    let title = rule
        .and_then(|rule| rule.title.as_ref())
        .or(sink.title.as_ref());
    let message = rule
        .and_then(|rule| rule.message.as_ref())
        .or(sink.message.as_ref());
    let wording = Wording::of(event).telling(suppressed, event.received);
    if title.is_none() && message.is_none() && sink.body.is_none() {
        return wording;
    }
    let burst = rule.is_some_and(|rule| rule.coalesce.is_some());
    let scope = burst
        .then(|| Scope::burst(std::slice::from_ref(event)))
        .flatten()
        .unwrap_or_else(|| Scope::telling(event, suppressed))
        .at(now);
    let mut note = None;
    let mut render = |template: Option<&Template>, what: &str| match template?.render(&scope) {
        Ok(text) => Some(text),
        Err(fault) => {
            note.get_or_insert_with(|| format!("the template of the {what} failed: {fault}"));
            None
        }
    };
    let title = render(title, "title");
    let message = render(message, "message");
    let body = render(sink.body.as_ref(), "body");
    wording.with(title, message, note).with_body(body)
}
