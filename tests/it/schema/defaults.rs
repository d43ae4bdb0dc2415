//! What the schema says a key is without being there is what the loader makes of a file without it.

use std::path::Path;

use bellwire::clock::Clock;
use bellwire::config::{self, Config};
use bellwire::{sinks, sources};
use serde_json::Value;

use super::cases::minimal;
use super::{environment, schema};

/// Tables with every key that has no default and has to be there for one that has.
const BASE: &str = r#"
heartbeat.url = "https://hc.example.org/"
store.url = "postgres://db.example.org/bellwire"
[[rules]]
name = "all"
to = ["it"]
coalesce.within = "10s"
hours.days = "Mon"
"#;

fn loaded(text: String) -> Config {
    let loaded = config::load_text(Path::new("/etc/config.toml"), text, environment());
    if let Some(report) = loaded.report(false) {
        panic!("{report}");
    }
    loaded.config.expect("a configuration")
}

/// A line for each key of a table that has a default, but for those that are in the text already.
fn defaults(form: &Value, before: &str, text: &str) -> String {
    let mut lines = String::new();
    for (key, inner) in form["properties"].as_object().into_iter().flatten() {
        let key = format!("{before}{key}");
        if text.contains(&format!("\n{key} = ")) {
            continue;
        }
        match inner.get("default") {
            // Texts, numbers and truth values are written alike in JSON and in TOML.
            Some(default) => lines.push_str(&format!("{key} = {default}\n")),
            None => lines.push_str(&defaults(inner, &format!("{key}."), text)),
        }
    }
    lines
}

#[test]
fn the_defaults_of_the_file_are_those_of_the_loader() {
    let schema = schema();
    let sink = format!("[sinks.it]\n{}\n", minimal("ntfy"));
    let rule = &schema["properties"]["rules"]["items"];
    let mut top = schema.clone();
    for elsewhere in ["sources", "sinks", "rules", "watches", "tests"] {
        top["properties"]
            .as_object_mut()
            .expect("keys")
            .shift_remove(elsewhere);
    }
    let (top, rule) = (defaults(&top, "", BASE), defaults(rule, "", BASE));
    assert!(
        top.lines().count() > 5 && rule.lines().count() > 2,
        "{top}{rule}"
    );
    let bare = loaded(format!("{BASE}{sink}"));
    let full = loaded(format!("{top}{BASE}{rule}{sink}"));
    assert_eq!(full.data_dir, bare.data_dir);
    assert_eq!((full.log, full.http), (bare.log, bare.http));
    assert_eq!(full.retention, bare.retention);
    assert_eq!(full.heartbeat, bare.heartbeat);
    assert_eq!(full.rules, bare.rules);
}

#[test]
fn the_defaults_of_a_kind_are_those_of_its_reader() {
    let schema = schema();
    for ends in ["sources", "sinks"] {
        let forms = &schema["properties"][ends]["additionalProperties"]["oneOf"];
        for form in forms.as_array().expect("kinds") {
            let kind = form["properties"]["kind"]["const"]
                .as_str()
                .expect("a word");
            let bare = format!("[{ends}.it]\n{}\n", minimal(kind));
            let full = format!("{bare}{}", defaults(form, "", &bare));
            assert_ne!(full, bare, "{kind}");
            assert_eq!(described(full), described(bare), "{kind}");
        }
    }
}

/// All that was made of the one source or sink of a file.
fn described(text: String) -> String {
    let config = loaded(text);
    if let Some(config) = config.sources.first() {
        let source = sources::build(config, &Clock::system()).expect("a source");
        let limits = (source.lost_after, source.connector.event_bytes_max());
        return format!("{} {limits:?} {:?}", source.display_url, source.rest);
    }
    let sink = sinks::build(&config.sinks[0]).expect("a sink");
    let pace = (
        sink.timeout,
        sink.concurrency,
        sink.rate_limit,
        sink.expires,
    );
    let rest = (&sink.ordered, sink.retry, sink.allow_link_local);
    format!("{} {pace:?} {rest:?} {:?}", sink.display, sink.translator)
}
