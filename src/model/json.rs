//! JSON from outside as a value, where that is not too much for memory.
//!
//! A file of its own because a value in memory takes up to a few hundred times the bytes that it takes on the
//! way, and everybody who makes one of what others send has to keep to the same limit.

use serde_json::Value;

/// Most values in a document, at all depths. That many take some 40 MB where each is an object of its own.
pub const VALUES_MAX: usize = 50_000;

/// Fewest bytes that a value takes: a digit and a comma.
const VALUE_BYTES_MIN: usize = 2;

/// The document as a value. `None` where it is no JSON, has too many values, or is nested too deeply, which the
/// library refuses.
#[must_use]
pub fn json_value(json: &[u8]) -> Option<Value> {
    match has_too_many_values(json) {
        true => None,
        false => serde_json::from_slice(json).ok(),
    }
}

/// Whether a document has more than [`VALUES_MAX`].
#[must_use]
pub fn has_too_many_values(json: &[u8]) -> bool {
    json.len() > VALUES_MAX * VALUE_BYTES_MIN && values(json) > VALUES_MAX
}

/// How many values a document has at most: each but the first stands behind a comma or is the first one of a
/// list or an object. One that is empty counts twice.
fn values(json: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: usize) {
        assert_eq!(values(json.as_bytes()), expected, "{json}");
    }

    #[test]
    fn values_are_counted_and_what_stands_in_a_text_is_not() {
        check("7", 1);
        check("[1,2,3]", 4);
        check(r#"{"a":{"b":[1]},"c":2}"#, 5);
        check(r#"["a,[{", "\",", "\\", ","]"#, 5);
        // Where there is nothing inside, one too many is no harm.
        check("[]", 2);
    }

    #[test]
    fn a_document_of_too_many_values_is_none() {
        let list = |items: usize| format!("[{}]", vec!["1"; items].join(","));
        let read = |json: &str| json_value(json.as_bytes());
        assert!(read(&list(VALUES_MAX - 1)).is_some());
        assert_eq!(read(&list(VALUES_MAX)), None);
        let text = format!(r#"["{}"]"#, ",".repeat(VALUES_MAX * 3));
        assert!(read(&text).is_some(), "a text is one value");
        assert_eq!(read("[1"), None);
        assert_eq!(read(&("[".repeat(200) + &"]".repeat(200))), None);
    }
}
