//! `config.example.toml` as somebody uses it: copied as it stands, and with its options switched on; and
//! `deploy/config.toml` with its secrets in place. The whole of `check` is asked, every room's part of it.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;

use bellwire::app::Plan;
use bellwire::config;
use tempfile::TempDir;

use crate::harness::{program, ran};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Every variable that the example names, with a value that is well formed.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    (
        "TTMT_API_KEY",
        "ttmt_live_no-real-key-no-real-key-no-real-key-no-real",
    ),
    ("BELLWIRE_HTTP_TOKEN", "http-token"),
    ("DATABASE_URL", "postgres://bellwire@db.example/bellwire"),
    ("FEED_TOKEN", "Bearer feed-token"),
    ("NTFY_TOKEN", "tk_ntfytoken"),
    ("WEBHOOK_SECRET", crate::harness::SECRET),
    ("WEBHOOK_API_KEY", "webhook-key"),
    (
        "DISCORD_WEBHOOK_URL",
        "https://discord.com/api/webhooks/1/token",
    ),
    (
        "SLACK_WEBHOOK_URL",
        "https://hooks.slack.com/services/T0/B0/token",
    ),
    ("TELEGRAM_TOKEN", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5"),
    ("MQTT_PASSWORD", "mqtt-password"),
    ("HEARTBEAT_URL", "https://hc.example.org/ping/token"),
];

#[tokio::test]
async fn the_example_passes_check_as_it_stands() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("config.toml"), EXAMPLE).expect("written");
    let mut line = program(folder.path());
    line.arg("check").env(VARIABLES[0].0, VARIABLES[0].1);
    let told = ran(&mut line).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(
        told.out,
        "config.toml: valid, 1 source, 2 sinks, 2 rules, 1 test passed\n"
    );
    let told = ran(program(folder.path()).arg("check")).await;
    assert_eq!(told.status, Some(2), "without the key: {told:?}");
    assert!(told.complaint.contains("`TTMT_API_KEY`"), "{told:?}");
}

#[tokio::test]
async fn the_configuration_for_containers_passes_check_with_its_secrets_in_place() {
    let folder = TempDir::new().expect("a folder");
    let secrets = folder.path().display().to_string();
    let text = include_str!("../../deploy/config.toml").replace("/run/secrets", &secrets);
    fs::write(folder.path().join("config.toml"), text).expect("written");
    let told = ran(program(folder.path()).arg("check")).await;
    assert_eq!(told.status, Some(2), "without secrets: {told:?}");
    fs::write(folder.path().join("ttmt_api_key"), VARIABLES[0].1).expect("written");
    fs::write(folder.path().join("http_token"), VARIABLES[1].1).expect("written");
    let told = ran(program(folder.path()).arg("check")).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(
        told.out,
        "config.toml: valid, 1 source, 1 sink, 2 rules, 1 test passed\n"
    );
}

#[test]
fn every_option_of_the_example_passes_check_alone_and_with_all_others() {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("samples")).expect("made");
    let sample = r#"{"type": "signal_parsed", "data": {}}"#;
    fs::write(folder.path().join("samples/signal.json"), sample).expect("written");
    let file = folder.path().join("config.toml");
    let check = |what: &str, text: String| {
        assert_ne!(text, EXAMPLE, "{what} changes something");
        let loaded = config::load_text(&file, text, environment());
        match Plan::make(loaded, false) {
            Err(report) => panic!("with {what}:\n{report}"),
            Ok(plan) => {
                let unheard = |warning: &&String| warning.contains("fits no event type");
                assert_eq!(plan.warnings.iter().find(unheard), None, "with {what}");
            }
        }
    };
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let options = options(&lines);
    assert!(options.len() > 35, "found: {}", options.len());
    for option in &options {
        let text = switched_on(&lines, std::slice::from_ref(option));
        check(lines[option.start], text);
    }
    check("everything", switched_on(&lines, &options));
}

/// The example as it stands, with each option switched on alone, and with all of them.
pub(crate) fn variants() -> Vec<String> {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let options = options(&lines);
    let alone = options.iter().map(std::slice::from_ref);
    let chosen = alone.chain([&options[..], &[]]);
    chosen.map(|options| switched_on(&lines, options)).collect()
}

fn environment() -> BTreeMap<String, String> {
    let variables = VARIABLES.iter();
    variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The lines of each option: one that begins with `# key =`, or a block from `# [table]` to the next
/// empty line.
fn options(lines: &[&str]) -> Vec<Range<usize>> {
    let mut options = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let rest = &lines[at..];
        let length = match rest[0].strip_prefix("# ") {
            Some(line) if line.starts_with('[') => {
                let end = rest.iter().position(|line| line.is_empty());
                end.unwrap_or(rest.len())
            }
            Some(line) => usize::from(is_setting(line)),
            None => 0,
        };
        if length > 0 {
            options.push(at..at + length);
        }
        at += length.max(1);
    }
    options
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| {
        key.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

fn switched_on(lines: &[&str], options: &[Range<usize>]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let on = options.iter().any(|option| option.contains(&at));
        let bare = on.then(|| line.strip_prefix("# ")).flatten();
        text.push_str(bare.unwrap_or(line));
        text.push('\n');
    }
    text
}
