//! Deliveries out: whose turn it is, what is taken, and what is taken back from a process that is gone.

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, params};

use super::aside::{self, Aside, SOUND};
use super::bundle;
use super::deaths;
use super::row::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, WOKEN, event, micros, moment, outcome_column, state_column,
    time,
};
use super::tags::Tags;
use super::throttle;
use super::{Claims, Due, StoreError};
use crate::model::{Claim, Living, Name, Outcome, State, Wake};

/// So many interrupted attempts in a row are no accident any more: the delivery itself ends the process.
const INTERRUPTED_MAX: u32 = 50;

/// The priorities there are, in the order in which they are served.
const PRIORITIES: [u8; 5] = [5, 4, 3, 2, 1];

/// What became due within this time is fresh and goes before what is older: after an outage the news
/// of the moment does not wait behind those of the night.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Of so many deliveries one is the one that has waited longest, so that nothing waits for ever behind
/// what is more urgent or fresher.
const LONGEST_EVERY: u64 = 4;

/// The looks that every claim takes. However much waits, each is one into an index.
pub(super) const BETWEEN: &str = "SELECT due, seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3 AND due <= ?4
     ORDER BY due, seq LIMIT ?5";
pub(super) const NO_MOMENT: &str = "SELECT seq FROM deliveries
     WHERE sink = ?1 AND state = 0 AND behind = 0 AND priority = ?2 AND due > ?3 LIMIT 1";
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
    connection: &Connection,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    limit: NonZeroUsize,
    turn: u64,
) -> Result<Claims, StoreError> {
    let rows = chosen(connection, sink, now, limit.get(), turn)?;
    take(connection, tags, sink, now, &rows)
}

/// Takes one delivery to see whether its sink is back: one that is due, else the one that is due next,
/// before its time.
pub(super) fn probe(
    connection: &Connection,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    turn: u64,
) -> Result<Claims, StoreError> {
    let at = next_due(connection, sink)?.map_or(now, |next| next.max(now));
    let rows = chosen(connection, sink, at, 1, turn)?;
    take(connection, tags, sink, now, &rows)
}

fn take(
    connection: &Connection,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    rows: &[i64],
) -> Result<Claims, StoreError> {
    let (claims, aside) = read_all(connection, tags, sink, now, rows)?;
    let mut take = connection.prepare_cached(
        "UPDATE deliveries SET state = ?2, attempts = ?3, due = ?4 WHERE seq = ?1",
    )?;
    for claim in &claims {
        take.execute(params![
            claim.row,
            state_column(State::InFlight),
            claim.attempt,
            micros(now)
        ])?;
    }
    Ok(Claims {
        claims,
        aside,
        next_due: next_due(connection, sink)?,
    })
}

/// How many deliveries of a sink are due, up to `limit`, and when the first one is.
pub(super) fn due(
    connection: &Connection,
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
    connection: &Connection,
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
    let mut rows = no_moment(connection, sink)?;
    rows.truncate(limit);
    let longest = longest.min(limit - rows.len());
    'full: for priority in PRIORITIES {
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
        for priority in PRIORITIES {
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
    Ok(rows)
}

/// When they were due and where they stand: the first ones of a priority that became due after `from`,
/// and not after `to`.
fn between(
    connection: &Connection,
    sink: &Name,
    priority: u8,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = connection.prepare_cached(BETWEEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = select.query_map(
        params![sink.as_str(), priority, micros(from), micros(to), limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Those whose due time is none: whoever reads them sets them aside.
fn no_moment(connection: &Connection, sink: &Name) -> Result<Vec<i64>, StoreError> {
    let mut select = connection.prepare_cached(NO_MOMENT)?;
    let mut rows = Vec::new();
    for priority in PRIORITIES {
        let mut found = select.query(params![sink.as_str(), priority, micros(Timestamp::MAX)])?;
        if let Some(row) = found.next()? {
            rows.push(row.get(0)?);
        }
    }
    Ok(rows)
}

fn next_due(connection: &Connection, sink: &Name) -> Result<Option<Timestamp>, StoreError> {
    let mut select = connection.prepare_cached(NEXT)?;
    let mut next: Option<i64> = None;
    for priority in PRIORITIES {
        let first: Option<i64> =
            select.query_row(params![sink.as_str(), priority], |row| row.get(0))?;
        next = [next, first].into_iter().flatten().min();
    }
    Ok(next.map(time))
}

/// Makes up to [`WAKE_MAX`] due of what waits for this to happen to its sink.
pub(super) fn wake(connection: &Connection, sink: &Name, on: Wake) -> Result<usize, StoreError> {
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
pub(super) fn is_missed(connection: &Connection, sink: &Name) -> Result<bool, StoreError> {
    let mut select = connection.prepare_cached(MISSED)?;
    Ok(select.exists([sink.as_str()])?)
}

/// Takes back what an earlier process left in flight. The folder's lock proves that it is gone. The
/// attempt stays counted, also as a step of the ladder, and is written down as interrupted, since
/// nobody knows how far it came.
///
/// It is due since it was put into the queue, so that it goes before all that had not been taken yet:
/// otherwise a second crash would find others in flight, and both would be repeated.
pub(super) fn take_back(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    set_unsound_aside(&transaction, now)?;
    transaction.execute(
        "INSERT OR IGNORE INTO attempts (delivery, number, at, duration_us, outcome, reason)
         SELECT seq, attempts, due, 0, ?1, 'bellwire stopped while this attempt was on its way'
         FROM deliveries WHERE state = 1",
        [outcome_column(Outcome::Interrupted)],
    )?;
    give_up_on_the_deadly(&transaction, now)?;
    transaction.execute(
        "UPDATE deliveries SET state = 0, step = step + 1, due = min(due, created, ?1) WHERE state = 1",
        [micros(now)],
    )?;
    transaction.commit()?;
    Ok(())
}

/// Makes dead letters of those that end the process every time.
fn give_up_on_the_deadly(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let mut update = connection.prepare(
        "UPDATE deliveries SET state = ?1, reason = ?2, ended = ?3, steps_in = min(steps_in, ?3)
         WHERE state = 1 AND ?4 <= (SELECT count(*) FROM attempts a
             WHERE a.delivery = deliveries.seq AND a.number > deliveries.attempts - ?4 AND a.outcome = ?5)
         RETURNING seq",
    )?;
    let values = params![
        state_column(State::Dead),
        format!("bellwire stopped {INTERRUPTED_MAX} times in a row while it was on its way"),
        micros(now),
        INTERRUPTED_MAX,
        outcome_column(Outcome::Interrupted)
    ];
    let dead: Vec<i64> = update
        .query_map(values, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    dead.iter()
        .try_for_each(|row| deaths::count(connection, *row))
}

/// Reads the chosen rows; those that cannot be read are set aside.
fn read_all(
    connection: &Connection,
    tags: &Tags,
    sink: &Name,
    now: Timestamp,
    rows: &[i64],
) -> Result<(Vec<Claim>, Vec<Aside>), StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS}, d.seq, d.rule, d.attempts, d.step, d.plain, d.created, d.due, d.asked, {SOUND},
             d.suppressed_count, d.suppressed_since, d.wakes, d.living, l.message, d.instead, d.bundle
         FROM deliveries d LEFT JOIN events e ON e.seq = d.event
         LEFT JOIN living l ON l.sink = d.sink AND l.key = d.living WHERE d.seq = ?1"
    ))?;
    let mut claims = Vec::with_capacity(rows.len());
    let mut set_aside = Vec::new();
    for &seq in rows {
        match select.query_row([seq], |row| read(row, tags, sink, now)) {
            Ok((mut claim, bundle)) => {
                if let Some(bundle) = bundle {
                    gather(connection, &mut claim, bundle)?;
                }
                claims.push(claim);
            }
            Err(error) if aside::is_about_a_row(&error) => set_aside.push(Aside {
                id: tags.id(seq),
                sink: sink.clone(),
                reason: aside::set_aside(connection, seq, &error, now)?,
            }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((claims, set_aside))
}

/// Gives a claim all events of the message that it carries.
fn gather(connection: &Connection, claim: &mut Claim, bundle: i64) -> Result<(), StoreError> {
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
) -> rusqlite::Result<(Claim, Option<i64>)> {
    let at = EVENT_COLUMN_COUNT;
    let seq = row.get(at)?;
    if !row.get::<_, bool>(at + 8)? {
        return Err(aside::unsound());
    }
    let due = moment(row, at + 6)?;
    let is_asked = row.get::<_, Option<i64>>(at + 7)?.is_some();
    let claim = Claim {
        row: seq,
        id: tags.id(seq),
        sink: sink.clone(),
        rule: row.get::<_, String>(at + 1)?.into(),
        attempt: row.get::<_, u32>(at + 2)?.saturating_add(1),
        step: row.get(at + 3)?,
        plain: row.get(at + 4)?,
        created: moment(row, at + 5)?,
        early_for: (due > now).then_some(due),
        living: living(row, at + 12)?,
        woken: row.get::<_, i64>(at + 11)? == WOKEN,
        asked: is_asked.then(|| moment(row, at + 7)).transpose()?,
        suppressed: throttle::suppressed(row.get(at + 9)?, row.get(at + 10)?),
        instead: row.get(at + 14)?,
        event: event(row)?,
        bundle: Vec::new(),
    };
    Ok((claim, row.get(at + 15)?))
}

/// The notification that a delivery changes.
fn living(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Living>> {
    let Some(key) = row.get::<_, Option<Arc<str>>>(at)? else {
        return Ok(None);
    };
    let message = row.get(at + 1)?;
    Ok(Some(Living { key, message }))
}

/// Sets aside what was in flight and could not be taken back.
fn set_unsound_aside(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let mut select = connection.prepare(&format!(
        "SELECT d.seq FROM deliveries d WHERE d.state = 1 AND NOT {SOUND}"
    ))?;
    let found: Vec<i64> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in found {
        aside::set_aside(connection, seq, &aside::unsound(), now)?;
    }
    Ok(())
}
