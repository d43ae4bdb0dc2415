//! How far a source has been followed: its checkpoint, and the picture that goes with it.
//!
//! A file of its own because both are written with the events that they stand for, and read by nobody but
//! whoever follows the source next.

use jiff::Timestamp;

use super::StoreError;
use super::aside::or_default;
use super::row::micros;
use super::sql::{Connection, params};
use crate::model::{Batch, Checkpoint, Cursor, Name, PictureRow};

/// Writes down how far a source has been followed with a batch.
pub(super) fn note(connection: &Connection<'_>, batch: &Batch) -> Result<(), StoreError> {
    if let Some(checkpoint) = &batch.checkpoint {
        store_checkpoint(connection, &batch.source, checkpoint)?;
    }
    for row in &batch.picture {
        store_picture_row(connection, &batch.source, row)?;
    }
    Ok(())
}

/// Reads the whole stored picture of a source.
pub(super) fn picture(
    connection: &Connection<'_>,
    source: &Name,
) -> Result<Vec<PictureRow>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT key, body FROM picture WHERE source = ?1 ORDER BY key")?;
    let rows = select.query_all(params![source.as_str()], |row| {
        let key: Option<String> = or_default(row.get(0).map(Some), "a key of its picture", source)?;
        let body: Option<Vec<u8>> = or_default(row.get(1), "a row of its picture", source)?;
        Ok(key.zip(body))
    })?;
    let rows = rows.into_iter().flatten().map(|(key, body)| {
        let body = Some(body);
        PictureRow { key, body }
    });
    Ok(rows.collect())
}

/// Reads how far a source has been followed.
pub(super) fn checkpoint(
    connection: &Connection<'_>,
    source: &Name,
) -> Result<Checkpoint, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT cursor, cleared, epoch, high_id, high_time FROM sources WHERE name = ?1",
    )?;
    let found = select.query_optional(params![source.as_str()], |row| {
        let cursor: Option<String> = or_default(row.get(0), "its cursor", source)?;
        let cleared: bool = or_default(row.get(1), "its cursor", source)?;
        let high_id: Option<String> = or_default(row.get(3), "its highest id", source)?;
        let high_time: Option<i64> = or_default(row.get(4), "its newest time", source)?;
        Ok(Checkpoint {
            cursor: match cursor {
                Some(id) => Cursor::At(id),
                None if cleared => Cursor::Cleared,
                None => Cursor::Unknown,
            },
            epoch: or_default(row.get(2), "its epoch", source)?,
            high_id: high_id.and_then(|id| id.parse().ok()),
            high_time: high_time.and_then(|at| Timestamp::from_microsecond(at).ok()),
        })
    })?;
    Ok(found.unwrap_or_default())
}

fn store_picture_row(
    connection: &Connection<'_>,
    source: &Name,
    row: &PictureRow,
) -> Result<(), StoreError> {
    let Some(body) = &row.body else {
        let mut delete =
            connection.prepare_cached("DELETE FROM picture WHERE source = ?1 AND key = ?2")?;
        delete.execute(params![source.as_str(), row.key])?;
        return Ok(());
    };
    let mut upsert = connection.prepare_cached(
        "INSERT INTO picture (source, key, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (source, key) DO UPDATE SET body = excluded.body",
    )?;
    upsert.execute(params![source.as_str(), row.key, body])?;
    Ok(())
}

fn store_checkpoint(
    connection: &Connection<'_>,
    source: &Name,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO sources (name, cursor, cleared, epoch, high_id, high_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, cleared = excluded.cleared,
             epoch = excluded.epoch, high_id = excluded.high_id, high_time = excluded.high_time",
    )?;
    upsert.execute(params![
        source.as_str(),
        checkpoint.cursor.header(),
        checkpoint.cursor == Cursor::Cleared,
        checkpoint.epoch,
        checkpoint.high_id.map(|id| id.to_string()),
        checkpoint.high_time.map(micros),
    ])?;
    Ok(())
}
