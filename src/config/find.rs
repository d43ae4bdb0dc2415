//! Which file is the configuration, and its text.
//!
//! A file of its own because it is the only one here that looks at the file system before a
//! configuration is known. It understands nothing of what it reads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The variable that names the file.
const VARIABLE: &str = "BELLWIRE_CONFIG";

/// Where the file is looked for when nobody names it, in this order.
const PLACES: [&str; 2] = ["config.toml", "/etc/bellwire/config.toml"];

/// Largest configuration file, in bytes. One with a hundred rules has some 30 KiB. One of this size holds some 10,000
/// rules and takes 200 MB of memory.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why there is no file to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Nobody named one, and none is where one is looked for.
    #[error("there is no configuration: `--config` was not given, `{VARIABLE}` is not set, and there is neither {}; `bellwire init` writes one", places(.0))]
    Nowhere(Vec<PathBuf>),
}

/// Why the text of a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the file cannot be read: {0}")]
    Access(#[from] io::Error),
    #[error("this is no regular file")]
    NoFile,
    #[error(
        "the file has more than {FILE_BYTES_MAX} bytes, the most that a configuration may have"
    )]
    TooLarge,
    #[error("the file is not UTF-8: line {line} has a byte that is no text")]
    NotText { line: usize },
}

/// The configuration file: the one given on the command line, else the one that `BELLWIRE_CONFIG`
/// names, else `./config.toml`, else `/etc/bellwire/config.toml`. A file that was named is not looked
/// for; reading it says what is wrong with it.
///
/// # Errors
/// [`FindError::Nowhere`] with every place looked at.
pub fn find_file(
    given: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<PathBuf, FindError> {
    find_among(given, environment, PLACES.map(PathBuf::from).to_vec())
}

fn find_among(
    given: Option<&Path>,
    environment: &BTreeMap<String, String>,
    places: Vec<PathBuf>,
) -> Result<PathBuf, FindError> {
    if let Some(file) = given {
        return Ok(file.to_owned());
    }
    // An empty variable is how a compose file spells one that is not set.
    if let Some(file) = environment.get(VARIABLE).filter(|file| !file.is_empty()) {
        return Ok(PathBuf::from(file));
    }
    match places.iter().find(|place| place.exists()) {
        Some(place) => Ok(place.clone()),
        None => Err(FindError::Nowhere(places)),
    }
}

/// The text of a file.
pub(super) fn read(file: &Path) -> Result<String, ReadError> {
    // Opening a pipe would wait for somebody to write to it.
    let about = fs::metadata(file)?;
    if !about.is_file() {
        return Err(ReadError::NoFile);
    }
    // Room for all of it at once: it may hold secrets, and a text that has to grow leaves copies behind.
    let room = about.len().min(FILE_BYTES_MAX) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    let count = File::open(file)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if count as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let line = 1 + newlines(&error.as_bytes()[..good]);
        ReadError::NotText { line }
    })
}

fn places(places: &[PathBuf]) -> String {
    places
        .iter()
        .map(|place| format!("`{}`", place.display()))
        .collect::<Vec<_>>()
        .join(" nor ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        given: Option<&str>,
        variable: Option<&str>,
        there: &[&str],
    ) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in there {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let environment = variable
            .map(|value| (VARIABLE.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let places = ["here.toml", "system.toml"].map(|name| folder.path().join(name));
        let shorten = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        find_among(given.map(Path::new), &environment, places.to_vec())
            .map(|file| shorten(file.display().to_string()))
            .map_err(|error| shorten(error.to_string()))
    }

    #[test]
    fn the_nearest_word_wins() {
        let found = |name: &str| Ok(name.to_owned());
        let both = ["here.toml", "system.toml"];
        assert_eq!(check(Some("a"), Some("b"), &both), found("a"));
        assert_eq!(check(None, Some("b"), &both), found("b"));
        assert_eq!(check(None, Some(""), &both), found("here.toml"));
        assert_eq!(check(None, None, &both), found("here.toml"));
        assert_eq!(check(None, None, &both[1..]), found("system.toml"));
    }

    #[test]
    fn names_every_place_that_was_looked_at() {
        let message = check(None, None, &[]).expect_err("nothing is there");
        for place in ["--config", VARIABLE, "`here.toml`", "`system.toml`"] {
            assert!(message.contains(place), "{place} in {message}");
        }
    }

    #[test]
    fn says_why_a_file_cannot_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("written");
            path
        };
        let largest = vec![b'#'; FILE_BYTES_MAX as usize];
        let larger = vec![b'#'; FILE_BYTES_MAX as usize + 1];
        assert!(read(&write("largest", &largest)).is_ok());
        let cases = [
            (folder.path().join("none"), "cannot be read"),
            (folder.path().to_owned(), "no regular file"),
            (write("larger", &larger), "more than 1048576 bytes"),
            (write("binary", b"a = 1\nb = \xff"), "line 2"),
        ];
        for (path, expected) in cases {
            let message = read(&path).expect_err(expected).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
