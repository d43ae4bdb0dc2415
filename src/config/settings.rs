//! What a checked configuration says, in the types that the rooms above work with.
//!
//! Sources and sinks keep their own options as an opaque [`Table`]: which keys an ntfy sink has is
//! the business of the room that knows ntfy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Print, Table};
use crate::model::{Name, Secret};

/// A whole configuration, relations not yet checked against what sources, sinks and rules make of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The folder that the queue lives in.
    pub data_dir: PathBuf,
    /// The server that the queue is on, in place of the folder.
    pub store: Option<StoreConfig>,
    /// How to log.
    pub log: LogConfig,
    /// The status page and its neighbours.
    pub http: HttpConfig,
    /// How much of the past to keep.
    pub retention: RetentionConfig,
    /// Upstreams, by name.
    pub sources: Vec<SourceConfig>,
    /// Receivers, by name.
    pub sinks: Vec<SinkConfig>,
    /// Rules, in the order of the file.
    pub rules: Vec<RuleConfig>,
    /// Silences that are events.
    pub watches: Vec<WatchConfig>,
    /// The outside dead-man's switch.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Rules as tests.
    pub tests: Vec<TestConfig>,
    /// What it says of what instances that share a queue have to agree about.
    pub print: Print,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The address of the server, with what it is to be shown.
    pub url: Secret,
    /// The schema of its database.
    pub schema: String,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// What is logged: a level, and others for parts of the program.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where to listen; `None` when turned off.
    pub listen: Option<SocketAddr>,
    /// What callers have to show.
    pub token: Option<Secret>,
}

/// `[retention]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long finished events and deliveries stay.
    pub events: Duration,
    /// Largest size of the queue on disk, in bytes.
    pub max_disk: u64,
}

/// `[sources.NAME]`: what every source has, and its own options.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name.
    pub name: Name,
    /// Which kind of source it is.
    pub kind: String,
    /// How long it may be away before `bellwire.source_lost`.
    pub lost_after: Duration,
    /// The options of its kind, not yet read.
    pub options: Table,
    /// What its table said, for telling whether a reload changes it.
    pub print: Print,
}

/// `[sinks.NAME]`: its kind and its options.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Its name.
    pub name: Name,
    /// Which kind of sink it is.
    pub kind: String,
    /// The options of its kind and those that every sink has, not yet read.
    pub options: Table,
    /// What its table said, for telling whether a reload changes it.
    pub print: Print,
}

/// `[[rules]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleConfig {
    /// Where it stands, for messages: `rules[0]`.
    pub path: String,
    /// Its name, unique among rules.
    pub name: String,
    /// Sources it listens to; `None` for every source but `bellwire`.
    pub from: Option<Vec<Name>>,
    /// Globs on the event type; `None` for all.
    pub events: Option<Vec<String>>,
    /// The condition, in the expression language.
    pub when: Option<String>,
    /// Sinks it sends to.
    pub to: Vec<Name>,
    /// Template of the title.
    pub title: Option<String>,
    /// Template of the message.
    pub message: Option<String>,
    /// Priority, from 1 to 5.
    pub priority: Option<u8>,
    /// Older than this is not worth a ring.
    pub expires: Option<Duration>,
    /// At most so many in so long.
    pub throttle: Option<ThrottleConfig>,
    /// One message for a burst.
    pub coalesce: Option<CoalesceConfig>,
    /// One message at set times for all that has come since.
    pub digest: Option<DigestConfig>,
    /// One living notification for each value of this expression.
    pub update: Option<String>,
    /// When the rule is awake.
    pub hours: Option<HoursConfig>,
    /// What to do with events fetched after a gap.
    pub backfilled: Backfilled,
    /// Who gets it when the first sink does not accept it.
    pub fallback: Option<FallbackConfig>,
}

/// `throttle = { limit, per, key }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// At most this many.
    pub limit: u32,
    /// In this long.
    pub per: Duration,
    /// Counted apart for each value of this expression.
    pub key: Option<String>,
}

/// `coalesce = { within, key, max }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoalesceConfig {
    /// How long the window stays open.
    pub within: Duration,
    /// One window for each value of this expression.
    pub key: Option<String>,
    /// Most events in one message.
    pub max: u32,
}

/// `digest = "0 22 * * Mon-Fri"`, or `digest = { at, zone }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestConfig {
    /// The five fields of a schedule, not yet read.
    pub at: String,
    /// Where in the rule they stand: `digest` or `digest.at`.
    pub key: &'static str,
    /// Name of the time zone whose clock they mean.
    pub zone: String,
    /// Where in the rule it stands.
    pub zone_key: &'static str,
}

/// `hours = { days, between, zone, quiet }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursConfig {
    /// Which days, Monday first.
    pub days: [bool; 7],
    /// From this minute of the day.
    pub from_minute: u16,
    /// To before this minute of the day; smaller than `from_minute` runs over midnight.
    pub to_minute: u16,
    /// Name of the time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// Outside these hours: sent silently instead of not at all.
    pub quiet: bool,
}

/// What a rule does with events that were fetched after a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backfilled {
    /// As with any other.
    #[default]
    Ring,
    /// Sent silently.
    Quiet,
    /// Not matched.
    Skip,
}

/// `fallback = { to, after }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackConfig {
    /// The sink that steps in.
    pub to: Name,
    /// When the first has not accepted by then.
    pub after: Duration,
}

/// `[[watches]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchConfig {
    /// Where it stands, for messages.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Sources it listens to; `None` for every source but `bellwire`.
    pub from: Option<Vec<Name>>,
    /// Globs on the event type; `None` for all.
    pub events: Option<Vec<String>>,
    /// How long a silence may last.
    pub silent_for: Duration,
    /// When silence counts.
    pub hours: Option<HoursConfig>,
}

/// `[heartbeat]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// What is pinged. The address is the credential.
    pub url: Secret,
    /// How often.
    pub every: Duration,
    /// How it wants to be told.
    pub form: HeartbeatForm,
}

/// How an outside dead-man's switch wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeartbeatForm {
    /// A request while all is well, and none otherwise.
    #[default]
    Plain,
    /// As healthchecks.io has it: a start, a success, a failure.
    Healthchecks,
    /// As a push monitor of Uptime Kuma has it: up or down.
    UptimeKuma,
}

/// `[[tests]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestConfig {
    /// Where it stands, for messages.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Whose event it is; `None` for the source that `explain` assumes.
    pub source: Option<Name>,
    /// The event that is shown to the rules: the payload as JSON, or as read from a file.
    pub event: serde_json::Value,
    /// Where the event stands, for messages: `tests[0].event` or `tests[0].file`.
    pub event_path: String,
    /// Sinks that it is expected to reach, in any order.
    pub expect: Vec<Name>,
}
