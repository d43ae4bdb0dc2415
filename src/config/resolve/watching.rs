//! `[[watches]]`, `[heartbeat]` and `[[tests]]`: what watches over the rules themselves.
//!
//! A file of its own because none of these sends an alert for an event. A test's event is read here,
//! so that a file that is not there is one of the mistakes of the configuration; the rules are shown
//! it by the room that has them.

use std::fs::{self, File};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::ends::Names;
use super::{DAY, MINUTE, SECOND, events, hours, title, unique};
use crate::config::Table;
use crate::config::settings::{HeartbeatConfig, HeartbeatForm, TestConfig, WatchConfig};
use crate::model::Secret;

/// How long a silence may last.
const SILENT_FOR: RangeInclusive<Duration> = SECOND..=Duration::from_secs(30 * DAY.as_secs());

/// How often the heartbeat goes out.
const HEARTBEAT_EVERY: RangeInclusive<Duration> = SECOND..=DAY;

/// Largest sample event, in bytes: as large as the largest event that a source takes by default.
const SAMPLE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads `[[watches]]`.
pub(super) fn watches(
    top: &mut Table,
    names: &Names,
    warnings: &mut Vec<String>,
) -> Vec<WatchConfig> {
    let watches: Vec<_> = top
        .tables("watches")
        .into_iter()
        .filter_map(|table| watch(table, names, warnings))
        .collect();
    let titles = watches
        .iter()
        .map(|watch| (watch.path.as_str(), watch.name.as_str()));
    unique(top, "watch", titles);
    watches
}

fn watch(mut table: Table, names: &Names, warnings: &mut Vec<String>) -> Option<WatchConfig> {
    let path = table.path().to_owned();
    let name = title(&mut table);
    if !table.has("silent_for") {
        table.missing("silent_for", "such as `silent_for = \"2h\"`");
    }
    let silent_for = table.duration("silent_for", SILENT_FOR);
    let from = names.from(&mut table);
    let events = events(&mut table);
    let hours = hours::read(&mut table, hours::Quiet::Meaningless, warnings);
    table.finish();
    Some(WatchConfig {
        path,
        name,
        from,
        events,
        // A wrong one is told, and so is what else is wrong.
        silent_for: silent_for.unwrap_or(*SILENT_FOR.start()),
        hours,
    })
}

/// Reads `[heartbeat]`.
pub(super) fn heartbeat(top: &mut Table) -> Option<HeartbeatConfig> {
    let mut table = top.table("heartbeat")?;
    if !table.has("url") {
        table.missing("url", "such as `url = { env = \"HEARTBEAT_URL\" }`");
    }
    let url = table.secret("url").and_then(|url| address(&table, url));
    let every = table.duration("every", HEARTBEAT_EVERY).unwrap_or(MINUTE);
    let forms = [
        ("plain", HeartbeatForm::Plain),
        ("healthchecks", HeartbeatForm::Healthchecks),
        ("uptime-kuma", HeartbeatForm::UptimeKuma),
    ];
    let form = table.choice("form", &forms).unwrap_or_default();
    table.finish();
    Some(HeartbeatConfig {
        url: url?,
        every,
        form,
    })
}

fn address(table: &Table, url: Secret) -> Option<Secret> {
    let is_address = Url::parse(url.expose())
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_address {
        return Some(url);
    }
    table.wrong(
        "url",
        "this is no web address",
        "an address such as `https://hc.example.org/ping/…`",
    );
    None
}

/// Reads `[[tests]]`.
pub(super) fn tests(top: &mut Table, names: &Names) -> Vec<TestConfig> {
    let tests: Vec<_> = top
        .tables("tests")
        .into_iter()
        .filter_map(|table| test(table, names))
        .collect();
    let titles = tests
        .iter()
        .map(|test| (test.path.as_str(), test.name.as_str()));
    unique(top, "test", titles);
    tests
}

fn test(mut table: Table, names: &Names) -> Option<TestConfig> {
    let path = table.path().to_owned();
    let name = title(&mut table);
    if !table.has("expect") {
        table.missing("expect", "name the sinks, or none: `expect = []`");
    }
    let event_key = if table.has("file") { "file" } else { "event" };
    let event_path = table.path_of(event_key);
    let event = sample(&mut table);
    let source = names.source(&mut table, "source");
    let expect = names.sinks(&mut table, "expect");
    table.finish();
    Some(TestConfig {
        path,
        name,
        source,
        event: event?,
        event_path,
        expect: expect?,
    })
}

/// The event of a test: written in place, or in a file of its own.
fn sample(table: &mut Table) -> Option<Value> {
    const HELP: &str = r#"such as `event = { type = "tp_hit", data = { symbol = "XAUUSD" } }`"#;
    match (table.has("event"), table.has("file")) {
        (false, false) => table.missing("event", HELP),
        (true, true) => table.wrong(
            "file",
            "`event` is given too",
            "give one of the two: `event` or `file`",
        ),
        _ => {}
    }
    let inline = table.json("event");
    let file = table.location("file");
    if let Some(event) = inline {
        if !event.is_object() {
            table.wrong("event", "an event is a table", HELP);
            return None;
        }
        return Some(event);
    }
    match read_sample(&file?) {
        Ok(event) => Some(event),
        Err(why) => {
            let help = "a file with one event as JSON, as the source sends it";
            table.wrong("file", why, help);
            None
        }
    }
}

/// Reads a file that holds one JSON document.
fn read_sample(path: &Path) -> Result<Value, String> {
    let shown = path.display();
    let access = |error: std::io::Error| format!("`{shown}` cannot be read: {error}");
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path).map_err(access)?.is_file() {
        return Err(format!("`{shown}` is no regular file"));
    }
    let mut bytes = Vec::new();
    let count = File::open(path)
        .map_err(access)?
        .take(SAMPLE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(access)?;
    if count as u64 > SAMPLE_BYTES_MAX {
        return Err(format!("`{shown}` has more than {SAMPLE_BYTES_MAX} bytes"));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("`{shown}` is no JSON: {error}"))
}
