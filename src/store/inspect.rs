//! What stands in the queue, for people and for tests. Nothing here changes anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::aside::{shown, shown_name};
use super::row::{
    ATTEMPT_COLUMNS, attempt, attempt_at, delivery_id, delivery_row, micros, state, state_column,
    time,
};
use super::shape::{DeliveryRow, EventHead, EventRow, Standing};
use super::{Store, StoreError, claim};
use crate::model::{Attempt, Name, State};

/// How many deliveries of each sink are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// By sink, then by state; a state without a delivery is left out.
    pub by_sink: BTreeMap<Name, BTreeMap<&'static str, u64>>,
    /// When the delivery that has waited longest was put into the queue, by sink.
    pub oldest_waiting: BTreeMap<Name, Timestamp>,
}

impl Depths {
    /// The sinks that something waits for and that are no longer configured.
    pub fn orphaned<'a>(&'a self, standing: &'a Standing) -> impl Iterator<Item = &'a Name> {
        let waited_for = self.oldest_waiting.keys();
        waited_for.filter(|sink| standing.shown(State::Waiting, sink) == State::Orphaned)
    }
}

/// Which deliveries a list is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in this state, as it is shown.
    pub state: Option<State>,
    /// Only those of this sink.
    pub sink: Option<String>,
    /// Only those that were put into the queue at this moment or later.
    pub since: Option<Timestamp>,
    /// Only those that come behind this row in the list.
    pub after: Option<i64>,
}

/// Columns of an event's head, in the order that [`head`] reads them.
const HEAD_COLUMNS: &str = "e.source, e.id, e.kind, e.time, e.backfilled";
const HEAD_COLUMN_COUNT: usize = 5;

/// All that [`delivery`] reads, with the tables it comes from.
fn delivery_select() -> String {
    format!(
        "SELECT {HEAD_COLUMNS}, d.seq, d.sink, d.rule, d.state, d.attempts, d.created, d.due, d.reason, \
             d.replayed_from, {ATTEMPT_COLUMNS}
         FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         LEFT JOIN attempts a ON a.delivery = d.seq
             AND a.number = (SELECT max(number) FROM attempts WHERE delivery = d.seq)"
    )
}

impl Store {
    /// Events with their deliveries, newest first, from behind a place in the queue's order on.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn events(
        &self,
        standing: Standing,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.call(move |connection, tag| events(connection, tag, &standing, after, limit))
            .await
    }

    /// Deliveries that pass a filter, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn deliveries(
        &self,
        standing: Standing,
        filter: Filter,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.call(move |connection, tag| deliveries(connection, tag, &standing, &filter, limit))
            .await
    }

    /// The newest deliveries, newest first, in the states that the queue alone can tell.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn recent_deliveries(&self, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        self.deliveries(Standing::default(), Filter::default(), limit)
            .await
    }

    /// One delivery by its stable id, with every attempt that is kept, first one first.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn delivery(
        &self,
        standing: Standing,
        id: &str,
    ) -> Result<Option<(DeliveryRow, Vec<Attempt>)>, StoreError> {
        let id = id.to_owned();
        self.call(move |connection, tag| whole(connection, tag, &standing, &id))
            .await
    }

    /// How many deliveries wait for each sink that is no longer configured; more than 100,000 count as
    /// so many.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn orphaned(&self, standing: Standing) -> Result<BTreeMap<Name, u64>, StoreError> {
        self.call(move |connection, _| orphaned(connection, &standing))
            .await
    }

    /// Every attempt of a delivery, first one first.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn attempts(&self, row: i64) -> Result<Vec<Attempt>, StoreError> {
        self.call(move |connection, _| attempts(connection, row))
            .await
    }
}

/// The sinks that something waits for, found one by one in the index of what is due: however much
/// waits, each takes one look. The first of a key is in it or on its way, and what is on its way has a
/// sink.
pub(super) const WAITED_FOR: &str = "WITH RECURSIVE known (sink) AS (
         SELECT min(sink) FROM deliveries WHERE state = 0 AND behind = 0
         UNION ALL
         SELECT (SELECT min(d.sink) FROM deliveries d WHERE d.state = 0 AND d.behind = 0 AND d.sink > known.sink)
         FROM known WHERE known.sink IS NOT NULL
     ) SELECT sink FROM known WHERE sink IS NOT NULL";

/// Deliveries of one sink in one state.
struct Group {
    /// The sink as it stands in the column.
    sink: Value,
    name: Name,
    state: i64,
    count: u64,
    oldest: i64,
}

pub(super) fn depths(connection: &Connection) -> Result<Depths, StoreError> {
    // Counted here, since GROUP BY would first sort every row in memory.
    let mut select = connection.prepare_cached("SELECT sink, state, created FROM deliveries")?;
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let sink = row.get_ref(0)?;
        let (state, created) = (row.get(1)?, row.get(2)?);
        let known = groups
            .iter_mut()
            .find(|group| group.state == state && ValueRef::from(&group.sink) == sink);
        if let Some(group) = known {
            group.count += 1;
            group.oldest = group.oldest.min(created);
        } else {
            groups.push(Group {
                sink: row.get(0)?,
                name: shown_name(row, 0)?,
                state,
                count: 1,
                oldest: created,
            });
        }
    }
    let mut depths = Depths::default();
    for group in groups {
        let state = state(group.state);
        if state == State::Waiting {
            let oldest = time(group.oldest);
            depths.oldest_waiting.insert(group.name.clone(), oldest);
        }
        let of_sink = depths.by_sink.entry(group.name).or_default();
        *of_sink.entry(state.as_str()).or_default() += group.count;
    }
    Ok(depths)
}

/// Sinks that something waits for and nobody serves, with how much it is.
fn orphaned(
    connection: &Connection,
    standing: &Standing,
) -> Result<BTreeMap<Name, u64>, StoreError> {
    let mut select = connection.prepare_cached(WAITED_FOR)?;
    let mut rows = select.query([])?;
    let mut orphaned = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let sink = shown_name(row, 0)?;
        if standing.shown(State::Waiting, &sink) == State::Orphaned {
            let count = claim::waiting(connection, &sink)?;
            orphaned.insert(sink, count);
        }
    }
    Ok(orphaned)
}

/// Events, newest first, from behind `after` on.
fn events(
    connection: &Connection,
    tag: &str,
    standing: &Standing,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {HEAD_COLUMNS}, e.seq, e.received FROM events e
         WHERE e.seq < ?1 ORDER BY e.seq DESC LIMIT ?2"
    ))?;
    let mut events = select
        .query_map(params![after.unwrap_or(i64::MAX), limit], |row| {
            Ok(EventRow {
                seq: row.get(HEAD_COLUMN_COUNT)?,
                head: head(row)?,
                received: time(row.get(HEAD_COLUMN_COUNT + 1)?),
                deliveries: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut of_event = connection.prepare_cached(&format!(
        "{} WHERE d.event = ?1 ORDER BY d.seq",
        delivery_select()
    ))?;
    for event in &mut events {
        event.deliveries = of_event
            .query_map([event.seq], |row| delivery(row, tag, standing))?
            .collect::<Result<_, _>>()?;
    }
    Ok(events)
}

/// Deliveries, newest first.
fn deliveries(
    connection: &Connection,
    tag: &str,
    standing: &Standing,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut conditions = vec!["d.seq < ?1".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(filter.after.unwrap_or(i64::MAX))];
    let mut bind = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        format!("{condition} ?{}", values.len())
    };
    if let Some(sink) = &filter.sink {
        conditions.push(bind("d.sink =", Box::new(sink.clone())));
    }
    if let Some(since) = filter.since {
        conditions.push(bind("d.created >=", Box::new(micros(since))));
    }
    if let Some(state) = filter.state {
        conditions.extend(state_conditions(state, standing));
    }
    let mut select = connection.prepare(&format!(
        "{} WHERE {} ORDER BY d.seq DESC LIMIT {limit}",
        delivery_select(),
        conditions.join(" AND ")
    ))?;
    let rows = select.query_map(rusqlite::params_from_iter(values), |row| {
        delivery(row, tag, standing)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One delivery by its stable id, with its attempts.
fn whole(
    connection: &Connection,
    tag: &str,
    standing: &Standing,
    id: &str,
) -> Result<Option<(DeliveryRow, Vec<Attempt>)>, StoreError> {
    let Some(row) = delivery_row(tag, id) else {
        return Ok(None);
    };
    let Some(found) = one(connection, tag, standing, row)? else {
        return Ok(None);
    };
    Ok(Some((found, attempts(connection, row)?)))
}

/// One delivery.
pub(super) fn one(
    connection: &Connection,
    tag: &str,
    standing: &Standing,
    seq: i64,
) -> Result<Option<DeliveryRow>, StoreError> {
    let mut select =
        connection.prepare_cached(&format!("{} WHERE d.seq = ?1", delivery_select()))?;
    Ok(select
        .query_row([seq], |row| delivery(row, tag, standing))
        .optional()?)
}

fn attempts(connection: &Connection, row: i64) -> Result<Vec<Attempt>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {ATTEMPT_COLUMNS} FROM attempts a WHERE a.delivery = ?1 ORDER BY a.number"
    ))?;
    let rows = select.query_map(params![row], attempt)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What holds for a delivery that is shown in a state. Numbers are written out, not bound: only then
/// is the index of dead letters of use.
fn state_conditions(state: State, standing: &Standing) -> Vec<String> {
    let mut conditions = vec![format!("d.state = {}", state_column(state))];
    let unknown = match &standing.configured {
        Some(configured) => not_in("d.sink", configured),
        None => "0".to_owned(),
    };
    let free = not_in("d.sink", &standing.suspended);
    match state {
        State::Orphaned => conditions.push(unknown),
        State::Held => conditions.extend([format!("NOT {unknown}"), format!("NOT {free}")]),
        State::Waiting => conditions.extend([format!("NOT {unknown}"), free]),
        _ => {}
    }
    conditions
}

/// A condition that holds for what is none of these names. A name has no character that would have to
/// be escaped.
fn not_in<'a>(column: &str, names: impl IntoIterator<Item = &'a Name>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("'{name}'")).collect();
    format!("({column} NOT IN ({}))", quoted.join(", "))
}

fn head(row: &Row<'_>) -> rusqlite::Result<EventHead> {
    Ok(EventHead {
        source: shown_name(row, 0)?,
        id: Some(shown(row, 1)?).filter(|id| !id.is_empty()),
        kind: shown(row, 2)?,
        time: row.get::<_, Option<i64>>(3)?.map(time),
        backfilled: row.get::<_, Option<bool>>(4)?.unwrap_or_default(),
    })
}

fn delivery(row: &Row<'_>, tag: &str, standing: &Standing) -> rusqlite::Result<DeliveryRow> {
    let at = HEAD_COLUMN_COUNT;
    let seq = row.get(at)?;
    let sink = shown_name(row, at + 1)?;
    let replayed_from: Option<i64> = row.get(at + 8)?;
    let last = at + 9;
    Ok(DeliveryRow {
        row: seq,
        id: delivery_id(tag, seq),
        event: head(row)?,
        rule: shown(row, at + 2)?,
        state: standing.shown(state(row.get(at + 3)?), &sink),
        sink,
        attempts: row.get(at + 4)?,
        created: time(row.get(at + 5)?),
        due: time(row.get(at + 6)?),
        reason: row.get(at + 7)?,
        replayed_from: replayed_from.map(|seq| delivery_id(tag, seq)),
        last: match row.get::<_, Option<u32>>(last)? {
            Some(_) => Some(attempt_at(row, last)?),
            None => None,
        },
    })
}
