//! How single values are written: durations, sizes, secrets, and the nearest right word to a wrong one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use figment::value::Value;

/// What is wrong with a value, and what would be right.
pub(super) type Mistake = (String, String);

/// Largest file that a secret is read from, in bytes. A key is far smaller; a wrong path may not be.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

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

/// Resolves a secret given as text, `{ env = "NAME" }` or `{ file = "PATH" }`. No message ever holds
/// the secret itself.
pub(super) fn secret(
    value: &Value,
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<String, Mistake> {
    let forms = || "a string, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`".to_owned();
    let found = match value {
        Value::String(_, text) => text.clone(),
        Value::Dict(_, entries) if entries.len() == 1 => {
            let (form, name) = entries
                .iter()
                .next()
                .and_then(|(form, name)| Some((form.as_str(), text(name)?)))
                .ok_or_else(|| ("the name is no string".to_owned(), forms()))?;
            match form {
                "env" => environment.get(&name).cloned().ok_or_else(|| {
                    (
                        format!("the environment variable `{name}` is not set"),
                        format!("set `{name}`, or give the value another way"),
                    )
                })?,
                "file" => secret_file(&folder.join(&name))?,
                _ => return Err((format!("`{form}` is no form of a secret"), forms())),
            }
        }
        _ => return Err(("this is no secret".to_owned(), forms())),
    };
    if found.is_empty() {
        return Err((
            "the secret is empty".to_owned(),
            "give a value, or leave the key out".to_owned(),
        ));
    }
    Ok(found)
}

fn secret_file(path: &Path) -> Result<String, Mistake> {
    let shown = path.display();
    let mut text = String::new();
    let mut file = File::open(path).map_err(|error| {
        (
            format!("the secret file `{shown}` cannot be read: {error}"),
            "check the path and its permissions".to_owned(),
        )
    })?;
    (&mut file)
        .take(SECRET_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| {
            (
                format!("the secret file `{shown}` cannot be read: {error}"),
                "it must be a text file".to_owned(),
            )
        })?;
    // Editors and `echo` end a file with a newline that is no part of the secret.
    let cut = text.strip_suffix('\n').unwrap_or(&text);
    Ok(cut.strip_suffix('\r').unwrap_or(cut).to_owned())
}

/// A list that came from the environment as text.
pub(super) fn list(text: &str) -> Option<Vec<Value>> {
    super::document::inline_list(text)
}

/// Words what would be possible, nearest first where something is near.
pub(super) fn one_of<'a>(wrong: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = words
        .clone()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match closest(wrong, words) {
        Some(near) => format!("did you mean `{near}`? possible are {all}"),
        None => format!("possible are {all}"),
    }
}

/// Words the suggestion behind an unknown key.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match closest(wrong, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all = known
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ");
            format!("known here are {all}")
        }
    }
}

fn closest<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| {
            (
                strsim::damerau_levenshtein(&wrong.to_lowercase(), word),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= 1 + word.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, word)| word)
}
