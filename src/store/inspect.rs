//! What stands in the queue, for people and for tests. Nothing here changes anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::StoreError;
use super::aside::{shown, shown_name};
use super::row::{attempt, delivery_id, state, time};
use crate::model::{Attempt, DeliveryId, Name, State};

/// How many deliveries of each sink are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// By sink, then by state; a state without a delivery is left out.
    pub by_sink: BTreeMap<Name, BTreeMap<&'static str, u64>>,
    /// When the delivery that has waited longest was put into the queue, by sink.
    pub oldest_waiting: BTreeMap<Name, Timestamp>,
}

/// An event as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the queue's order.
    pub seq: i64,
    /// Where it came from.
    pub source: Name,
    /// The upstream's id.
    pub id: Option<String>,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// When it arrived.
    pub received: Timestamp,
    /// Whether it was fetched after a gap.
    pub backfilled: bool,
    /// Its deliveries, empty when no rule matched.
    pub deliveries: Vec<DeliveryRow>,
}

/// A delivery as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its row in the queue.
    pub row: i64,
    /// Its stable id.
    pub id: DeliveryId,
    /// Type of its event.
    pub kind: String,
    /// Where it goes.
    pub sink: Name,
    /// The rule that asked for it.
    pub rule: String,
    /// Where it stands.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was put into the queue.
    pub created: Timestamp,
    /// When it is due; of interest while it waits.
    pub due: Timestamp,
    /// Why it was not accepted.
    pub reason: Option<String>,
}

const DELIVERY_COLUMNS: &str =
    "d.seq, e.kind, d.sink, d.rule, d.state, d.attempts, d.created, d.due, d.reason";

pub(super) fn depths(connection: &Connection) -> Result<Depths, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT sink, state, count(*), min(created) FROM deliveries GROUP BY sink, state",
    )?;
    let mut depths = Depths::default();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let sink = shown_name(row, 0)?;
        let state = state(row.get(1)?);
        let count = row.get::<_, i64>(2)?.unsigned_abs();
        if state == State::Waiting {
            depths
                .oldest_waiting
                .insert(sink.clone(), time(row.get(3)?));
        }
        depths
            .by_sink
            .entry(sink)
            .or_default()
            .insert(state.as_str(), count);
    }
    Ok(depths)
}

pub(super) fn recent_events(
    connection: &Connection,
    tag: &str,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT seq, source, id, kind, time, received, backfilled FROM events ORDER BY seq DESC LIMIT ?1",
    )?;
    let mut events = select
        .query_map([limit], |row| {
            Ok(EventRow {
                seq: row.get(0)?,
                source: shown_name(row, 1)?,
                id: Some(shown(row, 2)?).filter(|id| !id.is_empty()),
                kind: shown(row, 3)?,
                time: row.get::<_, Option<i64>>(4)?.map(time),
                received: time(row.get(5)?),
                backfilled: row.get(6)?,
                deliveries: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut of_event = connection.prepare_cached(&format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d JOIN events e ON e.seq = d.event
         WHERE d.event = ?1 ORDER BY d.seq"
    ))?;
    for event in &mut events {
        event.deliveries = of_event
            .query_map([event.seq], |row| delivery(row, tag))?
            .collect::<Result<_, _>>()?;
    }
    Ok(events)
}

pub(super) fn recent_deliveries(
    connection: &Connection,
    tag: &str,
    limit: u32,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         ORDER BY d.seq DESC LIMIT ?1"
    ))?;
    let rows = select.query_map([limit], |row| delivery(row, tag))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn attempts(connection: &Connection, row: i64) -> Result<Vec<Attempt>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT number, at, duration_us, outcome, status, reason, answer
         FROM attempts WHERE delivery = ?1 ORDER BY number",
    )?;
    let rows = select.query_map(params![row], attempt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn delivery(row: &Row<'_>, tag: &str) -> rusqlite::Result<DeliveryRow> {
    let seq = row.get(0)?;
    Ok(DeliveryRow {
        row: seq,
        id: delivery_id(tag, seq),
        kind: shown(row, 1)?,
        sink: shown_name(row, 2)?,
        rule: shown(row, 3)?,
        state: state(row.get(4)?),
        attempts: row.get(5)?,
        created: time(row.get(6)?),
        due: time(row.get(7)?),
        reason: row.get(8)?,
    })
}
