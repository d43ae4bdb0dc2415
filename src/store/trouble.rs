//! The trouble of a sink that somebody was told of, so that its end is told too, whoever serves the sink
//! then.

use jiff::Timestamp;

use super::aside::or_default;
use super::row::{micros, time};
use super::sql::{Connection, params};
use super::{Store, StoreError};
use crate::model::Name;

/// What somebody was told about a sink, and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldTrouble {
    /// Since when it lasts.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Whether it was told as a suspension.
    pub suspended: bool,
}

impl Store {
    /// The trouble of a sink that was told and is not over.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn trouble(&self, sink: &Name) -> Result<Option<ToldTrouble>, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| read(connection, &sink))
            .await
    }

    /// Keeps what was told of a sink, or that it is over. Durable once it returns.
    ///
    /// # Errors
    /// [`StoreError`]; what was kept before is then kept still.
    pub async fn keep_trouble(
        &self,
        sink: &Name,
        trouble: Option<ToldTrouble>,
    ) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| keep(connection, &sink, trouble.as_ref()))
            .await
    }
}

fn read(connection: &Connection<'_>, sink: &Name) -> Result<Option<ToldTrouble>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT trouble_since, trouble_reason, trouble_suspended FROM sinks
         WHERE name = ?1 AND trouble_since IS NOT NULL",
    )?;
    let what = "its trouble";
    let found = select.query_optional(params![sink.as_str()], |row| {
        let since: Option<i64> = or_default(row.get(0).map(Some), what, sink)?;
        let reason = or_default(row.get(1), what, sink)?;
        let suspended = or_default(row.get(2), what, sink)?;
        Ok(since.map(|since| ToldTrouble {
            since: time(since),
            reason,
            suspended,
        }))
    })?;
    Ok(found.flatten())
}

fn keep(
    connection: &Connection<'_>,
    sink: &Name,
    trouble: Option<&ToldTrouble>,
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO sinks (name, trouble_since, trouble_reason, trouble_suspended) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET trouble_since = excluded.trouble_since,
             trouble_reason = excluded.trouble_reason, trouble_suspended = excluded.trouble_suspended",
    )?;
    upsert.execute(params![
        sink.as_str(),
        trouble.map(|trouble| micros(trouble.since)),
        trouble.map_or("", |trouble| trouble.reason.as_str()),
        trouble.is_some_and(|trouble| trouble.suspended),
    ])?;
    Ok(())
}
