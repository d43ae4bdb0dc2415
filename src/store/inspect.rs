//! What stands in the queue, for people and for tests. Nothing here changes anything, and nothing here
//! holds anything up: all of it is asked of the reader, and a list that has to look for its rows does
//! so in several looks.

use jiff::Timestamp;

use super::aside::{shown, shown_name};
use super::row::{ATTEMPT_COLUMNS, attempt, attempt_at, micros, state, state_column, time};
use super::shape::{DeliveryRow, EventHead, EventRow, Standing};
use super::sql::{self, Connection, Row, Value, params};
use super::tags::Tags;
use super::{Store, StoreError};
use crate::model::{Attempt, Name, State};

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

/// Rows that one look goes through in search of those that are asked for.
const LOOKED_AT: u32 = 4096;

/// Columns of an event's head, in the order that [`head`] reads them.
const HEAD_COLUMNS: &str = "e.source, e.id, e.kind, e.time, e.backfilled";
const HEAD_COLUMN_COUNT: usize = 5;

/// Columns that [`event_row`] reads, in its order: the head and two more.
pub(super) const EVENT_ROW_COLUMNS: &str =
    "e.source, e.id, e.kind, e.time, e.backfilled, e.seq, e.received";

impl Filter {
    /// Whether every delivery passes.
    const fn is_for_all(&self) -> bool {
        self.state.is_none() && self.sink.is_none() && self.since.is_none()
    }
}

/// All that [`delivery`] reads, with the tables it comes from.
fn delivery_select() -> String {
    format!(
        "SELECT {HEAD_COLUMNS}, d.seq, d.sink, d.rule, d.state, d.attempts, d.created, d.due, d.reason, \
             d.replayed_from, d.event, d.instead_of,
             (SELECT max(seq) FROM deliveries f WHERE f.instead_of = d.seq),
             CASE WHEN d.bundle IS NOT NULL AND d.state <> 6 THEN
                 (SELECT count(*) FROM deliveries m WHERE m.bundle = d.bundle AND m.state = 6) ELSE 0 END,
             {ATTEMPT_COLUMNS}
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
        self.look(move |connection, tags| events(connection, tags, &standing, after, limit))
            .await
    }

    /// Deliveries that pass a filter, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn deliveries(
        &self,
        standing: Standing,
        mut filter: Filter,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut found = Vec::new();
        loop {
            let (standing, piece) = (standing.clone(), filter.clone());
            let (rows, next) = self
                .look(move |connection, tags| {
                    deliveries(connection, tags, &standing, &piece, limit)
                })
                .await?;
            found.extend(rows);
            found.truncate(limit as usize);
            filter.after = next;
            if next.is_none() || found.len() == limit as usize {
                return Ok(found);
            }
        }
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
        self.look(move |connection, tags| whole(connection, tags, &standing, &id))
            .await
    }

    /// Every attempt of a delivery, first one first.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn attempts(&self, row: i64) -> Result<Vec<Attempt>, StoreError> {
        self.look(move |connection, _| attempts(connection, row))
            .await
    }
}

/// Events, newest first, from behind `after` on.
fn events(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_ROW_COLUMNS} FROM events e
         WHERE e.seq < ?1 ORDER BY e.seq DESC LIMIT ?2"
    ))?;
    let mut events = select.query_all(params![after.unwrap_or(i64::MAX), limit], event_row)?;
    add_deliveries(connection, tags, standing, &mut events)?;
    Ok(events)
}

/// An event of [`EVENT_ROW_COLUMNS`], its deliveries not yet read.
pub(super) fn event_row(row: &Row<'_>) -> sql::Result<EventRow> {
    Ok(EventRow {
        seq: row.get(HEAD_COLUMN_COUNT)?,
        head: head(row)?,
        received: time(row.get(HEAD_COLUMN_COUNT + 1)?),
        deliveries: Vec::new(),
    })
}

/// Reads the deliveries of events.
pub(super) fn add_deliveries(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    events: &mut [EventRow],
) -> Result<(), StoreError> {
    let mut of_event = connection.prepare_cached(&format!(
        "{} WHERE d.event = ?1 ORDER BY d.seq",
        delivery_select()
    ))?;
    for event in events {
        event.deliveries =
            of_event.query_all(params![event.seq], |row| delivery(row, tags, standing))?;
    }
    Ok(())
}

/// Deliveries, newest first, of the next share of rows. Answers behind which row the share after it
/// begins; `None` at the end.
fn deliveries(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    filter: &Filter,
    limit: u32,
) -> Result<(Vec<DeliveryRow>, Option<i64>), StoreError> {
    let before = filter.after.unwrap_or(i64::MAX);
    let next = match filter.is_for_all() {
        // The limit is reached at once.
        true => None,
        false => {
            let share = share(filter.state);
            match connection.query_row(&share, params![before], |row| row.get(0))? {
                Some(end) => Some(end),
                None => return Ok((Vec::new(), None)),
            }
        }
    };
    let mut conditions = vec!["d.seq < ?1".to_owned(), "d.seq >= ?2".to_owned()];
    let (end, since) = (next.unwrap_or(i64::MIN), filter.since.map(micros));
    let mut values: Vec<&dyn Value> = vec![&before, &end];
    let mut bind = |condition: &str, value| {
        values.push(value);
        format!("{condition} ?{}", values.len())
    };
    if let Some(sink) = &filter.sink {
        conditions.push(bind("d.sink =", sink));
    }
    if let Some(since) = &since {
        conditions.push(bind("d.created >=", since));
    }
    if let Some(state) = filter.state {
        conditions.extend(state_conditions(state, standing));
    }
    let mut select = connection.prepare_cached(&format!(
        "{} WHERE {} ORDER BY d.seq DESC LIMIT {limit}",
        delivery_select(),
        conditions.join(" AND ")
    ))?;
    let rows = select.query_all(&values, |row| delivery(row, tags, standing))?;
    Ok((rows, next))
}

/// Where the next share of rows ends that a filter has to look at: of all rows, or of those that an
/// index has.
pub(super) fn share(state: Option<State>) -> String {
    let indexed = match state {
        Some(state @ (State::InFlight | State::Dead)) => {
            format!("AND state = {}", state_column(state))
        }
        _ => String::new(),
    };
    format!(
        "SELECT min(seq) FROM (SELECT seq FROM deliveries
             WHERE seq < ?1 {indexed} ORDER BY seq DESC LIMIT {LOOKED_AT}) share"
    )
}

/// One delivery by its stable id, with its attempts.
fn whole(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    id: &str,
) -> Result<Option<(DeliveryRow, Vec<Attempt>)>, StoreError> {
    let Some(row) = tags.row(id) else {
        return Ok(None);
    };
    let Some(found) = one(connection, tags, standing, row)? else {
        return Ok(None);
    };
    Ok(Some((found, attempts(connection, row)?)))
}

/// One delivery.
pub(super) fn one(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    seq: i64,
) -> Result<Option<DeliveryRow>, StoreError> {
    let mut select =
        connection.prepare_cached(&format!("{} WHERE d.seq = ?1", delivery_select()))?;
    Ok(select.query_optional(params![seq], |row| delivery(row, tags, standing))?)
}

fn attempts(connection: &Connection<'_>, row: i64) -> Result<Vec<Attempt>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {ATTEMPT_COLUMNS} FROM attempts a WHERE a.delivery = ?1 ORDER BY a.number"
    ))?;
    Ok(select.query_all(params![row], attempt)?)
}

/// What holds for a delivery that is shown in a state. Numbers are written out, not bound: only then
/// is the index of dead letters of use.
fn state_conditions(state: State, standing: &Standing) -> Vec<String> {
    let mut conditions = vec![format!("d.state = {}", state_column(state))];
    let unknown = match &standing.configured {
        Some(configured) => not_in("d.sink", configured),
        None => "1 = 0".to_owned(),
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
    if quoted.is_empty() {
        return "(1 = 1)".to_owned();
    }
    format!("({column} NOT IN ({}))", quoted.join(", "))
}

fn head(row: &Row<'_>) -> sql::Result<EventHead> {
    Ok(EventHead {
        source: shown_name(row, 0)?,
        id: Some(shown(row, 1)?).filter(|id| !id.is_empty()),
        kind: shown(row, 2)?,
        time: row.get::<Option<i64>>(3)?.map(time),
        backfilled: row.get::<Option<bool>>(4)?.unwrap_or_default(),
    })
}

fn delivery(row: &Row<'_>, tags: &Tags, standing: &Standing) -> sql::Result<DeliveryRow> {
    let at = HEAD_COLUMN_COUNT;
    let seq = row.get(at)?;
    let sink = shown_name(row, at + 1)?;
    let replayed_from: Option<i64> = row.get(at + 8)?;
    let instead_of: Option<i64> = row.get(at + 10)?;
    let fallback: Option<i64> = row.get(at + 11)?;
    let last = at + 13;
    Ok(DeliveryRow {
        row: seq,
        of: row.get(at + 9)?,
        id: tags.id(seq),
        event: head(row)?,
        rule: shown(row, at + 2)?,
        state: standing.shown(state(row.get(at + 3)?), &sink),
        sink,
        // A count that nobody can have meant holds up no list until it is set aside.
        attempts: u32::try_from(row.get::<i64>(at + 4)?).unwrap_or_default(),
        created: time(row.get(at + 5)?),
        due: time(row.get(at + 6)?),
        reason: row.get(at + 7)?,
        replayed_from: replayed_from.map(|seq| tags.id(seq)),
        instead_of: instead_of.map(|seq| tags.id(seq)),
        fallback: fallback.map(|seq| tags.id(seq)),
        merged: row.get::<i64>(at + 12)?.unsigned_abs(),
        last: match row.get::<Option<u32>>(last)? {
            Some(_) => Some(attempt_at(row, last)?),
            None => None,
        },
    })
}
