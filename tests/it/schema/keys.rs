//! Every key that a reader asks for is in the schema, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bellwire::clock::Clock;
use bellwire::{config, sinks, sources};
use serde_json::Value;

use super::cases::minimal;
use super::{environment, schema};

/// Tables whose keys are whatever a person writes.
const OPEN: [&str; 3] = ["headers", "event", "actions.headers"];

/// One table of each kind, each with every table that can stand in it.
const EVERYTHING: &str = r#"
[store]
[log]
[http]
[retention]
[heartbeat]
[[watches]]
name = "x"
hours = {}
[[rules]]
name = "x"
throttle = {}
coalesce = {}
hours = {}
fallback = {}
[[tests]]
name = "x"
"#;

/// The keys that readers ask for: of the file, and of a table of each kind.
fn asked() -> BTreeMap<String, BTreeSet<String>> {
    let mut text = EVERYTHING.to_owned();
    for kind in sinks::KINDS {
        let (name, options) = (kind.name, minimal(kind.name));
        text.push_str(&format!("[sinks.{name}]\n{options}\nretry = {{}}\n"));
        if name == "ntfy" {
            text.push_str("actions = [{ action = \"http\" }]\n");
        }
    }
    for kind in &sources::KINDS {
        let (name, options) = (kind.name, minimal(kind.name));
        text.push_str(&format!("[sources.{name}]\n{options}\n"));
    }
    let file = Path::new("/nowhere/config.toml");
    let loaded = config::load_text(file, text, environment());
    let config = loaded.config.as_ref().expect("a configuration");
    for sink in &config.sinks {
        drop(sinks::build(sink));
    }
    for source in &config.sources {
        drop(sources::build(source, &Clock::system()));
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in loaded.known_keys() {
        let (of, key) = match key.split('.').collect::<Vec<_>>().as_slice() {
            [ends @ ("sinks" | "sources"), kind, rest @ ..] if !rest.is_empty() => {
                (format!("{ends}.{kind}"), rest.join("."))
            }
            _ => (String::new(), key),
        };
        found.entry(of).or_default().insert(key);
    }
    found
}

/// The keys of the schema, in the same form.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let schema = schema();
    let mut found = BTreeMap::new();
    let mut keys = BTreeSet::new();
    collect(&schema, "", &mut keys);
    found.insert(String::new(), keys);
    for ends in ["sinks", "sources"] {
        let forms = &schema["properties"][ends]["additionalProperties"]["oneOf"];
        for form in forms.as_array().expect("kinds") {
            let kind = form["properties"]["kind"]["const"].as_str();
            let mut keys = BTreeSet::new();
            collect(form, "", &mut keys);
            found.insert(format!("{ends}.{}", kind.expect("a word")), keys);
        }
    }
    found
}

/// The keys of a table and of those in it. Each of these tables has to be closed.
fn collect(form: &Value, before: &str, keys: &mut BTreeSet<String>) {
    let Some(properties) = form["properties"].as_object() else {
        let items = &form["items"];
        if items["properties"].is_object() {
            collect(items, before, keys);
        }
        return;
    };
    assert_eq!(form["additionalProperties"], false, "`{before}` is open");
    for (key, inner) in properties {
        let about = inner["description"].as_str().unwrap_or_default();
        assert!(
            about.ends_with('.'),
            "`{before}{key}` says nothing: {inner}"
        );
        let path = format!("{before}{key}");
        if !OPEN.contains(&path.as_str()) {
            collect(inner, &format!("{path}."), keys);
        }
        keys.insert(path);
    }
}

#[test]
fn the_schema_has_every_key_that_a_reader_asks_for_and_no_other() {
    let (asked, described) = (asked(), described());
    assert_eq!(asked.len(), 1 + sinks::KINDS.len() + sources::KINDS.len());
    for (table, keys) in &asked {
        let there = described.get(table).cloned().unwrap_or_default();
        let missing: Vec<_> = keys.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "not in the schema of `{table}`: {missing:?}"
        );
        let more: Vec<_> = there.difference(keys).collect();
        assert!(more.is_empty(), "no reader of `{table}` asks for {more:?}");
    }
    assert_eq!(asked.len(), described.len());
}
