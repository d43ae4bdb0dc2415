//! `[[tests]]`: events that are shown to the rules before these come into force, with the sinks that each
//! is expected to reach.
//!
//! A part of its own because it adds a verdict to what `explain` says, and nothing else: whose event it
//! is and why a rule does not match are told there. Only routing is tested. Hours are those of the
//! event's own time, and count as open where it has none; throttles and receivers have no part in it.

use std::fmt::Write;

use bytes::Bytes;
use jiff::Timestamp;

use super::explain::{self, Reader};
use crate::config::{Problems, TestConfig};
use crate::model::{Event, Name};
use crate::rules::{Rules, Why};
use crate::sources::Source;

/// Runs tests. Each that fails is a mistake at its `expect`, told with what came instead and why.
pub(super) fn check(
    tests: &[TestConfig],
    sources: &[Source],
    rules: &Rules,
    now: Timestamp,
    problems: &Problems,
) {
    let reader = Reader { sources, rules };
    for test in tests {
        let payload = Bytes::from(test.event.to_string());
        let event = match reader.event(payload, test.source.as_ref(), now) {
            Ok(event) => event,
            Err(reason) => {
                let message = format!("test `{}` has no event: this {reason}", test.name);
                let help = "one event, as its source sends it".to_owned();
                problems.value(&test.event_path, message, Some(help));
                continue;
            }
        };
        let routes = rules.routes_at(&event, event.time).routes;
        let reached: Vec<&Name> = routes.iter().map(|route| &route.sink).collect();
        let expected: Vec<&Name> = test.expect.iter().collect();
        let missing = expected.iter().filter(|sink| !reached.contains(sink));
        let surplus = reached.iter().filter(|sink| !expected.contains(sink));
        let difference: Vec<String> = missing
            .map(|sink| why_not(rules, &event, sink))
            .chain(surplus.map(|sink| why(rules, &event, sink)))
            .collect();
        if difference.is_empty() {
            continue;
        }
        let message = format!(
            "test `{}` fails: expected {}, and it goes to {}",
            test.name,
            list(&expected),
            list(&reached)
        );
        let path = format!("{}.expect", test.path);
        problems.value(&path, message, Some(difference.join("\n")));
    }
}

/// Why an event does not reach a sink: what each rule that sends there says.
fn why_not(rules: &Rules, event: &Event, sink: &Name) -> String {
    let told = explain::told(rules, event, event.time);
    let mut text = format!("`{sink}`: ");
    let mut between = "";
    for (told, _) in told
        .iter()
        .zip(rules.all())
        .filter(|(_, rule)| rule.to.contains(sink))
    {
        let reason = told.reason.as_deref().unwrap_or_default();
        let _ = write!(
            text,
            "{between}rule `{}` does not match: {reason}",
            told.rule
        );
        between = "; ";
    }
    if between.is_empty() {
        text.push_str("no rule sends there");
    }
    text
}

/// Why an event reaches a sink.
fn why(rules: &Rules, event: &Event, sink: &Name) -> String {
    let told = rules
        .explain_at(event, event.time)
        .into_iter()
        .zip(rules.all());
    let matching = told.filter(|((_, why), rule)| *why == Why::Matched && rule.to.contains(sink));
    let names: Vec<String> = matching
        .map(|((name, _), _)| format!("rule `{name}`"))
        .collect();
    let verb = if names.len() == 1 { "sends" } else { "send" };
    format!("`{sink}`: {} {verb} there", names.join(" and "))
}

fn list(sinks: &[&Name]) -> String {
    if sinks.is_empty() {
        return "nobody".to_owned();
    }
    let sinks: Vec<String> = sinks.iter().map(|sink| format!("`{sink}`")).collect();
    sinks.join(", ")
}

#[cfg(test)]
mod tests;
