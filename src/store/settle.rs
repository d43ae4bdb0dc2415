//! What an attempt did: its row, the delivery's new state, and the rest of its sink.

use jiff::Timestamp;

use super::StoreError;
use super::aside::or_default;
use super::depths::Tally;
use super::row::{micros, outcome_column, state_column, wake_column};
use super::sql::{Bound, Connection, Insert, SqlError, params};
use super::{bundle, deaths};
use crate::model::{Attempt, Back, Ended, Name, Outcome, Posted, Settled, Settlement, State};

/// Attempts of one delivery that are kept, the newest: a receiver that says "later" all day must not
/// fill the disk.
const ATTEMPTS_KEPT: u32 = 100;

/// An attempt that is over. One whose number was free again takes the place of who had it before.
static ATTEMPTS: Insert<8> = Insert::new(
    "attempts (delivery, number, at, duration_us, outcome, status, reason, answer)",
    "ON CONFLICT (delivery, number) DO UPDATE SET at = excluded.at, duration_us = excluded.duration_us,
         outcome = excluded.outcome, status = excluded.status, reason = excluded.reason, answer = excluded.answer",
);

/// Settles claims of one sink; answers for each whether it was still the newest of its delivery.
pub(super) fn settle_all(
    connection: &Connection<'_>,
    sink: &Name,
    group: &[Settled],
) -> Result<Vec<bool>, StoreError> {
    let settled = change_all(connection, group)?;
    let applied = || {
        group
            .iter()
            .zip(&settled)
            .filter(|(_, is_newest)| **is_newest)
    };
    let mut tally = Tally::default();
    let states = applied().map(|(one, _)| one.settlement.state);
    tally.moved(sink, State::InFlight, states);
    tally.count(connection)?;
    let tried = applied().filter_map(|(one, _)| match &one.ended {
        Ended::Tried(attempt) => Some((one, attempt)),
        Ended::Untried { .. } => None,
    });
    let attempts = tried.clone().map(|(one, attempt)| {
        let duration = i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX);
        [
            Bound::Int(one.row),
            Bound::Int(attempt.number.into()),
            Bound::Int(micros(attempt.at)),
            Bound::Int(duration),
            Bound::Int(outcome_column(attempt.outcome)),
            Bound::int(attempt.status.map(i64::from)),
            Bound::text(attempt.reason.as_deref()),
            Bound::text(attempt.answer.as_deref()),
        ]
    });
    connection.put_each(&ATTEMPTS, attempts)?;
    for (one, attempt) in tried {
        note(connection, one.row, sink, attempt, &one.settlement)?;
    }
    Ok(settled)
}

/// What an attempt leaves behind beside its row.
fn note(
    connection: &Connection<'_>,
    row: i64,
    sink: &Name,
    attempt: &Attempt,
    settlement: &Settlement,
) -> Result<(), StoreError> {
    if let Some(oldest) = attempt
        .number
        .checked_sub(ATTEMPTS_KEPT)
        .filter(|oldest| *oldest > 0)
    {
        let mut forget = connection
            .prepare_cached("DELETE FROM attempts WHERE delivery = ?1 AND number <= ?2")?;
        forget.execute(params![row, oldest])?;
    }
    keep(connection, row, &settlement.posted, attempt.at)?;
    if let Some(until) = settlement.rest_until {
        let mut rest = connection.prepare_cached(
            "INSERT INTO sinks (name, rest_until) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET rest_until = max(coalesce(sinks.rest_until, 0), excluded.rest_until)",
        )?;
        rest.execute(params![sink.as_str(), micros(until)])?;
    }
    Ok(())
}

/// Keeps what the platform calls the notification that a delivery changes, or forgets it.
fn keep(
    connection: &Connection<'_>,
    row: i64,
    posted: &Posted,
    now: Timestamp,
) -> Result<(), StoreError> {
    match posted {
        Posted::Nothing => {}
        Posted::As(message) => {
            let mut keep = connection.prepare_cached(
                "INSERT INTO living (sink, key, message, changed)
                 SELECT sink, living, ?2, ?3 FROM deliveries WHERE seq = ?1 AND living IS NOT NULL
                 ON CONFLICT (sink, key) DO UPDATE SET message = excluded.message, changed = excluded.changed",
            )?;
            keep.execute(params![row, message, micros(now)])?;
        }
        Posted::Gone => {
            let mut forget = connection.prepare_cached(
                "DELETE FROM living WHERE (sink, key) IN (SELECT sink, living FROM deliveries WHERE seq = ?1)",
            )?;
            forget.execute(params![row])?;
        }
    }
    Ok(())
}

/// Puts claims of a sink back for which nothing has been done, as they were: they were no attempts, and
/// nothing of them changes.
pub(super) fn give_back(
    connection: &Connection<'_>,
    sink: &Name,
    claims: &[Back],
) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET state = 0, due = ?3, attempts = attempts - 1
         WHERE seq = ?1 AND state = 1 AND attempts = ?2",
    )?;
    let mut tally = Tally::default();
    for back in claims {
        if update.execute(params![back.row, back.attempt, micros(back.due)])? > 0 {
            tally.moved(sink, State::InFlight, [State::Waiting]);
        }
    }
    tally.count(connection)
}

/// Changes the deliveries alone; answers for each claim whether it was still the newest.
fn change_all(connection: &Connection<'_>, group: &[Settled]) -> Result<Vec<bool>, StoreError> {
    let update = "UPDATE deliveries SET state = ?3, due = ?4, step = ?5, plain = ?6, reason = ?7, ended = ?8, wakes = ?9,
             attempts = attempts - ?10,
             steps_in = CASE ?3 WHEN 0 THEN steps_in WHEN 3 THEN min(steps_in, ?8) END
         WHERE seq = ?1 AND state = 1 AND attempts = ?2";
    let rows = group.iter().map(|one| {
        let (attempt, untried, _) = end_of(one);
        let settlement = &one.settlement;
        [
            Bound::Int(one.row),
            Bound::Int(attempt.into()),
            Bound::Int(state_column(settlement.state)),
            Bound::Int(micros(settlement.due)),
            Bound::Int(settlement.step.into()),
            Bound::Int(settlement.plain.into()),
            Bound::text(settlement.reason.as_deref()),
            Bound::int(ended(one)),
            Bound::Int(wake_column(settlement.wake)),
            Bound::Int(untried),
        ]
    });
    let changed = connection.execute_each(update, rows)?;
    let changed: Vec<bool> = changed.into_iter().map(|changed| changed > 0).collect();
    let ended = group.iter().zip(&changed).filter_map(|(one, changed)| {
        let ended = ended(one).filter(|_| *changed)?;
        Some((one, ended))
    });
    let not_alone = ended.clone().filter(|(one, _)| !one.alone);
    let select = "SELECT key IS NOT NULL, bundle FROM deliveries WHERE seq = ?1";
    let rows = not_alone.clone().map(|(one, _)| [Bound::Int(one.row)]);
    let found = connection.query_each(select, rows, |row| Ok((row.get(0)?, row.get(1)?)))?;
    for ((one, at), found) in not_alone.zip(found) {
        let (is_keyed, bundle) = found.ok_or(SqlError::NoRow)?;
        let_go(connection, one.row, is_keyed, bundle, at)?;
    }
    for (one, _) in ended.filter(|(one, _)| one.settlement.state == State::Dead) {
        deaths::count(connection, one.row)?;
    }
    Ok(changed)
}

/// The attempt of a claim, how many of the attempts it takes back, and when it ended. What was no attempt after all
/// leaves its number free again: nobody else has it, and whoever ends a claim has given it up.
const fn end_of(one: &Settled) -> (u32, i64, Timestamp) {
    match &one.ended {
        Ended::Tried(attempt) => (attempt.number, 0, attempt.at),
        Ended::Untried { attempt, at } => (*attempt, 1, *at),
    }
}

/// When a delivery has ended with its claim, if it has.
fn ended(one: &Settled) -> Option<i64> {
    let (_, _, at) = end_of(one);
    (one.settlement.state != State::Waiting).then(|| micros(at))
}

/// What the end of a delivery means for others: the next one of its key has its turn, and what is in its
/// message has ended as well.
fn let_go(
    connection: &Connection<'_>,
    row: i64,
    is_keyed: bool,
    bundle: Option<i64>,
    at: i64,
) -> Result<(), StoreError> {
    if is_keyed {
        let mut next = connection.prepare_cached(
            "UPDATE deliveries SET behind = 0 WHERE seq = (
                 SELECT min(o.seq) FROM deliveries d JOIN deliveries o ON o.sink = d.sink AND o.key = d.key
                 WHERE d.seq = ?1 AND o.behind = 1 AND o.state <= 1)",
        )?;
        next.execute(params![row])?;
    }
    match bundle {
        Some(bundle) => bundle::end(connection, bundle, at),
        None => Ok(()),
    }
}

/// What waits for the end of a rest: its last answer asked for one.
pub(super) const END_REST: &str = "UPDATE deliveries
     SET due = CASE WHEN bundle IS NULL THEN coalesce(asked, created) ELSE created END
     WHERE sink = ?1 AND state = 0 AND due <> coalesce(asked, created) AND due > ?2 AND due <= ?3
     AND (SELECT a.outcome FROM attempts a
         WHERE a.delivery = deliveries.seq AND a.number = deliveries.attempts) = ?4";

/// Ends the rest of a sink. What waited for its end is due since it is there; answers how many that are.
pub(super) fn end_rest(
    connection: &Connection<'_>,
    sink: &Name,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let Some(until) = rest_until(connection, sink)?.filter(|until| *until > now) else {
        return Ok(0);
    };
    let mut wake = connection.prepare_cached(END_REST)?;
    let woken = wake.execute(params![
        sink.as_str(),
        micros(now),
        micros(until),
        outcome_column(Outcome::RetryAfter)
    ])?;
    let mut forget =
        connection.prepare_cached("UPDATE sinks SET rest_until = NULL WHERE name = ?1")?;
    forget.execute(params![sink.as_str()])?;
    Ok(woken)
}

/// Until when a sink rests.
pub(super) fn rest_until(
    connection: &Connection<'_>,
    sink: &Name,
) -> Result<Option<Timestamp>, StoreError> {
    let mut select = connection.prepare_cached("SELECT rest_until FROM sinks WHERE name = ?1")?;
    let found: Option<Option<i64>> = select.query_optional(params![sink.as_str()], |row| {
        or_default(row.get(0), "its rest", sink)
    })?;
    Ok(found
        .flatten()
        .and_then(|until| Timestamp::from_microsecond(until).ok()))
}
