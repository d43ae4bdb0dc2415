//! One table of the configuration, read key by key.
//!
//! A reader takes what it knows and calls [`Table::finish`], which reports the rest as unknown with
//! the nearest known key. Every mistake goes to the shared list of problems with its full key path,
//! so that reading goes on. Rooms above hold a table as an opaque value that can fill their own
//! structs; they never hear of layers, files or the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use figment::value::Value;

use super::context::{Context, StandIn};
use super::print::Print;
use super::problem::Problems;
use super::scalar::{self, kind};
use super::{document, keypath, print, secret};
use crate::model::Secret;

mod values;

/// A table of the configuration that knows its own place in it.
#[derive(Clone)]
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

    /// The full key of one of this table's entries, or of something in it, such as `tags[1]`.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        keypath::below(&self.path, key)
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

    /// The same table for a reader who is to get no secret of it, but what stands in for each. Its
    /// mistakes go to a list of their own.
    #[must_use]
    pub fn standing_in(&self, stand_in: StandIn) -> Self {
        Self {
            context: Arc::new(self.context.standing_in(stand_in)),
            ..self.clone()
        }
    }

    /// What is still in the table, for comparing it with another reading.
    pub(crate) fn print(&self) -> Print {
        self.print_without(&[])
    }

    /// The same without some keys.
    pub(super) fn print_without(&self, keys: &[&str]) -> Print {
        let mut entries = self.entries.clone();
        entries.retain(|key, _| !keys.contains(&key.as_str()));
        print::print(&entries, &self.context.environment, &self.context.folder)
    }

    /// Whether the key is there and not yet taken. Asking makes the key a known one.
    #[must_use]
    pub fn has(&mut self, key: &str) -> bool {
        self.context.asked(keypath::entry(&self.path, key));
        self.known.insert(key.to_owned());
        self.entries.contains_key(key)
    }

    /// Whether the key is there, not yet taken, and an empty list.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        matches!(self.entries.get(key), Some(Value::Array(_, items)) if items.is_empty())
    }

    /// Whether the key is there, not yet taken, and a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        matches!(self.entries.get(key), Some(Value::Dict(..)))
    }

    /// A size that is there and not yet taken, without a word about one that is wrong.
    pub(super) fn size_ahead(&self, key: &str) -> Option<u64> {
        let text = scalar::text(self.entries.get(key)?)?;
        scalar::size(&text, &(0..=u64::MAX)).ok()
    }

    /// Reports a mistake in the value of a key.
    pub fn wrong(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems()
            .value(&self.path_of(key), message, Some(help.into()));
    }

    /// Adds a word on what is allowed but hardly meant.
    pub fn warn(&self, warning: impl Into<String>) {
        self.problems().warn(warning);
    }

    /// Reports that a key is missing.
    pub fn missing(&mut self, key: &str, help: impl Into<String>) {
        self.known.insert(key.to_owned());
        self.problems()
            .table(&self.path, format!("`{key}` is missing"), Some(help.into()));
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
        let texts = self.placed_strings(key)?;
        Some(texts.into_iter().map(|(_, text)| text).collect())
    }

    /// A list of texts, each with its full key.
    pub(super) fn placed_strings(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        let value = self.take_open(key)?;
        let items = self.items(key, value)?;
        let texts = items
            .into_iter()
            .filter_map(|(at, item)| self.as_text(&at, &item).map(|text| (at, text)))
            .collect();
        Some(texts)
    }

    /// A secret: a text, `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub fn secret(&mut self, key: &str) -> Option<Secret> {
        let mut value = self.take_secret(key)?;
        let secret = self.resolve(&keypath::entry(&self.path, key), &value);
        secret::wipe(&mut value);
        secret
    }

    /// A secret that has to be there.
    pub fn required_secret(&mut self, key: &str, help: &str) -> Option<Secret> {
        if !self.has(key) {
            self.missing(key, help);
            return None;
        }
        self.secret(key)
    }

    /// One secret or a list of them.
    pub fn secrets(&mut self, key: &str) -> Option<Vec<Secret>> {
        let value = self.take_secret(key)?;
        let mut items = self.items(key, value)?;
        let mut secrets: Vec<Secret> = Vec::with_capacity(items.len());
        for (at, item) in &mut items {
            let found = self.resolve(at, item);
            secret::wipe(item);
            let Some(secret) = found else {
                continue;
            };
            if secrets.iter().any(|it| it.expose() == secret.expose()) {
                self.warn(format!("`{at}` is the same secret as one before it"));
            }
            secrets.push(secret);
        }
        Some(secrets)
    }

    /// A table whose every value is a secret, such as `headers`.
    pub fn secret_map(&mut self, key: &str) -> Vec<(String, Secret)> {
        let Some(mut table) = self.table(key) else {
            return Vec::new();
        };
        let entries = std::mem::take(&mut table.entries);
        entries
            .into_iter()
            .filter_map(|(name, mut value)| {
                let at = keypath::entry(&table.path, &name);
                table.context.secret(at.clone());
                let found = table.resolve(&at, &value);
                secret::wipe(&mut value);
                Some((name, found?))
            })
            .collect()
    }

    /// Every secret of this table that has been read so far.
    #[must_use]
    pub fn secrets_read(&self) -> Vec<Secret> {
        self.context.secrets_inside(&self.path)
    }

    /// A table inside this one.
    pub fn table(&mut self, key: &str) -> Option<Self> {
        let value = self.take(key)?;
        self.as_table(keypath::entry(&self.path, key), value)
    }

    /// A list of tables, as `[[key]]` makes it.
    pub fn tables(&mut self, key: &str) -> Vec<Self> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let list = keypath::entry(&self.path, key);
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
            .filter_map(|(index, item)| self.as_table(keypath::item(&list, index), item))
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
            .filter_map(|(name, value)| {
                let at = keypath::entry(&table.path, name);
                Some((name.clone(), table.as_table(at, value.clone())?))
            })
            .collect()
    }

    /// Reports every key that nobody asked for. Call it when all known keys have been read.
    pub fn finish(self) {
        for key in self.entries.keys() {
            let help = scalar::nearest(key, self.known.iter().map(String::as_str));
            self.problems().key(
                &keypath::entry(&self.path, key),
                format!("unknown key `{key}`"),
                Some(help),
            );
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.context.asked(keypath::entry(&self.path, key));
        self.known.insert(key.to_owned());
        self.entries.remove(key)
    }

    fn take_open(&mut self, key: &str) -> Option<Value> {
        self.context.open(keypath::entry(&self.path, key));
        self.take(key)
    }

    fn take_secret(&mut self, key: &str) -> Option<Value> {
        self.context.secret(keypath::entry(&self.path, key));
        self.take(key)
    }

    /// Whether a value came from the environment, where everything is text.
    fn is_environment(&self, key: &str) -> bool {
        let path = keypath::entry(&self.path, key);
        self.context.variable(&path).is_some()
    }

    /// The items of a list, each with its full key; a single value counts as a list of one.
    fn items(&self, key: &str, value: Value) -> Option<Vec<(String, Value)>> {
        let path = keypath::entry(&self.path, key);
        let items = match value {
            Value::Array(_, items) => items,
            Value::String(_, ref text)
                if self.is_environment(key) && text.trim_start().starts_with('[') =>
            {
                let items = document::inline_list(text);
                if items.is_none() {
                    self.wrong(
                        key,
                        "this list cannot be read",
                        r#"write it as in TOML: `["a", "b"]`"#,
                    );
                }
                items?
            }
            other => return Some(vec![(path, other)]),
        };
        let placed = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| (keypath::item(&path, index), item))
            .collect();
        Some(placed)
    }

    fn as_text(&self, at: &str, value: &Value) -> Option<String> {
        let text = scalar::text(value);
        if text.is_none() {
            let help = if secret::reference(value).is_some() {
                "only secrets are looked up elsewhere; write the value itself, in quotes"
            } else {
                "put it in quotes"
            };
            let message = format!("expected a string, found {}", kind(value));
            self.problems().value(at, message, Some(help.to_owned()));
        }
        text
    }

    fn as_table(&self, at: String, value: Value) -> Option<Self> {
        match value {
            Value::Dict(_, entries) => Some(Self::new(at, entries, Arc::clone(&self.context))),
            other => {
                let message = format!("expected a table, found {}", kind(&other));
                let help = format!("write `[{at}]` or `{{ … }}`");
                self.problems().value(&at, message, Some(help));
                None
            }
        }
    }

    fn resolve(&self, at: &str, value: &Value) -> Option<Secret> {
        match secret::resolve(value, &self.context.environment, &self.context.folder) {
            Ok(mut text) => {
                if self.context.variable(at).is_some() {
                    text = secret::without_line_end(&text).to_owned().into();
                }
                if matches!(value, Value::String(..)) && secret::is_unexpanded(&text) {
                    // The name is not told: by chance it may be the secret.
                    self.warn(format!(
                        "`{at}` looks like a variable, and a file fills none in; write `{{ env = \"NAME\" }}`"
                    ));
                }
                if secret::is_placeholder(&text) {
                    self.warn(format!(
                        "`{at}` still has the words of an example, which everybody knows; choose your own"
                    ));
                }
                let secret = Secret::new(match &self.context.stand_in {
                    Some(stand_in) => stand_in(at, &text),
                    None => std::mem::take(&mut *text),
                });
                self.context.hand_out(at, &secret);
                Some(secret)
            }
            Err((message, help)) => {
                self.problems().value(at, message, Some(help));
                None
            }
        }
    }
}

// Values may be secrets that nobody has read yet, so only keys are printed.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("path", &self.path)
            .field("keys", &self.entries.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
