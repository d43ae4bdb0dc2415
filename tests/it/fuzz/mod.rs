//! What the fuzzer has found worth keeping, told once more by every run of the tests: each case goes through
//! the very function that it was made up for.

#[expect(
    unreachable_pub,
    reason = "it is the root of the fuzzer's workspace too"
)]
mod properties;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use properties::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is in a folder.
fn paths(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.collect()
}

/// The names of what is in a folder, without what stands behind a dot.
fn names(folder: &str) -> BTreeSet<String> {
    let paths = paths(folder).into_iter();
    let stems = paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    stems.collect()
}

#[test]
fn the_cases_that_were_worth_keeping_hold() {
    let mut broken = Vec::new();
    for (name, holds) in TARGETS {
        let cases = paths(&format!("tests/fixtures/fuzz/{name}"));
        assert!(!cases.is_empty(), "no case of `{name}`");
        for path in cases {
            let input = fs::read(&path).expect("a readable case");
            if catch_unwind(|| holds(&input)).is_err() {
                broken.push(path);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_target_of_the_fuzzer_has_its_cases() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(names("fuzz/targets"), targets);
    assert_eq!(names("tests/fixtures/fuzz"), targets);
}
