//! Deliveries out: what is taken.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::aside::{self, Aside};
use super::bundle;
use super::depths::Tally;
use super::row::{EVENT_COLUMN_COUNT, EVENT_COLUMNS, WOKEN, event, micros, moment, state_column};
use super::sql::{self, Bound, Connection, Row, SqlError, params};
use super::tags::Tags;
use super::throttle;
use super::turn::{chosen, next_due};
use super::{Claims, Due, StoreError};
use crate::model::{Claim, Living, Name, State, Wake};

/// Bytes of events that are enough for one claim.
const CLAIM_BYTES_MAX: usize = 1 << 20;

/// Deliveries that are looked at together: so few before it is known how large their events are, since a server
/// sends them all, and so many at most.
const LOOK_MIN: usize = 4;
const LOOK_MAX: usize = 64;

/// Deliveries that stand one behind the other.
pub(super) static LOOK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {EVENT_COLUMNS}, d.seq, d.rule, d.attempts, d.step, d.plain, d.created, d.due, d.asked,
             d.suppressed_count, d.suppressed_since, d.wakes, d.living,
             CASE WHEN d.living IS NOT NULL THEN
                 (SELECT l.message FROM living l WHERE l.sink = d.sink AND l.key = d.living) END,
             d.instead, d.bundle, d.key IS NULL
         FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         WHERE d.seq >= ?1 AND d.seq <= ?2 ORDER BY d.seq"
    )
});

/// Writes down that they are taken.
pub(super) const TAKE: &str =
    "UPDATE deliveries SET state = ?3, attempts = ?4, due = ?5 WHERE seq >= ?1 AND seq <= ?2";

/// What waits for a sink that was away. A message that was tried while it took events takes no more, and waits for no
/// end of its time.
pub(super) const WAKE_RETURNED: &str = "UPDATE deliveries
     SET due = CASE WHEN bundle IS NULL THEN coalesce(asked, created) ELSE created END, wakes = 0
     WHERE seq IN (SELECT seq FROM deliveries WHERE sink = ?1 AND state = 0 AND wakes = 1 LIMIT ?2)";

/// What a sink has refused that accepts others, marked as woken so that it is not woken again at once.
pub(super) const WAKE_REFUSED: &str = "UPDATE deliveries
     SET due = CASE WHEN bundle IS NULL THEN coalesce(asked, created) ELSE created END, wakes = 3
     WHERE seq IN (SELECT seq FROM deliveries WHERE sink = ?1 AND state = 0 AND wakes = 2 LIMIT ?2)";

pub(super) const MISSED: &str =
    "SELECT 1 FROM deliveries WHERE sink = ?1 AND state = 0 AND wakes = 1";

/// So many are made due at once: whoever else needs the queue waits for no more.
pub(super) const WAKE_MAX: usize = 1000;

/// Takes up to `limit` due deliveries of a sink and says when the next one will be due. `turn` counts
/// the deliveries that its lane has taken before.
pub(super) fn claim(
    connection: &Connection<'_>,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    limit: NonZeroUsize,
    turn: u64,
) -> Result<Claims, StoreError> {
    let rows = chosen(connection, sink, now, limit.get(), turn)?;
    let mut claims = take(connection, tags, sink, now, &rows)?;
    claims.more |= rows.len() == limit.get();
    if !claims.more {
        claims.next_due = next_due(connection, sink)?;
    }
    Ok(claims)
}

/// Takes one delivery to see whether its sink is back: one that is due, else the one that is due next,
/// before its time.
pub(super) fn probe(
    connection: &Connection<'_>,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    turn: u64,
) -> Result<Claims, StoreError> {
    let at = next_due(connection, sink)?.map_or(now, |next| next.max(now));
    let rows = chosen(connection, sink, at, 1, turn)?;
    let claims = take(connection, tags, sink, now, &rows)?;
    let next_due = next_due(connection, sink)?;
    Ok(Claims { next_due, ..claims })
}

fn take(
    connection: &Connection<'_>,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    rows: &[i64],
) -> Result<Claims, StoreError> {
    let (mut claims, mut set_aside, more) = read_all(connection, tags, sink, now, rows)?;
    if let Err(error) = mark(connection, &claims, now) {
        if error.sqlite_code() != Some(ErrorCode::ConstraintViolation) {
            return Err(error.into());
        }
        // What is read of a row may be as it should while the rest of it is not: its table takes it back no more.
        let is_unsound = aside::unsound_among(connection, &claims)?;
        for claim in claims.extract_if(.., |claim| is_unsound.contains(&claim.row)) {
            set_aside.push(aside_of(
                connection,
                tags,
                sink,
                claim.row,
                &aside::unsound(),
                now,
            )?);
        }
        mark(connection, &claims, now)?;
    }
    let mut tally = Tally::default();
    let taken = claims.iter().map(|_| State::InFlight);
    tally.moved(sink, State::Waiting, taken);
    tally.count(connection)?;
    Ok(Claims {
        claims,
        aside: set_aside,
        more,
        next_due: None,
    })
}

/// Writes down that these are taken. Mostly they stand one behind the other, and one statement takes them all.
fn mark(connection: &Connection<'_>, claims: &[Claim], now: Timestamp) -> sql::Result<()> {
    let runs = claims.chunk_by(|one, next| one.row + 1 == next.row && one.attempt == next.attempt);
    let taken = runs.filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let (state, attempt) = (state_column(State::InFlight), i64::from(first.attempt));
        Some([first.row, last.row, state, attempt, micros(now)].map(Bound::Int))
    });
    connection.execute_each(TAKE, taken).map(drop)
}

fn aside_of(
    connection: &Connection<'_>,
    tags: &Tags,
    sink: &Name,
    row: i64,
    error: &SqlError,
    now: Timestamp,
) -> Result<Aside, StoreError> {
    Ok(Aside {
        id: tags.id(row),
        sink: sink.clone(),
        reason: aside::set_aside(connection, row, error, now)?,
    })
}

/// How many deliveries of a sink are due, up to `limit`, and when the first one is.
pub(super) fn due(
    connection: &Connection<'_>,
    sink: &Name,
    now: Timestamp,
    limit: usize,
) -> Result<Due, StoreError> {
    Ok(Due {
        count: chosen(connection, sink, now, limit, 0)?.len(),
        next: next_due(connection, sink)?,
    })
}

/// Makes up to [`WAKE_MAX`] due of what waits for this to happen to its sink.
pub(super) fn wake(
    connection: &Connection<'_>,
    sink: &Name,
    on: Wake,
) -> Result<usize, StoreError> {
    let sql = match on {
        Wake::Never => return Ok(0),
        Wake::OnReturn => WAKE_RETURNED,
        Wake::OnSuccess => WAKE_REFUSED,
    };
    let mut update = connection.prepare_cached(sql)?;
    let most = i64::try_from(WAKE_MAX).unwrap_or(i64::MAX);
    Ok(update.execute(params![sink.as_str(), most])?)
}

/// Whether something waits for the return of its sink.
pub(super) fn is_missed(connection: &Connection<'_>, sink: &Name) -> Result<bool, StoreError> {
    let mut select = connection.prepare_cached(MISSED)?;
    Ok(select
        .query_optional(params![sink.as_str()], |_| Ok(()))?
        .is_some())
}

/// Reads the chosen rows, as many as may be in memory at once; those that cannot be read are set aside.
/// Answers whether some are left.
fn read_all(
    connection: &Connection<'_>,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    rows: &[i64],
) -> Result<(Vec<Claim>, Vec<Aside>, bool), StoreError> {
    let mut select = connection.prepare_cached(&LOOK)?;
    let mut claims = Vec::with_capacity(rows.len());
    let mut set_aside = Vec::new();
    let (mut bytes, mut largest) = (0, 0_usize);
    let (mut left, mut most) = (rows, LOOK_MIN);
    while bytes <= CLAIM_BYTES_MAX
        && let run @ [first, ..] = run_of(left, most)
        && let [.., last] = run
    {
        let (mut found, mut read_bytes) = (Vec::with_capacity(run.len()), bytes);
        select.query_until(params![first, last], |row| {
            let one = read(row, tags, sink, now);
            let event = one.as_ref().ok().map(|(claim, _)| &claim.event);
            read_bytes += event.map_or(0, |event| event.payload.len());
            found.push((row.get(EVENT_COLUMN_COUNT)?, one));
            Ok(read_bytes > CLAIM_BYTES_MAX)
        })?;
        if found.len() < run.len() && read_bytes <= CLAIM_BYTES_MAX {
            return Err(SqlError::NoRow.into());
        }
        left = &left[found.len()..];
        for (seq, one) in found {
            match one {
                // Left for the next claim.
                Ok(_) if bytes > CLAIM_BYTES_MAX => return Ok((claims, set_aside, true)),
                Ok((mut claim, bundle)) => {
                    if let Some(bundle) = bundle {
                        bundle::close(connection, seq)?;
                        gather(connection, &mut claim, bundle)?;
                    }
                    let events = claim.bundle.iter().chain([&claim.event]);
                    let own: usize = events.map(|event| event.payload.len()).sum();
                    bytes += own;
                    largest = own.max(largest);
                    claims.push(claim);
                }
                Err(error) if aside::is_about_a_row(&error) => {
                    set_aside.push(aside_of(connection, tags, sink, seq, &error, now)?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let fit = CLAIM_BYTES_MAX.saturating_sub(bytes) / largest.max(1);
        most = fit.clamp(LOOK_MIN, LOOK_MAX);
    }
    Ok((claims, set_aside, !left.is_empty()))
}

/// The rows at the front that stand one behind the other, so many at most. A look finds all of them, where one for
/// each would cost several times as much.
fn run_of(rows: &[i64], most: usize) -> &[i64] {
    let run = rows.chunk_by(|one, next| one + 1 == *next).next();
    let run = run.unwrap_or_default();
    &run[..run.len().min(most)]
}

/// Gives a claim all events of the message that it carries.
fn gather(connection: &Connection<'_>, claim: &mut Claim, bundle: i64) -> Result<(), StoreError> {
    let events = bundle::events(connection, bundle)?;
    if let [_, .., newest] = &events[..] {
        claim.event = newest.clone();
        claim.bundle = events;
    }
    Ok(())
}

/// A claim, and the bundle whose message it carries.
fn read(
    row: &Row<'_>,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
) -> sql::Result<(Claim, Option<i64>)> {
    let at = EVENT_COLUMN_COUNT;
    let seq = row.get(at)?;
    let due = moment(row, at + 6)?;
    let bundle: Option<i64> = row.get(at + 14)?;
    let is_asked = row.get::<Option<i64>>(at + 7)?.is_some();
    let claim = Claim {
        row: seq,
        id: tags.id(seq),
        sink: sink.clone(),
        rule: row.get(at + 1)?,
        attempt: row.get::<u32>(at + 2)?.saturating_add(1),
        step: row.get(at + 3)?,
        plain: row.get(at + 4)?,
        created: moment(row, at + 5)?,
        due,
        early_for: (due > now).then_some(due),
        living: living(row, at + 11)?,
        woken: row.get::<i64>(at + 10)? == WOKEN,
        asked: is_asked.then(|| moment(row, at + 7)).transpose()?,
        suppressed: throttle::suppressed(row.get(at + 8)?, row.get(at + 9)?),
        instead: row.get(at + 13)?,
        alone: bundle.is_none() && row.get(at + 15)?,
        event: event(row)?,
        bundle: Vec::new(),
    };
    Ok((claim, bundle))
}

/// The notification that a delivery changes.
fn living(row: &Row<'_>, at: usize) -> sql::Result<Option<Living>> {
    let Some(key) = row.get::<Option<Arc<str>>>(at)? else {
        return Ok(None);
    };
    let message = row.get(at + 1)?;
    Ok(Some(Living { key, message }))
}
