//! The typed reads of a [`Table`]: one value, checked for its type and its range.
//!
//! A file of its own because these are many and alike, while the rest of a table is about places and
//! keys. Every read here marks its value as one that may be shown; secrets are read elsewhere.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Num, Value};

use super::Table;
use crate::config::keypath;
use crate::config::scalar::{self, kind, whole};

impl Table {
    /// A text.
    pub fn string(&mut self, key: &str) -> Option<String> {
        let value = self.take_open(key)?;
        self.as_text(&keypath::entry(&self.path, key), &value)
    }

    /// A path of a file or folder; a relative one counts from the configuration file's folder.
    pub fn location(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.string(key)?;
        if text.is_empty() {
            self.wrong(key, "the path is empty", "a path such as `./data`");
            return None;
        }
        Some(self.folder().join(text).components().collect())
    }

    /// A truth value.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.take_open(key)?;
        let read = match &value {
            Value::Bool(_, truth) => Some(*truth),
            Value::String(_, text) if self.is_environment(key) => text.trim().parse().ok(),
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
        let value = self.take_open(key)?;
        let read = match &value {
            Value::Num(_, number) => whole(*number),
            Value::String(_, text) if self.is_environment(key) => text.trim().parse().ok(),
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
        let value = self.take_open(key)?;
        let read = match &value {
            Value::Num(_, Num::F64(number)) => Some(*number),
            Value::Num(_, Num::F32(number)) => Some(f64::from(*number)),
            #[expect(clippy::cast_precision_loss, reason = "a setting far below 2^53")]
            Value::Num(_, number) => whole(*number).map(|number| number as f64),
            Value::String(_, text) if self.is_environment(key) => text.trim().parse().ok(),
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

    /// Any value, as JSON. In the environment, where everything is text, `true` and `false` are truth
    /// values.
    pub fn json(&mut self, key: &str) -> Option<serde_json::Value> {
        let value = self.take_open(key)?;
        if let (Value::String(_, text), true) = (&value, self.is_environment(key))
            && let Ok(truth) = text.trim().parse::<bool>()
        {
            return Some(serde_json::Value::Bool(truth));
        }
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
}
