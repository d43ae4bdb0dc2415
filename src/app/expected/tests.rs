//! Which tests pass, and what is told of those that fail.

use crate::app::Plan;
use crate::config::{self, Loaded};

const ENDS: &str = r#"[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_live_0123456789012345678901234567890123456789012"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:9/"
[sources.other]
kind = "sse"
url = "http://127.0.0.1:9/"
type = "/kind"
time = "/at"
[sinks.phone]
kind = "ntfy"
topic = "alerts"
[sinks.desk]
kind = "ntfy"
topic = "desk"
"#;

/// Gold rings the phone, and everything of the feeds goes to the desk in its hours.
const RULES: &str = r#"[[rules]]
name = "gold"
events = ["tp_hit"]
when = 'data.symbol == "XAUUSD" and data.pl > 0'
throttle = { limit = 1, per = "1h" }
backfilled = "skip"
to = ["phone"]
[[rules]]
name = "feeds"
from = ["feed", "other"]
events = ["price", "news"]
hours = { days = "Mon-Fri", between = "07:00-22:00", zone = "Europe/Berlin" }
to = ["desk"]
[[rules]]
name = "own"
from = ["bellwire"]
events = ["bellwire.gap"]
to = ["phone", "desk"]
"#;

fn loaded(tests: &str) -> Loaded {
    let text = format!("{ENDS}{RULES}{tests}");
    config::load_text("config.toml".as_ref(), text, Default::default())
}

/// One test, and what is told of it: nothing, or a message and its help.
#[track_caller]
fn check(event: &str, expect: &str, told: &[&str]) {
    let test = format!("[[tests]]\nname = \"t\"\n{event}\nexpect = {expect}\n");
    let report = Plan::make(loaded(&test), false).err().map(|it| it.report);
    let report = report.unwrap_or_default();
    let lines = report.lines().filter_map(|line| {
        let line = line.trim_start_matches([' ', '|', '=']);
        let told = line.strip_prefix("error: ").or(line.strip_prefix("help: "));
        told.or(line.starts_with('`').then_some(line))
    });
    assert_eq!(lines.collect::<Vec<_>>(), told, "{test}\n{report}");
    assert!(Plan::make_untested(loaded(&test), false).is_ok());
}

const GOLD: &str = r#"event = { type = "tp_hit", data = { symbol = "XAUUSD", pl = 12.5 } }"#;

#[test]
fn a_test_passes_where_the_event_goes_to_those_that_are_expected_and_to_no_other() {
    check(GOLD, r#"["phone"]"#, &[]);
    check(GOLD, r#""phone""#, &[]);
    let own = r#"event = { type = "bellwire.gap", data = {} }"#;
    check(own, r#"["desk", "phone"]"#, &[]);
    check(r#"event = { type = "sl_hit" }"#, "[]", &[]);
}

#[test]
fn a_test_that_fails_tells_what_came_and_why() {
    check(
        &GOLD.replace("12.5", "-3"),
        r#"["phone", "desk"]"#,
        &[
            "test `t` fails: expected `phone`, `desk`, and it goes to nobody",
            "`phone`: rule `gold` does not match: `data.pl > 0` is false: `data.pl` is -3; rule `own` does not match: it listens to `bellwire`",
            "`desk`: rule `feeds` does not match: it listens to `feed`, `other`; rule `own` does not match: it listens to `bellwire`",
        ],
    );
    check(
        GOLD,
        "[]",
        &[
            "test `t` fails: expected nobody, and it goes to `phone`",
            "`phone`: rule `gold` sends there",
        ],
    );
    let backfilled = GOLD.replace("{ type", "{ backfilled = true, type");
    check(&backfilled, "[]", &[]);
}

#[test]
fn hours_are_those_of_the_events_own_time_and_open_without_one() {
    let event = |kind: &str, more: &str| {
        format!("source = \"other\"\nevent = {{ kind = \"{kind}\"{more} }}")
    };
    check(&event("news", ""), r#"["desk"]"#, &[]);
    // A Saturday, and a Friday.
    check(&event("news", ", at = 2026-06-13T01:12:00Z"), "[]", &[]);
    check(
        &event("news", ", at = 2026-06-12T06:00:00Z"),
        r#"["desk"]"#,
        &[],
    );
    check(
        &event("news", ", at = 2026-06-13T01:12:00Z"),
        r#"["desk"]"#,
        &[
            "test `t` fails: expected `desk`, and it goes to nobody",
            "`desk`: rule `feeds` does not match: it is outside its hours: Sat 03:12 in Europe/Berlin, open Mon-Fri 07:00-22:00; rule `own` does not match: it listens to `bellwire`",
        ],
    );
}

#[test]
fn the_source_is_the_one_that_is_named_or_that_explain_assumes() {
    // A stream without a `type` in its events says it around them.
    let price = "event = { type = \"price\" }";
    for (source, expect) in [
        ("source = \"feed\"", r#"["desk"]"#),
        ("source = \"other\"", r#"["desk"]"#),
        ("source = \"ttmt\"", "[]"),
        // The first that reads a type out of the event.
        ("", "[]"),
    ] {
        check(&format!("{source}\n{price}"), expect, &[]);
    }
    let pointed = "source = \"other\"\nevent = { type = \"price\", kind = \"trade\" }";
    check(pointed, "[]", &[]);
}

#[test]
fn what_is_no_event_is_a_mistake_of_its_test() {
    let help = "one event, as its source sends it";
    check(
        r#"event = { type = "recycle" }"#,
        "[]",
        &[
            "test `t` has no event: this is a word about the connection, which no rule ever sees",
            help,
        ],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("list.json");
    std::fs::write(&file, "[1]").expect("written");
    check(
        &format!("source = \"ttmt\"\nfile = \"{}\"", file.display()),
        "[]",
        &[
            "test `t` has no event: this cannot be read by source `ttmt`: the payload is no JSON object",
            help,
        ],
    );
}

#[test]
fn tests_are_run_only_where_nothing_else_is_wrong() {
    let wrong = "nonsense = 1\n";
    let test = format!("[[tests]]\nname = \"t\"\n{GOLD}\nexpect = []\n{wrong}");
    let report = Plan::make(loaded(&test), false)
        .err()
        .expect("a mistake")
        .report;
    assert_eq!(report.matches("error: ").count(), 1, "{report}");
    assert!(report.contains("unknown key `nonsense`"), "{report}");
}
