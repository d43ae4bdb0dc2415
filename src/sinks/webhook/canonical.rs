//! JSON as JavaScript prints it, so that a receiver that parses a body and prints it again gets the
//! bytes that were signed.
//!
//! A file of its own because no JSON printer for Rust does this: numbers as RFC 8785 has them, keys
//! that look like array indices first and in ascending order, all other keys in the order of the
//! source. What no double holds exactly as an integer becomes a string, or it would change.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::model;

/// The largest integer up to which every integer is a double.
const INTEGER_MAX: i128 = 1 << 53;

/// The largest key that JavaScript sorts as an array index.
const INDEX_MAX: u64 = (1 << 32) - 2;

/// A payload in this form, with the delivery's id as its last key. What is no object stands under
/// `data`; what is no JSON stands there as text. Half a character is replaced, since UTF-8 holds none.
pub(super) fn bytes(payload: &[u8], webhook_id: &str) -> Bytes {
    let mut object = match serde_json::from_slice(&model::mended(payload)) {
        Ok(Value::Object(object)) => object,
        Ok(value) => wrapped(value),
        Err(_) => wrapped(Value::String(String::from_utf8_lossy(payload).into_owned())),
    };
    object.shift_remove("webhook_id");
    object.insert("webhook_id".to_owned(), json!(webhook_id));
    let mut out = String::with_capacity(payload.len() + 64);
    write_object(&mut out, &object);
    Bytes::from(out)
}

/// A value as `JSON.stringify` prints it.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn wrapped(value: Value) -> Map<String, Value> {
    Map::from_iter([("data".to_owned(), value)])
}

/// Writes a value. Its depth is bounded by the parser's.
fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number(out, &number.to_string()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => write_object(out, entries),
    }
}

fn write_object(out: &mut String, entries: &Map<String, Value>) {
    let mut indices: Vec<(u64, &str, &Value)> = entries
        .iter()
        .filter_map(|(key, value)| Some((array_index(key)?, key.as_str(), value)))
        .collect();
    indices.sort_by_key(|(index, ..)| *index);
    let indices = indices.into_iter().map(|(_, key, value)| (key, value));
    let others = entries
        .iter()
        .filter(|(key, _)| array_index(key).is_none())
        .map(|(key, value)| (key.as_str(), value));
    out.push('{');
    for (index, (key, value)) in indices.chain(others).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

/// The index that JavaScript takes a key for, if it does.
fn array_index(key: &str) -> Option<u64> {
    let canonical = key == "0"
        || (!key.starts_with('0') && key.len() <= 10 && key.bytes().all(|b| b.is_ascii_digit()));
    let index = canonical.then(|| key.parse().ok()).flatten()?;
    (index <= INDEX_MAX).then_some(index)
}

fn write_number(out: &mut String, text: &str) {
    let number: f64 = text.parse().unwrap_or(f64::INFINITY);
    if !number.is_finite() || is_inexact_integer(text) {
        write_string(out, text);
    } else {
        out.push_str(ryu_js::Buffer::new().format_finite(number));
    }
}

fn is_inexact_integer(text: &str) -> bool {
    let written_as_integer = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    written_as_integer
        && text
            .parse::<i128>()
            .map_or(true, |number| number.abs() > INTEGER_MAX)
}

/// A string as `JSON.stringify` writes it, which is how this library writes it, too.
fn write_string(out: &mut String, text: &str) {
    let quoted: Cow<'_, str> =
        serde_json::to_string(text).map_or(Cow::Borrowed("\"\""), Cow::Owned);
    out.push_str(&quoted);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: &str) {
        let canonical = bytes(payload.as_bytes(), "msg_1");
        let text = std::str::from_utf8(&canonical).expect("UTF-8");
        let with_id = format!(
            "{},\"webhook_id\":\"msg_1\"}}",
            expected.trim_end_matches('}')
        );
        assert_eq!(text, with_id, "{payload}");
    }

    // Except for what stands in quotes because it is beyond a double, the expected texts are what
    // `JSON.stringify(JSON.parse(x))` gives.
    #[test]
    fn wh_11_prints_numbers_keys_and_strings_as_javascript_does() {
        for (payload, expected) in [
            (
                r#"{ "a" : 1.0 , "b":-0, "c":-0.0}"#,
                r#"{"a":1,"b":0,"c":0}"#,
            ),
            (
                r#"{"a":1e20,"b":1e21,"c":1E-7,"d":0.000001}"#,
                r#"{"a":100000000000000000000,"b":1e+21,"c":1e-7,"d":0.000001}"#,
            ),
            (
                r#"{"a":3347.0,"b":3342.10,"c":1.084195}"#,
                r#"{"a":3347,"b":3342.1,"c":1.084195}"#,
            ),
            (
                r#"{"a":9007199254740992,"b":9007199254740993,"c":-9007199254740993}"#,
                r#"{"a":9007199254740992,"b":"9007199254740993","c":"-9007199254740993"}"#,
            ),
            (
                r#"{"a":123456789012345678901234567890123456789012345}"#,
                r#"{"a":"123456789012345678901234567890123456789012345"}"#,
            ),
            (r#"{"a":1e400}"#, r#"{"a":"1e+400"}"#),
            (
                r#"{"b":1,"10":2,"9":3,"a":4,"01":5,"4294967294":6,"4294967295":7}"#,
                r#"{"9":3,"10":2,"4294967294":6,"b":1,"a":4,"01":5,"4294967295":7}"#,
            ),
            (
                r#"{"a":"\u00e9\/\u0007\u001f\u2028\"\\\n"}"#,
                "{\"a\":\"é/\\u0007\\u001f\u{2028}\\\"\\\\\\n\"}",
            ),
            (
                r#"{"a":"\ud83d x","\uDE00":["\ud83d\ude00","\\ud83d"]}"#,
                "{\"a\":\"\u{fffd} x\",\"\u{fffd}\":[\"😀\",\"\\\\ud83d\"]}",
            ),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (
                r#"{"webhook_id":"theirs","a":[null,true,[],{}]}"#,
                r#"{"a":[null,true,[],{}]"#,
            ),
            (r#"{"__proto__":1}"#, r#"{"__proto__":1}"#),
            ("[1.0]", r#"{"data":[1]}"#),
            ("not json", r#"{"data":"not json"}"#),
            ("", r#"{"data":""}"#),
        ] {
            check(payload, expected);
        }
    }

    #[test]
    fn a_payload_of_absurd_depth_goes_out_as_text() {
        let payload = "[".repeat(100_000);
        let canonical = bytes(payload.as_bytes(), "msg_1");
        assert!(canonical.starts_with(b"{\"data\":\"[["));
    }
}
