//! Tables for the tests of the rooms above, which read their options from one but cannot make one.
//!
//! A file of its own because only tests need it. It reads no file and no environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use figment::value::Value;

use super::problem::Problems;
use super::table::{Context, Table};

/// A table at `path` with the entries of a JSON object, and an empty list of problems.
pub(crate) fn table(path: &str, entries: &serde_json::Value) -> Table {
    let context = Context {
        environment: BTreeMap::new(),
        folder: PathBuf::from("."),
        problems: Problems::default(),
    };
    let Value::Dict(_, entries) = value(entries) else {
        panic!("a table is an object");
    };
    Table::new(path.to_owned(), entries, Arc::new(context))
}

fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => panic!("TOML has no null"),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().expect("a number of a configuration")),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Json::Object(entries) => Value::from(
            entries
                .iter()
                .map(|(key, json)| (key.clone(), value(json)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}
