//! The forms of how things stand: readiness, and each source and sink.
//!
//! A file of its own because readiness and the lists tell the same of a source and of a sink.

#![expect(dead_code, reason = "these types are described and never made")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// Whether an alert would get through, and if not, why. Without the token, where one is set, `ready` alone.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Readiness {
    /// Whether an alert would get through now.
    ready: bool,
    /// Why not.
    #[schema(nullable = false)]
    reasons: Option<Vec<String>>,
    /// The queue.
    #[schema(nullable = false)]
    store: Option<Queue>,
    /// Each source, by its name.
    #[schema(nullable = false)]
    sources: Option<BTreeMap<String, SourceState>>,
    /// Each sink, by its name.
    #[schema(nullable = false)]
    sinks: Option<BTreeMap<String, SinkState>>,
    /// How many deliveries wait for sinks that are no longer configured; null while the queue does not
    /// answer.
    orphaned: Option<BTreeMap<String, u64>>,
    /// Who works on a queue that instances share; not there where it is in a folder, and null while the queue
    /// does not answer.
    instances: Option<Vec<Instance>>,
}

/// An instance that works on a shared queue.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Instance {
    /// What it is called among the others, anew with each start.
    id: String,
    /// Whether it is the one that answers.
    own: bool,
    /// The machine it runs on.
    host: String,
    /// The version of its program.
    version: String,
    /// A hash of its configuration, without `[http]`, `[log]`, `[store]` and `data_dir`; empty at its start.
    config: String,
    /// Whether that is another one than that of who answers.
    differs: bool,
    /// When it began, by the clock of the server.
    #[schema(format = DateTime)]
    started: String,
    /// When it last said that it lives, by the same clock.
    #[schema(format = DateTime)]
    seen: String,
    /// Whether others take over from it.
    gone: bool,
    /// What it does: `source NAME`, `sink NAME`, and what is done once for all.
    duties: Vec<String>,
}

/// How the queue is doing.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Queue {
    /// Whether it can be written.
    writable: bool,
    /// Why not.
    #[schema(required = true)]
    fault: Option<String>,
}

/// How a source is doing.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceState {
    /// Whether some rule listens to it.
    used: bool,
    /// Whether another instance follows it, which knows the rest.
    elsewhere: bool,
    /// Whether its stream is open.
    connected: bool,
    /// Since when it has been as it is, connected or not.
    #[schema(required = true, format = DateTime)]
    since: Option<String>,
    /// What it is doing, for people.
    activity: String,
    /// Why it needs a person.
    #[schema(required = true)]
    fault: Option<String>,
    /// When the last event arrived.
    #[schema(required = true, format = DateTime)]
    last_event: Option<String>,
    /// How the last connection ended.
    #[schema(required = true)]
    last_end: Option<String>,
    /// Connections since the start.
    connects: u64,
    /// Events since the start.
    events: u64,
    /// Of these, what was found over REST.
    backfilled: u64,
    /// Repeats that were recognised.
    repeated: u64,
    /// Events that were too large.
    skipped: u64,
    /// Events that could not be read.
    undecodable: u64,
    /// Requests left in this minute, by the server's word.
    #[schema(required = true)]
    requests_left: Option<u32>,
    /// What the REST API shows while the stream is away.
    #[schema(required = true)]
    poll: Option<String>,
    /// What was last said about a gap.
    #[schema(required = true)]
    last_gap: Option<String>,
}

/// How a sink is doing.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkState {
    /// Whether some rule sends to it.
    used: bool,
    /// Whether another instance serves it, which knows the rest.
    elsewhere: bool,
    /// Why it is suspended, if it is.
    #[schema(required = true)]
    suspended: Option<String>,
    /// Since when nothing gets through to it.
    #[schema(required = true, format = DateTime)]
    away_since: Option<String>,
    /// Until when it rests because its receiver asked for it.
    #[schema(required = true, format = DateTime)]
    resting_until: Option<String>,
    /// Attempts that failed since the last one that did not.
    failed_in_a_row: u32,
    /// The last reason for a failure.
    #[schema(required = true)]
    last_failure: Option<String>,
    /// When a delivery was last accepted.
    #[schema(required = true, format = DateTime)]
    last_delivered: Option<String>,
    /// Deliveries accepted since the start.
    delivered: u64,
    /// Attempts that failed since the start.
    failed: u64,
    /// Dead letters since the start.
    dead: u64,
    /// Deliveries since the start of which a template failed, so that the built-in wording went out.
    template_failures: u64,
}

/// A source of the configuration.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Source {
    /// Its name.
    name: String,
    /// Its kind.
    kind: String,
    /// Where it is, without credentials.
    place: String,
}

/// A sink of the configuration, or one that is gone and that something still waits for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Sink {
    /// Its name.
    name: String,
    /// Whether it is in the configuration.
    configured: bool,
    /// Its kind, where it is configured.
    #[schema(required = true)]
    kind: Option<String>,
    /// Where it is, without credentials.
    #[schema(required = true)]
    place: Option<String>,
    /// How many of its deliveries stand where.
    deliveries: BTreeMap<String, u64>,
}
