//! Deliveries out: whose turn it is, and what is taken.

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::ErrorCode;

use super::aside::{self, Aside};
use super::bundle;
use super::depths::Tally;
use super::row::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, WOKEN, event, micros, moment, state_column, time,
};
use super::sql::{self, Bound, Connection, Row, SqlError, params};
use super::tags::Tags;
use super::throttle;
use super::{Claims, Due, StoreError};
use crate::model::{Claim, Living, Name, State, Wake};

/// The priorities there are, in the order in which they are served.
const PRIORITIES: [u8; 5] = [5, 4, 3, 2, 1];

/// What became due within this time is fresh and goes before what is older: after an outage the news
/// of the moment does not wait behind those of the night.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Of so many deliveries one is the one that has waited longest, so that nothing waits for ever behind
/// what is more urgent or fresher.
const LONGEST_EVERY: u64 = 4;

/// Bytes of events that are enough for one claim.
const CLAIM_BYTES_MAX: usize = 1 << 20;

/// The looks that every claim takes. However much waits, each is one into an index.
pub(super) const BETWEEN: &str = "SELECT due, seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3 AND due <= ?4
     ORDER BY due, seq LIMIT ?5";
/// From the end, where what it looks for is: a server that expects many of them would else read from the front.
pub(super) const NO_MOMENT: &str = "SELECT seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3
     ORDER BY due DESC, seq DESC LIMIT 1";
pub(super) const NEXT: &str = "SELECT min(due) FROM deliveries WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2";

/// What waits for a sink that was away.
pub(super) const WAKE_RETURNED: &str = "UPDATE deliveries SET due = created, wakes = 0
     WHERE seq IN (SELECT seq FROM deliveries WHERE sink = ?1 AND state = 0 AND wakes = 1 LIMIT ?2)";

/// What a sink has refused that accepts others, marked as woken so that it is not woken again at once.
pub(super) const WAKE_REFUSED: &str = "UPDATE deliveries SET due = created, wakes = 3
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
    for _ in &claims {
        tally.moved(sink, State::Waiting, State::InFlight);
    }
    tally.count(connection)?;
    Ok(Claims {
        claims,
        aside: set_aside,
        more,
        next_due: None,
    })
}

/// Writes down that these are taken.
fn mark(connection: &Connection<'_>, claims: &[Claim], now: Timestamp) -> sql::Result<()> {
    let take = "UPDATE deliveries SET state = ?2, attempts = ?3, due = ?4 WHERE seq = ?1";
    let taken = claims.iter().map(|claim| {
        let (state, attempt) = (state_column(State::InFlight), i64::from(claim.attempt));
        [claim.row, state, attempt, micros(now)].map(Bound::Int)
    });
    connection.execute_each(take, taken).map(drop)
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

/// The rows whose turn it is: the most urgent ones, among these the fresh ones, among these the
/// oldest.
fn chosen(
    connection: &Connection<'_>,
    sink: &Name,
    now: Timestamp,
    limit: usize,
    turn: u64,
) -> Result<Vec<i64>, StoreError> {
    let turns = turn..turn.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
    let longest = turns
        .filter(|turn| turn % LONGEST_EVERY == LONGEST_EVERY - 1)
        .count();
    let fresh = now.checked_sub(FRESH).unwrap_or(Timestamp::MIN);
    let mut due = Vec::with_capacity(PRIORITIES.len());
    let first = first_due(connection, sink)?;
    let is_due = |first: &Option<i64>| first.is_some_and(|first| first <= micros(now));
    let all = PRIORITIES.into_iter().zip(first);
    due.extend(
        all.filter(|(_, first)| is_due(first))
            .map(|(priority, _)| priority),
    );
    let mut rows = Vec::new();
    'full: for &priority in &due {
        for (from, to) in [(fresh, now), (Timestamp::MIN, fresh)] {
            let wanted = limit - longest - rows.len();
            if wanted == 0 {
                break 'full;
            }
            let found = between(connection, sink, priority, from, to, wanted)?;
            rows.extend(found.into_iter().map(|(_, row)| row));
        }
    }
    if longest > 0 {
        let mut oldest = Vec::new();
        for &priority in &due {
            oldest.extend(between(
                connection,
                sink,
                priority,
                Timestamp::MIN,
                now,
                limit,
            )?);
        }
        oldest.sort_unstable();
        oldest.retain(|(_, row)| !rows.contains(row));
        rows.extend(oldest.into_iter().take(longest).map(|(_, row)| row));
    }
    if rows.len() < limit {
        rows.extend(no_moment(connection, sink)?);
        rows.truncate(limit);
    }
    Ok(rows)
}

/// When they were due and where they stand: the first ones of a priority that became due after `from`,
/// and not after `to`.
fn between(
    connection: &Connection<'_>,
    sink: &Name,
    priority: u8,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = connection.prepare_cached(BETWEEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = select.query_all(
        params![sink.as_str(), priority, micros(from), micros(to), limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found)
}

/// Those whose due time is none: whoever reads them sets them aside.
fn no_moment(connection: &Connection<'_>, sink: &Name) -> Result<Vec<i64>, StoreError> {
    let latest = Bound::Int(micros(Timestamp::MAX));
    let each = of_each_priority(sink).map(|[sink, priority]| [sink, priority, latest]);
    let found = connection.query_each(NO_MOMENT, each, |row| row.get(0))?;
    Ok(found.into_iter().flatten().collect())
}

fn next_due(connection: &Connection<'_>, sink: &Name) -> Result<Option<Timestamp>, StoreError> {
    let first = first_due(connection, sink)?;
    Ok(first.into_iter().flatten().min().map(time))
}

/// When the first one of each priority is due.
fn first_due(connection: &Connection<'_>, sink: &Name) -> Result<Vec<Option<i64>>, StoreError> {
    let found = connection.query_each(NEXT, of_each_priority(sink), |row| row.get(0))?;
    Ok(found.into_iter().map(Option::flatten).collect())
}

fn of_each_priority(sink: &Name) -> impl Iterator<Item = [Bound<'_>; 2]> {
    let sink = Bound::Text(sink.as_str());
    PRIORITIES
        .into_iter()
        .map(move |priority| [sink, Bound::Int(priority.into())])
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
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS}, d.seq, d.rule, d.attempts, d.step, d.plain, d.created, d.due, d.asked,
             d.suppressed_count, d.suppressed_since, d.wakes, d.living, l.message, d.instead, d.bundle, d.key IS NULL
         FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         LEFT JOIN living l ON l.sink = d.sink AND l.key = d.living WHERE d.seq = ?1"
    ))?;
    let mut claims = Vec::with_capacity(rows.len());
    let mut set_aside = Vec::new();
    let mut bytes = 0;
    for &seq in rows {
        if bytes > CLAIM_BYTES_MAX {
            return Ok((claims, set_aside, true));
        }
        match select.query_row(params![seq], |row| read(row, tags, sink, now)) {
            Ok((mut claim, bundle)) => {
                if let Some(bundle) = bundle {
                    bundle::close(connection, seq)?;
                    gather(connection, &mut claim, bundle)?;
                }
                bytes += claim.event.payload.len();
                claims.push(claim);
            }
            Err(error) if aside::is_about_a_row(&error) => {
                set_aside.push(aside_of(connection, tags, sink, seq, &error, now)?);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((claims, set_aside, false))
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
