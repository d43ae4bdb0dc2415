//! `config.example.toml`: a good configuration as it stands, with each option switched on, and with
//! all of them; and no setting is missing in it.
//!
//! The variants of the file are here for the tests of other rooms too: what a kind of source or sink
//! calls its options is their business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::variables;
use crate::config::document;
use crate::config::{Loaded, keypath, load};

/// The example as it stands.
pub(crate) const TEXT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml"));

/// The variables that the example names, with values that are well formed.
pub(crate) fn environment() -> BTreeMap<String, String> {
    variables(&[
        ("TTMT_API_KEY", "ttmt-key"),
        ("BELLWIRE_HTTP_TOKEN", "http-token"),
        ("DATABASE_URL", "postgres://bellwire@db.example/bellwire"),
        ("FEED_TOKEN", "Bearer feed-token"),
        ("NTFY_TOKEN", "tk_ntfytoken"),
        ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("WEBHOOK_API_KEY", "webhook-key"),
        (
            "DISCORD_WEBHOOK_URL",
            "https://discord.com/api/webhooks/1/token",
        ),
        (
            "SLACK_WEBHOOK_URL",
            "https://hooks.slack.com/services/T0/B0/token",
        ),
        ("TELEGRAM_TOKEN", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5"),
        ("MQTT_PASSWORD", "mqtt-password"),
        ("HEARTBEAT_URL", "https://hc.example.org/ping/token"),
    ])
}

/// The example with one option or block switched on, for each of them, and last with all of them.
/// Each comes with the line that was switched on.
pub(crate) fn variants() -> Vec<(String, String)> {
    let lines: Vec<&str> = TEXT.lines().collect();
    let options = options(&lines);
    let mut variants: Vec<_> = options
        .iter()
        .map(|option| {
            (
                lines[option.start].to_owned(),
                switched_on(&lines, std::slice::from_ref(option)),
            )
        })
        .collect();
    variants.push(("everything".to_owned(), switched_on(&lines, &options)));
    variants
}

/// Loads a variant from a folder that has the files it names.
pub(crate) fn load_variant(text: &str) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("config.toml");
    fs::create_dir(folder.path().join("samples")).expect("made");
    let sample = folder.path().join("samples/signal.json");
    fs::write(sample, r#"{"type": "position_update", "data": {}}"#).expect("written");
    fs::write(&file, text).expect("written");
    load(&file, environment())
}

/// The lines of each option: one that begins with `# key =`, or a block from `# [table]` to the next
/// empty line.
fn options(lines: &[&str]) -> Vec<std::ops::Range<usize>> {
    let mut options = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let rest = &lines[at..];
        let length = match rest[0].strip_prefix("# ") {
            Some(line) if line.starts_with('[') => rest
                .iter()
                .position(|line| line.is_empty())
                .unwrap_or(rest.len()),
            Some(line) if is_setting(line) => 1,
            _ => 0,
        };
        if length > 0 {
            options.push(at..at + length);
        }
        at += length.max(1);
    }
    options
}

fn is_setting(line: &str) -> bool {
    let key = line.split(" = ").next().unwrap_or_default();
    key.len() < line.len()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn switched_on(lines: &[&str], options: &[std::ops::Range<usize>]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let on = options.iter().any(|option| option.contains(&at));
        let bare = if on { line.strip_prefix("# ") } else { None };
        text.push_str(bare.unwrap_or(line));
        text.push('\n');
    }
    text
}

fn check(what: &str, text: &str) -> Loaded {
    let loaded = load_variant(text);
    if let Some(report) = loaded.report(false) {
        panic!("with {what}:\n{report}");
    }
    loaded
}

#[test]
fn the_example_is_a_good_configuration_as_it_stands() {
    let loaded = check("nothing", TEXT);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let config = loaded.config.expect("no mistake");
    assert_eq!(config.rules.len(), 2, "the live part stays small");
}

#[test]
fn every_option_of_the_example_can_be_switched_on() {
    let variants = variants();
    assert!(variants.len() > 35, "options are found: {}", variants.len());
    for (what, text) in variants {
        assert_ne!(text, TEXT, "{what} changes something");
        check(&what, &text);
    }
}

#[test]
fn no_setting_is_missing_in_the_example() {
    let (_, everything) = variants().pop().expect("everything is the last");
    let any_name = |path: &str| match path.split('.').collect::<Vec<_>>().as_slice() {
        [list @ ("sources" | "sinks"), _, rest @ ..] => format!("{list}.*.{}", rest.join(".")),
        _ => path.to_owned(),
    };
    let there: BTreeSet<String> = document::parse(&everything)
        .expect("valid TOML")
        .places
        .iter()
        .map(|(path, _)| any_name(&keypath::without_indices(path)))
        .collect();
    let missing: Vec<_> = check("everything", &everything)
        .known_keys()
        .iter()
        .map(|key| any_name(key))
        .filter(|key| !there.contains(key))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_variable_of_the_example_is_known_here() {
    let environment = environment();
    for after in TEXT.split("env = \"").skip(1) {
        let name = after.split('"').next().unwrap_or_default();
        let known = environment.contains_key(name) || ["NAME", "NEW", "OLD"].contains(&name);
        assert!(known, "{name}");
    }
}
