//! The list of everything that is wrong with a configuration.
//!
//! Reading never stops at the first mistake: each room that reads a part of the configuration adds
//! what it finds here, and the whole list is shown at once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which part of an entry a problem is about; it decides what is underlined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The key itself: it is unknown, or stands in the wrong place.
    Key,
    /// The value behind the key.
    Value,
    /// The whole table: something is missing in it.
    Table,
}

/// One thing that is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The full key, such as `sinks.phone.topic` or `rules[1].when`; empty for the file as a whole.
    pub path: String,
    /// What of the entry is wrong.
    pub part: Part,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A problem with the place in which it is, for whoever reads no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file; `None` where it is none that is wrong, but an environment variable or no file at all.
    pub file: Option<PathBuf>,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The character of the line, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub text: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Mistake {
    /// One that is in no file.
    #[must_use]
    pub const fn nowhere(text: String) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            text,
            help: None,
        }
    }
}

/// A shared, growing list of problems, and beside it one of what is allowed but hardly meant. Clones
/// add to the same lists.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Arc<Mutex<Vec<Problem>>>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Problems {
    /// Adds a problem with the value of a key.
    pub fn value(&self, path: &str, message: impl Into<String>, help: Option<String>) {
        self.add(path, Part::Value, message.into(), help);
    }

    /// Adds a problem with a key.
    pub fn key(&self, path: &str, message: impl Into<String>, help: Option<String>) {
        self.add(path, Part::Key, message.into(), help);
    }

    /// Adds a problem with a table as a whole.
    pub fn table(&self, path: &str, message: impl Into<String>, help: Option<String>) {
        self.add(path, Part::Table, message.into(), help);
    }

    /// Adds a word on what is allowed but hardly meant, in one line.
    pub fn warn(&self, warning: impl Into<String>) {
        lock(&self.warnings).push(warning.into());
    }

    /// Every warning so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        lock(&self.warnings).clone()
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.list).is_empty()
    }

    /// Everything found so far.
    #[must_use]
    pub fn list(&self) -> Vec<Problem> {
        lock(&self.list).clone()
    }

    fn add(&self, path: &str, part: Part, message: String, help: Option<String>) {
        lock(&self.list).push(Problem {
            path: path.to_owned(),
            part,
            message,
            help,
        });
    }
}

fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
