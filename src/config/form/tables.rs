//! The forms of the tables that are read here: all but the options of one kind.
//!
//! A file of its own because these are the words that a person reads while writing the file. What is
//! true of a value by itself is said here; what depends on another is for the readers.

#![expect(dead_code, reason = "these types are described and never made")]

use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

use super::{Address, Duration, Secret, Size, name, named, one_or_many, text_like, value};
use crate::config::resolve::TITLE_CHARS_MAX;

/// The whole file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
// A file that names no source, no sink and no rule is refused.
#[schemars(extend("anyOf" = something()))]
pub(super) struct File {
    /// The folder of the queue. A relative path counts from this file's folder. Default: `./data`.
    #[schemars(length(min = 1), extend("default" = "./data"))]
    data_dir: Option<String>,
    store: Option<QueueServer>,
    log: Option<Log>,
    http: Option<Http>,
    retention: Option<Retention>,
    /// Where events come from, by name: `[sources.NAME]`.
    sources: Option<Named>,
    /// Where deliveries go, by name: `[sinks.NAME]`.
    sinks: Option<Named>,
    /// Which events go where. All matching rules apply; an event goes to a sink once, with the first
    /// matching rule's wording.
    rules: Option<Vec<Rule>>,
    /// Silence that is an event: it raises `bellwire.silence`.
    watches: Option<Vec<Watch>>,
    heartbeat: Option<Heartbeat>,
    /// Rules as tests, which `bellwire check` runs.
    tests: Option<Vec<Test>>,
}

fn something() -> Value {
    let table =
        |key: &str| json!({ "required": [key], "properties": { key: { "minProperties": 1 } } });
    let rules = json!({ "required": ["rules"], "properties": { "rules": { "minItems": 1 } } });
    json!([table("sources"), table("sinks"), rules])
}

value! { Named = named() }

/// A PostgreSQL server that the queue is on, in place of the folder.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct QueueServer {
    /// Its address: `postgres://USER:PASSWORD@HOST/DATABASE`. PostgreSQL 14 or later.
    url: Secret,
    /// The schema of the database that the queue is in. It is made if it is not there. Default: `bellwire`.
    #[schemars(regex(pattern = r"^[a-z_][a-z0-9_]{0,62}$"), extend("default" = "bellwire"))]
    schema: Option<String>,
}

/// How to log.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Log {
    /// The form of a line: `auto` is text on a terminal and JSON otherwise. Default: `auto`.
    #[schemars(extend("default" = "auto"))]
    format: Option<LogFormat>,
    /// A level, and others for parts of the program, such as `info,bellwire::sources=debug`. Default: `info`.
    #[schemars(regex(pattern = r"\S"), extend("default" = "info", "examples" = ["info", "debug", "warn"]))]
    level: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum LogFormat {
    Auto,
    Text,
    Json,
}

/// Status page, health, metrics and API.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Http {
    /// An address with a port, or `off`. Default: `127.0.0.1:8080`.
    #[schemars(
        regex(pattern = r"^(off|localhost:[0-9]+|[0-9.]+:[0-9]+|\[[0-9A-Fa-f:.%]+\]:[0-9]+)$"),
        extend("default" = "127.0.0.1:8080", "examples" = ["127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080", "off"])
    )]
    listen: Option<String>,
    /// What callers show as `Authorization: Bearer`. Required where `listen` is not loopback.
    token: Option<Secret>,
}

/// How much of the past to keep.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Retention {
    /// How long finished events and deliveries stay for replay and inspection, from a minute to ten
    /// years. Default: `7d`.
    #[schemars(extend("default" = "7d"))]
    events: Option<Duration>,
    /// The most that the queue takes on the disk, from 16MiB to 16TiB. Undelivered rows never go; when
    /// only those are left, the sources wait. Default: `1GiB`.
    #[schemars(extend("default" = "1GiB"))]
    max_disk: Option<Size>,
}

/// Which events go to which sinks, and how they read there.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Rule {
    /// Its name, which no other rule has.
    name: Title,
    /// Sources that it listens to. Default: every source but `bellwire`.
    from: Option<Sources>,
    /// Globs on the event type, such as `tp_hit` or `trade_*`. Default: all.
    events: Option<Globs>,
    /// A condition in Jinja's expressions, over `event`, `data`, `trade` and `position`. Comparing
    /// something that is missing is false.
    #[schemars(extend("examples" = ["data.symbol == \"XAUUSD\" and data.realized_pl > 0"]))]
    when: Option<String>,
    /// The sinks that it sends to.
    to: Sinks,
    /// A template of the title, in place of the sink's.
    title: Option<String>,
    /// A template of the message, in place of the sink's.
    message: Option<String>,
    /// From 1 (no sound) to 5 (rings on). Of several that wait for a sink, the highest leaves first.
    #[schemars(range(min = 1, max = 5))]
    priority: Option<u8>,
    /// An alert older than this is not worth a ring, from a second to a year; in place of the sink's.
    expires: Option<Duration>,
    throttle: Option<Throttle>,
    coalesce: Option<Coalesce>,
    /// When one message is sent for all that has come since the last one: minute, hour, day of the month,
    /// month and day of the week, as cron has them; with a `zone`, else by the clock of the rule's hours.
    digest: Option<Digest>,
    /// An expression: one living notification for each of its values, where the sink can.
    #[schemars(extend("examples" = ["data.trade_id"]))]
    update: Option<String>,
    hours: Option<RuleHours>,
    /// What to do with events found over REST after a gap: `quiet` is sent without a sound. Default:
    /// `ring`.
    #[schemars(extend("default" = "ring"))]
    backfilled: Option<Backfilled>,
    fallback: Option<Fallback>,
}

/// At most so many in so long; the next message says how many were suppressed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Throttle {
    /// At most this many.
    #[schemars(range(min = 1, max = 1_000_000))]
    limit: u32,
    /// In this long, from a second to 30 days.
    per: Duration,
    /// An expression: counted apart for each of its values.
    key: Option<String>,
}

/// One message for a burst; its templates see `events` and `count`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Coalesce {
    /// How long events are collected, from a second to an hour; an alert waits that long.
    within: Duration,
    /// An expression: collected apart for each of its values.
    key: Option<String>,
    /// Most events in one message. Default: 50.
    #[schemars(range(min = 2, max = 1000), extend("default" = 50))]
    max: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Digest {
    At(DigestAt),
    In(DigestIn),
}

/// A schedule, and the time zone whose clock it means.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DigestIn {
    /// Five fields, as cron has them.
    at: DigestAt,
    /// A time zone, such as `Europe/Berlin`. Default: that of the rule's hours, else `UTC`.
    zone: Option<Zone>,
}

/// When the rule is awake. Outside these hours nothing matches.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = days_or_between()))]
struct RuleHours {
    /// Days and ranges of days. Default: every day.
    days: Option<Days>,
    /// Two times of a day; the second may be on the next. Default: all day.
    between: Option<Between>,
    /// A time zone, such as `Europe/Berlin`. Default: `UTC`.
    zone: Option<Zone>,
    /// Outside these hours: sent silently instead of not at all. Default: false.
    #[schemars(extend("default" = false))]
    quiet: Option<bool>,
}

/// When silence counts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = days_or_between()))]
struct WatchHours {
    /// Days and ranges of days. Default: every day.
    days: Option<Days>,
    /// Two times of a day; the second may be on the next. Default: all day.
    between: Option<Between>,
    /// A time zone, such as `Europe/Berlin`. Default: `UTC`.
    zone: Option<Zone>,
}

fn days_or_between() -> Value {
    json!([{ "required": ["days"] }, { "required": ["between"] }])
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Backfilled {
    Ring,
    Quiet,
    Skip,
}

/// Who gets it when the first sink has not accepted it by then.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Fallback {
    /// The sink that steps in.
    to: SinkName,
    /// After so long, from a second to a day.
    after: Duration,
}

/// How long which events may be missing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Watch {
    /// Its name, which no other watch has.
    name: Title,
    /// Sources that it listens to. Default: every source but `bellwire`.
    from: Option<Sources>,
    /// Globs on the event type. Default: all.
    events: Option<Globs>,
    /// How long a silence may last, from a second to 30 days.
    silent_for: Duration,
    hours: Option<WatchHours>,
}

/// An outside dead-man's switch, pinged only while an alert would get through.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Heartbeat {
    /// The address to ping.
    url: Address,
    /// How often, from a second to a day. Default: `1m`.
    #[schemars(extend("default" = "1m"))]
    every: Option<Duration>,
    /// How it wants to be told: `plain` is a request while all is well, `healthchecks` also hears of a start
    /// and of a failure, `uptime-kuma` hears `up` and `down`. Default: `plain`.
    #[schemars(extend("default" = "plain"))]
    form: Option<HeartbeatForm>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum HeartbeatForm {
    Plain,
    Healthchecks,
    UptimeKuma,
}

/// An event, and the sinks that it is expected to reach.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = event_or_file()))]
struct Test {
    /// Its name, which no other test has.
    name: Title,
    /// The source whose event it is. Default: as `explain` assumes it.
    source: Option<SourceName>,
    /// The event as the source sends it.
    #[schemars(extend("examples" = [{ "type": "tp_hit", "data": { "symbol": "XAUUSD" } }]))]
    event: Option<Event>,
    /// A file with the event as JSON. A relative path counts from this file's folder.
    #[schemars(length(min = 1))]
    file: Option<String>,
    /// The sinks that it reaches, in any order; none is `[]`.
    expect: Expected,
}

fn event_or_file() -> Value {
    json!([{ "required": ["event"] }, { "required": ["file"] }])
}

value! { Event = json_schema!({ "type": "object" }) }

value! {
    Title = json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": TITLE_CHARS_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
    })
}

value! { SourceName = text_like(&name()) }
value! { SinkName = text_like(&name()) }
value! { Sources = some(&text_like(&name())) }
value! { Sinks = some(&text_like(&name())) }
value! { Expected = one_or_many(&text_like(&name())) }
value! { Globs = some(&json_schema!({ "type": "string", "minLength": 1 })) }

value! { Days = some(&text_like(&days())) }

value! {
    Between = text_like(r"^\s*([01]?[0-9]|2[0-4]):[0-5]?[0-9]\s*-\s*([01]?[0-9]|2[0-4]):[0-5]?[0-9]\s*$")
}

value! {
    DigestAt = json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "examples": ["0 22 * * Mon-Fri", "0 8 * * *"],
    })
}

value! {
    Zone = json_schema!({
        "type": "string",
        "maxLength": 64,
        "pattern": r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}$",
        "examples": ["UTC", "Europe/Berlin", "America/New_York"],
    })
}

/// One or a list of at least one.
fn some(one: &Schema) -> Schema {
    json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
}

/// `Mon-Fri, sunday`: words in any case.
fn days() -> String {
    let words = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let ends = ["day", "sday", "nesday", "rsday", "day", "urday", "day"];
    let either = |letter: char| format!("[{}{letter}]", letter.to_ascii_uppercase());
    let spelt = |word: &str| word.chars().map(either).collect::<String>();
    let day = words.iter().zip(ends);
    let day: Vec<_> = day
        .map(|(word, end)| format!("{}({})?", spelt(word), spelt(end)))
        .collect();
    let day = format!(r"\s*({})\s*", day.join("|"));
    let range = format!("{day}(-{day})?");
    format!("^{range}(,{range})*$")
}
