//! One table of the configuration, read key by key.
//!
//! A reader takes what it knows and calls [`Table::finish`], which reports the rest as unknown with
//! the nearest known key. Every mistake goes to the shared list of problems with its full key path,
//! so that reading goes on. Rooms above hold a table as an opaque value that can fill their own
//! structs; they never hear of layers, files or the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use figment::value::{Num, Value};

use super::problem::Problems;
use super::scalar;
use crate::model::Secret;

/// What every table of one configuration shares.
#[derive(Debug)]
pub(super) struct Context {
    /// The environment that `{ env = "NAME" }` looks into.
    pub(super) environment: BTreeMap<String, String>,
    /// The folder that relative paths count from.
    pub(super) folder: PathBuf,
    /// Where mistakes go.
    pub(super) problems: Problems,
}

/// A table of the configuration that knows its own place in it.
#[derive(Clone, Debug)]
pub struct Table {
    path: String,
    entries: BTreeMap<String, Value>,
    known: BTreeSet<String>,
    context: Arc<Context>,
}

impl Table {
    pub(super) fn new(
        path: String,
        entries: BTreeMap<String, Value>,
        context: Arc<Context>,
    ) -> Self {
        Self {
            path,
            entries,
            known: BTreeSet::new(),
            context,
        }
    }

    /// The full key of this table; empty for the top of the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The full key of one of this table's entries.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The list that this table's mistakes go to.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.context.problems
    }

    /// The folder that relative paths count from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.context.folder
    }

    /// Whether the key is there and not yet taken.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reports a mistake in the value of a key.
    pub fn wrong(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems()
            .value(&self.path_of(key), message, Some(help.into()));
    }

    /// Reports that a key is missing.
    pub fn missing(&self, key: &str, help: impl Into<String>) {
        self.problems()
            .table(&self.path, format!("`{key}` is missing"), Some(help.into()));
    }

    /// A text.
    pub fn string(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        let text = scalar::text(&value);
        if text.is_none() {
            self.wrong(
                key,
                format!("expected a string, found {}", kind(&value)),
                "put it in quotes",
            );
        }
        text
    }

    /// A truth value.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.take(key)?;
        let read = match &value {
            Value::Bool(_, truth) => Some(*truth),
            Value::String(_, text) if self.is_environment(&value) => text.parse().ok(),
            _ => None,
        };
        if read.is_none() {
            self.wrong(
                key,
                format!("expected true or false, found {}", kind(&value)),
                "`true` or `false`, without quotes",
            );
        }
        read
    }

    /// A whole number within a range.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(key)?;
        let read = match &value {
            Value::Num(_, number) => whole(*number),
            Value::String(_, text) if self.is_environment(&value) => text.trim().parse().ok(),
            _ => None,
        };
        let help = format!("a whole number from {} to {}", range.start(), range.end());
        match read {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.wrong(key, format!("{number} is out of range"), help),
            None => self.wrong(
                key,
                format!("expected a whole number, found {}", kind(&value)),
                help,
            ),
        }
        None
    }

    /// A number within a range.
    pub fn number(&mut self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.take(key)?;
        let read = match &value {
            Value::Num(_, Num::F64(number)) => Some(*number),
            Value::Num(_, Num::F32(number)) => Some(f64::from(*number)),
            #[expect(clippy::cast_precision_loss, reason = "a setting far below 2^53")]
            Value::Num(_, number) => whole(*number).map(|number| number as f64),
            Value::String(_, text) if self.is_environment(&value) => text.trim().parse().ok(),
            _ => None,
        };
        let help = format!("a number from {} to {}", range.start(), range.end());
        match read {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.wrong(key, format!("{number} is out of range"), help),
            None => self.wrong(
                key,
                format!("expected a number, found {}", kind(&value)),
                help,
            ),
        }
        None
    }

    /// A duration such as `"30s"`, `"5m"` or `"24h"`, within a range.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.string(key)?;
        match scalar::duration(&text, &range) {
            Ok(duration) => Some(duration),
            Err((message, help)) => {
                self.wrong(key, message, help);
                None
            }
        }
    }

    /// A size such as `"1MiB"`, in bytes, within a range.
    pub fn size(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.string(key)?;
        match scalar::size(&text, &range) {
            Ok(bytes) => Some(bytes),
            Err((message, help)) => {
                self.wrong(key, message, help);
                None
            }
        }
    }

    /// One of a closed set of words.
    pub fn choice<T: Clone>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string(key)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(choice.clone());
        }
        self.impossible(key, &text, choices.iter().map(|(word, _)| *word));
        None
    }

    /// Reports a word that is none of the possible ones, with the nearest of them.
    pub fn impossible<'a>(
        &self,
        key: &str,
        word: &str,
        possible: impl Iterator<Item = &'a str> + Clone,
    ) {
        self.wrong(
            key,
            format!("`{word}` is not possible here"),
            scalar::one_of(word, possible),
        );
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let items = self.items(key, value)?;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match scalar::text(item) {
                Some(text) => texts.push(text),
                None => self.wrong(
                    &format!("{key}[{index}]"),
                    format!("expected a string, found {}", kind(item)),
                    "put it in quotes",
                ),
            }
        }
        Some(texts)
    }

    /// A secret: a text, `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub fn secret(&mut self, key: &str) -> Option<Secret> {
        let value = self.take(key)?;
        self.resolve(key, &value)
    }

    /// One secret or a list of them.
    pub fn secrets(&mut self, key: &str) -> Option<Vec<Secret>> {
        let value = self.take(key)?;
        let items = self.items(key, value)?;
        let resolved = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let at = if items.len() == 1 {
                    key.to_owned()
                } else {
                    format!("{key}[{index}]")
                };
                self.resolve(&at, item)
            })
            .collect();
        Some(resolved)
    }

    /// A table whose every value is a secret, such as `headers`.
    pub fn secret_map(&mut self, key: &str) -> Vec<(String, Secret)> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        table
            .entries
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), table.resolve(name, value)?)))
            .collect()
    }

    /// A table inside this one.
    pub fn table(&mut self, key: &str) -> Option<Self> {
        let value = self.take(key)?;
        self.as_table(key, value)
    }

    /// A list of tables, as `[[key]]` makes it.
    pub fn tables(&mut self, key: &str) -> Vec<Self> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let items = match value {
            Value::Array(_, items) => items,
            other => {
                self.wrong(
                    key,
                    format!("expected a list of tables, found {}", kind(&other)),
                    format!("write `[[{key}]]`"),
                );
                return Vec::new();
            }
        };
        items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| self.as_table(&format!("{key}[{index}]"), item))
            .collect()
    }

    /// Tables by name, as `[key.NAME]` makes them, in the order of their names.
    pub fn named_tables(&mut self, key: &str) -> Vec<(String, Self)> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        table
            .entries
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), table.as_table(name, value.clone())?)))
            .collect()
    }

    /// Any value, as JSON.
    pub fn json(&mut self, key: &str) -> Option<serde_json::Value> {
        let value = self.take(key)?;
        let json = serde_json::to_value(&value).ok();
        if json.is_none() {
            self.wrong(
                key,
                "this value has no JSON form",
                "use strings, numbers, lists and tables",
            );
        }
        json
    }

    /// Reports every key that nobody asked for. Call it when all known keys have been read.
    pub fn finish(self) {
        for key in self.entries.keys() {
            let help = scalar::nearest(key, self.known.iter().map(String::as_str));
            self.problems().key(
                &self.path_of(key),
                format!("unknown key `{key}`"),
                Some(help),
            );
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.insert(key.to_owned());
        self.entries.remove(key)
    }

    /// Whether a value came from the environment, where everything is text.
    fn is_environment(&self, value: &Value) -> bool {
        !value.tag().is_default()
    }

    fn items(&self, key: &str, value: Value) -> Option<Vec<Value>> {
        match value {
            Value::Array(_, items) => Some(items),
            Value::String(_, ref text)
                if self.is_environment(&value) && text.trim_start().starts_with('[') =>
            {
                let items = scalar::list(text);
                if items.is_none() {
                    self.wrong(
                        key,
                        "this list cannot be read",
                        r#"write it as in TOML: `["a", "b"]`"#,
                    );
                }
                items
            }
            other => Some(vec![other]),
        }
    }

    fn as_table(&self, key: &str, value: Value) -> Option<Self> {
        match value {
            Value::Dict(_, entries) => Some(Self::new(
                self.path_of(key),
                entries,
                Arc::clone(&self.context),
            )),
            other => {
                self.wrong(
                    key,
                    format!("expected a table, found {}", kind(&other)),
                    format!("write `[{}]` or `{{ … }}`", self.path_of(key)),
                );
                None
            }
        }
    }

    fn resolve(&self, key: &str, value: &Value) -> Option<Secret> {
        match scalar::secret(value, &self.context.environment, &self.context.folder) {
            Ok(text) => Some(Secret::new(text)),
            Err((message, help)) => {
                self.wrong(key, message, help);
                None
            }
        }
    }
}

fn whole(number: Num) -> Option<i64> {
    match number.to_i128() {
        Some(number) => i64::try_from(number).ok(),
        None => number
            .to_u128()
            .and_then(|number| i64::try_from(number).ok()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a string",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}
