//! What a person does to the queue: send a delivery once more, give one up, send past events again.
//!
//! A file of its own because nothing here happens by itself. A delivery on its way is left alone: its
//! attempt would settle what is no longer true.

use std::collections::HashMap;

use jiff::Timestamp;

use super::row::{EVENT_COLUMN_COUNT, EVENT_COLUMNS, RECEIVED, event, micros, state_column};
use super::shape::{DeliveryRow, Standing};
use super::sql::{Connection, SqlError, params};
use super::tags::Tags;
use super::work::Manner;
use super::{Store, StoreError, inspect};
use crate::model::{Event, Name, Route, State};

/// The reason on a delivery that a person gave up.
const DROPPED: &str = "dropped by hand";

/// Events that one look goes through in search of those that are young enough. Their order is not quite
/// that of their times, so every one has to be looked at.
const LOOKED_AT: usize = 1024;

/// Bytes of payloads with which a look has enough: as much as the largest event may have by default.
const PAYLOADS_BYTES: usize = 1 << 20;

/// Events with their places.
type Events = Vec<(i64, Event)>;

/// What became of a wish about one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// It was done; so the delivery stands now.
    Done(Box<DeliveryRow>),
    /// There is no delivery with that id.
    Unknown,
    /// It was not done, for this reason.
    Refused(String),
}

/// Past events for [`Store::replay`], oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Since when they arrived.
    pub since: Timestamp,
    /// Only those behind this place in the queue's order.
    pub after: i64,
    /// Only those up to this place.
    pub until: i64,
}

impl Store {
    /// Makes a delivery due now, whatever became of it, with its ladder of waits anew; its id and the
    /// count of its attempts stay. Durable once it returns. Refused while an attempt is on its way,
    /// and where its sink is no longer configured.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then changed.
    pub async fn retry(
        &self,
        standing: Standing,
        id: &str,
        now: Timestamp,
    ) -> Result<ByHand, StoreError> {
        let id = id.to_owned();
        self.request(Manner::default(), move |connection, tags, hands| {
            hands.wake_all();
            retry(connection, tags, &standing, &id, now)
        })
        .await
    }

    /// Ends a delivery that waits as a dead letter. Durable once it returns. Refused while an attempt
    /// is on its way, and where it has ended already.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then changed.
    pub async fn drop_delivery(
        &self,
        standing: Standing,
        id: &str,
        now: Timestamp,
    ) -> Result<ByHand, StoreError> {
        let id = id.to_owned();
        self.call(move |connection, tags| drop(connection, tags, &standing, &id, now))
            .await
    }

    /// The place of the newest event in the queue's order; 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn newest_event(&self) -> Result<i64, StoreError> {
        self.look(|connection, _| newest(connection)).await
    }

    /// Up to `limit` past events, oldest first, each with its place in the queue's order; fewer where
    /// they are large, and none only at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn past(&self, mut which: Past, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        loop {
            let piece = which.clone();
            let (found, next) = self
                .look(move |connection, _| past(connection, &piece, limit))
                .await?;
            match next {
                Some(next) if found.is_empty() => which.after = next,
                _ => return Ok(found),
            }
        }
    }

    /// Puts a new delivery into the queue for each route of these past events, durably, and answers
    /// how many it were; with `dry` it only counts. An event that is still on its way to a sink is
    /// left out there.
    ///
    /// # Errors
    /// [`StoreError`]; none of these deliveries is then in the queue.
    pub async fn replay(
        &self,
        routed: Vec<(i64, Vec<Route>)>,
        now: Timestamp,
        dry: bool,
    ) -> Result<usize, StoreError> {
        match dry {
            true => {
                self.look(move |connection, _| replay(connection, &routed, now, dry))
                    .await
            }
            false => {
                self.request(Manner::default(), move |connection, _, hands| {
                    hands.wake_all();
                    connection.with_triggers(|| replay(connection, &routed, now, dry))
                })
                .await
            }
        }
    }
}

/// Makes a delivery due now, with its ladder anew. Its id and the count of its attempts stay.
fn retry(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    id: &str,
    now: Timestamp,
) -> Result<ByHand, StoreError> {
    change(connection, tags, standing, id, |found| match found.state {
        State::InFlight => Err("an attempt is on its way".to_owned().into()),
        State::Merged => {
            let with = found
                .reason
                .as_deref()
                .unwrap_or("in the message of another one");
            Err(format!("it is {with}; retry that one").into())
        }
        State::Orphaned => Err(format!(
            "its sink `{}` is no longer configured; configure it again, or drop the delivery",
            found.sink
        )
        .into()),
        _ => {
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET state = ?2, due = ?3, asked = ?3, step = 0, plain = 0,
                     reason = NULL, ended = NULL WHERE seq = ?1",
            )?;
            update.execute(params![
                found.row,
                state_column(State::Waiting),
                micros(now)
            ])?;
            Ok(())
        }
    })
}

/// Ends a delivery that waits.
fn drop(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    id: &str,
    now: Timestamp,
) -> Result<ByHand, StoreError> {
    change(connection, tags, standing, id, |found| match found.state {
        State::InFlight => Err("an attempt is on its way".to_owned().into()),
        State::Waiting | State::Held | State::Orphaned => {
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET state = ?2, reason = ?3, ended = ?4, steps_in = NULL WHERE seq = ?1",
            )?;
            update.execute(params![
                found.row,
                state_column(State::Dead),
                DROPPED,
                micros(now)
            ])?;
            Ok(())
        }
        ended => Err(format!("it has ended already: {}", ended.as_str()).into()),
    })
}

/// The place of the newest event.
fn newest(connection: &Connection<'_>) -> Result<i64, StoreError> {
    let newest: Option<i64> =
        connection.query_row("SELECT max(seq) FROM events", params![], |row| row.get(0))?;
    Ok(newest.unwrap_or_default())
}

/// Past events from a place on, up to another one.
pub(super) fn past_select() -> String {
    format!(
        "SELECT {EVENT_COLUMNS}, e.seq FROM events e WHERE e.seq > ?1 AND e.seq <= ?2 ORDER BY e.seq"
    )
}

/// Up to `limit` past events, whole, with their places, of the next share of events. Answers behind
/// which one the share after it begins; `None` at the end. Each row is gone through once.
fn past(
    connection: &Connection<'_>,
    past: &Past,
    limit: u32,
) -> Result<(Events, Option<i64>), StoreError> {
    let mut select = connection.prepare_cached(&past_select())?;
    let (mut found, mut bytes, mut end) = (Vec::new(), 0, None);
    let mut looked_at = 0;
    select.query_until(params![past.after, past.until], |row| {
        let seq = row.get(EVENT_COLUMN_COUNT)?;
        end = Some(seq);
        looked_at += 1;
        if row.get::<i64>(RECEIVED)? >= micros(past.since) {
            let event = event(row)?;
            bytes += event.payload.len();
            found.push((seq, event));
        }
        Ok(looked_at == LOOKED_AT || found.len() == limit as usize || bytes >= PAYLOADS_BYTES)
    })?;
    Ok((found, end))
}

/// Puts a new delivery into the queue for each route, unless the event is still on its way to that
/// sink; answers how many it were. With `dry` it only counts.
fn replay(
    connection: &Connection<'_>,
    routed: &[(i64, Vec<Route>)],
    now: Timestamp,
    dry: bool,
) -> Result<usize, StoreError> {
    // The first one of them all is what a replay repeats, however often there was one before.
    let mut before = connection.prepare_cached(
        "SELECT min(d.seq), coalesce(max(CASE WHEN d.state <= 1 OR d.state = 6
             AND EXISTS (SELECT 1 FROM deliveries l WHERE l.seq = d.bundle AND l.state <= 1) THEN 1 ELSE 0 END), 0)
         FROM deliveries d WHERE d.event = ?1 AND d.sink = ?2",
    )?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO deliveries (event, sink, rule, state, created, due, asked, replayed_from, priority, key, living)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut any_open = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM depths WHERE sink = ?1 AND state <= 1 AND count > 0)",
    )?;
    let mut busy: HashMap<&Name, bool> = HashMap::new();
    let mut count = 0;
    for (event, routes) in routed {
        for route in routes {
            if dry {
                // By the counters: where nothing at all is open, no event has to be looked up.
                let is_busy = match busy.get(&route.sink) {
                    Some(known) => *known,
                    None => any_open.query_row(params![route.sink.as_str()], |row| row.get(0))?,
                };
                busy.insert(&route.sink, is_busy);
                if !is_busy {
                    count += 1;
                    continue;
                }
            }
            let (first, is_open): (Option<i64>, bool) = before
                .query_row(params![event, route.sink.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            if is_open {
                continue;
            }
            count += 1;
            if !dry {
                insert.execute(params![
                    event,
                    route.sink.as_str(),
                    &*route.rule,
                    state_column(State::Waiting),
                    micros(now),
                    first,
                    route.priority,
                    route.key.as_deref(),
                    route.living.as_deref(),
                ])?;
            }
        }
    }
    Ok(count)
}

/// Looks a delivery up, applies a change that may be refused, and shows what came of it.
fn change(
    connection: &Connection<'_>,
    tags: &Tags,
    standing: &Standing,
    id: &str,
    apply: impl FnOnce(&DeliveryRow) -> Result<(), Refusal>,
) -> Result<ByHand, StoreError> {
    let look_up = |row| inspect::one(connection, tags, standing, row);
    let found = match tags.row(id).map(look_up).transpose()? {
        Some(Some(found)) => found,
        _ => return Ok(ByHand::Unknown),
    };
    let applied = connection.with_triggers(|| Ok(apply(&found)))?;
    match applied {
        Ok(()) => {}
        Err(Refusal::Reason(reason)) => return Ok(ByHand::Refused(reason)),
        Err(Refusal::Failed(error)) => return Err(error),
    }
    Ok(look_up(found.row)?.map_or(ByHand::Unknown, |now| ByHand::Done(Box::new(now))))
}

/// Why a change was not made.
enum Refusal {
    Reason(String),
    Failed(StoreError),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.into())
    }
}
