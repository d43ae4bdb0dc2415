//! House rules that a machine can check: sizes, headers, floors, sole homes, spawning, open marks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor, lowest first. A room may use lower floors only.
const FLOORS: [&[&str]; 7] = [
    &["model"],
    &["clock", "config", "crew", "expr", "status", "transport"],
    &["retry", "rules", "sinks", "sources", "store", "telemetry"],
    &[
        "admin",
        "dispatch",
        "heartbeat",
        "intake",
        "simulator",
        "upkeep",
    ],
    &["app"],
    &["cli"],
    &["main"],
];

/// Crates that are named in certain rooms only.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["app", "cli", "main"]),
    ("axum", &["admin", "simulator"]),
    ("backon", &["retry"]),
    ("clap", &["cli"]),
    ("console", &["cli"]),
    ("eventsource_client", &["sources"]),
    ("figment", &["config"]),
    ("governor", &["dispatch"]),
    ("hmac", &["admin", "sinks"]),
    ("minijinja", &["expr"]),
    ("mqtt_codec_kit", &["transport"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_http", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("prometheus_client", &["admin"]),
    ("reqwest", &["transport"]),
    ("rusqlite", &["store"]),
    ("tokio_postgres", &["store"]),
    ("rustix", &["cli", "store", "transport"]),
    ("schemars", &["config", "sinks", "sources"]),
    ("sha2", &["admin", "sinks"]),
    ("toml_edit", &["config"]),
    ("tower_http", &["admin"]),
    ("tracing_subscriber", &["telemetry"]),
    ("utoipa", &["admin"]),
];

const LINES_MAX: usize = 400;

struct Source {
    path: PathBuf,
    room: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    rust_files(&root().join("src"), &mut paths);
    assert!(paths.len() > 20, "the tree was not found");
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root().join("src")).expect("below src");
            let first = inside.iter().next().expect("a name").to_string_lossy();
            Source {
                room: first.trim_end_matches(".rs").to_owned(),
                text: fs::read_to_string(&path).expect("a readable file"),
                path,
            }
        })
        .collect()
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Lines of code, without comments and without what stands in doc comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn no_file_is_longer_than_one_sitting() {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        rust_files(&root().join(folder), &mut paths);
    }
    let long: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(path)
                .expect("a readable file")
                .lines()
                .count();
            (lines > LINES_MAX).then(|| format!("{}: {lines}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:#?}");
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root().join(folder), &mut paths);
    }
    for path in paths {
        let text = fs::read_to_string(&path).expect("a readable file");
        assert!(text.starts_with("//! "), "{} has no header", path.display());
    }
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.room == "lib" {
            continue;
        }
        let floor = floor_of(&source.room)
            .unwrap_or_else(|| panic!("`{}` stands on no floor", source.room));
        for (number, line) in code_lines(&source.text) {
            let crates = line
                .match_indices("crate::")
                .map(|(at, text)| &line[at + text.len()..]);
            let own = line
                .match_indices("bellwire::")
                .map(|(at, text)| &line[at + text.len()..]);
            for rest in crates.chain(own) {
                let used: String = rest
                    .chars()
                    .take_while(|character| character.is_ascii_lowercase() || *character == '_')
                    .collect();
                let Some(used_floor) = floor_of(&used) else {
                    continue;
                };
                if used != source.room && used_floor >= floor {
                    wrong.push(format!(
                        "{}:{number}: {} uses {used}",
                        source.path.display(),
                        source.room
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_crate_is_named_in_its_home_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, homes) in HOMES {
            if homes.contains(&source.room.as_str()) || is_test(&source.path) {
                continue;
            }
            for (number, line) in code_lines(&source.text) {
                if mentions(line, name) {
                    wrong.push(format!("{}:{number}: {name}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_test(path: &Path) -> bool {
    path.iter()
        .any(|part| part.to_string_lossy().starts_with("tests"))
}

fn mentions(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        !before.is_some_and(|character| {
            character.is_alphanumeric() || character == '_' || character == ':'
        }) && after.starts_with("::")
    })
}

#[test]
fn tasks_are_spawned_by_those_who_join_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let test_file = source
            .path
            .iter()
            .any(|part| part.to_string_lossy().starts_with("tests"));
        if test_file || ["app", "dispatch", "simulator"].contains(&source.room.as_str()) {
            continue;
        }
        let code = source
            .text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (number, line) in code_lines(code) {
            if line.contains("tokio::spawn(")
                || line.contains(".spawn_local(")
                || line.contains("task::spawn")
            {
                wrong.push(format!("{}:{number}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_open_marks_and_nothing_unsafe() {
    let marks =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["uns", "afe "]].map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                wrong.push(format!("{}:{}: {line}", source.path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let mut section = String::new();
    let mut explained = false;
    let mut bare = BTreeMap::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if section.ends_with("dependencies") && line.contains('=') {
            if !explained {
                bare.insert(line.to_owned(), section.clone());
            }
            explained = false;
        }
    }
    assert!(bare.is_empty(), "no sentence above: {bare:#?}");
}

#[test]
fn everything_that_bellwire_says_of_itself_has_a_wording() {
    const FILES: [&str; 2] = ["bellwire.db", "bellwire.lock"];
    let mut bare = Vec::new();
    let mut found = 0;
    for source in sources() {
        let inside = source.path.strip_prefix(root()).expect("below the root");
        let is_test = inside.iter().any(|part| {
            let part = part.to_string_lossy();
            part == "tests" || part == "tests.rs" || part == "samples.rs"
        });
        if is_test {
            continue;
        }
        for (at, _) in source.text.match_indices("\"bellwire.") {
            let rest = &source.text[at + 1..];
            let end = rest.find('"').expect("a literal ends");
            let kind = &rest[..end];
            if kind == "bellwire." || FILES.contains(&kind) {
                continue;
            }
            found += 1;
            if !bellwire::sinks::wording::types().any(|known| known == kind) {
                bare.push(format!("{}: {kind}", inside.display()));
            }
        }
    }
    assert!(found > 20, "the literals were not found");
    assert!(bare.is_empty(), "without a wording: {bare:#?}");
}
