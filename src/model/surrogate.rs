//! Halves of characters in JSON: whoever cuts a text in the middle of an emoji may write one half of it,
//! which is no text any more, and most parsers refuse all of the JSON for it.

use std::borrow::Cow;

/// Stands where half a character stood.
const REPLACEMENT: &[u8; 4] = b"fffd";

/// JSON in which each escape that is half a character stands for a replacement character instead. It
/// has the same length, and all else in it is as it was.
#[must_use]
pub fn mended(json: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(json);
    // Most JSON escapes nothing, which is seen many bytes at a time.
    if !json.contains(&b'\\') {
        return mended;
    }
    let mut at = 0;
    while let Some(found) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == b'\\'))
    {
        at += found;
        match (unit(json, at), unit(json, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.to_mut()[at + 2..at + 6].copy_from_slice(REPLACEMENT);
                at += 6;
            }
            // Two, so that an escaped backslash is not taken for the beginning of another escape.
            _ => at += 2,
        }
    }
    mended
}

/// The number of a `\u` and four digits that begin here.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let escape = json.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok()?;
    // A sign would pass for a digit.
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_halves_are_replaced() {
        for (json, expected) in [
            (r#"{"a":"Main \ud83d"}"#, r#"{"a":"Main \ufffd"}"#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\uD83Dx""#, r#""\ufffdx""#),
            (r#""\u00e9\n""#, r#""\u00e9\n""#),
            (r#""\ud83""#, r#""\ud83""#),
            (r#"{"n":1.10}"#, r#"{"n":1.10}"#),
            ("\\", "\\"),
            ("", ""),
        ] {
            let mended = mended(json.as_bytes());
            assert_eq!(std::str::from_utf8(&mended).expect("text"), expected);
        }
    }

    proptest! {
        #[test]
        fn what_any_units_make_can_be_read(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{text}\"");
            let read: String = serde_json::from_slice(&mended(json.as_bytes())).expect("JSON");
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
