//! Every obligation of the upstream's contract that is built, and every rule for feeds, has a test
//! named after it. A name is a promise that somebody can look up.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Prefix of a test's name, and the highest number of that family that is built.
const FAMILIES: &[(&str, u32)] = &[
    ("auth_", 7),
    ("rate_", 5),
    ("err_", 5),
    ("page_", 7),
    ("cache_", 2),
    ("sse_", 7),
    ("tol_", 9),
    ("ctrl_", 10),
    ("res_", 13),
    ("feed_q", 5),
    ("feed_r", 7),
    ("feed_d", 9),
    ("feed_f", 16),
    ("feed_e", 6),
    ("feed_l", 9),
    ("feed_t", 12),
    ("feed_b", 7),
    ("feed_c", 2),
    ("feed_s", 3),
];

#[test]
fn every_obligation_has_a_test_named_after_it() {
    let names = test_names();
    assert!(names.len() > 300, "the tests were not found");
    let missing: Vec<String> = FAMILIES
        .iter()
        .flat_map(|(family, highest)| (1..=*highest).map(move |number| format!("{family}{number}")))
        .filter(|id| !names.iter().any(|name| is_named_after(name, id)))
        .collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
}

/// Whether an id stands in a test's name, whole.
fn is_named_after(name: &str, id: &str) -> bool {
    name.match_indices(id).any(|(at, _)| {
        let starts = at == 0 || name.as_bytes()[at - 1] == b'_';
        let ends = name
            .as_bytes()
            .get(at + id.len())
            .is_none_or(|byte| !byte.is_ascii_digit());
        starts && ends
    })
}

/// Names of all functions that stand right behind a test attribute.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                    names.insert(
                        rest.chars()
                            .take_while(|c| c.is_alphanumeric() || *c == '_')
                            .collect(),
                    );
                    is_test = false;
                }
            }
        }
    }
}
