//! The configuration reference, made of the schema: every table of the file with its keys, and of each key
//! its type, its default and its description.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::{page, settle};
use crate::schema::schema;

const PAGE: &str = "docs/src/configuration.md";

const HEAD: &str = "\
# Configuration reference

Every key of `config.toml`, from the schema that `bellwire schema` prints. A key that is not here is a mistake. A **bold** key has to be there.

| type | is |
|---|---|
| duration | `\"30s\"`, `\"5m\"`, `\"24h\"` |
| size | `\"64KiB\"`, `\"1MiB\"`, `\"2GiB\"` |
| secret | a text, `{ env = \"NAME\" }` or `{ file = \"/run/secrets/name\" }` |
| text | any text; where the description says so, an expression or a template |

Environment variables lie over the file, with two underscores for each level: `BELLWIRE_SOURCES__TTMT__API_KEY` is `api_key` of
`[sources.ttmt]`.
";

/// A list that may stand in place of its one value, which nobody has to be told.
const ONE_IN_A_LIST: &str = "the same in a list";

/// The whole page.
fn made(schema: &Value) -> String {
    let mut out = HEAD.to_owned();
    let bare = |(_, value): &(&String, &Value)| inner(value).is_none() && kinds(value).is_none();
    let names = keys(schema).iter().filter(bare).map(|(name, _)| name);
    out.push_str("\n## The file itself\n");
    rows(&mut out, schema, &names.collect::<Vec<_>>());
    for (name, value) in keys(schema) {
        if let Some(kinds) = kinds(value) {
            several(&mut out, name, value, kinds);
        } else if let Some((table, is_list)) = inner(value) {
            let heading = match is_list {
                true => format!("[[{name}]]"),
                false => format!("[{name}]"),
            };
            out.push_str(&format!(
                "\n## `{heading}`\n\n{}\n",
                text(value, "description")
            ));
            section(
                &mut out,
                name,
                table,
                &keys(table).keys().collect::<Vec<_>>(),
            );
        }
    }
    out
}

/// Tables by name, of several kinds: what each takes, and then what the kinds have for themselves.
fn several(out: &mut String, name: &str, value: &Value, kinds: &[Value]) {
    out.push_str(&format!(
        "\n## `[{name}.NAME]`\n\n{}\n",
        text(value, "description")
    ));
    let (first, others) = kinds.split_first().expect("a kind");
    let is_common = |(key, value): &(&String, &Value)| {
        key.as_str() != "kind"
            && others
                .iter()
                .all(|kind| keys(kind).get(*key) == Some(value))
    };
    let common: Vec<&String> = keys(first)
        .iter()
        .filter(is_common)
        .map(|(key, _)| key)
        .collect();
    let each = name.trim_end_matches('s');
    out.push_str(&format!("\n### Every {each}\n"));
    section(out, &format!("{name}.NAME"), first, &common);
    for kind in kinds {
        let word = text(&keys(kind)["kind"], "const");
        out.push_str(&format!("\n### `kind = \"{word}\"`\n"));
        let own: Vec<&String> = keys(kind)
            .keys()
            .filter(|key| !common.contains(key) && key.as_str() != "kind")
            .collect();
        section(out, &format!("{name}.NAME"), kind, &own);
    }
}

/// These keys of a table, and below them the tables that stand in it.
fn section(out: &mut String, path: &str, table: &Value, names: &[&String]) {
    rows(out, table, names);
    for name in names {
        if let Some((table, _)) = inner(&keys(table)[name.as_str()]) {
            let path = format!("{path}.{name}");
            out.push_str(&format!("\n#### `{path}`\n"));
            section(out, &path, table, &keys(table).keys().collect::<Vec<_>>());
        }
    }
}

fn rows(out: &mut String, table: &Value, names: &[&String]) {
    out.push_str("\n| key | type | default | what it is |\n|---|---|---|---|\n");
    let required = table["required"].as_array().into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    for name in names {
        let value = &keys(table)[name.as_str()];
        let (description, default) = described(value);
        let name = match required.contains(&name.as_str()) {
            true => format!("**`{name}`**"),
            false => format!("`{name}`"),
        };
        let cells = [name, kind(value), default, description];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        writeln!(out, "| {} |", cells.join(" | ").replace("|  |", "| |")).expect("a text grows");
    }
}

/// The description without the default at its end, and the default.
fn described(value: &Value) -> (String, String) {
    let whole = text(value, "description");
    match whole.rsplit_once("Default: ") {
        Some((before, default)) => {
            let default = default.trim_end_matches('.').to_owned();
            (before.trim_end().to_owned(), default)
        }
        None => (whole.to_owned(), String::new()),
    }
}

/// The type of a value in a word or a few.
fn kind(value: &Value) -> String {
    let pattern = text(value, "pattern");
    match value["type"].as_str() {
        _ if value["const"].is_array() => ONE_IN_A_LIST.to_owned(),
        _ if value.get("const").is_some() => format!("`{}`", value["const"]),
        _ if value["enum"].is_array() => words(&value["enum"]),
        Some("string") if pattern.contains("nanos|nsec") => "duration".to_owned(),
        Some("string") if pattern.contains("[MGT]i?B") => "size".to_owned(),
        Some("string") if pattern.contains("[Hh][Tt][Tt][Pp]") => "address".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => number("whole number", value),
        Some("number") => number("number", value),
        Some("array") => format!("list of {}", several_of(&kind(&value["items"]))),
        Some("object") if is_elsewhere(value) => "secret".to_owned(),
        Some("object") if value["additionalProperties"].is_object() => {
            format!(
                "table of {}",
                several_of(&kind(&value["additionalProperties"]))
            )
        }
        Some("object") => "table".to_owned(),
        _ if value["type"].is_array() => either(
            value["type"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|name| kind(&serde_json::json!({ "type": name }))),
        ),
        _ => either(value["anyOf"].as_array().into_iter().flatten().map(kind)),
    }
}

/// Several types, each once. What may also be elsewhere is a secret.
fn either(kinds: impl Iterator<Item = String>) -> String {
    let mut each: Vec<String> = Vec::new();
    for kind in kinds {
        if !each.contains(&kind) && kind != ONE_IN_A_LIST {
            each.push(kind);
        }
    }
    assert!(!each.is_empty(), "a value without a type");
    match each
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["text", "secret"] => "secret".to_owned(),
        ["address", "secret"] => "address, which may be a secret".to_owned(),
        _ => each.join(", or "),
    }
}

fn number(what: &str, value: &Value) -> String {
    let (least, most) = (value.get("minimum"), value.get("maximum"));
    match (least, most) {
        (Some(least), Some(most)) => format!("{what} from {least} to {most}"),
        (Some(least), None) => format!("{what} from {least} on"),
        (None, _) => what.to_owned(),
    }
}

fn several_of(kind: &str) -> String {
    match kind {
        "text" | "secret" | "table" => format!("{kind}s"),
        "address" => "addresses".to_owned(),
        kind => kind.to_owned(),
    }
}

fn words(list: &Value) -> String {
    let list = list.as_array().into_iter().flatten();
    let list = list.map(|word| format!("`{}`", word.as_str().unwrap_or("?")));
    list.collect::<Vec<_>>().join(", ")
}

fn keys(table: &Value) -> &Map<String, Value> {
    table["properties"].as_object().expect("a table has keys")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Whether a table only says where a secret is.
fn is_elsewhere(value: &Value) -> bool {
    let names: Vec<&String> = value["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|key| key.0)
        .collect();
    names == ["env", "file"]
}

/// The kinds of a table of named tables.
fn kinds(value: &Value) -> Option<&[Value]> {
    Some(
        value["additionalProperties"]["oneOf"]
            .as_array()?
            .as_slice(),
    )
}

/// The table that a value is, or is a list of, or may be.
fn inner(value: &Value) -> Option<(&Value, bool)> {
    let is_table = |value: &Value| value["properties"].is_object() && !is_elsewhere(value);
    if is_table(value) {
        return Some((value, false));
    }
    if is_table(&value["items"]) {
        return Some((&value["items"], true));
    }
    let mut forms = value["anyOf"].as_array()?.iter();
    forms.find(|form| is_table(form)).map(|form| (form, false))
}

/// Every key of the schema, however deep, with every kind it is in.
fn count(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(keys) = value["properties"]
                .as_object()
                .filter(|_| !is_elsewhere(value))
            {
                names.extend(keys.keys().cloned());
            }
            object.values().for_each(|value| count(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| count(value, names)),
        _ => {}
    }
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let page = page(PAGE);
    settle(Path::new(PAGE), &page.text, &made(&schema()));
}

#[test]
fn every_key_of_the_schema_is_in_the_reference() {
    let text = made(&schema());
    let mut names = Vec::new();
    count(&schema(), &mut names);
    assert!(names.len() > 150, "the keys were not found");
    for name in names {
        let is_told = text.contains(&format!("`{name}`")) || text.contains(&format!("[{name}"));
        assert!(is_told || name == "kind", "`{name}` is not told");
    }
}

#[test]
fn types_and_defaults_are_told_in_words() {
    let schema = schema();
    let of = |path: &str| {
        let value = schema.pointer(path).unwrap_or_else(|| panic!("no {path}"));
        (kind(value), described(value).1)
    };
    let pair = |kind: &str, default: &str| (kind.to_owned(), default.to_owned());
    assert_eq!(
        of("/properties/retention/properties/events"),
        pair("duration", "`7d`")
    );
    assert_eq!(
        of("/properties/retention/properties/max_disk"),
        pair("size", "`1GiB`")
    );
    assert_eq!(of("/properties/http/properties/token"), pair("secret", ""));
    assert_eq!(
        of("/properties/heartbeat/properties/url"),
        pair("address, which may be a secret", "")
    );
    let rule = "/properties/rules/items/properties";
    assert_eq!(
        of(&format!("{rule}/priority")),
        pair("whole number from 1 to 5", "")
    );
    assert_eq!(
        of(&format!("{rule}/events")),
        pair("text, or list of texts", "all")
    );
    assert_eq!(of(&format!("{rule}/digest")), pair("text, or table", ""));
}
