//! Deliveries that share a message: which one they join, and what it tells.
//!
//! A file of its own because it is decided where the delivery becomes durable, in the same transaction:
//! a crash inside the window loses nothing of it and sends nothing twice. The first of them is an ordinary
//! delivery that is not due before the bundle closes; those that join it are merged at once, and stay in
//! the queue for as long as its message may have to be sent. Time is that of the arrival.

use super::StoreError;
use super::aside::is_about_a_row;
use super::row::{EVENT_COLUMNS, event, micros};
use super::sql::{Connection, params};
use crate::model::{Bundle, Event, Route};

/// Payload in one message, in bytes. It is in memory while the message is made.
const BYTES_MAX: i64 = 4 << 20;

struct Open {
    delivery: i64,
    closes: i64,
    count: i64,
    bytes: i64,
}

/// Joins the bundle that is open for a delivery; answers the delivery whose message it will be in. `None`
/// when it has to open one.
pub(super) fn join(
    connection: &Connection<'_>,
    route: &Route,
    bundle: &Bundle,
    event: &Event,
) -> Result<Option<i64>, StoreError> {
    let at = micros(event.received);
    let Some(open) = find(connection, route, bundle)? else {
        return Ok(None);
    };
    if open.closes <= at {
        return Ok(None);
    }
    let (count, bytes) = (open.count + 1, open.bytes + size(event));
    if bytes > BYTES_MAX {
        if bundle.leaves_full {
            leave(connection, open.delivery, at)?;
            close(connection, open.delivery)?;
        }
        return Ok(None);
    }
    if bundle.leaves_full && count >= i64::from(bundle.max) {
        leave(connection, open.delivery, at)?;
        close(connection, open.delivery)?;
        return Ok(Some(open.delivery));
    }
    if !bundle.leaves_full && count > i64::from(bundle.max) {
        return Ok(None);
    }
    // A clock that has been set back must not hold up what was to wait for moments.
    let closes = micros(bundle.closes);
    if closes < open.closes {
        leave(connection, open.delivery, closes)?;
    }
    let mut update = connection.prepare_cached(
        "UPDATE bundles SET count = ?2, bytes = ?3, closes = min(closes, ?4) WHERE delivery = ?1",
    )?;
    update.execute(params![open.delivery, count, bytes, closes])?;
    Ok(Some(open.delivery))
}

/// Opens a bundle with a delivery that is in the queue.
pub(super) fn open(
    connection: &Connection<'_>,
    route: &Route,
    bundle: &Bundle,
    delivery: i64,
    event: &Event,
) -> Result<(), StoreError> {
    let mut mark = connection.prepare_cached("UPDATE deliveries SET bundle = ?1 WHERE seq = ?1")?;
    mark.execute(params![delivery])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO bundles (rule, sink, key, delivery, closes, count, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)
         ON CONFLICT (rule, sink, key) DO UPDATE SET delivery = excluded.delivery,
             closes = excluded.closes, count = 1, bytes = excluded.bytes",
    )?;
    insert.execute(params![
        &*route.rule,
        route.sink.as_str(),
        &*bundle.key,
        delivery,
        micros(bundle.closes),
        size(event),
    ])?;
    Ok(())
}

/// Every event of a bundle, oldest first. One that cannot be read is left out.
pub(super) fn events(connection: &Connection<'_>, bundle: i64) -> Result<Vec<Event>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM deliveries d JOIN events e ON e.seq = d.event
         WHERE d.bundle = ?1 AND (d.seq = ?1 OR d.state = 6) ORDER BY d.seq"
    ))?;
    let events = select.query_all(params![bundle], |row| match event(row) {
        Ok(event) => Ok(Some(event)),
        Err(error) if is_about_a_row(&error) => {
            tracing::error!(bundle, %error, "an event cannot be read and is left out of its message");
            Ok(None)
        }
        Err(error) => Err(error),
    })?;
    Ok(events.into_iter().flatten().collect())
}

/// What is in the message of a delivery that has ended has ended with it, unless the message is still to
/// reach somebody who steps in.
pub(super) fn end(connection: &Connection<'_>, bundle: i64, at: i64) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET ended = ?2 WHERE bundle = ?1 AND state = 6
         AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.bundle = ?1 AND o.state <= 1)",
    )?;
    update.execute(params![bundle, at])?;
    Ok(())
}

/// Makes a delivery due at another moment, from which its ages count, and has whoever steps in for it do so
/// as long after that as before.
fn leave(connection: &Connection<'_>, delivery: i64, due: i64) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET due = ?2, asked = ?2, steps_in = steps_in - due + ?2
         WHERE seq = ?1 AND state = 0",
    )?;
    update.execute(params![delivery, due])?;
    Ok(())
}

/// Nothing more joins a delivery.
pub(super) fn close(connection: &Connection<'_>, delivery: i64) -> Result<(), StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM bundles WHERE delivery = ?1")?;
    delete.execute(params![delivery])?;
    Ok(())
}

fn find(
    connection: &Connection<'_>,
    route: &Route,
    bundle: &Bundle,
) -> Result<Option<Open>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT delivery, closes, count, bytes FROM bundles WHERE rule = ?1 AND sink = ?2 AND key = ?3",
    )?;
    let key = params![&*route.rule, route.sink.as_str(), &*bundle.key];
    let found = select.query_optional(key, |row| {
        Ok(Open {
            delivery: row.get(0)?,
            closes: row.get(1)?,
            count: row.get(2)?,
            bytes: row.get(3)?,
        })
    });
    Ok(found?)
}

fn size(event: &Event) -> i64 {
    let about = event.about.as_ref().map_or(0, |about| about.len());
    i64::try_from(event.payload.len() + about).unwrap_or(i64::MAX / 4)
}
