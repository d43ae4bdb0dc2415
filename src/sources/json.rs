//! Looks up single places of a JSON document without reading the rest into memory.
//!
//! A file of its own because both kinds of source need it and a payload may be a megabyte of anything.
//! What is skipped is checked for its form but never built, however deep it is nested.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::DataAt;

/// The document as one value; `None` if it is no JSON.
pub(super) fn document(payload: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(payload).ok()
}

/// The values behind some keys of a payload, which is read once, in the order of `keys`; `None` if it is no
/// object or no JSON. Where a key comes twice the last one counts, as in JavaScript.
pub(super) fn object<'a, const N: usize>(
    payload: &'a [u8],
    keys: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let keys = keys.map(Some);
    let found = reader.deserialize_map(Members { keys }).ok()?;
    reader.end().ok()?;
    Some(found)
}

/// The values behind some keys of an object, as [`object`] has them; `None` if it is no object.
fn members<'a, const N: usize>(
    value: &'a RawValue,
    keys: [Option<&str>; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_map(Members { keys }).ok()
}

/// Where in the payload a value stands. The value must be a part of that very payload.
pub(super) fn place(payload: &[u8], value: &RawValue) -> DataAt {
    let start = (value.get().as_ptr() as usize).wrapping_sub(payload.as_ptr() as usize);
    let end = start.wrapping_add(value.get().len());
    debug_assert_eq!(payload.get(start..end), Some(value.get().as_bytes()));
    DataAt::Json { start, end }
}

/// The text of a string value; `None` for any other.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Text(text) = serde_json::from_str(value.get()).ok()?;
    Some(text)
}

/// The text of a string, a number or a truth value; `None` for anything else.
pub(super) fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => string(value),
        b'-' | b'0'..=b'9' | b't' | b'f' => Some(Cow::Borrowed(value.get())),
        _ => None,
    }
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer; `None` if it is none.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let steps = text.strip_prefix('/')?.split('/');
        steps.map(unescaped).collect::<Option<_>>().map(Self)
    }

    /// The values that some pointers point at. Members of the document itself are found in one reading.
    pub(super) fn look_up<'a, const N: usize>(
        pointers: [Option<&Self>; N],
        document: &'a RawValue,
    ) -> [Option<&'a RawValue>; N] {
        let firsts = pointers.map(|pointer| pointer?.0.first().map(String::as_str));
        let is_object = document.get().starts_with('{') && firsts.iter().any(Option::is_some);
        let found = is_object.then(|| members(document, firsts).unwrap_or([None; N]));
        std::array::from_fn(|at| {
            let steps = &pointers[at]?.0;
            match (&found, steps.split_first()) {
                (Some(found), Some((_, steps))) => follow(found[at]?, steps),
                _ => follow(document, steps),
            }
        })
    }
}

/// The value at the end of these steps.
fn follow<'a>(value: &'a RawValue, steps: &[String]) -> Option<&'a RawValue> {
    steps.iter().try_fold(value, |value, step| {
        match value.get().as_bytes().first()? {
            b'{' => members(value, [Some(step)])?[0],
            b'[' => element(value, index(step)?),
            _ => None,
        }
    })
}

fn unescaped(step: &str) -> Option<String> {
    let valid = step
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    valid.then(|| step.replace("~1", "/").replace("~0", "~"))
}

/// An array index: digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || step.starts_with(|first: char| ('1'..='9').contains(&first));
    plain.then(|| step.parse().ok()).flatten()
}

fn element(value: &RawValue, index: usize) -> Option<&RawValue> {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_seq(Element { index }).ok().flatten()
}

struct Members<'k, const N: usize> {
    keys: [Option<&'k str>; N],
}

impl<'a, const N: usize> Visitor<'a> for Members<'_, N> {
    type Value = [Option<&'a RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(Key(key)) = map.next_key()? {
            if !self.keys.contains(&Some(&key)) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value()?;
            for (wanted, found) in self.keys.iter().zip(&mut found) {
                if *wanted == Some(&key) {
                    *found = Some(value);
                }
            }
        }
        Ok(found)
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Element {
    index: usize,
}

impl<'a> Visitor<'a> for Element {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut at = 0;
        while let Some(item) = items.next_element::<&RawValue>()? {
            if at == self.index {
                found = Some(item);
            }
            at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#" {"a":{"b":[10,{"c":1.10}]},"":0,"a/b":1,"m~n":2,"t":"x\n","z":null,
        "twice":1,"twice":2,"f":false} "#;

    fn look_up<'a>(pointer: &str, document: &'a RawValue) -> Option<&'a RawValue> {
        let pointer = Pointer::new(pointer).expect("a pointer");
        Pointer::look_up([Some(&pointer)], document)[0]
    }

    #[test]
    fn pointers_that_are_looked_up_together_find_what_each_alone_finds() {
        let texts = ["/a/b/0", "/a/b/1/c", "", "/t", "/missing", "/a", "/twice"];
        let pointers = texts.map(|text| Pointer::new(text).expect("a pointer"));
        for text in [DOCUMENT, "[{\"a\":1}]", "1", "{}"] {
            let document = document(text.as_bytes()).expect("JSON");
            let together = Pointer::look_up(pointers.each_ref().map(Some), document);
            let alone = texts.map(|text| look_up(text, document));
            for (together, alone) in together.into_iter().zip(alone) {
                assert_eq!(
                    together.map(RawValue::get),
                    alone.map(RawValue::get),
                    "{text}"
                );
            }
        }
        let document = document(DOCUMENT.as_bytes()).expect("JSON");
        let [none, whole] = Pointer::look_up([None, Some(&pointers[2])], document);
        assert!(none.is_none() && whole.is_some());
    }

    #[test]
    fn an_object_is_read_in_one_go_where_the_whole_payload_is_one() {
        let found = object(DOCUMENT.as_bytes(), ["twice", "missing", "t"]).expect("an object");
        let found = found.map(|value| value.map(RawValue::get));
        assert_eq!(found, [Some("2"), None, Some(r#""x\n""#)]);
        for wrong in [
            b"[1]".as_slice(),
            b"{} x",
            b"{\"a\":1",
            b"{\"a\":\"\xff\"}",
            b"{\"b\":[1,]}",
            b"",
        ] {
            assert!(object(wrong, ["a"]).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_pointer_finds_its_place_and_nothing_else() {
        for (pointer, found) in [
            ("", Some(DOCUMENT.trim())),
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some("1.10")),
            ("/a/b/01", None),
            ("/a/b/-", None),
            ("/a/b/2", None),
            ("/a/b/99999999999999999999", None),
            ("/", Some("0")),
            ("/a~1b", Some("1")),
            ("/m~0n", Some("2")),
            ("/z", Some("null")),
            ("/twice", Some("2")),
            ("/t/x", None),
            ("/missing", None),
        ] {
            let document = document(DOCUMENT.as_bytes()).expect("JSON");
            let look = look_up(pointer, document);
            assert_eq!(look.map(RawValue::get), found, "{pointer}");
        }
        for wrong in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(Pointer::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_place_is_counted_in_bytes_of_the_payload() {
        let payload = r#"{"ä":1,"data": [ 1 ] }"#.as_bytes();
        let value = document(payload).and_then(|value| members(value, [Some("data")])?[0]);
        let place = place(payload, value.expect("there"));
        assert_eq!(place, DataAt::Json { start: 16, end: 21 });
    }

    #[test]
    fn scalars_are_read_as_text_and_numbers_keep_their_digits() {
        for (json, text) in [
            (r#""a\"b""#, Some("a\"b")),
            ("1.10", Some("1.10")),
            ("-3", Some("-3")),
            ("true", Some("true")),
            ("null", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let value = document(json.as_bytes()).expect("JSON");
            assert_eq!(scalar(value).as_deref(), text, "{json}");
        }
    }

    #[test]
    fn feed_b7_no_depth_and_no_size_is_too_much() {
        let depth = 100_000;
        let nested = format!(
            r#"{{"x":{}1{},"y":2}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let value = document(nested.as_bytes()).expect("JSON");
        let y = look_up("/y", value);
        assert_eq!(y.map(RawValue::get), Some("2"));
        let x = look_up("/x", value);
        assert_eq!(x.map(|x| x.get().len()), Some(2 * depth + 1));
        let deep = format!("/x{}", "/0".repeat(depth));
        assert!(look_up(&deep[..200], value).is_some());
        assert!(document("[".repeat(depth).as_bytes()).is_none());
    }
}
