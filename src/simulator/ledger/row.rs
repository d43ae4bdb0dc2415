//! One object as REST shows it: the same names in the same order, whatever is known of it.
//!
//! Its own file because values are carried over as they were told, digit by digit, and never computed
//! with.

use serde_json::{Map, Value};

use super::fact::Fact;

/// The fields that every financial object ends with.
pub(super) const OWNER: [&str; 3] = ["account_id", "account_label", "currency"];

/// An object whose fields are null until they are known.
#[derive(Clone, Debug)]
pub(super) struct Row(Map<String, Value>);

impl Row {
    pub(super) fn new(names: &[&str]) -> Self {
        let blank = names.iter().map(|name| ((*name).to_owned(), Value::Null));
        Self(blank.collect())
    }

    pub(super) fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str()
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes over what an event says of these fields, null too.
    pub(super) fn take(&mut self, fact: &Fact, names: &[&str]) {
        for name in names {
            self.take_as(name, fact, name);
        }
    }

    /// Takes over what an event says under another name.
    pub(super) fn take_as(&mut self, name: &str, fact: &Fact, told: &str) {
        if let Some(value) = fact.value(told) {
            self.set(name, value.clone());
        }
    }

    /// Takes over what an event says of those of these fields that are not known yet.
    pub(super) fn complete(&mut self, fact: &Fact, names: &[&str]) {
        for name in names {
            self.complete_as(name, fact, name);
        }
    }

    /// Takes over what an event says under another name, if that is not known yet.
    pub(super) fn complete_as(&mut self, name: &str, fact: &Fact, told: &str) {
        if self.value(name).is_null() {
            self.take_as(name, fact, told);
        }
    }

    /// The object with these fields only.
    pub(super) fn only(&self, names: &[&str]) -> Value {
        let shown = names
            .iter()
            .map(|name| ((*name).to_owned(), self.value(name).clone()));
        Value::Object(shown.collect())
    }

    pub(super) fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
