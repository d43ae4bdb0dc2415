//! Names in the documents are names of the program: metrics, and what bellwire says about itself.

use std::collections::BTreeSet;

use bellwire::sinks::wording;

use super::{code, page, pages};
use crate::harness::Bridge;

/// Words behind `bellwire.` that are files or a host, and the types of messages that tell several events.
const OTHERS: [&str; 9] = [
    "db", "db-wal", "db-shm", "db-*", "lock", "fish", "json", "service", "example",
];
/// The volume of deploy/compose.yaml, which begins like a metric.
const VOLUME: &str = "bellwire_data";
const COLLECTED: [&str; 2] = ["bellwire.coalesced", "bellwire.digest"];

/// The words of all documents that begin with a prefix, each with where it stands.
fn words(prefix: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in pages() {
        for (at, line) in page.text.lines().enumerate() {
            for (start, _) in line.match_indices(prefix) {
                let is_word = |character: char| {
                    character.is_ascii_alphanumeric() || "_-*".contains(character)
                };
                let rest = &line[start + prefix.len()..];
                let end = rest.find(|character| !is_word(character));
                let word = &rest[..end.unwrap_or(rest.len())];
                let place = format!("{}:{}", page.path.display(), at + 1);
                found.push((format!("{prefix}{word}"), place));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_in_the_documents_is_measured_and_every_one_measured_is_in_the_table() {
    let mut bridge = Bridge::new(
        "http.listen = \"127.0.0.1:0\"\n[sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:1/events\"\n\
         [sinks.phone]\nkind = \"ntfy\"\ntopic = \"t\"\n[[rules]]\nname = \"all\"\nto = [\"phone\"]\n",
    );
    bridge.start();
    let told = bridge.page("/metrics").await.body;
    let measured: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(measured.len() > 20, "{told}");
    for (word, place) in words("bellwire_") {
        let is_known = word == VOLUME || measured.contains(&word);
        assert!(is_known, "{place}: nothing measures {word}");
    }
    let table = page("docs/src/metrics.md");
    let rows = table.prose().filter(|(_, line)| line.starts_with("| `"));
    let cells = rows.filter_map(|(_, line)| line.split('|').nth(1));
    let written: BTreeSet<String> = cells.flat_map(code).map(str::to_owned).collect();
    assert_eq!(written, measured);
}

#[test]
fn every_event_of_bellwires_own_in_the_documents_is_one_and_every_one_is_in_the_table() {
    let types: BTreeSet<&str> = wording::types()
        .filter(|kind| kind.starts_with("bellwire."))
        .collect();
    assert!(types.len() > 10, "{types:?}");
    for (word, place) in words("bellwire.") {
        let word = word.trim_end_matches('-');
        let rest = &word["bellwire.".len()..];
        let is_file = OTHERS.contains(&rest) || rest.is_empty();
        let is_known = match word.strip_suffix('*') {
            Some(start) => types.iter().any(|kind| kind.starts_with(start)),
            None => types.contains(word) || COLLECTED.contains(&word),
        };
        assert!(is_file || is_known, "{place}: nothing raises {word}");
    }
    let page = page("docs/src/troubleshooting.md");
    let rows = page
        .prose()
        .filter(|(_, line)| line.starts_with("| `bellwire."));
    let cells = rows.filter_map(|(_, line)| line.split('|').nth(1));
    let written: BTreeSet<&str> = cells.flat_map(code).collect();
    let types: BTreeSet<&str> = types
        .into_iter()
        .filter(|kind| !COLLECTED.contains(kind))
        .collect();
    assert_eq!(written, types);
}
