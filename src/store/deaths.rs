//! How many of a sink's deliveries have died, and how many of these have been told.
//!
//! A file of its own because both counts have to be right whenever the process ends: a death is counted
//! in the transaction that ends the delivery, and counts as told in the one that puts the notice into the
//! queue. They only ever grow, so that what happens between the two, or twice, changes nothing.

use jiff::Timestamp;

use super::aside::{is_about_a_row, or_default};
use super::row::{micros, time};
use super::shape::{DeliveryRow, Standing};
use super::sql::{self, Connection, Row, params};
use super::tags::Tags;
use super::work::Manner;
use super::{Store, StoreError, accept, inspect};
use crate::model::{Accepted, Batch, INTERNAL_SOURCE, Name, Told};

/// What is known of a sink's dead letters. One that a person made, and one of an internal event, is not
/// among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    /// How many there have been in all.
    pub count: u64,
    /// How many of these have been told.
    pub told: u64,
    /// When some were last told.
    pub told_at: Option<Timestamp>,
    /// The last one, as long as it is in the queue.
    pub last: Option<DeliveryRow>,
}

impl Store {
    /// What is known of a sink's dead letters.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn deaths(&self, sink: &Name) -> Result<Deaths, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, tags| read(connection, tags, &sink))
            .await
    }

    /// As [`Store::accept`], for bellwire's own events, some of which tell of dead letters: these count
    /// as told once it returns, and not before.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the batch is then in the queue, and nothing counts as told.
    pub async fn tell(&self, batch: Batch, told: Vec<Told>) -> Result<Accepted, StoreError> {
        // They have the reserve: one of them says that the disk is full.
        let accepted = self
            .request(Manner::default(), move |connection, tags, hands| {
                told.iter().try_for_each(|told| note(connection, told))?;
                accept::accept(connection, tags, hands, &batch)
            })
            .await?;
        self.has_arrived(accepted.new);
        Ok(accepted)
    }
}

/// Counts a delivery that has become a dead letter, unless it was of an internal event: that raises no
/// other.
pub(super) fn count(connection: &Connection<'_>, row: i64) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO sinks (name, deaths, last_dead)
         SELECT d.sink, 1, d.seq FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         WHERE d.seq = ?1 AND e.source IS DISTINCT FROM ?2
         ON CONFLICT (name) DO UPDATE SET deaths = sinks.deaths + 1, last_dead = excluded.last_dead",
    )?;
    upsert.execute(params![row, INTERNAL_SOURCE])?;
    Ok(())
}

fn note(connection: &Connection<'_>, told: &Told) -> Result<(), StoreError> {
    let mut update = connection
        .prepare_cached("UPDATE sinks SET told = max(told, ?2), told_at = ?3 WHERE name = ?1")?;
    let deaths = i64::try_from(told.deaths).unwrap_or(i64::MAX);
    update.execute(params![told.sink.as_str(), deaths, micros(told.at)])?;
    Ok(())
}

fn read(connection: &Connection<'_>, tags: &Tags, sink: &Name) -> Result<Deaths, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT deaths, told, told_at, last_dead FROM sinks WHERE name = ?1")?;
    let found = select.query_optional(params![sink.as_str()], |row| columns(row, sink))?;
    let Some((mut deaths, last)) = found else {
        return Ok(Deaths::default());
    };
    if let Some(row) = last {
        deaths.last = match inspect::one(connection, tags, &Standing::default(), row) {
            Err(StoreError::Sql(error)) if is_about_a_row(&error) => None,
            found => found?,
        };
    }
    Ok(deaths)
}

fn columns(row: &Row<'_>, sink: &Name) -> sql::Result<(Deaths, Option<i64>)> {
    let what = "its dead letters";
    let count = |column| or_default(row.get::<i64>(column), what, sink);
    let told_at: Option<i64> = or_default(row.get(2), what, sink)?;
    let deaths = Deaths {
        count: count(0)?.unsigned_abs(),
        told: count(1)?.unsigned_abs(),
        told_at: told_at.map(time),
        last: None,
    };
    Ok((deaths, or_default(row.get(3), what, sink)?))
}
