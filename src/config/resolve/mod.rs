//! From tables to a checked [`Config`]: which keys there are, what they may say, and whether the names
//! in them exist.
//!
//! A folder of its own because this is where a setting is added: one line in the reader of its table,
//! one in `settings`, one in the example file. What only the kinds of sources and sinks know, and
//! whether an expression compiles, is checked by the rooms that own kinds and expressions.

mod ends;
mod hours;
mod rules;
mod watching;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use self::ends::Names;
use super::Table;
use super::settings::{Config, HttpConfig, LogConfig, LogFormat, RetentionConfig, StoreConfig};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// As long as `1y` is where durations are written: 365.25 days.
const YEAR: Duration = Duration::from_secs(365 * DAY.as_secs() + DAY.as_secs() / 4);

/// How long finished rows may stay.
const RETENTION_EVENTS: RangeInclusive<Duration> =
    MINUTE..=Duration::from_secs(10 * YEAR.as_secs());

/// How large the queue may be. The smallest is what one burst of large events needs.
const RETENTION_DISK: RangeInclusive<u64> = (16 << 20)..=(16 << 40);

/// What each instance has to itself, whoever shares its queue.
const OWN: [&str; 4] = ["data_dir", "http", "log", "store"];

/// The schema that the queue has on a server, unless another one is named.
const STORE_SCHEMA: &str = "bellwire";

/// As many characters as PostgreSQL takes in a name.
const SCHEMA_CHARS_MAX: usize = 63;

/// Most characters of the name of a rule, a watch or a test.
pub(super) const TITLE_CHARS_MAX: usize = 100;

/// Reads the whole configuration; also returns what is allowed but hardly meant.
pub(super) fn config(mut top: Table, file: &Path) -> (Config, Vec<String>) {
    let mut warnings = Vec::new();
    let print = top.print_without(&OWN);
    let sources = ends::sources(&mut top);
    let sinks = ends::sinks(&mut top);
    let names = Names::new(&sources, &sinks);
    let config = Config {
        file: file.to_owned(),
        data_dir: top.location("data_dir").unwrap_or_default(),
        store: store(&mut top),
        log: log(&mut top),
        http: http(&mut top),
        retention: retention(&mut top),
        sources: sources.configs,
        sinks: sinks.configs,
        rules: rules::read(&mut top, &names, &mut warnings),
        watches: watching::watches(&mut top, &names, &mut warnings),
        heartbeat: watching::heartbeat(&mut top),
        tests: watching::tests(&mut top, &names),
        print,
    };
    ends::events_fit(&config);
    let problems = top.problems().clone();
    let missing = emptiness(&top, &config, &names);
    top.finish();
    // Behind a name that is misspelt there may be what seems to be missing or unused.
    if problems
        .list()
        .iter()
        .all(|problem| is_elsewhere(&problem.path))
    {
        warnings.extend(missing);
        ends::unused(&config, &mut warnings);
    }
    (config, warnings)
}

/// Whether a mistake at this key says nothing about which sources, sinks and rules there are, and who
/// refers to them.
fn is_elsewhere(path: &str) -> bool {
    let is_top = !path.contains(['.', '[']);
    !is_top && !path.starts_with("rules")
}

fn store(top: &mut Table) -> Option<StoreConfig> {
    let mut table = top.table("store")?;
    let schema = table.string("schema");
    let schema = schema.unwrap_or_else(|| STORE_SCHEMA.to_owned());
    let is_first = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let is_name = schema.starts_with(is_first)
        && schema.len() <= SCHEMA_CHARS_MAX
        && schema
            .chars()
            .all(|letter| is_first(letter) || letter.is_ascii_digit());
    if schema.starts_with("pg_") || schema == "information_schema" {
        table.wrong(
            "schema",
            format!("the schema `{schema}` is the server's own"),
            "another name, such as `bellwire`",
        );
    } else if !is_name {
        table.wrong(
            "schema",
            format!("`{schema}` is no name of a schema"),
            "lower-case letters, digits and underscores, such as `bellwire`",
        );
    }
    let url = table.required_secret("url", r#"add `url = { env = "DATABASE_URL" }`"#);
    table.finish();
    Some(StoreConfig { url: url?, schema })
}

fn log(top: &mut Table) -> LogConfig {
    let mut log = LogConfig {
        format: LogFormat::Auto,
        level: "info".to_owned(),
    };
    let Some(mut table) = top.table("log") else {
        return log;
    };
    let formats = [
        ("auto", LogFormat::Auto),
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
    ];
    if let Some(format) = table.choice("format", &formats) {
        log.format = format;
    }
    if let Some(level) = table.string("level") {
        if level.trim().is_empty() {
            table.wrong("level", "the level is empty", "a level such as `info`");
        }
        log.level = level;
    }
    table.finish();
    log
}

fn http(top: &mut Table) -> HttpConfig {
    let mut http = HttpConfig {
        listen: None,
        token: None,
    };
    let Some(mut table) = top.table("http") else {
        return http;
    };
    http.listen = listen(&mut table);
    // A token that is there and wrong is one mistake, not two.
    let given = table.has("token");
    http.token = table.secret("token");
    if let Some(address) = http.listen
        && !given
        && !address.ip().to_canonical().is_loopback()
    {
        table.wrong(
            "listen",
            format!("`{address}` can be reached from other machines, so a `token` is required"),
            r#"add `token = { env = "BELLWIRE_HTTP_TOKEN" }`, or listen on `127.0.0.1`"#,
        );
    }
    table.finish();
    http
}

fn listen(table: &mut Table) -> Option<SocketAddr> {
    let text = table.string("listen")?;
    if text == "off" {
        return None;
    }
    // The one host name that means the same address everywhere.
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.clone(),
    };
    let address = numeric.parse().ok();
    if address.is_none() {
        table.wrong(
            "listen",
            format!("`{text}` is no address to listen on"),
            "an address with a port such as `127.0.0.1:8080` or `[::1]:8080`, or `off`",
        );
    }
    address
}

fn retention(top: &mut Table) -> RetentionConfig {
    let mut retention = RetentionConfig {
        events: 7 * DAY,
        max_disk: 1 << 30,
    };
    let Some(mut table) = top.table("retention") else {
        return retention;
    };
    if let Some(events) = table.duration("events", RETENTION_EVENTS) {
        retention.events = events;
    }
    if let Some(bytes) = table.size("max_disk", RETENTION_DISK) {
        retention.max_disk = bytes;
    }
    table.finish();
    retention
}

/// A file that says nothing at all is a mistake; one that is half written is only worth a word.
fn emptiness(top: &Table, config: &Config, names: &Names) -> Vec<String> {
    let missing: Vec<_> = [
        ("source", "[sources.NAME]", names.has_sources()),
        ("sink", "[sinks.NAME]", names.has_sinks()),
        ("rule", "[[rules]]", !config.rules.is_empty()),
    ]
    .into_iter()
    .filter(|(_, _, there)| !there)
    .collect();
    if missing.len() == 3 {
        top.problems().table(
            "",
            "there is no source, no sink and no rule, so nothing would ever happen",
            Some(
                "start from `config.example.toml`: it has a `[sources.NAME]`, a `[sinks.NAME]` and \
                 `[[rules]]`"
                    .to_owned(),
            ),
        );
        return Vec::new();
    }
    let told = missing
        .into_iter()
        .map(|(word, header, _)| format!("there is no {word}; add one with `{header}`"));
    told.collect()
}

/// The name of a rule, a watch or a test; where it is missing or no name, the place stands in for it
/// so that reading can go on.
fn title(table: &mut Table) -> String {
    let fallback = table.path().to_owned();
    if !table.has("name") {
        table.missing(
            "name",
            "a name tells it apart, such as `name = \"gold-tp\"`",
        );
        return fallback;
    }
    let Some(name) = table.string("name") else {
        return fallback;
    };
    let fits = !name.trim().is_empty()
        && name.chars().count() <= TITLE_CHARS_MAX
        && !name.chars().any(char::is_control);
    if !fits {
        table.wrong(
            "name",
            "this is no name",
            format!("1 to {TITLE_CHARS_MAX} characters in one line"),
        );
        return fallback;
    }
    name
}

/// Reports every name that an earlier table of the same list has.
fn unique<'a>(top: &Table, word: &str, titles: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut earlier = BTreeSet::new();
    for (path, name) in titles {
        if !earlier.insert(name) {
            top.problems().value(
                &format!("{path}.name"),
                format!("an earlier {word} is called `{name}` too"),
                Some(format!("give each {word} a name of its own")),
            );
        }
    }
}

/// Globs on the event type.
fn events(table: &mut Table) -> Option<Vec<String>> {
    let globs = table.strings("events")?;
    if globs.is_empty() {
        table.wrong(
            "events",
            "an empty list matches no event",
            "name event types such as `tp_hit` or `trade_*`, or leave `events` out for all",
        );
    }
    for (index, glob) in globs.iter().enumerate() {
        if glob.is_empty() {
            table.wrong(
                &format!("events[{index}]"),
                "an empty pattern matches no event",
                "an event type such as `tp_hit` or `trade_*`",
            );
        }
    }
    Some(globs)
}
