//! How single values are written: durations, sizes, and the nearest right word to a wrong one.
//!
//! A file of its own because a value is written the same in every table. It knows nothing of keys,
//! tables and places; the words it returns are put in their place by the caller.

use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::{Num, Value};

/// What is wrong with a value, and what would be right.
pub(super) type Mistake = (String, String);

/// Most words that are listed where none is near. A sink of the richest kind has some twenty keys.
const WORDS_MAX: usize = 40;

/// A value as text, if it is one.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, character) => Some(character.to_string()),
        _ => None,
    }
}

/// Reads `"30s"`, `"1h 30m"` and the like.
pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, Mistake> {
    let (low, high) = (
        humantime::format_duration(*range.start()),
        humantime::format_duration(*range.end()),
    );
    let help = format!("a duration from `{low}` to `{high}`, such as `30s`, `5m` or `24h`");
    let duration = humantime::parse_duration(text)
        .map_err(|_| (format!("`{text}` is no duration"), help.clone()))?;
    if range.contains(&duration) {
        Ok(duration)
    } else {
        Err((format!("`{text}` is out of range"), help))
    }
}

/// Reads `"1MiB"`, `"500 kB"`, `"4096"` and the like, in bytes.
pub(super) fn size(text: &str, range: &RangeInclusive<u64>) -> Result<u64, Mistake> {
    let help = format!(
        "a size from {} to {} bytes, such as `64KiB`, `1MiB` or `2GiB`",
        range.start(),
        range.end()
    );
    let compact = text.trim();
    let split = compact
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(compact.len());
    let (digits, unit) = compact.split_at(split);
    let factor: Option<u64> = match unit.trim() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "KiB" => Some(1 << 10),
        "MB" => Some(1_000_000),
        "MiB" => Some(1 << 20),
        "GB" => Some(1_000_000_000),
        "GiB" => Some(1 << 30),
        "TB" => Some(1_000_000_000_000),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| (format!("`{text}` is no size"), help.clone()))?;
    if range.contains(&bytes) {
        Ok(bytes)
    } else {
        Err((format!("`{text}` is out of range"), help))
    }
}

/// Words what would be possible in place of a wrong word, the nearest one first where one is near.
pub fn one_of<'a>(wrong: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = enumerate(words.clone());
    match closest(wrong, words) {
        Some(near) => format!("did you mean `{near}`? possible are {all}"),
        None => format!("possible are {all}"),
    }
}

/// Words the suggestion behind an unknown key or name.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match closest(wrong, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here are {}", enumerate(known)),
    }
}

fn enumerate<'a>(words: impl Iterator<Item = &'a str> + Clone) -> String {
    let more = words.clone().nth(WORDS_MAX).is_some();
    let mut listed = words
        .take(WORDS_MAX)
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>();
    if more {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

/// The word that a wrong one was most likely meant to be: at most a quarter of it is wrong.
fn closest<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    words
        .filter_map(|word| {
            let most = 1 + word.len().min(wrong.len()) / 4;
            // Comparing takes time in both lengths, and a wrong key can be as long as the file.
            if wrong.len().abs_diff(word.len()) > 4 * most {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&wrong, &word.to_lowercase());
            (distance <= most).then_some((distance, word))
        })
        .min()
        .map(|(_, word)| word)
}

/// A number as a whole one, where it is one.
pub(super) fn whole(number: Num) -> Option<i64> {
    match number.to_i128() {
        Some(number) => i64::try_from(number).ok(),
        None => number
            .to_u128()
            .and_then(|number| i64::try_from(number).ok()),
    }
}

/// The word for what a value is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a string",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        let cases = [
            ("4096", Some(4096)),
            ("500 kB", Some(500_000)),
            ("64KiB", Some(65_536)),
            (" 1MiB ", Some(1_048_576)),
            ("2GB", Some(2_000_000_000)),
            ("1.5GiB", None),
            ("-1", None),
            ("1mib", None),
            ("MiB", None),
            ("", None),
            ("99999999999TiB", None),
            ("18446744073709551616", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text, &(0..=u64::MAX)).ok(), expected, "{text}");
        }
        assert!(size("9", &(10..=20)).is_err());
    }

    #[test]
    fn durations_have_units() {
        let range = Duration::ZERO..=Duration::MAX;
        let cases = [
            ("30s", Some(30)),
            ("1h 30m", Some(5400)),
            ("7d", Some(604_800)),
            ("30", None),
            ("-1s", None),
            ("soon", None),
            ("99999999999999999999s", None),
        ];
        for (text, seconds) in cases {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(duration(text, &range).ok(), expected, "{text}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let words = ["topic", "token", "timeout", "Phone"];
        let closest = |wrong| closest(wrong, words.into_iter());
        assert_eq!(closest("topci"), Some("topic"));
        assert_eq!(closest("PHONE"), Some("Phone"));
        assert_eq!(closest("tokens"), Some("token"));
        assert_eq!(closest("url"), None);
        assert_eq!(closest(""), None);
    }

    #[test]
    fn lists_only_so_many_words() {
        let words: Vec<_> = (0..100).map(|number| format!("w{number}")).collect();
        let help = nearest("other", words.iter().map(String::as_str));
        assert_eq!(help.matches('`').count(), 2 * WORDS_MAX);
        assert!(help.ends_with('…'));
    }
}
