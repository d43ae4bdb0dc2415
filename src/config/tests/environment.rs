//! Defaults, file and environment, one over the other.

use std::time::Duration;

use super::{SMALL, good, loaded, report};
use crate::config::{Config, Table};

fn options(config: Config, sink: &str) -> Table {
    let found = config
        .sinks
        .into_iter()
        .find(|config| config.name.as_str() == sink);
    found.expect(sink).options
}

#[test]
fn the_environment_lies_over_the_file_and_the_file_over_the_defaults() {
    let level = |file: &str, environment: &[(&str, &str)]| {
        good(&format!("{file}\n{SMALL}"), environment).log.level
    };
    let variable = [("BELLWIRE_LOG__LEVEL", "warn")];
    assert_eq!(level("", &[]), "info");
    assert_eq!(level("log.level = 'debug'", &[]), "debug");
    assert_eq!(level("log.level = 'debug'", &variable), "warn");
    assert_eq!(level("", &variable), "warn");
}

#[test]
fn only_variables_that_name_a_setting_count() {
    let config = good(
        SMALL,
        &[
            ("BELLWIRE_DATA_DIR", "/data"),
            ("BELLWIRE_CONFIG", "x"),
            ("BELLWIRE_HTTP_TOKEN", "x"),
            ("BELLWIRE_SERVICE_HOST", "x"),
            ("OTHER__THING", "x"),
        ],
    );
    assert_eq!(config.data_dir.to_str(), Some("/data"));
    assert_eq!(config.http.token, None);
}

#[test]
fn a_text_keeps_its_form_and_a_number_is_read_from_it() {
    let mut options = options(
        good(
            SMALL,
            &[
                ("BELLWIRE_SINKS__PHONE__TOKEN", "0123"),
                ("BELLWIRE_SINKS__PHONE__TOPIC", "1e3"),
                ("BELLWIRE_SINKS__PHONE__PRIORITY", " 4 "),
                ("BELLWIRE_SINKS__PHONE__FACTOR", "1.5"),
                ("BELLWIRE_SINKS__PHONE__QUIET", "true"),
                ("BELLWIRE_SINKS__PHONE__TIMEOUT", "15s"),
                ("BELLWIRE_SINKS__PHONE__MAX_SIZE", "1MiB"),
                ("BELLWIRE_SINKS__PHONE__TAGS", r#"["a", "b"]"#),
                ("BELLWIRE_SINKS__PHONE__EVENTS", "one"),
                ("BELLWIRE_SINKS__PHONE__ORDERED", "true"),
                ("BELLWIRE_SINKS__PHONE__KEY", "data.id"),
            ],
        ),
        "phone",
    );
    let token = options
        .secret("token")
        .map(|token| token.expose().to_owned());
    assert_eq!(token.as_deref(), Some("0123"));
    assert_eq!(options.string("topic").as_deref(), Some("1e3"));
    assert_eq!(options.integer("priority", 1..=5), Some(4));
    assert_eq!(options.number("factor", 1.0..=10.0), Some(1.5));
    assert_eq!(options.boolean("quiet"), Some(true));
    let second = Duration::from_secs(1);
    assert_eq!(
        options.duration("timeout", second..=60 * second),
        Some(15 * second)
    );
    assert_eq!(options.size("max_size", 0..=u64::MAX), Some(1 << 20));
    let list = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(options.strings("tags"), list(&["a", "b"]));
    assert_eq!(options.strings("events"), list(&["one"]));
    assert_eq!(options.json("ordered"), Some(true.into()));
    assert_eq!(options.json("key"), Some("data.id".into()));
    assert!(options.problems().is_empty());
}

#[test]
fn text_in_the_file_is_not_taken_for_a_number() {
    let text = SMALL.replace(
        "topic = \"t\"",
        "a = \"4\"\nb = \"true\"\nc = \"[1]\"\nd = \"1.5\"",
    );
    let mut options = options(good(&text, &[]), "phone");
    assert_eq!(options.integer("a", 1..=5), None);
    assert_eq!(options.boolean("b"), None);
    assert_eq!(options.strings("c"), Some(vec!["[1]".to_owned()]));
    assert_eq!(options.number("d", 0.0..=9.0), None);
    assert_eq!(options.problems().list().len(), 3);
}

#[test]
fn a_variable_finds_a_name_whatever_its_case() {
    let text = SMALL.replace("phone", "My-Phone");
    let environment = [
        ("BELLWIRE_SINKS__MY_PHONE__TOPIC", "other"),
        ("BELLWIRE_SINKS__MY_PHONE__HEADERS__X_KEY", "v"),
    ];
    let text = text.replace(
        "topic = \"t\"",
        "topic = \"t\"\nheaders = { X-Key = \"file\" }",
    );
    let config = good(&text, &environment);
    assert_eq!(config.sinks.len(), 1, "no second sink was made");
    let mut options = options(config, "My-Phone");
    assert_eq!(options.string("topic").as_deref(), Some("other"));
    let headers = options.secret_map("headers");
    let shown: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(shown, [("X-Key", "v")]);
}

#[test]
fn a_sink_can_come_from_the_environment_alone() {
    let environment = [
        ("BELLWIRE_SINKS__DESK__KIND", "slack"),
        ("BELLWIRE_SINKS__DESK__URL", "https://example.org/x"),
    ];
    let text = format!("{SMALL}[[rules]]\nname = 'b'\nto = 'desk'");
    let mut options = options(good(&text, &environment), "desk");
    assert!(options.secret("url").is_some());
}

#[test]
fn a_place_to_look_up_a_secret_replaces_another() {
    for before in ["\"literal\"", "{ env = \"A\" }", "{ file = \"nowhere\" }"] {
        let text = SMALL.replace("topic = \"t\"", &format!("token = {before}"));
        let environment = [
            ("BELLWIRE_SINKS__PHONE__TOKEN__ENV", "B"),
            ("A", "1"),
            ("B", "2"),
        ];
        let token = options(good(&text, &environment), "phone").secret("token");
        let token = token.map(|token| token.expose().to_owned());
        assert_eq!(token.as_deref(), Some("2"), "over {before}");
    }
}

/// Checks that a mistake names the variable and not a line.
fn check(environment: &[(&str, &str)], variable: &str, message: &str) {
    let report = report(SMALL, environment);
    let title = format!("error: environment variable `{variable}`: {message}");
    assert!(report.contains(&title), "{title} in\n{report}");
    assert!(!report.contains("-->"), "{report}");
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    check(
        &[("BELLWIRE_HTTP__LISTEN", "here")],
        "BELLWIRE_HTTP__LISTEN",
        "`here` is no address to listen on",
    );
    check(
        &[("BELLWIRE_SOURCE__TTMT__API_KEY", "x")],
        "BELLWIRE_SOURCE__TTMT__API_KEY",
        "unknown key `source`",
    );
    check(
        &[("BELLWIRE_SOURCES__OTHER__API_KEY", "x")],
        "BELLWIRE_SOURCES__OTHER__API_KEY",
        "`kind` is missing",
    );
    check(
        &[("BELLWIRE_RULES__0__NAME", "x")],
        "BELLWIRE_RULES__0__NAME",
        "`rules` is a list, and a variable cannot reach into one",
    );
    check(
        &[("BELLWIRE_WATCHES__0__NAME", "x")],
        "BELLWIRE_WATCHES__0__NAME",
        "expected a list of tables, found a table",
    );
    check(
        &[("BELLWIRE_DATA_DIR__X", "x")],
        "BELLWIRE_DATA_DIR__X",
        "expected a string, found a table",
    );
    check(
        &[("BELLWIRE_LOG__", "x")],
        "BELLWIRE_LOG__",
        "this names no setting",
    );
    check(
        &[("BELLWIRE_LOG__LEVEL", "debug\u{fffd}")],
        "BELLWIRE_LOG__LEVEL",
        "its value is not UTF-8",
    );
    check(
        &[("BELLWIRE_LOG__LEVEL", "x"), ("BELLWIRE_log__level", "x")],
        "BELLWIRE_log__level",
        "`BELLWIRE_LOG__LEVEL` gives the same setting",
    );
    check(
        &[
            ("BELLWIRE_LOG__LEVEL", "x"),
            ("BELLWIRE_LOG__LEVEL__X", "x"),
        ],
        "BELLWIRE_LOG__LEVEL__X",
        "another variable gives a setting above or below this one",
    );
}

#[test]
fn a_mistake_in_the_file_keeps_its_line_beside_variables() {
    let text = format!("{SMALL}[http]\nlisten = 'nowhere'");
    let report = report(&text, &[("BELLWIRE_HTTP__TOKEN", "x")]);
    assert!(report.contains("config.toml:14:10"), "{report}");
}

#[test]
fn a_list_in_a_variable_has_its_mistakes_too() {
    let environment = [
        ("BELLWIRE_SINKS__PHONE__TAGS", "[a"),
        ("BELLWIRE_SINKS__PHONE__KEYS", "[1]"),
    ];
    let loaded = loaded(SMALL, &environment);
    let mut options = options(loaded.config.clone().expect("parsed"), "phone");
    assert_eq!(options.strings("tags"), None);
    assert_eq!(options.strings("keys"), Some(Vec::new()));
    let report = loaded.report(false).expect("two mistakes");
    assert!(
        report.contains("`BELLWIRE_SINKS__PHONE__TAGS`: this list cannot be read"),
        "{report}"
    );
    assert!(
        report.contains("`BELLWIRE_SINKS__PHONE__KEYS`: expected a string"),
        "{report}"
    );
}
