//! What is finished and old enough leaves the disk; what is not delivered never does.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::StoreError;
use super::row::micros;

/// Removes up to `limit` events that arrived before `cutoff` and have no open delivery, with their
/// deliveries and attempts, and hands free pages back to the disk. Answers how many events went.
pub(super) fn prune(
    connection: &Connection,
    cutoff: Timestamp,
    limit: u32,
) -> Result<usize, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT e.seq FROM events e
         WHERE e.received < ?1 AND NOT EXISTS (
             SELECT 1 FROM deliveries d
             WHERE d.event = e.seq AND (d.state <= 1 OR d.ended IS NULL OR d.ended >= ?1))
         ORDER BY e.received LIMIT ?2",
    )?;
    let old: Vec<i64> = select
        .query_map(params![micros(cutoff), limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut attempts = connection.prepare_cached(
        "DELETE FROM attempts WHERE delivery IN (SELECT seq FROM deliveries WHERE event = ?1)",
    )?;
    let mut deliveries = connection.prepare_cached("DELETE FROM deliveries WHERE event = ?1")?;
    let mut events = connection.prepare_cached("DELETE FROM events WHERE seq = ?1")?;
    for seq in &old {
        attempts.execute([seq])?;
        deliveries.execute([seq])?;
        events.execute([seq])?;
    }
    if !old.is_empty() {
        let mut vacuum = connection.prepare_cached("PRAGMA incremental_vacuum(1000)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(old.len())
}
