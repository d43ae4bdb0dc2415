//! Tables for the tests of other rooms, written as JSON.
//!
//! A file of its own so that a room can test how it reads its options without a file, layers and
//! the environment. Not part of the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use figment::value::Value;

use super::Table;
use super::context::Context;

/// A table at this key path with these entries.
pub(crate) fn table(path: &str, entries: &serde_json::Value) -> Table {
    let context = Context::default();
    let serde_json::Value::Object(entries) = entries else {
        panic!("a table is a JSON object");
    };
    let entries = entries
        .iter()
        .map(|(key, entry)| (key.clone(), value(entry)));
    Table::new(path.to_owned(), entries.collect(), Arc::new(context))
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => panic!("a configuration has no null"),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().expect("a number")),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, entry)| (key.clone(), value(entry)));
            Value::from(entries.collect::<BTreeMap<_, _>>())
        }
    }
}
