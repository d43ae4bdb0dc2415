//! Rows that cannot be read are set aside, so that one of them holds up nothing else.
//!
//! A file of its own because a table with types still takes text that is none, names that are none and
//! times that no calendar has, and because a file can be damaged in the middle of a row. Such a
//! delivery becomes a dead letter that says so. What nobody can make sense of is never removed by this.

use jiff::Timestamp;

use super::StoreError;
use super::deaths;
use super::row::{micros, state_column};
use super::sql::{self, Bound, Cell, Connection, Row, SqlError, params};
use crate::model::{Claim, DeliveryId, Name, State};

/// A delivery that has been set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its stable id.
    pub id: DeliveryId,
    /// Where it was to go.
    pub sink: Name,
    /// The reason on the dead letter.
    pub reason: String,
}

/// True of a delivery whose columns have their types and fit what they stand for. A row without them
/// could not even be written back.
const SOUND: &str = "(typeof(d.event) = 'integer' AND typeof(d.sink) = 'text'
     AND typeof(d.rule) = 'text' AND typeof(d.plain) = 'integer' AND typeof(d.created) = 'integer'
     AND typeof(d.attempts) = 'integer' AND d.attempts BETWEEN 0 AND 4294967294
     AND typeof(d.step) = 'integer' AND d.step BETWEEN 0 AND 4294967294
     AND typeof(d.due) = 'integer' AND typeof(d.ended) IN ('integer', 'null')
     AND typeof(d.suppressed_count) = 'integer' AND typeof(d.suppressed_since) IN ('integer', 'null')
     AND typeof(d.key) IN ('text', 'null') AND typeof(d.asked) IN ('integer', 'null')
     AND typeof(d.bundle) IN ('integer', 'null') AND typeof(d.fallback) IN ('text', 'null')
     AND typeof(d.fallback_key) IN ('text', 'null') AND typeof(d.steps_in) IN ('integer', 'null')
     AND typeof(d.instead_of) IN ('integer', 'null') AND typeof(d.instead) IN ('text', 'null')
     AND typeof(d.reason) IN ('text', 'null'))";

/// The same as a condition. A server holds every column to its type.
pub(super) const fn sound(connection: &Connection<'_>) -> &'static str {
    match connection {
        Connection::Sqlite(_) => SOUND,
        Connection::Postgres(_) => {
            "(d.attempts BETWEEN 0 AND 4294967294 AND d.step BETWEEN 0 AND 4294967294)"
        }
    }
}

/// The error of a row whose columns have not their types.
pub(super) fn unsound() -> SqlError {
    SqlError::Unsound
}

/// Which of these deliveries cannot be written back.
pub(super) fn unsound_among(
    connection: &Connection<'_>,
    claims: &[Claim],
) -> Result<Vec<i64>, StoreError> {
    let select = format!(
        "SELECT d.seq FROM deliveries d WHERE d.seq = ?1 AND NOT {}",
        sound(connection)
    );
    let rows = claims.iter().map(|claim| [Bound::Int(claim.row)]);
    let found = connection.query_each(&select, rows, |row| row.get(0))?;
    Ok(found.into_iter().flatten().collect())
}

/// Whether an error is about what stands in a row, and not about the file or the disk.
pub(super) const fn is_about_a_row(error: &SqlError) -> bool {
    matches!(error, SqlError::Column { .. } | SqlError::Unsound)
}

/// Makes a dead letter of a delivery. Every column is written, since those that are wrong would not be
/// taken again. Answers the reason.
pub(super) fn set_aside(
    connection: &Connection<'_>,
    seq: i64,
    error: &SqlError,
    now: Timestamp,
) -> Result<String, StoreError> {
    let reason = format!("its row cannot be read: {error}");
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET event = CAST(coalesce(event, 0) AS BIGINT),
             sink = CAST(coalesce(sink, '') AS TEXT), rule = CAST(coalesce(rule, '') AS TEXT),
             attempts = min(max(CAST(coalesce(attempts, 0) AS BIGINT), 0), 4294967294),
             step = 0, plain = 0, suppressed_count = 0, suppressed_since = NULL,
             key = CAST(key AS TEXT), living = CAST(living AS TEXT), behind = 0, wakes = 0, asked = CAST(asked AS BIGINT),
             created = CAST(coalesce(created, ?2) AS BIGINT), due = ?2,
             bundle = CAST(bundle AS BIGINT), fallback = CAST(fallback AS TEXT),
             fallback_key = CAST(fallback_key AS TEXT), steps_in = min(CAST(steps_in AS BIGINT), ?2),
             instead_of = CAST(instead_of AS BIGINT), instead = CAST(instead AS TEXT),
             ended = ?2, state = ?3, reason = ?4
         WHERE seq = ?1",
    )?;
    let values = params![seq, micros(now), state_column(State::Dead), reason];
    connection.with_triggers(|| Ok(update.execute(values)?))?;
    deaths::count(connection, seq)?;
    tracing::error!(row = seq, "a delivery is set aside: {reason}");
    Ok(reason)
}

/// A text for people, whatever stands there.
pub(super) fn shown(row: &Row<'_>, column: usize) -> sql::Result<String> {
    Ok(match row.cell(column)? {
        Cell::Text(bytes) | Cell::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Null => String::new(),
    })
}

/// A name for people; `unreadable` stands for what is none.
pub(super) fn shown_name(row: &Row<'_>, column: usize) -> sql::Result<Name> {
    let text = shown(row, column)?;
    let stand_in = || Name::new("unreadable").expect("a name");
    Ok(Name::new(&text).unwrap_or_else(|_| stand_in()))
}

/// What a column of a source's or sink's row says; the default, and a word in the log, when it says nothing
/// that can be read.
pub(super) fn or_default<T: Default>(
    value: sql::Result<T>,
    what: &str,
    name: &Name,
) -> sql::Result<T> {
    match value {
        Err(error) if is_about_a_row(&error) => {
            tracing::error!(%name, %error, "what is stored as {what} cannot be read and counts as missing");
            Ok(T::default())
        }
        other => other,
    }
}
