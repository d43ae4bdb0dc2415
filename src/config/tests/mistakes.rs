//! Mistakes: each is found, each with its line, its text and what would be right.

use super::{SMALL, loaded, report};

/// Many mistakes of many kinds at once. Each line with one ends in the start of its message.
const MANY: &str = r#"
date_dir = "./data"                             # unknown key `date_dir`
[log]
format = "yaml"                                 # `yaml` is not possible here
[http]
listen = "0.0.0.0:8080"                         # `0.0.0.0:8080` can be reached from other machines
[retention]
events = "10s"                                  # `10s` is out of range
max_disk = "16MB"                               # `16MB` is out of range
[sources.bellwire]                              # `bellwire` is the source of bellwire's own events
kind = "sse"
[sources."a.b"]                                 # `a.b` is no name
kind = "sse"
[sources.feed]                                  # `kind` is missing
lost_after = 120                                # expected a string, found a number
[sinks.phone]
kind = true                                     # expected a string, found true or false
[sinks.sms]
kind = "ntfy"
[[rules]]                                       # `name` is missing
to = ["phone", "fone"]                          # there is no sink `fone`
from = "fed"                                    # there is no source `fed`
events = []                                     # an empty list matches no event
when = 5                                        # expected a string, found a number
priority = 6                                    # 6 is out of range
[[rules]]                                       # `to` is missing
name = "twice"
events = ["ok", ""]                             # an empty pattern matches no event
throttle = { limit = 1.5 }                      # expected a whole number, found a number
coalesce = { within = "2h", kee = "x" }         # `2h` is out of range
backfilled = "Quiet"                            # `Quiet` is not possible here
[rules.hours]
days = ["Mon", "Tues"]                          # `Tues` is no day and no range of days
between = "22-6"                                # `22-6` is no time of day
zone = "Berlin!"                                # `Berlin!` is no name of a time zone
quiet = "yes"                                   # expected true or false, found a string
[rules.fallback]
to = "smss"                                     # there is no sink `smss`
after = "soon"                                  # `soon` is no duration
[[rules]]
name = "twice"                                  # an earlier rule is called `twice` too
to = []                                         # an empty list sends to nobody
expires = "1y 1d"                               # `1y 1d` is out of range
[[watches]]                                     # `silent_for` is missing
name = ""                                       # this is no name
hours = { quiet = true }                        # neither `days` nor `between` is given
[heartbeat]
url = "ftp://example.org"                       # this is no web address
[[tests]]                                       # `event` is missing
name = "a"
expect = ["sms", "pager"]                       # there is no sink `pager`
[[tests]]                                       # `expect` is missing
name = "b"
file = "samples/none.json"                      # `/etc/bellwire/samples/none.json` cannot be read
[[tests]]
name = "d"
source = "fed"                                  # there is no source `fed`
event = {}
expect = "sms"
[[tests]]
name = "d"                                      # an earlier test is called `d` too
event = {}
expect = "sms"
[[tests]]
name = "c"
event = "tp_hit"                                # an event is a table
expect = "sms"
"#;

#[test]
fn every_mistake_of_a_file_is_reported_at_once_with_its_line() {
    let report = report(MANY, &[]);
    let mut expected = 0;
    for (index, line) in MANY.lines().enumerate() {
        let Some((_, message)) = line.split_once("# ") else {
            continue;
        };
        expected += 1;
        let found = report.split("error: ").any(|mistake| {
            let place = format!("--> /etc/bellwire/config.toml:{}:", index + 1);
            mistake.starts_with(message) && mistake.contains(&place)
        });
        assert!(found, "line {}: {message}\n{report}", index + 1);
    }
    assert!(expected > 35, "the table is read: {expected}");
    // One line has a second mistake: the unknown key beside a wrong value, twice.
    for second in [
        "unknown key `kee`",
        "unknown key `quiet`",
        "`per` is missing",
    ] {
        expected += 1;
        assert!(report.contains(second), "{second}");
    }
    let last = format!("\n{expected} mistakes in /etc/bellwire/config.toml\n");
    assert!(report.ends_with(&last), "{last}{report}");
}

#[test]
fn mistakes_come_in_the_order_of_the_file_and_those_without_a_line_last() {
    let report = report(MANY, &[("BELLWIRE_LOG__LEVEL", "")]);
    let lines: Vec<usize> = report
        .split("config.toml:")
        .skip(1)
        .map(|rest| {
            rest.split(':')
                .next()
                .and_then(|line| line.parse().ok())
                .expect("a line")
        })
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
    let variable = report.find("environment variable").expect("is reported");
    assert!(Some(variable) > report.rfind("-->"), "{report}");
}

#[test]
fn a_report_reads_like_this() {
    let text = r#"[http]
listen = "everywhere"

[sinks.phone]
kind = "ntfy"

[sources.feed]
url = "https://example.org/events"

[[rules]]
name = "gold"
to = ["phone", "fone"]   # the second one is new
wen = 'data.symbol == "XAUUSD"'
"#;
    insta::assert_snapshot!("a_report", report(text, &[("BELLWIRE_LOG__FORMAT", "xml")]));
}

#[test]
fn a_report_has_colours_only_when_asked() {
    let loaded = loaded("x = 1", &[]);
    let report = |colour| loaded.report(colour).expect("a mistake");
    assert!(report(true).contains('\u{1b}'));
    assert!(!report(false).contains('\u{1b}'));
}

/// Checks the only report of a text: place, message and help.
fn check(text: &str, place: &str, message: &str, help: &str) {
    let report = report(text, &[]);
    for part in [
        &format!("config.toml{place}\n"),
        &format!("error: {message}"),
        help,
    ] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
    assert!(report.contains("1 mistake in"), "{report}");
}

#[test]
fn a_text_that_is_no_toml_has_one_mistake() {
    check("[log]\nlevel = \"info\n[http", ":3:6", "unclosed table", "");
    check("a = 1\na = 2\n[", ":2:1", "duplicate key", "");
    check("a = 1\na = 2", ":2:1", "duplicate key", "");
}

#[test]
fn a_file_that_says_nothing_is_told_what_is_needed() {
    let message = "there is no source, no sink and no rule";
    check("", "", message, "start from `config.example.toml`");
    check("log.level = 'info'", "", message, "[[rules]]");
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_too() {
    let loaded = crate::config::load("/nowhere/x.toml".as_ref(), super::variables(&[]));
    assert!(loaded.config.is_none());
    let report = loaded.report(false).expect("a mistake");
    assert!(
        report.starts_with("error: the file cannot be read: "),
        "{report}"
    );
    assert!(
        report.ends_with("1 mistake in /nowhere/x.toml\n"),
        "{report}"
    );
}

#[test]
fn the_nearest_word_is_suggested() {
    let with = |line: &str| format!("{line}\n{SMALL}");
    let key = "unknown key";
    check(
        &with("dat_dir = 'x'"),
        ":1:1",
        key,
        "help: did you mean `data_dir`?",
    );
    check(
        &with("log.levl = 'x'"),
        ":1:5",
        key,
        "help: did you mean `level`?",
    );
    check(
        &with("http.xyz = 'x'"),
        ":1:6",
        key,
        "help: known here are `listen`, `token`",
    );
    let choice = "`Text` is not possible here";
    check(
        &with("log.format = 'Text'"),
        ":1:14",
        choice,
        "help: did you mean `text`? possible are",
    );
    let upper = SMALL.replace("to = [\"phone\"]", "to = \"PHONE\"");
    check(
        &upper,
        ":12:6",
        "there is no sink `PHONE`",
        "help: did you mean `phone`?",
    );
    let far = SMALL.replace("to = [\"phone\"]", "to = \"x\"\nfrom = \"zzz\"");
    let report = report(&far, &[]);
    assert!(
        report.contains("known here are `bellwire`, `ttmt`"),
        "{report}"
    );
}

#[test]
fn the_largest_event_of_a_source_has_room_in_the_queue() {
    let with = |event: &str, disk: &str| {
        SMALL.replace(
            "api_key = \"k\"",
            &format!("api_key = \"k\"\nmax_event_size = \"{event}\"\nlost_after = \"1m\"\n[retention]\nmax_disk = \"{disk}\""),
        )
    };
    check(
        &with("2MiB", "16MiB"),
        ":5:18",
        "events of this size find no room in 16 MiB, which is `retention.max_disk`",
        "help: at most a sixteenth of it, here `1024KiB`; or set `max_disk` to `32MiB` or more",
    );
    check(
        &with("64MiB", "1000MiB"),
        ":5:18",
        "events of this size",
        "`1024MiB` or more",
    );
    for (event, disk) in [("1MiB", "16MiB"), ("2MiB", "32MiB"), ("64MiB", "1GiB")] {
        assert!(loaded(&with(event, disk), &[]).config.is_some());
        assert_eq!(loaded(&with(event, disk), &[]).report(false), None);
    }
    let default = SMALL.replace("api_key", "max_event_size = \"64MiB\"\napi_key");
    assert_eq!(loaded(&default, &[]).report(false), None);
    let small = report(&default, &[("BELLWIRE_RETENTION__MAX_DISK", "16MiB")]);
    assert!(small.contains("events of this size"), "{small}");
}

#[test]
fn a_mistake_that_another_room_finds_later_finds_its_line() {
    let text = "sinks.phone = { kind = \"ntfy\", tags = [\"a\", \"b\"], \"x y\" = 1 }\n";
    let loaded = loaded(text, &[]);
    let mut config = loaded.config.clone().expect("parsed");
    let mut options = config.sinks.remove(0).options;
    options.strings("tags");
    options.wrong("tags[1]", "this tag is wrong", "another");
    options.wrong("tags[7]", "this tag is not there", "another");
    options.wrong("retry.max", "this is not even a table", "another");
    options.missing("topic", "a topic");
    options.finish();
    let report = loaded.report(false).expect("mistakes");
    for (message, column) in [
        ("this tag is wrong", 45),
        ("this tag is not there", 39),
        ("this is not even a table", 15),
        ("`topic` is missing", 15),
        ("unknown key `x y`", 51),
    ] {
        let expected = format!("error: {message}\n --> /etc/bellwire/config.toml:1:{column}\n");
        assert!(report.contains(&expected), "{expected} in\n{report}");
    }
}

#[test]
fn a_mistake_that_is_found_twice_is_reported_once() {
    let loaded = loaded(SMALL, &[]);
    for _ in 0..3 {
        loaded.problems.value("sinks.phone.topic", "taken", None);
    }
    let report = loaded.report(false).expect("a mistake");
    assert!(
        report.ends_with("1 mistake in /etc/bellwire/config.toml\n"),
        "{report}"
    );
}
