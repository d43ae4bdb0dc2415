//! An expression and a template that nobody ought to write, over events that nobody ought to send: a mistake
//! with its line, or the same result every time, soon, and no longer than it may be.

use bellwire::expr::{Beside, Compiled, Expression, Fault, Mistake, Scope, Template};
use bellwire::model::Event;
use bellwire::sources::{Frame, What, read_internal};

use super::now;

/// The longest text that a template makes, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What is said where the engine itself has failed, which is for engines that nobody knows yet.
const ENGINE_FAILED: &str = "the engine failed on these values";

/// A text, and on the last line the `data` of an event.
pub fn expression(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (source, data) = text.rsplit_once('\n').unwrap_or((text, "{}"));
    let Some(event) = event(data) else {
        return;
    };
    let scope = Scope::new(&event).at(now());
    // Each is left to the other's reader too.
    of_expression(source, &scope);
    of_template(source, &scope, &event);
}

fn event(data: &str) -> Option<Event> {
    let payload = format!("{{\"type\":\"tp_hit\",\"eventId\":1,\"data\":{data}}}");
    match read_internal(&Frame::bare(None, payload.into(), now())) {
        What::Event(event) => Some(event),
        _ => None,
    }
}

fn of_expression(source: &str, scope: &Scope) {
    let expression = match Expression::compile(source) {
        Ok(expression) => expression,
        Err(mistakes) => return told_well(&mistakes, source),
    };
    assert_eq!(expression.source(), source);
    told_well_if_any(expression.doubts(), source);
    let matches = sound(expression.matches(scope));
    assert_eq!(matches, expression.matches(scope), "{source:?}");
    let causes = expression.why_false(scope);
    assert!(causes.is_empty() || matches == Ok(false), "{source:?}");
    for cause in causes {
        assert!(!cause.to_string().is_empty(), "{source:?}");
    }
    let key = sound(expression.key(scope));
    assert_eq!(key, expression.key(scope), "{source:?}");
    match (key, matches) {
        (Ok(Some(key)), _) => assert!(key.len() <= Expression::KEY_BYTES_MAX),
        // What is missing is not true.
        (Ok(None), matches) => assert_eq!(matches, Ok(false), "{source:?}"),
        (Err(_), _) => {}
    }
}

fn of_template(source: &str, scope: &Scope, event: &Event) {
    let template = match Template::compile(source) {
        Ok(template) => template,
        Err(mistakes) => {
            told_well(&mistakes, source);
            return of_many(source, event);
        }
    };
    told_well_if_any(template.doubts(), source);
    let text = sound(template.render(scope));
    assert_eq!(text, template.render(scope), "{source:?}");
    let literal = sound(template.literal(scope));
    if let (Ok(text), Ok(literal)) = (&text, &literal) {
        assert!(text.len() <= OUTPUT_BYTES_MAX && literal.len() <= OUTPUT_BYTES_MAX);
    }
    // A template of one event reads the same where events are collected.
    let coalesced = Template::compile_coalesced(source).expect("it may say more");
    let alone = Scope::bundle(std::slice::from_ref(event), &Beside::default());
    let alone = alone.expect("an event").at(now());
    assert_eq!(sound(coalesced.render(&alone)), text, "{source:?}");
}

/// A template that speaks of several events.
fn of_many(source: &str, event: &Event) {
    let Ok(template) = Template::compile_coalesced(source) else {
        return;
    };
    let events = [event.clone(), event.clone()];
    let scope = Scope::bundle(&events, &Beside::default()).expect("two events");
    let text = sound(template.render(&scope));
    assert_eq!(text, template.render(&scope), "{source:?}");
    assert!(
        text.is_ok_and(|text| text.len() <= OUTPUT_BYTES_MAX) || template.render(&scope).is_err()
    );
}

fn sound<T>(result: Result<T, Fault>) -> Result<T, Fault> {
    if let Err(fault) = &result {
        let told = fault.to_string();
        assert!(!told.is_empty() && !told.contains(ENGINE_FAILED), "{told}");
        assert!(told.chars().count() <= 200, "{told}");
    }
    result
}

/// There is something wrong, and each mistake names a line that there is.
fn told_well(mistakes: &[Mistake], source: &str) {
    assert!(!mistakes.is_empty(), "{source:?}");
    told_well_if_any(mistakes, source);
}

fn told_well_if_any(mistakes: &[Mistake], source: &str) {
    let lines = source.split('\n').count();
    for mistake in mistakes {
        assert!(!mistake.in_one_line(source).is_empty(), "{source:?}");
        let line = mistake.line.unwrap_or(1);
        // The parser stops at the end at the latest, which it may count as a line of its own.
        assert!((1..=lines + 1).contains(&line), "{mistake:?} of {source:?}");
    }
}
