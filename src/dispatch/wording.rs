//! How a delivery reads: the rule's templates, else the sink's, else the built-in wording; and what the
//! templates of the sink's other options make of its event.

use jiff::Timestamp;

use crate::expr::{Scope, Template};
use crate::model::{Event, Suppressed};
use crate::rules::Rule;
use crate::sinks::{Filled, Sink, Slot, Wording};

/// Words an event for a sink. A template that fails leaves the built-in text in place, or its option
/// out, and adds one line that says so: it never swallows the alert. What is not shown is not rendered.
/// Where the sink stands in for a `real` one, whose secrets are not to be seen, it is the real one's
/// templates that decide what there is to show.
pub(super) fn word(
    sink: &Sink,
    real: Option<&Sink>,
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
    if title.is_none() && message.is_none() && sink.slots.is_empty() {
        return wording;
    }
    let mut renderer = Renderer {
        scope: scope(rule, event, suppressed, now),
        note: None,
        literal: String::new(),
    };
    let filled = renderer.fill(sink, real);
    let (mut titled, mut worded) = (None, None);
    if sink.translator.shows_wording(&filled) {
        titled = renderer.text(title, "title");
        worded = renderer.text(message, "message");
    }
    wording
        .with(titled, worded, renderer.note)
        .with_literal(renderer.literal)
        .with_filled(filled)
}

/// A button that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What stands on it.
    pub button: String,
    /// The option whose template has made nothing for it, such as `actions[0].url`.
    pub option: String,
    /// Why the template failed; `None` where it printed nothing.
    pub fault: Option<String>,
}

/// The buttons that an event does without.
pub(super) fn left_out(
    sink: &Sink,
    rule: Option<&Rule>,
    event: &Event,
    now: Timestamp,
) -> Vec<LeftOut> {
    let scope = scope(rule, event, None, now);
    let left_out = sink.slots.iter().filter_map(|slot| {
        let button = slot.button.clone()?;
        let fault = match slot.take(slot.template.render(&scope)) {
            Ok(Some(_)) => return None,
            Ok(None) => None,
            Err(reason) => Some(reason),
        };
        let option = slot.name.clone();
        Some(LeftOut {
            button,
            option,
            fault,
        })
    });
    left_out.collect()
}

/// What templates see.
fn scope(
    rule: Option<&Rule>,
    event: &Event,
    suppressed: Option<Suppressed>,
    now: Timestamp,
) -> Scope {
    let burst = rule.is_some_and(|rule| rule.coalesce.is_some());
    burst
        .then(|| Scope::burst(std::slice::from_ref(event)))
        .flatten()
        .unwrap_or_else(|| Scope::telling(event, suppressed))
        .at(now)
}

/// Renders the templates of one delivery.
struct Renderer {
    scope: Scope,
    /// What went wrong first.
    note: Option<String>,
    /// What stands in the templates of its texts.
    literal: String,
}

impl Renderer {
    fn fill(&mut self, sink: &Sink, real: Option<&Sink>) -> Filled {
        let mut filled = Filled::new();
        for slot in &sink.slots {
            let is_same = |other: &&Slot| other.name == slot.name;
            let real = real.and_then(|real| real.slots.iter().find(is_same));
            let deciding = real.unwrap_or(slot);
            match deciding.take(deciding.template.render(&self.scope)) {
                Ok(Some(text)) => {
                    let hidden = real
                        .filter(|real| real.is_secret)
                        .map(|_| slot.template.render(&self.scope).unwrap_or_default());
                    filled.insert(slot.name.clone(), hidden.unwrap_or(text));
                }
                Ok(None) => {}
                Err(reason) => self.failed(&slot.name, &reason),
            }
        }
        filled
    }

    fn text(&mut self, template: Option<&Template>, what: &str) -> Option<String> {
        let template = template?;
        match template.render(&self.scope) {
            Ok(text) => {
                // Only who is mentioned is asked for later, so most templates are run once.
                if template.source().contains('@')
                    && let Ok(literal) = template.literal(&self.scope)
                {
                    self.literal.push_str(&literal);
                    self.literal.push('\n');
                }
                Some(text)
            }
            Err(fault) => {
                self.failed(what, &fault.to_string());
                None
            }
        }
    }

    fn failed(&mut self, what: &str, reason: &str) {
        self.note
            .get_or_insert_with(|| format!("the template of the {what} failed: {reason}"));
    }
}

#[cfg(test)]
mod tests;
