//! How the nouns look as columns, both ways, in one place.

use std::time::Duration;

use super::sql::{self, Row, SqlError};
use crate::model::{Attempt, DataAt, Event, Name, Outcome, State, Wake};
use bytes::Bytes;
use jiff::Timestamp;

/// The columns that [`event`] reads, in its order. The table is to be called `e`.
pub(super) const EVENT_COLUMNS: &str = "e.source, e.id, e.kind, e.time, e.received, e.backfilled, \
     e.data_start, e.data_end, e.payload, e.about";

/// Where the time of arrival is in them.
pub(super) const RECEIVED: usize = 4;

/// Number of [`EVENT_COLUMNS`].
pub(super) const EVENT_COLUMN_COUNT: usize = 10;

/// Reads an event from [`EVENT_COLUMNS`] at the start of a row. Its identity stays in the table: only
/// `accept` needs it.
pub(super) fn event(row: &Row<'_>) -> sql::Result<Event> {
    let source: String = row.get(0)?;
    let (start, end): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(Event {
        source: name(&source, 0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        time: row
            .get::<Option<i64>>(3)?
            .map(|_| moment(row, 3))
            .transpose()?,
        received: moment(row, 4)?,
        backfilled: row.get(5)?,
        identity: None,
        data: data_at(start, end),
        payload: Bytes::from(row.get::<Vec<u8>>(8)?),
        about: row.get::<Option<Vec<u8>>>(9)?.map(Bytes::from),
    })
}

/// Where `data` stands, as two columns.
pub(super) fn data_columns(data: DataAt) -> (Option<i64>, Option<i64>) {
    let offset = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
    match data {
        DataAt::Missing => (None, None),
        DataAt::Text => (Some(-1), None),
        DataAt::Json { start, end } => (Some(offset(start)), Some(offset(end))),
    }
}

fn data_at(start: Option<i64>, end: Option<i64>) -> DataAt {
    match (start.map(usize::try_from), end.map(usize::try_from)) {
        (Some(Ok(start)), Some(Ok(end))) => DataAt::Json { start, end },
        (Some(Err(_)), _) => DataAt::Text,
        _ => DataAt::Missing,
    }
}

/// A name from a column.
pub(super) fn name(text: &str, column: usize) -> sql::Result<Name> {
    Name::new(text).map_err(|error| SqlError::column(column, error))
}

/// A moment as a column.
pub(super) fn micros(moment: Timestamp) -> i64 {
    moment.as_microsecond()
}

/// A moment from a column, if a calendar has it.
pub(super) fn moment(row: &Row<'_>, column: usize) -> sql::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|error| SqlError::column(column, error))
}

/// A moment from a column; one beyond what a calendar holds becomes the nearest that it holds.
pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A state as a column. The numbers are in files and never change.
pub(super) const fn state_column(state: State) -> i64 {
    match state {
        State::Waiting | State::Held | State::Orphaned => 0,
        State::InFlight => 1,
        State::Delivered => 2,
        State::Dead => 3,
        State::Expired => 4,
        State::Throttled => 5,
        State::Merged => 6,
    }
}

/// A state from a column.
pub(super) const fn state(column: i64) -> State {
    match column {
        0 => State::Waiting,
        1 => State::InFlight,
        2 => State::Delivered,
        4 => State::Expired,
        5 => State::Throttled,
        6 => State::Merged,
        _ => State::Dead,
    }
}

/// An outcome as a column. The numbers are in files and never change.
pub(super) const fn outcome_column(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Delivered => 0,
        Outcome::Retry => 1,
        Outcome::RetryAfter => 2,
        Outcome::Dead => 3,
        Outcome::Suspend => 4,
        Outcome::Interrupted => 5,
    }
}

/// What makes a delivery due before its time, as a column. The numbers are in files and never change.
pub(super) const fn wake_column(wake: Wake) -> i64 {
    match wake {
        Wake::Never => 0,
        Wake::OnReturn => 1,
        Wake::OnSuccess => 2,
    }
}

/// Stands in that column for a delivery that is due because its sink has accepted another one.
pub(super) const WOKEN: i64 = 3;

/// The columns that [`attempt`] reads, in its order. The table is to be called `a`.
pub(super) const ATTEMPT_COLUMNS: &str =
    "a.number, a.at, a.duration_us, a.outcome, a.status, a.reason, a.answer";

/// An attempt from [`ATTEMPT_COLUMNS`] at the start of a row.
pub(super) fn attempt(row: &Row<'_>) -> sql::Result<Attempt> {
    attempt_at(row, 0)
}

/// An attempt from [`ATTEMPT_COLUMNS`] from a column on.
pub(super) fn attempt_at(row: &Row<'_>, column: usize) -> sql::Result<Attempt> {
    Ok(Attempt {
        number: row.get(column)?,
        at: time(row.get(column + 1)?),
        duration: Duration::from_micros(row.get::<i64>(column + 2)?.unsigned_abs()),
        outcome: match row.get::<i64>(column + 3)? {
            0 => Outcome::Delivered,
            1 => Outcome::Retry,
            2 => Outcome::RetryAfter,
            3 => Outcome::Dead,
            4 => Outcome::Suspend,
            _ => Outcome::Interrupted,
        },
        status: row.get(column + 4)?,
        reason: row.get(column + 5)?,
        answer: row.get(column + 6)?,
    })
}
