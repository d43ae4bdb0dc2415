//! Deliveries that come in place of others: their first sink has not accepted them in time, or has given
//! them up.
//!
//! A file of its own because nobody sends here: what steps in is put into the queue, once, in the
//! transaction that ends the wait for it, and goes its own way from there.

use jiff::Timestamp;

use super::row::{micros, state, state_column, time};
use super::sql::{self, Connection, Row, params};
use super::work::Manner;
use super::{Store, StoreError};
use crate::model::State;

/// So many at once: whoever else needs the queue waits for no more.
const AT_ONCE: usize = 256;

/// When the first of them is due.
pub(super) const NEXT: &str = "SELECT min(steps_in) FROM deliveries WHERE steps_in IS NOT NULL";

pub(super) const DUE: &str = "SELECT d.seq, d.sink, d.state, coalesce(d.asked, d.created), d.steps_in,
         coalesce(d.reason, (SELECT reason FROM attempts WHERE delivery = d.seq ORDER BY number DESC LIMIT 1),
             (SELECT trouble_reason FROM sinks WHERE name = d.sink AND trouble_since IS NOT NULL))
     FROM deliveries d WHERE d.steps_in IS NOT NULL AND d.steps_in <= ?1 ORDER BY d.steps_in LIMIT ?2";

impl Store {
    /// When somebody steps in next, if nothing is accepted before. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn next_stand_in(&self) -> Result<Option<Timestamp>, StoreError> {
        self.look(|connection, _| next(connection)).await
    }

    /// Puts into the queue, durably, what steps in by now; answers how many deliveries that were. There
    /// may be more.
    ///
    /// # Errors
    /// [`StoreError`]; nobody has then stepped in.
    pub async fn stand_in(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.request(Manner::default(), move |connection, _, hands| {
            hands.wake_all();
            connection.with_triggers(|| stand_in(connection, now))
        })
        .await
    }
}

fn next(connection: &Connection<'_>) -> Result<Option<Timestamp>, StoreError> {
    let mut select = connection.prepare_cached(NEXT)?;
    let next: Option<Option<i64>> = select.query_optional(params![], |row| row.get(0))?;
    Ok(next.flatten().map(time))
}

fn stand_in(connection: &Connection<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(DUE)?;
    let due: Vec<(i64, String)> = select.query_all(params![micros(now), most], |row| {
        Ok((row.get(0)?, why(row)?))
    })?;
    // Where it has stepped in for another one of the event it has that, unless that has come to nothing. A message of
    // several events may tell of others.
    let mut insert = connection.prepare_cached(
        "INSERT INTO deliveries
             (event, sink, rule, state, created, due, priority, key, living, bundle, instead_of, instead)
         SELECT event, fallback, rule, ?2, ?3, ?3, priority, fallback_key, living, bundle, seq, ?4
         FROM deliveries d WHERE seq = ?1 AND (bundle IS NOT NULL OR NOT EXISTS (
             SELECT 1 FROM deliveries o
             WHERE o.event = d.event AND o.sink = d.fallback AND o.instead_of IS NOT NULL
             AND o.state <= 2))",
    )?;
    // Those that had ended with the message which is to be sent once more.
    let mut reopen = connection.prepare_cached(
        "UPDATE deliveries SET ended = NULL
         WHERE bundle = (SELECT bundle FROM deliveries WHERE seq = ?1) AND state = 6",
    )?;
    let mut done =
        connection.prepare_cached("UPDATE deliveries SET steps_in = NULL WHERE seq = ?1")?;
    let mut stepped_in = 0;
    for (row, why) in &due {
        done.execute(params![row])?;
        stepped_in +=
            insert.execute(params![row, state_column(State::Waiting), micros(now), why])?;
        reopen.execute(params![row])?;
    }
    Ok(stepped_in)
}

/// Why somebody steps in for a delivery, for people.
fn why(row: &Row<'_>) -> sql::Result<String> {
    let sink: String = row.get(1)?;
    let (since, steps_in): (i64, i64) = (row.get(3)?, row.get(4)?);
    let reason: Option<String> = row.get(5)?;
    let what = match state(row.get(2)?) {
        State::Dead => "has given it up".to_owned(),
        _ => {
            let waited = (steps_in - since) / 1_000_000;
            format!("has not accepted it within {waited} s")
        }
    };
    Ok(match reason {
        Some(reason) => format!("{sink} {what}: {reason}"),
        None => format!("{sink} {what}"),
    })
}
