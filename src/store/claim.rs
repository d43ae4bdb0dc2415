//! Deliveries out: what is due is taken, and taken back from a process that is gone.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::aside::{self, Aside, SOUND};
use super::row::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, delivery_id, event, micros, moment, outcome_column,
    state_column, time,
};
use super::throttle;
use super::{Claims, Due, StoreError};
use crate::model::{Claim, Name, Outcome, State};

/// So many interrupted attempts in a row are no accident any more: the delivery itself ends the process.
const INTERRUPTED_MAX: u32 = 50;

/// Takes up to `limit` due deliveries of a sink and says when the next one will be due.
pub(super) fn claim(
    connection: &Connection,
    tag: &str,
    sink: &Name,
    now: Timestamp,
    limit: NonZeroUsize,
) -> Result<Claims, StoreError> {
    let (claims, aside) = due_claims(connection, tag, sink, now, limit)?;
    let mut take = connection.prepare_cached(
        "UPDATE deliveries SET state = ?2, attempts = ?3, due = ?4 WHERE seq = ?1",
    )?;
    for claim in &claims {
        take.execute(params![
            claim.row,
            state_column(State::InFlight),
            claim.attempt,
            micros(now)
        ])?;
    }
    Ok(Claims {
        claims,
        aside,
        next_due: next_due(connection, sink)?,
    })
}

/// How many deliveries of a sink are due, up to `limit`, and when the first one is.
pub(super) fn due(
    connection: &Connection,
    sink: &Name,
    now: Timestamp,
    limit: usize,
) -> Result<Due, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT count(*) FROM
             (SELECT 1 FROM deliveries WHERE sink = ?1 AND state = 0 AND (due <= ?2 OR due > ?4) LIMIT ?3)",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let count: i64 = select.query_row(
        params![sink.as_str(), micros(now), limit, micros(Timestamp::MAX)],
        |row| row.get(0),
    )?;
    Ok(Due {
        count: usize::try_from(count).unwrap_or_default(),
        next: next_due(connection, sink)?,
    })
}

fn next_due(connection: &Connection, sink: &Name) -> Result<Option<Timestamp>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT min(due) FROM deliveries WHERE sink = ?1 AND state = 0")?;
    let next: Option<i64> = select.query_row([sink.as_str()], |row| row.get(0))?;
    Ok(next.map(time))
}

/// Takes back what an earlier process left in flight. The folder's lock proves that it is gone. The
/// attempt stays counted, also as a step of the ladder, and is written down as interrupted, since
/// nobody knows how far it came.
pub(super) fn take_back(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    set_unsound_aside(&transaction, now)?;
    transaction.execute(
        "INSERT OR IGNORE INTO attempts (delivery, number, at, duration_us, outcome, reason)
         SELECT seq, attempts, due, 0, ?1, 'bellwire stopped while this attempt was on its way'
         FROM deliveries WHERE state = 1",
        [outcome_column(Outcome::Interrupted)],
    )?;
    transaction.execute(
        "UPDATE deliveries SET state = ?1, reason = ?2, ended = ?3
         WHERE state = 1 AND ?4 <= (SELECT count(*) FROM attempts a
             WHERE a.delivery = deliveries.seq AND a.number > deliveries.attempts - ?4 AND a.outcome = ?5)",
        params![
            state_column(State::Dead),
            format!("bellwire stopped {INTERRUPTED_MAX} times in a row while it was on its way"),
            micros(now),
            INTERRUPTED_MAX,
            outcome_column(Outcome::Interrupted)
        ],
    )?;
    transaction.execute(
        "UPDATE deliveries SET state = 0, step = step + 1, due = min(due, ?1) WHERE state = 1",
        [micros(now)],
    )?;
    transaction.commit()?;
    Ok(())
}

fn due_claims(
    connection: &Connection,
    tag: &str,
    sink: &Name,
    now: Timestamp,
    limit: NonZeroUsize,
) -> Result<(Vec<Claim>, Vec<Aside>), StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS}, d.seq, d.rule, d.attempts, d.step, d.plain, d.created, {SOUND}, d.due,
             d.suppressed_count, d.suppressed_since
         FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         WHERE d.sink = ?1 AND d.state = 0 AND (d.due <= ?2 OR d.due > ?4)
         ORDER BY d.due, d.seq LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit.get()).unwrap_or(i64::MAX);
    let mut claims = Vec::new();
    let mut unreadable = Vec::new();
    let mut rows = select.query(params![
        sink.as_str(),
        micros(now),
        limit,
        micros(Timestamp::MAX)
    ])?;
    while let Some(row) = rows.next()? {
        let seq = row.get(EVENT_COLUMN_COUNT)?;
        match read(row, tag, sink) {
            Ok(claim) => claims.push(claim),
            Err(error) if aside::is_about_a_row(&error) => unreadable.push((seq, error)),
            Err(error) => return Err(error.into()),
        }
    }
    drop(rows);
    let mut set_aside = Vec::with_capacity(unreadable.len());
    for (seq, error) in unreadable {
        set_aside.push(Aside {
            id: delivery_id(tag, seq),
            sink: sink.clone(),
            reason: aside::set_aside(connection, seq, &error, now)?,
        });
    }
    Ok((claims, set_aside))
}

fn read(row: &Row<'_>, tag: &str, sink: &Name) -> rusqlite::Result<Claim> {
    let at = EVENT_COLUMN_COUNT;
    let seq = row.get(at)?;
    if !row.get::<_, bool>(at + 6)? {
        return Err(aside::unsound());
    }
    moment(row, at + 7)?;
    Ok(Claim {
        row: seq,
        id: delivery_id(tag, seq),
        sink: sink.clone(),
        rule: row.get::<_, String>(at + 1)?.into(),
        attempt: row.get::<_, u32>(at + 2)?.saturating_add(1),
        step: row.get(at + 3)?,
        plain: row.get(at + 4)?,
        created: moment(row, at + 5)?,
        suppressed: throttle::suppressed(row.get(at + 8)?, row.get(at + 9)?),
        event: event(row)?,
    })
}

/// Sets aside what was in flight and could not be taken back.
fn set_unsound_aside(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let mut select = connection.prepare(&format!(
        "SELECT d.seq FROM deliveries d WHERE d.state = 1 AND NOT {SOUND}"
    ))?;
    let found: Vec<i64> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in found {
        aside::set_aside(connection, seq, &aside::unsound(), now)?;
    }
    Ok(())
}
