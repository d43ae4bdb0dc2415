//! Where a secret comes from: the text itself, an environment variable, or a file.
//!
//! A file of its own because no message of it may ever hold the secret, and that is easier to see in
//! one place. What is read here is handed on once, wiped when dropped, and kept nowhere.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use figment::value::Value;

use super::environment::NO_TEXT;
use super::scalar::{Mistake, kind, text};
use crate::model::{Zeroize, Zeroizing};

/// Largest file that a secret is read from, in bytes. A key is far smaller; a wrong path may not be.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Resolves a secret given as text, `{ env = "NAME" }` or `{ file = "PATH" }`. No message ever holds
/// the secret itself.
pub(super) fn resolve(
    value: &Value,
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Zeroizing<String>, Mistake> {
    let found = match reference(value) {
        Some(("env", name)) => without_line_end(variable(&name, environment)?)
            .to_owned()
            .into(),
        Some((_, path)) => file(&folder.join(path))?,
        None => match value {
            Value::String(_, text) => text.clone().into(),
            other => return Err(no_secret(other)),
        },
    };
    if found.is_empty() {
        return Err((
            "the secret is empty".to_owned(),
            "give a value, or leave the key out".to_owned(),
        ));
    }
    Ok(found)
}

/// The form and the name of a value that says where to look: `{ env = … }` or `{ file = … }`.
pub(super) fn reference(value: &Value) -> Option<(&'static str, String)> {
    let Value::Dict(_, entries) = value else {
        return None;
    };
    let mut entries = entries.iter();
    let (Some((form, name)), None) = (entries.next(), entries.next()) else {
        return None;
    };
    let form = match form.as_str() {
        "env" => "env",
        "file" => "file",
        _ => return None,
    };
    Some((form, text(name)?))
}

/// Whether a text looks like the name of a variable. Where it does not, it may well be the secret
/// itself, put in the wrong place, so it is not shown.
pub(super) fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Overwrites every text in a value that nobody needs any more.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(_, text) => text.zeroize(),
        Value::Array(_, items) => items.iter_mut().for_each(wipe),
        Value::Dict(_, entries) => entries.values_mut().for_each(wipe),
        _ => {}
    }
}

fn variable<'e>(name: &str, environment: &'e BTreeMap<String, String>) -> Result<&'e str, Mistake> {
    match environment.get(name) {
        Some(value) if !value.contains(NO_TEXT) => Ok(value),
        Some(_) => Err((
            format!("the environment variable `{name}` is not UTF-8"),
            "set it to a text".to_owned(),
        )),
        None if is_variable_name(name) => Err((
            format!("the environment variable `{name}` is not set"),
            format!("set `{name}`, or give the value another way"),
        )),
        None => Err((
            "the environment variable named here is not set".to_owned(),
            "`env` takes the name of a variable, not the secret itself".to_owned(),
        )),
    }
}

fn file(path: &Path) -> Result<Zeroizing<String>, Mistake> {
    let shown = path.display();
    let mistake = |why: &dyn std::fmt::Display, help: &str| {
        let message = format!("the secret file `{shown}` cannot be read: {why}");
        (message, help.to_owned())
    };
    let access = |error: std::io::Error| mistake(&error, "check the path and its permissions");
    // Opening a pipe would wait for somebody to write to it.
    let about = fs::metadata(path).map_err(access)?;
    if !about.is_file() {
        return Err(mistake(&"it is no regular file", "give the path of a file"));
    }
    // Room for all of it at once: a text that has to grow leaves copies behind.
    let room = about.len().min(FILE_BYTES_MAX) + 1;
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(room).unwrap_or(0)));
    let read = File::open(path)
        .map_err(access)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| mistake(&error, "it must be a text file"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(mistake(
            &format!("it has more than {FILE_BYTES_MAX} bytes"),
            "give the path of a file that holds the secret alone",
        ));
    }
    Ok(without_line_end(&text).to_owned().into())
}

/// Editors and `echo` end a file with a newline that is no part of the secret, and a variable that was
/// filled from such a file may have it still.
pub(super) fn without_line_end(text: &str) -> &str {
    let cut = text.strip_suffix('\n').unwrap_or(text);
    cut.strip_suffix('\r').unwrap_or(cut)
}

/// Whether a text is `$NAME` or `${NAME}`: what a shell would have filled in, and a file does not.
pub(super) fn is_unexpanded(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else {
        return false;
    };
    let name = name
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(name);
    is_variable_name(name) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether a text is what an example has in place of a secret.
pub(super) fn is_placeholder(text: &str) -> bool {
    let start = text.get(.."change-me".len()).unwrap_or_default();
    start.eq_ignore_ascii_case("change-me") || text.eq_ignore_ascii_case("changeme")
}

fn no_secret(value: &Value) -> Mistake {
    (
        format!("expected a secret, found {}", kind(value)),
        "a string, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, folder: &Path) -> Result<String, String> {
        let environment = [
            ("TOKEN", "t0ken"),
            ("LINE", "t0ken\r\n"),
            ("EMPTY", "\n"),
            ("ODD", "\u{fffd}"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = resolve(value, &BTreeMap::from(environment), folder);
        found
            .map(|text| text.to_string())
            .map_err(|(message, _)| message)
    }

    fn form(form: &str, name: &str) -> Value {
        Value::from(BTreeMap::from([(form.to_owned(), Value::from(name))]))
    }

    #[test]
    fn comes_from_the_text_a_variable_or_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        fs::write(here.join("unix"), "s3cret\n").expect("written");
        fs::write(here.join("windows"), "s3cret\r\n").expect("written");
        fs::write(here.join("inner"), " a\nb \n\n").expect("written");
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(check(&Value::from("plain"), here), good("plain"));
        assert_eq!(check(&form("env", "TOKEN"), here), good("t0ken"));
        assert_eq!(check(&form("env", "LINE"), here), good("t0ken"));
        assert_eq!(check(&form("file", "unix"), here), good("s3cret"));
        assert_eq!(check(&form("file", "windows"), here), good("s3cret"));
        assert_eq!(
            check(&form("file", "inner"), here),
            good(" a\nb \n"),
            "one newline is cut"
        );
        let absolute = here.join("unix").display().to_string();
        assert_eq!(
            check(&form("file", &absolute), Path::new("/")),
            good("s3cret")
        );
    }

    #[test]
    fn no_text_is_left_of_what_is_wiped() {
        let list = vec![Value::from("s3cret"), form("env", "s3cret"), Value::from(5)];
        let mut value = Value::from(BTreeMap::from([("a".to_owned(), Value::from(list))]));
        wipe(&mut value);
        assert!(!format!("{value:?}").contains("s3cret"), "{value:?}");
    }

    #[test]
    fn only_a_whole_name_behind_a_dollar_looks_like_a_variable() {
        for text in ["$TOKEN", "${TOKEN}", "$_A1"] {
            assert!(is_unexpanded(text), "{text}");
        }
        for text in [
            "TOKEN", "$", "${}", "$1", "$token", "$TOKEN}", "${TOKEN", "$A-B", "a$B",
        ] {
            assert!(!is_unexpanded(text), "{text}");
        }
    }

    #[test]
    fn says_why_there_is_none_and_never_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        fs::write(here.join("empty"), "\n").expect("written");
        fs::write(here.join("binary"), [0xff, 0xfe]).expect("written");
        fs::write(here.join("large"), vec![b'a'; FILE_BYTES_MAX as usize + 1]).expect("written");
        let cases = [
            (form("env", "NONE"), "`NONE` is not set"),
            (form("env", "hunter2"), "named here is not set"),
            (form("env", "EMPTY"), "is empty"),
            (form("env", "ODD"), "`ODD` is not UTF-8"),
            (form("file", "empty"), "is empty"),
            (form("file", "none"), "cannot be read"),
            (form("file", "."), "no regular file"),
            (form("file", "binary"), "cannot be read"),
            (form("file", "large"), "more than 65536 bytes"),
            (form("vault", "hunter2"), "expected a secret, found a table"),
            (Value::from(""), "is empty"),
            (Value::from(12345), "expected a secret, found a number"),
        ];
        for (value, expected) in cases {
            let message = check(&value, here).expect_err("a mistake");
            assert!(message.contains(expected), "{message}");
            assert!(
                !message.contains("hunter2") && !message.contains("12345"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_words_of_an_example_are_no_secret() {
        for text in ["change-me", "Change-Me-To-Something-Long", "CHANGEME"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["", "change", "exchange-me", "changeme2", "äääääääääää"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
