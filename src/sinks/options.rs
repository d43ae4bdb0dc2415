//! The options that every sink takes, whatever its kind.
//!
//! A file of its own because they are read in one way for all kinds. It checks and carries them; what
//! they do is decided by the room that sends.

use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;

use super::Kind;
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::expr::{Compiled, Expression, Fault, Mistake, Scope, Template};
use crate::model::Ladder;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which deliveries of a sink keep the order of their events.
#[derive(Debug)]
pub enum Ordered {
    /// None.
    No,
    /// All of them.
    All,
    /// Those among which this expression has the same value.
    By(Expression),
}

impl Ordered {
    /// What an event's delivery has in common with those that it keeps its order with; `None` when it
    /// waits for no other.
    ///
    /// # Errors
    /// A [`Fault`] when the expression cannot be worked out for this event.
    pub fn key(&self, scope: &Scope) -> Result<Option<String>, Fault> {
        match self {
            Self::No => Ok(None),
            Self::All => Ok(Some(String::new())),
            Self::By(expression) => expression.key(scope),
        }
    }
}

/// The pace of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many requests …
    pub count: u32,
    /// … in so long.
    pub per: Duration,
    /// Most of them at once.
    pub burst: u32,
}

impl RateLimit {
    /// The time after which one more request may leave.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.per / self.count.max(1)
    }
}

/// The common options, read.
pub(super) struct Common {
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) ordered: Ordered,
    pub(super) expires: Option<Duration>,
    pub(super) retry: Ladder,
    pub(super) allow_link_local: bool,
    pub(super) title: Option<Template>,
    pub(super) message: Option<Template>,
}

/// Reads the common options; a wrong one is reported and counts as left out.
pub(super) fn read(table: &mut Table, kind: &Kind) -> Common {
    let concurrency = table.integer("concurrency", 1..=64).unwrap_or(4);
    Common {
        timeout: table
            .duration("timeout", SECOND..=5 * MINUTE)
            .unwrap_or(15 * SECOND),
        concurrency: usize::try_from(concurrency).unwrap_or(1),
        rate_limit: rate_limit(table).unwrap_or(kind.rate_limit),
        ordered: ordered(table),
        expires: table.duration("expires", SECOND..=30 * DAY),
        retry: ladder(table),
        allow_link_local: table.boolean("allow_link_local").unwrap_or(false),
        title: template(table, "title"),
        message: template(table, "message"),
    }
}

/// Reads a template.
pub(super) fn template(table: &mut Table, key: &str) -> Option<Template> {
    let text = table.string(key)?;
    compiled(table, key, &text, Template::compile)
}

/// Compiles a text in the language of expressions; each mistake in it is reported at its key, and each
/// doubt.
pub(super) fn compiled<T: Compiled>(
    table: &Table,
    key: &str,
    text: &str,
    compile: impl Fn(&str) -> Result<T, Vec<Mistake>>,
) -> Option<T> {
    let report = |mistake: Mistake| {
        let message = mistake.in_text(text);
        table
            .problems()
            .value(&table.path_of(key), message, mistake.help);
    };
    let compiled = compile(text)
        .map_err(|mistakes| mistakes.into_iter().for_each(report))
        .ok()?;
    for doubt in compiled.doubts() {
        let doubt = doubt.in_one_line(text);
        table.warn(format!("`{}`: {doubt}", table.path_of(key)));
    }
    Some(compiled)
}

fn rate_limit(table: &mut Table) -> Option<Option<RateLimit>> {
    let text = table.string("rate_limit")?;
    if text == "off" {
        return Some(None);
    }
    let read = pace(&text);
    if read.is_none() {
        table.wrong(
            "rate_limit",
            format!("`{text}` is no rate limit"),
            "a whole number from 1 to 10000 in a second, minute or hour, such as `5/s`, `30/min` or `100/h`, or `off`",
        );
    }
    read.map(Some)
}

fn pace(text: &str) -> Option<RateLimit> {
    let (count, unit) = text.split_once('/')?;
    let count = count.trim().parse::<u32>().ok()?;
    let per = match unit.trim() {
        "s" | "sec" | "second" => SECOND,
        "m" | "min" | "minute" => MINUTE,
        "h" | "hour" => HOUR,
        _ => return None,
    };
    (1..=10_000).contains(&count).then_some(RateLimit {
        count,
        per,
        burst: count,
    })
}

fn ordered(table: &mut Table) -> Ordered {
    use serde_json::Value;
    match table.json("ordered") {
        None | Some(Value::Bool(false)) => Ordered::No,
        Some(Value::Bool(true)) => Ordered::All,
        // A value from the environment is always text.
        Some(Value::String(text)) if text == "true" => Ordered::All,
        Some(Value::String(text)) if text == "false" => Ordered::No,
        Some(Value::String(text)) => {
            compiled(table, "ordered", &text, Expression::compile).map_or(Ordered::No, Ordered::By)
        }
        Some(_) => {
            table.wrong(
                "ordered",
                "this is no order",
                "`false`, `true`, or an expression such as `\"data.trade_id\"`",
            );
            Ordered::No
        }
    }
}

fn ladder(table: &mut Table) -> Ladder {
    let default = Ladder::default();
    let Some(mut retry) = table.table("retry") else {
        return default;
    };
    let shortest = Duration::from_millis(10);
    let initial = retry.duration("initial", shortest..=HOUR);
    let max = retry.duration("max", shortest..=DAY);
    let ladder = Ladder {
        // A lower cap alone is enough to say that every wait is to be short.
        initial: initial.unwrap_or(default.initial.min(max.unwrap_or(default.max))),
        factor: retry
            .number("factor", 1.0..=100.0)
            .unwrap_or(default.factor),
        max: max.unwrap_or(default.max),
        max_age: retry
            .duration("max_age", SECOND..=30 * DAY)
            .unwrap_or(default.max_age),
        max_attempts: retry
            .integer("max_attempts", 1..=10_000)
            .and_then(|most| u32::try_from(most).ok()),
    };
    if ladder.initial > ladder.max {
        retry.wrong(
            "initial",
            "the first wait is longer than the longest",
            "lower `initial`, or raise `max`",
        );
    }
    retry.finish();
    ladder
}

/// What every sink takes, as the schema of the configuration shows it.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
pub(super) struct Form {
    /// Longest wait for an answer, from a second to five minutes. Default: `15s`.
    #[schemars(extend("default" = "15s"))]
    timeout: Option<form::Duration>,
    /// Most requests at once. Default: 4.
    #[schemars(range(min = 1, max = 64), extend("default" = 4))]
    concurrency: Option<u8>,
    /// Most requests in a second, a minute or an hour, or `off`. Default: what the platform allows.
    rate_limit: Option<Pace>,
    /// `true`: one at a time, in the order of the events; an expression: so for each of its values.
    /// Default: false.
    #[schemars(extend("default" = false))]
    ordered: Option<Order>,
    /// An alert older than this is not worth a ring, from a second to 30 days. Default: none is too old.
    expires: Option<form::Duration>,
    retry: Option<Retry>,
    /// Whether link-local and cloud-metadata addresses may be reached. Default: false.
    #[schemars(extend("default" = false))]
    allow_link_local: Option<bool>,
    /// A template of the title. Default: what the kind has for each type of event.
    title: Option<String>,
    /// A template of the message. Default: what the kind has for each type of event.
    message: Option<String>,
}

/// The waits between two attempts, and when they end.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Retry {
    /// The first wait, from 10ms to an hour. Default: `1s`.
    #[schemars(extend("default" = "1s"))]
    initial: Option<form::Duration>,
    /// By what each wait is longer than the one before. Default: 3.
    #[schemars(range(min = 1.0, max = 100.0), extend("default" = 3.0))]
    factor: Option<f64>,
    /// The longest wait, from 10ms to a day. Default: `1h`.
    #[schemars(extend("default" = "1h"))]
    max: Option<form::Duration>,
    /// When a delivery becomes a dead letter, from a second to 30 days. Default: `24h`.
    #[schemars(extend("default" = "24h"))]
    max_age: Option<form::Duration>,
    /// Most failures. Default: `max_age` alone ends the tries.
    #[schemars(range(min = 1, max = 10_000))]
    max_attempts: Option<u32>,
}

#[cfg(test)]
form::value! {
    Pace = schemars::json_schema!({
        "type": "string",
        "pattern": r"^(off|\+?0*([1-9][0-9]{0,3}|10000)\s*/\s*(s|sec|second|m|min|minute|h|hour)\s*)$",
        "examples": ["5/s", "30/min", "100/h", "off"],
    })
}

#[cfg(test)]
form::value! {
    Order = schemars::json_schema!({ "type": ["boolean", "string"], "examples": [true, "data.trade_id"] })
}
