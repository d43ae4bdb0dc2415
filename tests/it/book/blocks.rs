//! Every block of a configuration in the documents is one that the loader takes.
//!
//! A block that is no whole file stands in a frame: a source `ttmt` where it has none, an ntfy sink of each
//! name that it sends to and does not define, and a rule where none listens to a source. Bare keys say in a comment where
//! they belong: `# in a rule`, `# in a webhook sink`, `# in an ntfy sink`, and so on for every kind; without
//! one they are keys of the file itself.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::{environment, pages};
use crate::harness::{SECRET, program, ran};
use crate::schema::{json, minimal};

/// Every block with its place, as a whole file.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            if block.language == "toml" {
                let place = format!("{}:{}", page.path.display(), block.line);
                let text = framed(&block.text);
                files.push((place, text));
            }
        }
    }
    assert!(files.len() > 30, "the blocks were not found");
    files
}

fn framed(block: &str) -> String {
    let mut text = match belongs_to(block) {
        Some("rule") => format!("[[rules]]\nname = \"fragment\"\nto = [\"phone\"]\n{block}"),
        Some(kind) => sink(kind, block),
        None => block.to_owned(),
    };
    let file = json(&text).unwrap_or_else(|| panic!("this is no TOML:\n{text}"));
    let defined = names(&file["sinks"]);
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for rule in file["rules"].as_array().into_iter().flatten() {
        collect(&rule["to"], &mut missing);
        collect(&rule["fallback"]["to"], &mut missing);
    }
    for test in file["tests"].as_array().into_iter().flatten() {
        collect(&test["expect"], &mut missing);
    }
    let mut rules = file["rules"].as_array().into_iter().flatten();
    if !rules.any(|rule| rule["from"].is_null()) {
        let mut to: BTreeSet<&String> = defined.iter().chain(&missing).collect();
        let phone = "phone".to_owned();
        if to.is_empty() {
            to.insert(&phone);
        }
        let to = format!("{to:?}").replace(['{', '}'], "");
        text.push_str(&format!("\n[[rules]]\nname = \"frame\"\nto = [{to}]\n"));
        if defined.is_empty() && missing.is_empty() {
            missing.insert(phone);
        }
    }
    missing.retain(|name| !defined.contains(name));
    for name in &missing {
        text.push_str(&format!("\n[sinks.{name}]\n{}\n", minimal("ntfy")));
    }
    if names(&file["sources"]).is_empty() {
        text.push_str(
            "
[sources.ttmt]
kind = \"ttmt\"
api_key = { env = \"TTMT_API_KEY\" }
",
        );
    }
    text
}

/// What the comment on bare keys says that they belong to.
fn belongs_to(block: &str) -> Option<&str> {
    if block.lines().any(|line| line.starts_with('[')) {
        return None;
    }
    let (_, rest) = block.split_once("# in a")?;
    let rest = rest.strip_prefix('n').unwrap_or(rest).trim_start();
    let word = rest.split([':', ' ', '\n']).next()?;
    let is_sink = bellwire::sinks::KINDS.iter().any(|kind| kind.name == word);
    assert!(is_sink || word == "rule", "nothing takes this:\n{block}");
    Some(word)
}

fn sink(kind: &str, block: &str) -> String {
    let head = match kind {
        "webhook" if block.contains("secret") => {
            "kind = \"webhook\"\nurl = \"https://example.org/\"".to_owned()
        }
        "webhook" => {
            format!("kind = \"webhook\"\nurl = \"https://example.org/\"\nsecret = \"{SECRET}\"")
        }
        kind => minimal(kind).to_owned(),
    };
    format!("[sinks.fragment]\n{head}\n{block}")
}

fn names(table: &Value) -> BTreeSet<String> {
    let keys = table.as_object().into_iter().flat_map(|table| table.keys());
    keys.cloned().collect()
}

fn collect(names: &Value, into: &mut BTreeSet<String>) {
    match names {
        Value::String(name) => drop(into.insert(name.clone())),
        Value::Array(names) => names.iter().for_each(|name| collect(name, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_block_is_a_configuration_that_check_takes() {
    let folder = TempDir::new().expect("a folder");
    for (place, text) in files() {
        fs::write(folder.path().join("config.toml"), &text).expect("written");
        let mut line = program(folder.path());
        let told = ran(line.arg("check").envs(environment())).await;
        assert_eq!(told.status, Some(0), "{place}: {}\n{text}", told.complaint);
        assert!(told.out.starts_with("config.toml: valid, "), "{told:?}");
        let warnings: Vec<&str> = told
            .complaint
            .lines()
            .filter(|line| !is_expected(line))
            .collect();
        assert!(warnings.is_empty(), "{place}: {warnings:#?}\n{text}");
    }
}

/// What `check` says of a program and of a topic that are examples.
fn is_expected(warning: &str) -> bool {
    warning.ends_with("would fail here: there is no such program")
        || warning.ends_with("which everybody knows; choose your own")
}

#[test]
fn bare_keys_say_where_they_belong() {
    assert_eq!(
        belongs_to("throttle = {}   # in a rule: one ring\n"),
        Some("rule")
    );
    assert_eq!(
        belongs_to("click = \"x\"   # in an ntfy sink\n"),
        Some("ntfy")
    );
    assert_eq!(belongs_to("[http]\nlisten = \"off\"   # in a rule\n"), None);
    assert_eq!(belongs_to("data_dir = \"data\"\n"), None);
}
