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

/// Words what would be possible, nearest first where something is near.
pub(super) fn one_of<'a>(wrong: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = enumerate(words.clone());
    match closest(wrong, words) {
        Some(near) => format!("did you mean `{near}`? possible are {all}"),
        None => format!("possible are {all}"),
    }
}

/// Words the suggestion behind an unknown key or name.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
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

fn closest<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| {
            (
                strsim::damerau_levenshtein(&wrong.to_lowercase(), &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= 1 + word.len().min(wrong.len()) / 4)
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
