//! Text cut to a limit: between characters as people see them, counted as the platform counts, after
//! escaping and never inside an escape.
//!
//! A file of its own because every field of every sink is cut, and a cut in the wrong place makes a
//! platform refuse the longest alert of all. It does not know the limits.

use unicode_segmentation::UnicodeSegmentation;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes of UTF-8.
    Bytes,
    /// Bytes of UTF-8 once the text stands in a JSON string.
    JsonBytes,
    /// Units of UTF-16, as JavaScript counts.
    Utf16,
    /// Unicode code points.
    CodePoints,
}

/// Stands for what was cut off.
const ELLIPSIS: &str = "…";

impl Unit {
    /// The size of a text.
    pub(super) fn of(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::JsonBytes => text.chars().map(json_bytes).sum(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
            Self::CodePoints => text.chars().count(),
        }
    }
}

/// At most `limit` of a text.
pub(super) fn cut(text: &str, limit: usize, unit: Unit) -> String {
    cut_escaped(text, limit, unit, |character, out| out.push(character))
}

/// At most `limit` of a text once `escape` has rewritten each of its characters.
pub(super) fn cut_escaped(
    text: &str,
    limit: usize,
    unit: Unit,
    escape: fn(char, &mut String),
) -> String {
    let whole = fill(text.graphemes(true), limit, unit, escape);
    if whole.is_empty() && !text.is_empty() {
        // A single character of more code points than fit: better its start than nothing.
        return fill(text.split_inclusive(|_: char| true), limit, unit, escape);
    }
    whole
}

fn fill<'a>(
    pieces: impl Iterator<Item = &'a str>,
    limit: usize,
    unit: Unit,
    escape: fn(char, &mut String),
) -> String {
    let room_for_ellipsis = limit.checked_sub(unit.of(ELLIPSIS));
    let mut out = String::new();
    let mut size = 0;
    let mut cut_at = None;
    for piece in pieces {
        if room_for_ellipsis.is_some_and(|room| size <= room) {
            cut_at = Some(out.len());
        }
        let start = out.len();
        for character in piece.chars() {
            escape(character, &mut out);
        }
        size += unit.of(&out[start..]);
        if size > limit {
            out.truncate(cut_at.unwrap_or(0));
            if !out.is_empty() {
                out.push_str(ELLIPSIS);
            }
            return out;
        }
    }
    out
}

fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entity(character: char, out: &mut String) {
        match character {
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }

    #[test]
    fn cuts_between_characters_in_the_unit_that_counts() {
        let family = "👨‍👩‍👧";
        for (text, limit, unit, expected) in [
            ("short", 5, Unit::Bytes, "short"),
            ("longer", 5, Unit::Bytes, "lo…"),
            ("longer", 5, Unit::Utf16, "long…"),
            ("äöüäöü", 7, Unit::Bytes, "äö…"),
            ("😀😀😀", 5, Unit::Utf16, "😀😀…"),
            ("😀😀😀", 2, Unit::CodePoints, "😀…"),
            (&format!("a{family}b"), 6, Unit::Utf16, "a…"),
            ("e\u{301}e\u{301}e\u{301}", 4, Unit::CodePoints, "e\u{301}…"),
            ("\"\"\"\"", 7, Unit::JsonBytes, "\"\"…"),
            ("anything", 0, Unit::Bytes, ""),
            ("", 0, Unit::Bytes, ""),
        ] {
            assert_eq!(
                cut(text, limit, unit),
                expected,
                "{text:?} {limit} {unit:?}"
            );
        }
    }

    #[test]
    fn a_character_larger_than_the_limit_is_not_lost_altogether() {
        let tower = format!("e{}", "\u{301}".repeat(1000));
        let cut = cut(&tower, 100, Unit::Utf16);
        assert_eq!(Unit::Utf16.of(&cut), 100);
        assert!(cut.starts_with('e'));
    }

    #[test]
    fn never_cuts_inside_an_escape() {
        let text = "&".repeat(100);
        for limit in 0..40 {
            let cut = cut_escaped(&text, limit, Unit::Utf16, entity);
            assert!(Unit::Utf16.of(&cut) <= limit);
            assert_eq!(cut.replace("&amp;", "").trim_end_matches('…'), "", "{cut}");
        }
    }

    proptest! {
        #[test]
        fn every_cut_fits(text in any::<String>(), limit in 0_usize..40) {
            for unit in [Unit::Bytes, Unit::JsonBytes, Unit::Utf16, Unit::CodePoints] {
                let cut = cut_escaped(&text, limit, unit, entity);
                prop_assert!(unit.of(&cut) <= limit);
                let json = serde_json::to_string(&cut).expect("a string");
                prop_assert_eq!(Unit::JsonBytes.of(&cut), json.len() - 2);
            }
        }
    }
}
