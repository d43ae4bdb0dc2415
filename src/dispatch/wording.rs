//! How a delivery reads: the rule's templates, else the sink's, else the built-in wording; and what the
//! templates of the sink's other options make of its event.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::expr::{Beside, Scope, Template};
use crate::model::{Claim, Event};
use crate::rules::Rule;
use crate::sinks::{Collected, Filled, Sink, Slot, Wording};

/// What a message is about.
pub(super) struct Subject<'a> {
    /// What happened; of several events the newest.
    pub(super) event: &'a Event,
    /// Every event, oldest first, of a message that collects them; empty for any other.
    pub(super) bundle: &'a [Event],
    /// What it tells beside them.
    pub(super) beside: Beside,
}

/// Words a subject for a sink. A template that fails leaves the built-in text in place, or its option
/// out, and adds one line that says so: it never swallows the alert. What is not shown is not rendered.
/// Where the sink stands in for a `real` one, whose secrets are not to be seen, it is the real one's
/// templates that decide what there is to show.
pub(super) fn word(
    sink: &Sink,
    real: Option<&Sink>,
    rule: Option<&Rule>,
    subject: &Subject<'_>,
    now: Timestamp,
) -> Wording {
    if sink.slots.is_empty() && !sink.translator.shows_wording(&Filled::new()) {
        return Wording::unseen();
    }
    let title = rule
        .and_then(|rule| rule.title.as_ref())
        .or(sink.title.as_ref());
    let message = rule
        .and_then(|rule| rule.message.as_ref())
        .or(sink.message.as_ref());
    let Beside {
        suppressed,
        instead,
    } = &subject.beside;
    let wording = match subject.bundle {
        [] => Wording::of(subject.event),
        several => Wording::of_all(several, why(rule), &zone(rule)),
    };
    let wording = wording.telling(*suppressed, subject.event.received);
    if title.is_none() && message.is_none() && sink.slots.is_empty() {
        return wording.standing_in(instead.as_deref());
    }
    let mut renderer = Renderer {
        scope: scope(rule, subject, now),
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
        .standing_in(instead.as_deref())
        .with_literal(renderer.literal)
        .with_filled(filled)
}

/// Why a rule collects events.
pub(super) fn why(rule: Option<&Rule>) -> Collected {
    match rule.is_some_and(|rule| rule.digest.is_some()) {
        true => Collected::Digest,
        false => Collected::Coalesced,
    }
}

/// The clocks that tell the times of what a rule collects.
fn zone(rule: Option<&Rule>) -> TimeZone {
    let digest = rule.and_then(|rule| rule.digest.as_ref());
    digest.map_or(TimeZone::UTC, |digest| digest.zone().clone())
}

impl<'a> Subject<'a> {
    /// What a delivery is about. A digest is one also where there is one event to tell.
    pub(super) fn of(claim: &'a Claim, rule: Option<&Rule>) -> Self {
        let bundle = match (&claim.bundle[..], why(rule)) {
            ([], Collected::Digest) => std::slice::from_ref(&claim.event),
            (several, _) => several,
        };
        Self {
            event: &claim.event,
            bundle,
            beside: Beside {
                suppressed: claim.suppressed,
                instead: claim.instead.clone(),
            },
        }
    }

    /// One event, and nothing beside it.
    pub(super) fn one(event: &'a Event) -> Self {
        Self {
            event,
            bundle: &[],
            beside: Beside::default(),
        }
    }
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
    let scope = scope(rule, &Subject::one(event), now);
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

/// What templates see. Those of a rule that collects always see `events` and `count`.
fn scope(rule: Option<&Rule>, subject: &Subject<'_>, now: Timestamp) -> Scope {
    let Subject {
        event,
        bundle,
        beside,
    } = subject;
    let collects = !bundle.is_empty() || rule.is_some_and(Rule::collects);
    let events = match bundle {
        [] => std::slice::from_ref(*event),
        several => several,
    };
    collects
        .then(|| Scope::bundle(events, beside))
        .flatten()
        .unwrap_or_else(|| Scope::telling(event, beside))
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
