//! A configuration file that nobody ought to write: it is taken, and then everything that `check` makes of it
//! works, or every mistake in it is told, with its place and without the secrets of the environment.

use std::collections::BTreeMap;
use std::path::Path;

use bellwire::app::{Plan, Refused};
use bellwire::config::{self, Loaded, Mistake};
use bellwire::model::DeliveryId;
use bellwire::sinks::Wording;
use bellwire::sources::{Frame, What, read_internal};

use super::now;

/// A secret of the environment, which `{ env = "NAME" }` reads.
const SECRET: &str = "hunter2-hunter2-hunter2";

/// The text of a file.
pub fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // Which files are read is not for a fuzzer to say.
    if text.contains("file") {
        return;
    }
    let loaded = load(text);
    let first = loaded.mistakes();
    assert_eq!(loaded.report(false).is_some(), !first.is_empty());
    assert_eq!(first, load(text).mistakes(), "twice the same");
    match Plan::make(loaded, false) {
        Ok(plan) => {
            assert!(first.is_empty(), "{first:?}");
            works(&plan);
        }
        Err(refused) => told_well(&refused, &first, text),
    }
}

fn load(text: &str) -> Loaded {
    let environment = BTreeMap::from([
        ("NAME".to_owned(), SECRET.to_owned()),
        ("EMPTY".to_owned(), String::new()),
    ]);
    config::load_text(Path::new("c.toml"), text.to_owned(), environment)
}

fn told_well(refused: &Refused, first: &[Mistake], text: &str) {
    assert!(!refused.report.trim().is_empty());
    assert!(!refused.mistakes.is_empty());
    assert!(
        refused.mistakes.len() >= first.len(),
        "what was wrong stays so"
    );
    let lines = text.split('\n').count();
    for mistake in &refused.mistakes {
        assert!(!mistake.text.trim().is_empty(), "{mistake:?}");
        assert!(mistake.file.is_some(), "{mistake:?} is nowhere");
        let line = mistake.line.unwrap_or(1);
        assert!((1..=lines).contains(&line), "{mistake:?} of {lines} lines");
        assert!(
            mistake.column.is_none_or(|column| column > 0),
            "{mistake:?}"
        );
        assert_eq!(mistake.line.is_some(), mistake.column.is_some());
    }
    let told = format!("{:?}{}", refused.mistakes, refused.report);
    assert!(text.contains(SECRET) || !told.contains(SECRET), "{told}");
}

/// An event goes all the way to the request of each sink.
fn works(plan: &Plan) {
    let payload = r#"{"type":"tp_hit","eventId":7,"timestamp":"2026-06-11T08:00:00Z","data":{"symbol":"XAUUSD"}}"#;
    let frame = Frame::bare(None, payload.into(), now());
    let What::Event(event) = read_internal(&frame) else {
        panic!("an event");
    };
    let _told = plan.rules.routes_at(&event, Some(now()));
    let _why = plan.rules.explain(&event);
    let (id, wording) = (DeliveryId::new("dlv_fuzz_1"), Wording::of(&event));
    for sink in &plan.sinks {
        assert!(!sink.display.contains(SECRET), "{}", sink.display);
        let message = super::message(&id, &event, &wording);
        // What an empty body or a template without its text leads to is a reason.
        if let Err(error) = sink.translator.encode(&message) {
            assert!(!error.reason.is_empty());
        }
        for question in sink.translator.questions() {
            assert!(!format!("{question:?}").contains(SECRET));
        }
    }
    for warning in &plan.warnings {
        assert!(
            !warning.trim().is_empty() && !warning.contains(SECRET),
            "{warning}"
        );
    }
}
