//! The form of a configuration, as the JSON Schema that editors complete and check by.
//!
//! A room in the room because what it says is said to other programs. Each reader of a table has a type
//! beside it that is never made, only described: its fields are the keys, its comments what an editor
//! shows. Kinds of sources and sinks bring theirs, so that a new one brings its part of the schema along.
//! All of it is there for tests alone: one writes the schema that the program carries, and others hold
//! that to the readers, key by key and file by file.

mod tables;
mod values;

use std::path::Path;
use std::{env, fs};

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

pub(crate) use values::value;
pub use values::{
    Address, Duration, Headers, Secret, Secrets, Size, Texts, one_or_many, secret_like, text_like,
};

use crate::model::Name;

/// Describes the form of a table.
pub type Form = fn(&mut SchemaGenerator) -> Schema;

const ABOUT: &str = "The configuration of bellwire. A name that stands here and is defined elsewhere in \
    the file, an expression, a template and what a variable or a file holds is checked by `bellwire check`. \
    Environment variables lie over the file: BELLWIRE_SOURCES__TTMT__API_KEY is sources.ttmt.api_key.";

/// The JSON Schema of a whole configuration, given the forms of a source and of a sink.
#[must_use]
pub fn schema(source: Form, sink: Form) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        // Editors differ in what they make of a reference with words beside it.
        settings.inline_subschemas = true;
    });
    let mut generator = settings.into_generator();
    let mut whole = generator.root_schema_for::<tables::File>();
    let mut set = |pointer: &str, value: Value| {
        whole.pointer_mut(pointer).expect("a place that is there")["additionalProperties"] = value;
    };
    set("/properties/sources", source(&mut generator).to_value());
    set("/properties/sinks", sink(&mut generator).to_value());
    let mut headed = json!({ "$schema": null, "title": null, "description": null });
    headed
        .as_object_mut()
        .expect("an object")
        .extend(whole.to_value().as_object().cloned().unwrap_or_default());
    headed["title"] = json!("bellwire");
    headed["description"] = json!(ABOUT);
    tidy(&mut headed);
    headed
}

/// Holds a committed document to what it is made of: that of the program, below `src`, and that of the same
/// name in `deploy`, for readers. With `BELLWIRE_DOCS=write` in the environment both are written anew.
pub fn hold(place: &str, should_be: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("src").join(place);
    let read = root.join("deploy").join(own.file_name().expect("a name"));
    for (path, should_be) in [
        (own, format!("{should_be}\n")),
        (read, format!("{should_be:#}\n")),
    ] {
        if env::var_os("BELLWIRE_DOCS").is_some_and(|wish| wish == "write") {
            fs::write(&path, &should_be).expect("written");
        }
        assert!(
            fs::read_to_string(&path).expect("it is committed") == should_be,
            "{} is not what the program says: `BELLWIRE_DOCS=write cargo test --lib the_committed` writes it anew",
            path.display()
        );
    }
}

/// A table of one of several kinds, told apart by `kind`, with the keys that all kinds have.
pub fn kinds(
    generator: &mut SchemaGenerator,
    common: Form,
    kinds: impl Iterator<Item = (&'static str, Form)>,
) -> Schema {
    let forms: Vec<Value> = kinds
        .map(|(name, form)| {
            let own = form(generator).to_value();
            let common = common(generator).to_value();
            of_kind(name, own, &common)
        })
        .collect();
    json_schema!({ "type": "object", "required": ["kind"], "oneOf": forms })
}

fn of_kind(name: &str, mut own: Value, common: &Value) -> Value {
    let mut keys = Map::new();
    let about = "What it is; decides which keys there are.";
    keys.insert(
        "kind".to_owned(),
        json!({ "const": name, "description": about }),
    );
    for form in [&own, common] {
        let more = form["properties"].as_object();
        keys.extend(more.cloned().unwrap_or_default());
    }
    let mut required = vec![json!("kind")];
    required.extend(own["required"].as_array().cloned().unwrap_or_default());
    own["properties"] = Value::Object(keys);
    own["required"] = Value::Array(required);
    // What its type says of itself is for readers of the code.
    own["description"] = json!(format!("`kind = \"{name}\"`"));
    own
}

/// Tables by name.
fn named() -> Schema {
    json_schema!({ "type": "object", "propertyNames": { "pattern": name() } })
}

/// What a source or a sink may be called.
fn name() -> String {
    format!("^[A-Za-z0-9_-]{{1,{}}}$", Name::MAX_CHARS)
}

/// Takes away what says nothing about a file of this format: it has no null, one kind of whole numbers,
/// and comments are wrapped for readers of the code.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(schema) => {
            tidy_one(schema);
            schema.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn tidy_one(schema: &mut Map<String, Value>) {
    let is_null = |value: &Value| *value == json!("null") || *value == json!({ "type": "null" });
    if schema.get("format").is_some_and(Value::is_string) {
        schema.shift_remove("format");
    }
    for key in ["type", "enum", "anyOf"] {
        if let Some(Value::Array(choices)) = schema.get_mut(key) {
            choices.retain(|choice| !is_null(choice) && !choice.is_null());
        }
    }
    if let Some(Value::Array(types)) = schema.get("type")
        && let [only] = types.as_slice()
    {
        schema["type"] = only.clone();
    }
    if let Some(Value::Array(choices)) = schema.get("anyOf")
        && let [Value::Object(only)] = choices.as_slice()
    {
        let only = only.clone();
        schema.shift_remove("anyOf");
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
    if let Some(Value::String(words)) = schema.get_mut("description") {
        *words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}
