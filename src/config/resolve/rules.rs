//! `[[rules]]`: which events go where, and how.
//!
//! A file of its own because a rule has the most keys. Expressions and templates are taken as text:
//! the room that owns the language compiles them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::ends::Names;
use super::{DAY, HOUR, SECOND, YEAR, events, hours, title, unique};
use crate::config::Table;
use crate::config::settings::{
    Backfilled, CoalesceConfig, DigestConfig, FallbackConfig, HoursConfig, RuleConfig,
    ThrottleConfig,
};
use crate::model::Name;

const TO_HELP: &str = "name the sinks, such as `to = [\"phone\"]`";

/// How old an alert may be and still be worth a ring.
const EXPIRES: RangeInclusive<Duration> = SECOND..=YEAR;

/// Over which time a throttle counts.
const THROTTLE_PER: RangeInclusive<Duration> = SECOND..=Duration::from_secs(30 * DAY.as_secs());
const THROTTLE_LIMIT: RangeInclusive<i64> = 1..=1_000_000;

/// How long a burst may be collected; an alert waits that long.
const COALESCE_WITHIN: RangeInclusive<Duration> = SECOND..=HOUR;
const COALESCE_MAX: RangeInclusive<i64> = 2..=1000;
const COALESCE_MAX_DEFAULT: u32 = 50;

/// How long the first sink may try before the fallback steps in.
const FALLBACK_AFTER: RangeInclusive<Duration> = SECOND..=DAY;

/// Reads `[[rules]]`.
pub(super) fn read(top: &mut Table, names: &Names, warnings: &mut Vec<String>) -> Vec<RuleConfig> {
    let rules: Vec<_> = top
        .tables("rules")
        .into_iter()
        .map(|table| rule(table, names, warnings))
        .collect();
    let titles = rules
        .iter()
        .map(|rule| (rule.path.as_str(), rule.name.as_str()));
    unique(top, "rule", titles);
    rules
}

fn rule(mut table: Table, names: &Names, warnings: &mut Vec<String>) -> RuleConfig {
    let path = table.path().to_owned();
    let name = title(&mut table);
    if table.is_empty_list("to") {
        table.wrong("to", "an empty list sends to nobody", TO_HELP);
    }
    let to = to(&mut table, names, &name, warnings);
    let hours = hours::read(&mut table, hours::Quiet::Possible, warnings);
    let rule = RuleConfig {
        path,
        from: names.from(&mut table),
        events: events(&mut table),
        when: table.string("when"),
        title: table.string("title"),
        message: table.string("message"),
        priority: table
            .integer("priority", 1..=5)
            .and_then(|priority| u8::try_from(priority).ok()),
        expires: table.duration("expires", EXPIRES),
        throttle: throttle(&mut table),
        coalesce: coalesce(&mut table),
        digest: digest(&mut table, hours.as_ref(), warnings),
        update: table.string("update"),
        hours,
        backfilled: backfilled(&mut table),
        fallback: fallback(&mut table, names),
        to,
        name,
    };
    if let Some(fallback) = &rule.fallback
        && rule.to.contains(&fallback.to)
    {
        let (name, sink) = (&rule.name, &fallback.to);
        warnings.push(format!(
            "the rule `{name}` sends to its fallback `{sink}` anyway"
        ));
    }
    if rule.coalesce.is_some() && rule.digest.is_some() {
        let message = "`coalesce` is given too, and an event can be in one message only";
        table.wrong("digest", message, "give one of the two");
    }
    table.finish();
    rule
}

fn to(table: &mut Table, names: &Names, rule: &str, warnings: &mut Vec<String>) -> Vec<Name> {
    if !table.has("to") {
        table.missing("to", TO_HELP);
    }
    let named = names.sinks(table, "to").unwrap_or_default();
    let mut sinks = Vec::with_capacity(named.len());
    for sink in named {
        if sinks.contains(&sink) {
            warnings.push(format!("the rule `{rule}` names the sink `{sink}` twice"));
        } else {
            sinks.push(sink);
        }
    }
    sinks
}

fn throttle(table: &mut Table) -> Option<ThrottleConfig> {
    let mut table = table.table("throttle")?;
    for key in ["limit", "per"] {
        if !table.has(key) {
            table.missing(key, "such as `throttle = { limit = 1, per = \"5m\" }`");
        }
    }
    let limit = table.integer("limit", THROTTLE_LIMIT);
    let per = table.duration("per", THROTTLE_PER);
    let key = table.string("key");
    table.finish();
    // A wrong value is told, and stands in nobody's way: the key may be wrong as well.
    Some(ThrottleConfig {
        limit: limit
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or(1),
        per: per.unwrap_or(*THROTTLE_PER.start()),
        key,
    })
}

fn coalesce(table: &mut Table) -> Option<CoalesceConfig> {
    let mut table = table.table("coalesce")?;
    if !table.has("within") {
        table.missing("within", "such as `coalesce = { within = \"10s\" }`");
    }
    let within = table.duration("within", COALESCE_WITHIN);
    let key = table.string("key");
    let max = table.integer("max", COALESCE_MAX);
    table.finish();
    Some(CoalesceConfig {
        within: within.unwrap_or(*COALESCE_WITHIN.start()),
        key,
        max: max
            .and_then(|max| u32::try_from(max).ok())
            .unwrap_or(COALESCE_MAX_DEFAULT),
    })
}

/// When one message for all is sent: the fields of a schedule, or those with the zone whose clock they
/// mean, which is else that of the rule's hours.
fn digest(
    table: &mut Table,
    hours: Option<&HoursConfig>,
    warnings: &mut Vec<String>,
) -> Option<DigestConfig> {
    let path = table.path_of("digest");
    let (at, zone, key, zone_key) = if table.is_table("digest") {
        let mut table = table.table("digest")?;
        if !table.has("at") {
            table.missing("at", "such as `at = \"0 22 * * Mon-Fri\"`");
        }
        let at = table.string("at");
        let zone = table.has("zone").then(|| hours::zone(&mut table));
        table.finish();
        (at, zone, "digest.at", "digest.zone")
    } else {
        (table.string("digest"), None, "digest", "digest")
    };
    let at = at?;
    let zone = zone.or_else(|| hours.map(|hours| hours.zone.clone()));
    if zone.is_none() {
        warnings.push(format!(
            "`{path}` has no `zone`, so its time is taken as UTC"
        ));
    }
    let zone = zone.unwrap_or_else(|| "UTC".to_owned());
    Some(DigestConfig {
        at,
        key,
        zone,
        zone_key,
    })
}

fn backfilled(table: &mut Table) -> Backfilled {
    let words = [
        ("ring", Backfilled::Ring),
        ("quiet", Backfilled::Quiet),
        ("skip", Backfilled::Skip),
    ];
    table.choice("backfilled", &words).unwrap_or_default()
}

fn fallback(table: &mut Table, names: &Names) -> Option<FallbackConfig> {
    let mut table = table.table("fallback")?;
    for key in ["to", "after"] {
        if !table.has(key) {
            table.missing(
                key,
                "such as `fallback = { to = \"sms\", after = \"30s\" }`",
            );
        }
    }
    let to = names.sink(&mut table, "to");
    let after = table.duration("after", FALLBACK_AFTER);
    table.finish();
    Some(FallbackConfig {
        to: to?,
        after: after?,
    })
}
