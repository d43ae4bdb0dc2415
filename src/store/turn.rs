//! Whose turn it is among the deliveries that are due.
//!
//! A file of its own because this is the order that people are promised; what it takes to take them is not its
//! business.

use jiff::{SignedDuration, Timestamp};

use super::StoreError;
use super::row::{micros, time};
use super::sql::{Bound, Connection, params};
use crate::model::Name;

/// The priorities there are, in the order in which they are served.
const PRIORITIES: [u8; 5] = [5, 4, 3, 2, 1];

/// What became due within this time is fresh and goes before what is older: after an outage the news
/// of the moment does not wait behind those of the night.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Of so many deliveries one is the one that has waited longest, so that nothing waits for ever behind
/// what is more urgent or fresher.
const LONGEST_EVERY: u64 = 4;

/// The looks that every claim takes. However much waits, each is one into an index.
pub(super) const BETWEEN: &str = "SELECT due, seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3 AND due <= ?4
     ORDER BY due, seq LIMIT ?5";
/// From the end, where what it looks for is: a server that expects many of them would else read from the front.
pub(super) const NO_MOMENT: &str = "SELECT seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3
     ORDER BY due DESC, seq DESC LIMIT 1";
pub(super) const NEXT: &str = "SELECT min(due) FROM deliveries WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2";

/// The rows whose turn it is: the most urgent ones, among these the fresh ones, among these the
/// oldest.
pub(super) fn chosen(
    connection: &Connection<'_>,
    sink: &Name,
    now: Timestamp,
    limit: usize,
    turn: u64,
) -> Result<Vec<i64>, StoreError> {
    let turns = turn..turn.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
    let longest = turns
        .filter(|turn| turn % LONGEST_EVERY == LONGEST_EVERY - 1)
        .count();
    let fresh = now.checked_sub(FRESH).unwrap_or(Timestamp::MIN);
    let mut due = Vec::with_capacity(PRIORITIES.len());
    let first = first_due(connection, sink)?;
    let is_due = |first: &Option<i64>| first.is_some_and(|first| first <= micros(now));
    let all = PRIORITIES.into_iter().zip(first);
    due.extend(
        all.filter(|(_, first)| is_due(first))
            .map(|(priority, _)| priority),
    );
    let mut rows = Vec::new();
    'full: for &priority in &due {
        for (from, to) in [(fresh, now), (Timestamp::MIN, fresh)] {
            let wanted = limit - longest - rows.len();
            if wanted == 0 {
                break 'full;
            }
            let found = between(connection, sink, priority, from, to, wanted)?;
            rows.extend(found.into_iter().map(|(_, row)| row));
        }
    }
    if longest > 0 {
        let mut oldest = Vec::new();
        for &priority in &due {
            oldest.extend(between(
                connection,
                sink,
                priority,
                Timestamp::MIN,
                now,
                limit,
            )?);
        }
        oldest.sort_unstable();
        oldest.retain(|(_, row)| !rows.contains(row));
        rows.extend(oldest.into_iter().take(longest).map(|(_, row)| row));
    }
    if rows.len() < limit {
        rows.extend(no_moment(connection, sink)?);
        rows.truncate(limit);
    }
    Ok(rows)
}

/// When they were due and where they stand: the first ones of a priority that became due after `from`,
/// and not after `to`.
fn between(
    connection: &Connection<'_>,
    sink: &Name,
    priority: u8,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = connection.prepare_cached(BETWEEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = select.query_all(
        params![sink.as_str(), priority, micros(from), micros(to), limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found)
}

/// Those whose due time is none: whoever reads them sets them aside.
fn no_moment(connection: &Connection<'_>, sink: &Name) -> Result<Vec<i64>, StoreError> {
    let latest = Bound::Int(micros(Timestamp::MAX));
    let each = of_each_priority(sink).map(|[sink, priority]| [sink, priority, latest]);
    let found = connection.query_each(NO_MOMENT, each, |row| row.get(0))?;
    Ok(found.into_iter().flatten().collect())
}

/// When the next one that waits is due.
pub(super) fn next_due(
    connection: &Connection<'_>,
    sink: &Name,
) -> Result<Option<Timestamp>, StoreError> {
    let first = first_due(connection, sink)?;
    Ok(first.into_iter().flatten().min().map(time))
}

/// When the first one of each priority is due.
fn first_due(connection: &Connection<'_>, sink: &Name) -> Result<Vec<Option<i64>>, StoreError> {
    let found = connection.query_each(NEXT, of_each_priority(sink), |row| row.get(0))?;
    Ok(found.into_iter().map(Option::flatten).collect())
}

fn of_each_priority(sink: &Name) -> impl Iterator<Item = [Bound<'_>; 2]> {
    let sink = Bound::Text(sink.as_str());
    PRIORITIES
        .into_iter()
        .map(move |priority| [sink, Bound::Int(priority.into())])
}
