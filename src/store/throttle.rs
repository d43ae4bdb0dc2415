//! Whether a delivery passes the throttle of its rule.
//!
//! A file of its own because it is decided where the delivery becomes durable, in the same transaction:
//! a restart neither forgets what has passed nor counts it twice. The last passes of each rule, sink
//! and key are kept with their times, never more than the rule allows, so the limit holds for every
//! stretch of time and not only for fixed windows; one look-up decides. Time is that of the arrival.

use jiff::Timestamp;

use super::StoreError;
use super::row::{micros, time};
use super::sql::{Connection, SqlError, params};
use crate::model::{Name, Route, Suppressed, Throttle};

/// Keys that are remembered in all. Beyond, those that matter least longer are forgotten, and pass.
const KEYS_MAX: i64 = 20_000;

/// The number of keys is looked at after so many new ones.
const COUNT_EVERY: i64 = 64;

/// Keys that one new key takes the place of, when their time is over.
const FORGOTTEN_AT_ONCE: i64 = 16;

/// How long what was suppressed is kept to be told with the next message, in microseconds.
const TOLD_WITHIN: i64 = 24 * 3600 * 1_000_000;

/// What a throttle says about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It passes, and tells of what was suppressed before it.
    Passes(Option<Suppressed>),
    /// It is suppressed.
    Throttled,
}

struct Entry {
    id: i64,
    passed: i64,
    suppressed: Option<Suppressed>,
}

/// Decides about a delivery, and counts it.
pub(super) fn decide(
    connection: &Connection<'_>,
    route: &Route,
    throttle: &Throttle,
    at: Timestamp,
) -> Result<Decision, StoreError> {
    let (rule, sink) = (&*route.rule, &route.sink);
    let at = micros(at);
    let per = i64::try_from(throttle.per.as_micros()).unwrap_or(i64::MAX / 4);
    let entry = match find(connection, rule, sink, &throttle.key)? {
        Some(entry) => entry,
        None => insert(connection, rule, sink, &throttle.key, at)?,
    };
    let limit = i64::from(throttle.limit);
    let forgotten = at.saturating_add(per.max(TOLD_WITHIN));
    // The pass that this one would have to be at least `per` behind.
    let mut select = connection
        .prepare_cached("SELECT at FROM throttle_passes WHERE throttle = ?1 AND number = ?2")?;
    let earlier: Option<i64> =
        select.query_optional(params![entry.id, entry.passed - limit], |row| row.get(0))?;
    // A pass far in the future is of a clock that has been set back since.
    if earlier.is_some_and(|earlier| earlier.saturating_sub(at).saturating_abs() < per) {
        let mut hold = connection.prepare_cached(
            "UPDATE throttles SET suppressed_count = suppressed_count + 1,
                 suppressed_since = coalesce(suppressed_since, ?2), forgotten = ?3 WHERE id = ?1",
        )?;
        hold.execute(params![entry.id, at, forgotten])?;
        return Ok(Decision::Throttled);
    }
    let mut pass = connection.prepare_cached(
        "UPDATE throttles SET passed = passed + 1, suppressed_count = 0, suppressed_since = NULL,
             forgotten = ?2 WHERE id = ?1",
    )?;
    pass.execute(params![entry.id, forgotten])?;
    let mut note = connection
        .prepare_cached("INSERT INTO throttle_passes (throttle, number, at) VALUES (?1, ?2, ?3)")?;
    note.execute(params![entry.id, entry.passed, at])?;
    // Two at a time, so that what a larger limit or an earlier time has left goes, too.
    let mut forget = connection.prepare_cached(
        "DELETE FROM throttle_passes WHERE throttle = ?1
             AND number IN (SELECT number FROM throttle_passes WHERE throttle = ?1 ORDER BY number LIMIT 2)
             AND (number <= ?2 OR abs(at - ?3) >= ?4)",
    )?;
    forget.execute(params![entry.id, entry.passed - limit, at, per])?;
    Ok(Decision::Passes(entry.suppressed))
}

/// The reason on a delivery that is suppressed.
pub(super) fn reason(throttle: &Throttle) -> String {
    let Throttle { limit, per, .. } = throttle;
    format!("more than {limit} within {} s", per.as_secs())
}

fn find(
    connection: &Connection<'_>,
    rule: &str,
    sink: &Name,
    key: &str,
) -> Result<Option<Entry>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT id, passed, suppressed_count, suppressed_since FROM throttles
         WHERE rule = ?1 AND sink = ?2 AND key = ?3",
    )?;
    let found = select.query_optional(params![rule, sink.as_str(), key], |row| {
        Ok(Entry {
            id: row.get(0)?,
            passed: row.get(1)?,
            suppressed: suppressed(row.get(2)?, row.get(3)?),
        })
    });
    Ok(found?)
}

/// What was suppressed, from its two columns.
pub(super) fn suppressed(count: i64, since: Option<i64>) -> Option<Suppressed> {
    let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
    Some(Suppressed {
        count,
        since: time(since?),
    })
}

fn insert(
    connection: &Connection<'_>,
    rule: &str,
    sink: &Name,
    key: &str,
    at: i64,
) -> Result<Entry, StoreError> {
    forget(connection, "forgotten < ?1", at, FORGOTTEN_AT_ONCE)?;
    let insert = "INSERT INTO throttles (rule, sink, key, passed, suppressed_count, forgotten)
         VALUES (?1, ?2, ?3, 0, 0, ?4)";
    let forgotten = at.saturating_add(TOLD_WITHIN);
    let values = params![rule, sink.as_str(), key, forgotten];
    let id = connection
        .insert(insert, "id", values)?
        .ok_or(SqlError::NoRow)?;
    if id % COUNT_EVERY == 0 {
        let mut count = connection.prepare_cached("SELECT count(*) FROM throttles")?;
        let count: i64 = count.query_row(params![], |row| row.get(0))?;
        forget(connection, "id <> ?1", id, count - KEYS_MAX)?;
    }
    Ok(Entry {
        id,
        passed: 0,
        suppressed: None,
    })
}

/// Forgets keys for which this holds, those that matter least longer first.
fn forget(
    connection: &Connection<'_>,
    condition: &str,
    value: i64,
    most: i64,
) -> Result<(), StoreError> {
    if most <= 0 {
        return Ok(());
    }
    let mut select = connection.prepare_cached(&format!(
        "SELECT id FROM throttles WHERE {condition} ORDER BY forgotten LIMIT ?2"
    ))?;
    let ids: Vec<i64> = select.query_all(params![value, most], |row| row.get(0))?;
    for id in ids {
        for sql in [
            "DELETE FROM throttle_passes WHERE throttle = ?1",
            "DELETE FROM throttles WHERE id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute(params![id])?;
        }
    }
    Ok(())
}
