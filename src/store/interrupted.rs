//! What an earlier process left in flight.

use jiff::Timestamp;

use super::aside;
use super::row::{micros, outcome_column, state_column};
use super::sql::{Connection, params};
use super::{StoreError, deaths};
use crate::model::{Name, Outcome, State};

/// So many interrupted attempts in a row are no accident any more: the delivery itself ends the process.
const INTERRUPTED_MAX: u32 = 50;

/// Takes back what an earlier process left in flight, of one sink or of all. The folder's lock proves that it is
/// gone, or that it has lost its lease does. The
/// attempt stays counted, also as a step of the ladder, and is written down as interrupted, since
/// nobody knows how far it came.
///
/// It is due since it was put into the queue, or asked for, so that it goes before all that came in after it:
/// otherwise a second crash would find others in flight, and both would be repeated.
pub(super) fn take_back(
    connection: &Connection<'_>,
    of: Option<&Name>,
    now: Timestamp,
) -> Result<(), StoreError> {
    match of {
        None => take_back_where(connection, "1 = 1", now),
        // A name has no character that would have to be escaped.
        Some(sink) => take_back_where(connection, &format!("sink = '{sink}'"), now),
    }
}

/// The same of sinks that nobody serves, on a server.
pub(super) fn take_back_orphaned(
    connection: &Connection<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_served =
        "SELECT 1 FROM leases WHERE duty = 'sink ' || sink AND until > clock_timestamp()";
    take_back_where(connection, &format!("NOT EXISTS ({is_served})"), now)
}

fn take_back_where(
    connection: &Connection<'_>,
    which: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    set_unsound_aside(connection, which, now)?;
    connection.execute(
        &format!(
            "INSERT INTO attempts (delivery, number, at, duration_us, outcome, reason)
             SELECT seq, attempts, due, 0, ?1, 'bellwire stopped while this attempt was on its way'
             FROM deliveries WHERE state = 1 AND {which} ON CONFLICT DO NOTHING"
        ),
        params![outcome_column(Outcome::Interrupted)],
    )?;
    give_up_on_the_deadly(connection, which, now)?;
    connection.execute(
        &format!(
            "UPDATE deliveries SET state = 0, step = step + 1, due = min(min(due, coalesce(asked, created)), ?1)
             WHERE state = 1 AND {which}"
        ),
        params![micros(now)],
    )?;
    Ok(())
}

/// Makes dead letters of those that end the process every time.
fn give_up_on_the_deadly(
    connection: &Connection<'_>,
    which: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(&format!(
        "UPDATE deliveries SET state = ?1, reason = ?2, ended = ?3, steps_in = min(steps_in, ?3)
         WHERE state = 1 AND {which} AND ?4 <= (SELECT count(*) FROM attempts a
             WHERE a.delivery = deliveries.seq AND a.number > deliveries.attempts - ?4 AND a.outcome = ?5)
         RETURNING seq"
    ))?;
    let values = params![
        state_column(State::Dead),
        format!("bellwire stopped {INTERRUPTED_MAX} times in a row while it was on its way"),
        micros(now),
        INTERRUPTED_MAX,
        outcome_column(Outcome::Interrupted)
    ];
    let dead: Vec<i64> = update.query_all(values, |row| row.get(0))?;
    dead.iter()
        .try_for_each(|row| deaths::count(connection, *row))
}

/// Sets aside what was in flight and could not be taken back.
fn set_unsound_aside(
    connection: &Connection<'_>,
    which: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT d.seq FROM deliveries d WHERE d.state = 1 AND {which} AND NOT {}",
        aside::sound(connection)
    ))?;
    let found: Vec<i64> = select.query_all(params![], |row| row.get(0))?;
    for seq in found {
        aside::set_aside(connection, seq, &aside::unsound(), now)?;
    }
    Ok(())
}
