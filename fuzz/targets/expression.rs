//! An expression and a template that nobody ought to write, over an event that nobody ought to send: a mistake or a
//! result, soon, and no longer than it may be.
#![no_main]

use bellwire::expr::{Expression, Scope, Template};
use bellwire::sources::{Frame, What, read_internal};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// The longest text that a template makes, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (source, data) = text.split_once('\n').unwrap_or((text, "{}"));
    let payload = format!("{{\"type\":\"tp_hit\",\"eventId\":1,\"data\":{data}}}");
    let now = Timestamp::from_second(1_760_000_000).expect("in range");
    let What::Event(event) = read_internal(&Frame::bare(None, payload.into(), now)) else {
        return;
    };
    let scope = Scope::new(&event).at(now);
    if let Ok(expression) = Expression::compile(source) {
        let _ = expression.matches(&scope);
        let _ = expression.why_false(&scope);
        if let Ok(Some(key)) = expression.key(&scope) {
            assert!(key.len() <= Expression::KEY_BYTES_MAX);
        }
    }
    if let Ok(template) = Template::compile(source) {
        if let Ok(text) = template.render(&scope) {
            assert!(text.len() <= OUTPUT_BYTES_MAX);
        }
    }
});
