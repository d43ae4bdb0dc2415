//! The forms of what is asked and answered.
//!
//! A file of its own because answers are made as JSON where their parts are known, and only a reader of
//! the description needs them as types. A test holds real answers to these forms. Of a form that has all
//! of another's members only the further ones stand here: see [`super::EXTENDED`].

#![expect(dead_code, reason = "these types are described and never made")]

use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// An error, as RFC 9457 has it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Problem {
    /// `about:blank`: the status says all.
    #[schema(pattern = "^about:blank$")]
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and what would be right.
    detail: String,
}

/// A page of a list.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Page<T> {
    /// The items.
    #[schema(max_items = 100)]
    data: Vec<T>,
    /// Whether there are more.
    has_more: bool,
    /// What `after` takes for the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Where a delivery stands.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum State {
    Waiting,
    InFlight,
    Delivered,
    Dead,
    Expired,
    Throttled,
    Held,
    Orphaned,
    Merged,
}

/// What a delivery says of its event.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct EventHead {
    /// Where it came from.
    source: String,
    /// The upstream's id.
    #[schema(required = true)]
    id: Option<String>,
    /// Its type.
    r#type: String,
    /// When it happened.
    #[schema(required = true, format = DateTime)]
    time: Option<String>,
    /// Whether it was fetched after a gap.
    backfilled: bool,
}

/// An event with its deliveries.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Event {
    /// When it arrived.
    #[schema(format = DateTime)]
    received: String,
    /// Its deliveries; none where no rule matched.
    deliveries: Vec<Delivery>,
}

/// One event on its way to one sink.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Delivery {
    /// The `webhook-id`, the same over all attempts.
    id: String,
    /// Its event.
    event: EventHead,
    /// Where it goes.
    sink: String,
    /// The rule that asked for it.
    rule: String,
    /// Where it stands.
    state: State,
    /// Requests that were made.
    attempts: u32,
    /// When it was put into the queue.
    #[schema(format = DateTime)]
    created: String,
    /// When it is tried next, while it waits for that.
    #[schema(required = true, format = DateTime)]
    next_attempt: Option<String>,
    /// Why it was not accepted.
    #[schema(required = true)]
    reason: Option<String>,
    /// The last attempt that is over.
    #[schema(required = true)]
    last: Option<Last>,
    /// The first delivery of that event and sink, where this one repeats it.
    #[schema(nullable = false)]
    replayed_from: Option<String>,
    /// The delivery that this one steps in for, where it does.
    #[schema(nullable = false)]
    instead_of: Option<String>,
    /// The delivery that steps in for this one, where one does.
    #[schema(nullable = false)]
    fallback: Option<String>,
    /// How many others are in its message, where there are any.
    #[schema(nullable = false)]
    merged: Option<u64>,
}

/// A delivery with every attempt.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Whole {
    /// Every attempt that is kept, the first one first.
    tries: Vec<Try>,
}

/// An attempt that is over.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Last {
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// The receiver's status, where it answered.
    #[schema(required = true)]
    status: Option<u16>,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The start of what the receiver said.
    #[schema(required = true)]
    answer: Option<String>,
}

/// An attempt.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Try {
    /// Which attempt it was, from 1.
    number: u32,
    /// What it came to.
    outcome: Outcome,
    /// Why it was not accepted.
    #[schema(required = true)]
    reason: Option<String>,
}

/// What an attempt came to.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Delivered,
    Retry,
    RetryAfter,
    Dead,
    Suspend,
    Interrupted,
}

/// Which past events are sent again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Replay {
    /// An age such as `2h`, or a time as RFC 3339 has it.
    #[schema(schema_with = super::shared::moment)]
    since: String,
    /// Only what this rule routes.
    rule: Option<String>,
    /// Only to this sink.
    sink: Option<String>,
    /// Count only.
    #[schema(required = false, default = false)]
    dry_run: bool,
}

/// What a replay came to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Counted {
    /// Events that some rule routes.
    events: u64,
    /// Deliveries of them: new ones, unless they were only counted.
    deliveries: u64,
    /// Whether they were only counted.
    dry_run: bool,
}

/// What is sent in a test.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Test {
    /// An event of yours in place of the built-in message.
    event: Option<Brought>,
}

/// An event that a caller brings. More members are kept.
#[derive(ToSchema)]
pub(in crate::admin) struct Brought {
    /// Its type.
    r#type: String,
    /// When it happened.
    timestamp: Option<String>,
    /// What rules and templates see as `data`.
    #[schema(schema_with = anything_but_null)]
    data: serde_json::Value,
}

fn anything_but_null() -> Object {
    use Type::{Array, Boolean, Number, Object as Table, String};
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([
            Table, Array, String, Number, Boolean,
        ]))
        .description(Some("What rules and templates see as `data`."))
        .build()
}

/// What the receiver said to a test.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Tested {
    /// The sink.
    sink: String,
    /// Whether the receiver accepted it.
    accepted: bool,
    /// The receiver's status, where it answered.
    #[schema(required = true)]
    status: Option<u16>,
    /// The start of what it said.
    #[schema(required = true)]
    answer: Option<String>,
    /// Why it was not accepted.
    #[schema(required = true)]
    reason: Option<String>,
    /// How long it took, in milliseconds.
    duration_ms: u64,
}

/// A rule, as far as lists show it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Rule {
    /// Its name.
    name: String,
    /// Sources that it listens to; null is every one but `bellwire`.
    #[schema(required = true)]
    from: Option<Vec<String>>,
    /// Globs on the event type; null is all.
    #[schema(required = true)]
    events: Option<Vec<String>>,
    /// Its condition.
    #[schema(required = true)]
    when: Option<String>,
    /// The sinks that it sends to.
    to: Vec<String>,
}
