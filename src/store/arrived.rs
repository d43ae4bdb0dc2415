//! What arrives, for whoever follows the queue: in its order, from a place on, and a sign when there is
//! more.
//!
//! A file of its own because a follower goes the other way than a list: it begins where it left off
//! and never comes to an end. The sign carries nothing; the queue alone says what there is.

use tokio::sync::watch;

use super::aside::is_about_a_row;
use super::inspect::{self, EVENT_ROW_COLUMNS};
use super::row::{EVENT_COLUMNS, event};
use super::shape::{EventRow, Standing};
use super::sql::{Connection, params};
use super::tags::Tags;
use super::{Store, StoreError};
use crate::model::{Event, Name};

/// Where a look ends that goes through the events behind a place.
pub(super) const SHARE: &str = "SELECT max(seq) FROM (SELECT seq FROM events
     WHERE seq > ?1 ORDER BY seq LIMIT 1024) share";

/// An event that a follower comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// How a list shows it.
    pub row: EventRow,
    /// All of it; `None` where its row cannot be read.
    pub event: Option<Event>,
}

impl Store {
    /// A sign that changes whenever events have been put into the queue.
    #[must_use]
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Up to `limit` events behind a place in the queue's order, oldest first, of one source or of all;
    /// and the place up to which there are no others. That is `after` itself where there is nothing more.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn arrived(
        &self,
        standing: Standing,
        after: i64,
        source: Option<Name>,
        limit: u32,
    ) -> Result<(Vec<Arrived>, i64), StoreError> {
        self.look(move |connection, tags| {
            arrived(connection, tags, &standing, after, source.as_ref(), limit)
        })
        .await
    }

    /// Gives the sign, where something new has been put into the queue.
    pub(super) fn has_arrived(&self, new: usize) {
        if new > 0 {
            self.arrivals
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

fn arrived(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    after: i64,
    source: Option<&Name>,
    limit: u32,
) -> Result<(Vec<Arrived>, i64), StoreError> {
    let end: Option<i64> = connection
        .prepare_cached(SHARE)?
        .query_row(params![after], |row| row.get(0))?;
    let Some(end) = end else {
        return Ok((Vec::new(), after));
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_ROW_COLUMNS} FROM events e
         WHERE e.seq > ?1 AND e.seq <= ?2 AND (?3 IS NULL OR e.source = ?3)
         ORDER BY e.seq LIMIT ?4"
    ))?;
    let values = params![after, end, source.map(Name::as_str), limit];
    let mut rows = select.query_all(values, inspect::event_row)?;
    inspect::add_deliveries(connection, tags, standing, &mut rows)?;
    let reached = match rows.last() {
        Some(last) if rows.len() == limit as usize => last.seq,
        _ => end,
    };
    let whole = |row: EventRow| {
        let event = whole(connection, row.seq)?;
        Ok(Arrived { row, event })
    };
    let rows: Result<_, StoreError> = rows.into_iter().map(whole).collect();
    Ok((rows?, reached))
}

fn whole(connection: &Connection<'_>, seq: i64) -> Result<Option<Event>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM events e WHERE e.seq = ?1"
    ))?;
    match select.query_row(params![seq], event) {
        Ok(event) => Ok(Some(event)),
        Err(error) if is_about_a_row(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
