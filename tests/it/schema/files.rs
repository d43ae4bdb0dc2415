//! The schema takes what the loader takes, and refuses what the loader refuses, as far as a schema can.

use super::cases::{Verdict, all};
use super::{json, loaded, validator};

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let validator = validator();
    let files = all();
    let mut wrong = Vec::new();
    for (text, verdict) in &files {
        let file = json(text).unwrap_or_else(|| panic!("this is no TOML:\n{text}"));
        let by_schema = validator.validate(&file);
        let by_loader = loaded(text);
        let expected = match verdict {
            Verdict::Good => (true, true),
            Verdict::Bad => (false, false),
            Verdict::Reader(_) => (true, false),
        };
        if (by_schema.is_ok(), by_loader.is_ok()) != expected {
            wrong.push(format!(
                "{verdict:?}\n{text}\nschema: {by_schema:?}\nloader: {}",
                by_loader.err().unwrap_or_else(|| "valid".to_owned())
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        files.len(),
        wrong.join("\n----\n")
    );
    let bad = files.iter().filter(|(_, verdict)| *verdict == Verdict::Bad);
    assert!(bad.count() > 120, "most mistakes are the schema's to find");
}

#[test]
fn the_example_is_taken_as_it_stands_and_with_everything_switched_on() {
    let validator = validator();
    for text in crate::example::variants() {
        if let Err(error) = validator.validate(&json(&text).expect("TOML")) {
            panic!("{error} at {}\n{text}", error.instance_path());
        }
    }
}

#[test]
fn what_the_documents_show_is_taken() {
    let validator = validator();
    let mut files = crate::book::files();
    let whole = include_str!("../../fixtures/whole.toml").to_owned();
    files.push(("whole.toml".to_owned(), whole));
    for (place, text) in files {
        if let Err(error) = validator.validate(&json(&text).expect("TOML")) {
            panic!("{place}: {error} at {}\n{text}", error.instance_path());
        }
        loaded(&text).unwrap_or_else(|report| panic!("{place}: {report}\n{text}"));
    }
}
