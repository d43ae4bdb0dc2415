//! `bellwire schema` against the loader: it knows the same keys, takes the same files, and lies committed
//! beside the example.

mod cases;
mod defaults;
mod files;
mod keys;

use std::fs;
use std::path::Path;

use bellwire::app::Plan;
use bellwire::config;
use jsonschema::Validator;
use serde_json::{Map, Number, Value};
use tempfile::TempDir;

use crate::book::environment;
use crate::harness::{program, ran};

pub(crate) use cases::minimal;

/// It is made of the program's forms, to which a unit test holds it.
fn committed() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/config.schema.json");
    fs::read_to_string(path).expect("it is committed")
}

/// The whole schema.
pub(crate) fn schema() -> Value {
    serde_json::from_str(&committed()).expect("JSON")
}

fn validator() -> Validator {
    let schema = schema();
    jsonschema::meta::validate(&schema).expect("it is a schema itself");
    jsonschema::draft202012::new(&schema).expect("its patterns compile")
}

/// What the loader says of a file.
fn loaded(text: &str) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config.toml");
    let loaded = config::load_text(&file, text.to_owned(), environment());
    let made = Plan::make_untested(loaded, false);
    made.map(drop).map_err(|refused| refused.report)
}

/// A file as JSON; `None` where it is no TOML.
pub(crate) fn json(text: &str) -> Option<Value> {
    let document: toml_edit::DocumentMut = text.parse().ok()?;
    Some(table(document.as_table()))
}

fn table(table: &dyn toml_edit::TableLike) -> Value {
    let entries = table.iter().map(|(key, item)| (key.to_owned(), of(item)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn of(item: &toml_edit::Item) -> Value {
    match item {
        toml_edit::Item::None => Value::Null,
        toml_edit::Item::Value(value) => of_value(value),
        toml_edit::Item::Table(inner) => table(inner),
        toml_edit::Item::ArrayOfTables(items) => items.iter().map(|one| table(one)).collect(),
    }
}

fn of_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::String(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Number((*number.value()).into()),
        toml_edit::Value::Float(number) => {
            Value::Number(Number::from_f64(*number.value()).expect("a JSON number"))
        }
        toml_edit::Value::Boolean(truth) => Value::Bool(*truth.value()),
        toml_edit::Value::Datetime(date) => Value::String(date.value().to_string()),
        toml_edit::Value::Array(items) => items.iter().map(of_value).collect(),
        toml_edit::Value::InlineTable(inner) => table(inner),
    }
}

#[tokio::test]
async fn the_program_prints_what_lies_in_deploy() {
    let folder = TempDir::new().expect("a folder");
    let told = ran(program(folder.path()).arg("schema")).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(committed() == told.out, "it prints another one");
}

#[test]
fn the_first_line_of_the_example_leads_an_editor_to_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(root.join("config.example.toml")).expect("an example");
    let first = example.lines().next().expect("a line");
    let path = first.strip_prefix("#:schema ").expect("the directive");
    assert!(root.join(path).is_file(), "{path}");
}
