//! What is finished leaves the disk, when it is old enough or when room is needed; what is not
//! delivered never does.

use jiff::Timestamp;

use super::StoreError;
use super::row::{micros, outcome_column};
use super::sql::{Bound, Connection, params};
use crate::model::Outcome;

/// Events that one step looks at, and payload after which it stops: nobody waits long behind it.
const LOOKED_AT: u32 = 512;
const PAYLOAD_BYTES_MAX: i64 = 2 << 20;

/// What may be removed to make room, what is missed least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yield {
    /// Events whose deliveries have all ended, none of them as a dead letter.
    Finished,
    /// Events with dead letters.
    Dead,
    /// Attempts of deliveries that have not ended. The reason of the last one stays with its delivery.
    Attempts,
}

impl Yield {
    /// What comes next when this is gone.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Finished => Some(Self::Dead),
            Self::Dead => Some(Self::Attempts),
            Self::Attempts => None,
        }
    }
}

/// How far the search for what is old has got: behind the event with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(i64);

/// What became of one share of what is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Events that were removed.
    pub removed: usize,
    /// Where the next share begins; `None` when nothing more was found that is old.
    pub next: Option<Place>,
}

impl Place {
    /// Before every event.
    pub const START: Self = Self(i64::MIN);
}

/// The next share of events, which of them arrived before a moment, and which of those have ended before it. What
/// waits is looked at as well, so there can be far more than is removed. The limit inside keeps PostgreSQL from
/// going through all deliveries first, to have those of any event at hand.
pub(super) const OLD: &str =
    "SELECT e.seq, length(e.payload), e.received < ?1, e.received < ?1 AND NOT EXISTS (
         SELECT 1 FROM deliveries d
         WHERE d.event = e.seq AND (d.state <= 1 OR d.ended IS NULL OR d.ended >= ?1)
         LIMIT 1 OFFSET 0)
     FROM events e WHERE e.seq > ?2 ORDER BY e.seq LIMIT ?3";

/// Looks behind what is young for what is old.
const LOOKS: i64 = 64;

/// One of them.
pub(super) const LOOK: &str = "SELECT seq, received < ?1 FROM events
     WHERE seq >= ?2 ORDER BY seq LIMIT 1";

pub(super) const NEWEST: &str = "SELECT coalesce(max(seq), 0) FROM events";

/// Removes those of the next share of events that arrived before `cutoff` and whose deliveries have all
/// ended before it, with their deliveries and attempts.
///
/// Events arrive nearly in the order of their numbers, so behind a share without an old one there is none, unless a
/// clock was set back in between. Looks that are spread evenly over the rest find what is old there, at the latest
/// when it is a 64th of that. An index of when each arrived would be written for every event, for this rare case alone.
pub(super) fn prune(
    connection: &Connection<'_>,
    cutoff: Timestamp,
    from: Place,
) -> Result<Share, StoreError> {
    let cutoff = micros(cutoff);
    if from == Place::START {
        // A trade of which nothing was heard for so long has a new notification if it is heard of again.
        let mut forget = connection.prepare_cached("DELETE FROM living WHERE changed < ?1")?;
        forget.execute(params![cutoff])?;
    }
    let mut select = connection.prepare_cached(OLD)?;
    let found: Vec<(i64, i64, bool, bool)> = select
        .query_all(params![cutoff, from.0, LOOKED_AT], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let (mut removed, mut bytes) = (0, 0);
    for (seq, length, _, has_ended) in &found {
        if !has_ended {
            continue;
        }
        remove(connection, *seq)?;
        removed += 1;
        bytes += length;
        if bytes >= PAYLOAD_BYTES_MAX {
            let next = Some(Place(*seq));
            return Ok(Share { removed, next });
        }
    }
    let is_end = found.len() < LOOKED_AT as usize;
    let has_old = found.iter().any(|(_, _, is_old, _)| *is_old);
    let next = match found.last().filter(|_| !is_end) {
        None => None,
        Some((last, ..)) if has_old => Some(Place(*last)),
        Some((last, ..)) => farther(connection, cutoff, *last)?,
    };
    Ok(Share { removed, next })
}

/// Where to go on behind a share of young events: less than a share before an old one, if a look finds one.
fn farther(
    connection: &Connection<'_>,
    cutoff: i64,
    behind: i64,
) -> Result<Option<Place>, StoreError> {
    let newest: i64 = connection.query_row(NEWEST, params![], |row| row.get(0))?;
    let apart = newest.saturating_sub(behind) / LOOKS + 1;
    let all = (1..=LOOKS).map(|look| behind.saturating_add(look.saturating_mul(apart)));
    let found = looks(connection, cutoff, all)?;
    let Some((mut old, _)) = found.into_iter().find(|(_, is_old)| *is_old) else {
        return Ok(None);
    };
    let mut young = behind;
    while old.saturating_sub(young) >= i64::from(LOOKED_AT) {
        let middle = i64::midpoint(young, old);
        match looks(connection, cutoff, [middle])?[..] {
            [(seq, false)] if seq < old => young = seq,
            _ => old = middle,
        }
    }
    Ok(Some(Place(young)))
}

/// The first event from each of these numbers on, and whether it is old.
fn looks(
    connection: &Connection<'_>,
    cutoff: i64,
    from: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, bool)>, StoreError> {
    let values = from
        .into_iter()
        .map(|at| [Bound::Int(cutoff), Bound::Int(at)]);
    let found = connection.query_each(LOOK, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.into_iter().flatten().collect())
}

/// Removes a share of what may go, oldest first, from behind an event on. Answers behind which event
/// the next share begins; `None` at the end.
pub(super) fn trim(
    connection: &Connection<'_>,
    what: Yield,
    from: i64,
) -> Result<Option<i64>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT e.seq, length(e.payload),
             EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND (d.state <= 1 OR d.ended IS NULL)),
             EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND (d.state = 3
                 OR d.state = 6 AND EXISTS (SELECT 1 FROM deliveries l WHERE l.seq = d.bundle AND l.state = 3)))
         FROM events e WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
    )?;
    let found: Vec<(i64, i64, bool, bool)> = select.query_all(params![from, LOOKED_AT], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let last = found.last().map(|found| found.0);
    let is_end = found.len() < LOOKED_AT as usize;
    let mut bytes = 0;
    for (seq, length, open, dead) in found {
        match what {
            Yield::Finished if !open && !dead => remove(connection, seq)?,
            Yield::Dead if !open => remove(connection, seq)?,
            Yield::Attempts if open => forget_attempts(connection, seq)?,
            _ => continue,
        }
        bytes += length;
        if bytes >= PAYLOAD_BYTES_MAX {
            return Ok(Some(seq));
        }
    }
    Ok(last.filter(|_| !is_end))
}

fn remove(connection: &Connection<'_>, event: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM attempts WHERE delivery IN (SELECT seq FROM deliveries WHERE event = ?1)",
        "DELETE FROM deliveries WHERE event = ?1",
        "DELETE FROM events WHERE seq = ?1",
    ] {
        connection.prepare_cached(sql)?.execute(params![event])?;
    }
    Ok(())
}

/// Interrupted attempts stay: they show which delivery ends the process.
fn forget_attempts(connection: &Connection<'_>, event: i64) -> Result<(), StoreError> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM attempts WHERE outcome <> ?2
             AND delivery IN (SELECT seq FROM deliveries WHERE event = ?1)",
    )?;
    delete.execute(params![event, outcome_column(Outcome::Interrupted)])?;
    Ok(())
}
