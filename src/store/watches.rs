//! What the watches over silences have heard, and of which silences somebody was told.
//!
//! A file of its own because it is what makes a silence be told once, and its end once, over restarts.
//! That an event was heard is written in the transaction that puts it into the queue: that costs no flush,
//! and after a crash a watch has heard exactly the events that are there. That a silence was told is
//! written with the notice of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::row::{micros, time};
use super::sql::{Connection, params};
use super::work::Manner;
use super::{Store, StoreError, accept};
use crate::model::{Accepted, Batch};

/// What is kept of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRow {
    /// Its name.
    pub name: Arc<str>,
    /// When the last event arrived that it listens to, or else when it was first seen.
    pub heard: Timestamp,
    /// What `heard` was when a silence was told whose end was not.
    pub told: Option<Timestamp>,
}

/// What somebody is told of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchNews {
    /// It has heard nothing since then.
    Silence(Timestamp),
    /// The silence that began then is over.
    Over(Timestamp),
}

impl Store {
    /// Keeps these watches from now on, and no others; answers what is known of each. One that is new has
    /// heard nothing since `now`. What was heard later than that, by a clock that was wrong, counts as
    /// heard now. Durable once it returns.
    ///
    /// # Errors
    /// [`StoreError`]; what was kept before is then kept still.
    pub async fn keep_watches(
        &self,
        names: Vec<Arc<str>>,
        now: Timestamp,
    ) -> Result<Vec<WatchRow>, StoreError> {
        self.call(move |connection, _| keep(connection, &names, now))
            .await
    }

    /// Puts the notice of a silence, or of its end, into the queue, and notes that it was told; both are
    /// durable once it returns. `None`, and nothing changes, where it was told already, or where something
    /// was heard that the caller did not know of.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the batch is then in the queue, and nothing counts as told.
    pub async fn tell_of_watch(
        &self,
        watch: Arc<str>,
        news: WatchNews,
        batch: Batch,
    ) -> Result<Option<Accepted>, StoreError> {
        let accepted = self
            .request(Manner::default(), move |connection, tags, hands| {
                let is_news = note(connection, &watch, news)?;
                is_news
                    .then(|| accept::accept(connection, tags, hands, &batch))
                    .transpose()
            })
            .await?;
        if let Some(accepted) = &accepted {
            self.has_arrived(accepted.new);
        }
        Ok(accepted)
    }
}

/// Notes that a watch has heard an event. One that is not kept any more, or not yet, stays as it is.
pub(super) fn hear(
    connection: &Connection<'_>,
    watch: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached("UPDATE watches SET heard = ?2 WHERE name = ?1")?;
    update.execute(params![watch, micros(at)])?;
    Ok(())
}

fn note(connection: &Connection<'_>, watch: &str, news: WatchNews) -> Result<bool, StoreError> {
    let (sql, since) = match news {
        WatchNews::Silence(heard) => (
            "UPDATE watches SET told = heard WHERE name = ?1 AND heard = ?2 AND told IS NULL",
            heard,
        ),
        WatchNews::Over(told) => (
            "UPDATE watches SET told = NULL WHERE name = ?1 AND told = ?2",
            told,
        ),
    };
    let mut update = connection.prepare_cached(sql)?;
    Ok(update.execute(params![watch, micros(since)])? > 0)
}

fn keep(
    connection: &Connection<'_>,
    names: &[Arc<str>],
    now: Timestamp,
) -> Result<Vec<WatchRow>, StoreError> {
    let now = micros(now);
    let known = read(connection)?;
    let mut delete = connection.prepare_cached("DELETE FROM watches WHERE name = ?1")?;
    for gone in known.iter().filter(|row| !names.contains(&row.name)) {
        delete.execute(params![&gone.name])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO watches (name, heard) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for name in names {
        insert.execute(params![name, now])?;
    }
    let mut mend = connection
        .prepare_cached("UPDATE watches SET heard = ?1, told = min(told, ?1) WHERE heard > ?1")?;
    mend.execute(params![now])?;
    read(connection)
}

fn read(connection: &Connection<'_>) -> Result<Vec<WatchRow>, StoreError> {
    let mut select = connection.prepare_cached("SELECT name, heard, told FROM watches")?;
    let rows = select.query_all(params![], |row| {
        Ok(WatchRow {
            name: row.get(0)?,
            heard: time(row.get(1)?),
            told: row.get::<Option<i64>>(2)?.map(time),
        })
    })?;
    Ok(rows)
}
