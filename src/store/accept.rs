//! Events in, with their deliveries and the cursor.

use std::sync::Arc;

use super::sql::{Connection, SqlError, params};
use jiff::Timestamp;

use super::aside::or_default;
use super::bundle;
use super::depths::Tally;
use super::hands::{Handed, Hands};
use super::row::{data_columns, micros, state_column, time};
use super::tags::Tags;
use super::throttle::{self, Decision};
use super::{StoreError, watches};
use crate::model::{
    Accepted, Batch, Checkpoint, Claim, Cursor, Event, Name, PictureRow, Route, State, Suppressed,
};

/// Most bytes of an event that is handed over. What is larger is read when its turn comes, so that what
/// lanes have in hand stays small.
const HANDED_BYTES_MAX: usize = 16 * 1024;

/// Writes a batch. An event whose identity is there already is a replay: it adds nothing, whatever
/// the rules say about it by now.
pub(super) fn accept(
    connection: &Connection<'_>,
    tags: &Tags,
    hands: &mut Hands,
    batch: &Batch,
) -> Result<Accepted, StoreError> {
    let mut accepted = Accepted::default();
    let mut tally = Tally::default();
    // Only watches ask which of the events are new.
    let mut seqs = Vec::new();
    for (event, routes) in &batch.events {
        let seq = insert_event(connection, event)?;
        if !batch.heard.is_empty() {
            seqs.push(seq);
        }
        let Some(seq) = seq else {
            accepted.repeated += 1;
            continue;
        };
        accepted.count(&event.kind);
        for route in routes {
            let state = insert_delivery(connection, tags, hands, seq, event, route)?;
            tally.added(&route.sink, state);
            match state {
                State::Throttled => accepted.throttled(&route.sink),
                State::Merged => accepted.merged(&route.sink),
                state => {
                    accepted.deliveries += 1;
                    // Where another sink may step in, somebody has to mind the time.
                    let is_minded = state == State::InFlight && route.fallback.is_none();
                    accepted.handed += usize::from(is_minded);
                }
            }
        }
    }
    tally.count(connection)?;
    if let Some(checkpoint) = &batch.checkpoint {
        store_checkpoint(connection, &batch.source, checkpoint)?;
    }
    for row in &batch.picture {
        store_picture_row(connection, &batch.source, row)?;
    }
    for heard in &batch.heard {
        // A replay of what was known says nothing of now.
        let is_new = |place: &&usize| seqs.get(**place).is_some_and(Option::is_some);
        if let Some(last) = heard.events.iter().rfind(is_new) {
            let (event, _) = &batch.events[*last];
            watches::hear(connection, &heard.watch, event.received)?;
            let heard = (Arc::clone(&heard.watch), event.received);
            accepted.heard.push(heard);
        }
    }
    Ok(accepted)
}

/// About how much a batch takes on the disk, with its rows and their places in the indexes.
pub(super) fn bytes(batch: &Batch) -> u64 {
    const EVENT: usize = 400;
    const DELIVERY: usize = 250;
    let events = batch.events.iter().map(|(event, routes)| {
        let about = event.about.as_ref().map_or(0, |about| about.len());
        EVENT + event.payload.len() + about + routes.len() * DELIVERY
    });
    let picture = batch.picture.iter().map(|row| {
        let body = row.body.as_ref().map_or(0, Vec::len);
        row.key.len() + body
    });
    let bytes: usize = events.chain(picture).sum();
    u64::try_from(bytes).unwrap_or(u64::MAX / 4)
}

/// Reads the whole stored picture of a source.
pub(super) fn picture(
    connection: &Connection<'_>,
    source: &Name,
) -> Result<Vec<PictureRow>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT key, body FROM picture WHERE source = ?1 ORDER BY key")?;
    let rows = select.query_all(params![source.as_str()], |row| {
        let key: Option<String> = or_default(row.get(0).map(Some), "a key of its picture", source)?;
        let body: Option<Vec<u8>> = or_default(row.get(1), "a row of its picture", source)?;
        Ok(key.zip(body))
    })?;
    let rows = rows.into_iter().flatten().map(|(key, body)| {
        let body = Some(body);
        PictureRow { key, body }
    });
    Ok(rows.collect())
}

/// Reads how far a source has been followed.
pub(super) fn checkpoint(
    connection: &Connection<'_>,
    source: &Name,
) -> Result<Checkpoint, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT cursor, cleared, epoch, high_id, high_time FROM sources WHERE name = ?1",
    )?;
    let found = select.query_optional(params![source.as_str()], |row| {
        let cursor: Option<String> = or_default(row.get(0), "its cursor", source)?;
        let cleared: bool = or_default(row.get(1), "its cursor", source)?;
        let high_id: Option<String> = or_default(row.get(3), "its highest id", source)?;
        let high_time: Option<i64> = or_default(row.get(4), "its newest time", source)?;
        Ok(Checkpoint {
            cursor: match cursor {
                Some(id) => Cursor::At(id),
                None if cleared => Cursor::Cleared,
                None => Cursor::Unknown,
            },
            epoch: or_default(row.get(2), "its epoch", source)?,
            high_id: high_id.and_then(|id| id.parse().ok()),
            high_time: high_time.and_then(|at| Timestamp::from_microsecond(at).ok()),
        })
    })?;
    Ok(found.unwrap_or_default())
}

fn insert_event(connection: &Connection<'_>, event: &Event) -> Result<Option<i64>, StoreError> {
    let insert = "INSERT INTO events (source, id, kind, time, received, backfilled, identity, data_start, data_end, payload, about)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO NOTHING";
    let (data_start, data_end) = data_columns(event.data);
    let values = params![
        event.source.as_str(),
        event.id.as_deref(),
        &*event.kind,
        event.time.map(micros),
        micros(event.received),
        event.backfilled,
        event.identity.as_ref().map(|identity| &*identity.0),
        data_start,
        data_end,
        &*event.payload,
        event.about.as_deref(),
    ];
    Ok(connection.insert(insert, "seq", values)?)
}

/// Writes a delivery: into the message of another one where it may join that, else to be sent by itself,
/// unless its throttle has it end here. What joins a message is not throttled, since a throttle counts
/// messages. One that is sent by itself goes to its lane at once where that has room.
fn insert_delivery(
    connection: &Connection<'_>,
    tags: &Tags,
    hands: &mut Hands,
    event_seq: i64,
    event: &Event,
    route: &Route,
) -> Result<State, StoreError> {
    let of = Of {
        event_seq,
        event,
        route,
    };
    if let Some(bundle) = &route.bundle
        && let Some(leader) = bundle::join(connection, route, bundle, event)?
    {
        let reason = format!("in one message with {}", tags.id(leader));
        insert_merged(connection, &of, leader, &reason)?;
        return Ok(State::Merged);
    }
    let throttled = |throttle| throttle::decide(connection, route, throttle, event.received);
    let suppressed = match route.throttle.as_ref().map(throttled).transpose()? {
        Some(Decision::Throttled) => {
            let reason = route.throttle.as_ref().map(throttle::reason);
            insert_row(connection, &of, State::Throttled, reason.as_deref(), None)?;
            return Ok(State::Throttled);
        }
        Some(Decision::Passes(suppressed)) => suppressed,
        None => None,
    };
    if of.waits_for_nothing() {
        if event.payload.len() <= HANDED_BYTES_MAX && hands.has_room(&route.sink) {
            let row = insert_row(connection, &of, State::InFlight, None, suppressed)?;
            let claim = of.claim(tags, row, suppressed);
            hands.hold(&route.sink, Handed::New(claim));
            return Ok(State::InFlight);
        }
        hands.pass_by(&route.sink);
    }
    let row = insert_row(connection, &of, State::Waiting, None, suppressed)?;
    hands.waits_for(&route.sink);
    if let Some(bundle) = &route.bundle {
        bundle::open(connection, route, bundle, row, event)?;
    }
    Ok(State::Waiting)
}

/// What a delivery is of.
struct Of<'a> {
    event_seq: i64,
    event: &'a Event,
    route: &'a Route,
}

impl Of<'_> {
    /// Whether it waits for nothing: no message that is still open, no delivery that it might be behind, no
    /// notification whose name would have to be looked up.
    fn waits_for_nothing(&self) -> bool {
        let route = self.route;
        route.bundle.is_none() && route.key.is_none() && route.living.is_none()
    }

    /// The claim of its first attempt, as it would be read back.
    fn claim(&self, tags: &Tags, row: i64, suppressed: Option<Suppressed>) -> Claim {
        let received = time(micros(self.event.received));
        Claim {
            row,
            id: tags.id(row),
            sink: self.route.sink.clone(),
            rule: Arc::clone(&self.route.rule),
            attempt: 1,
            step: 0,
            plain: false,
            created: received,
            due: received,
            early_for: None,
            asked: None,
            woken: false,
            living: None,
            suppressed,
            instead: None,
            keyed: false,
            event: Event {
                received,
                time: self.event.time.map(|at| time(micros(at))),
                identity: None,
                ..self.event.clone()
            },
            bundle: Vec::new(),
        }
    }

    /// When it is to leave.
    fn due(&self) -> Timestamp {
        let bundle = self.route.bundle.as_ref();
        bundle.map_or(self.event.received, |bundle| bundle.closes)
    }
}

fn insert_row(
    connection: &Connection<'_>,
    of: &Of<'_>,
    state: State,
    reason: Option<&str>,
    suppressed: Option<Suppressed>,
) -> Result<i64, StoreError> {
    let Of {
        event_seq,
        event,
        route,
    } = of;
    let received = micros(event.received);
    let is_taken = state == State::InFlight;
    let has_ended = !is_taken && state != State::Waiting;
    let fallback = route.fallback.as_ref().filter(|_| !has_ended);
    let steps_in = fallback.and_then(|fallback| of.due().checked_add(fallback.after).ok());
    let insert = "INSERT INTO deliveries
             (event, sink, rule, state, created, due, priority, key, ended, reason, suppressed_count,
              suppressed_since, living, fallback, fallback_key, steps_in, asked, attempts, behind)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             CASE WHEN ?8 IS NULL THEN 0
                 WHEN EXISTS (SELECT 1 FROM deliveries o WHERE o.sink = ?2 AND o.key = ?8 AND o.state <= 1) THEN 1
                 ELSE 0 END)";
    let values = params![
        event_seq,
        route.sink.as_str(),
        &*route.rule,
        state_column(state),
        received,
        micros(of.due()),
        route.priority,
        route.key.as_deref(),
        has_ended.then_some(received),
        reason,
        suppressed.map_or(0, |suppressed| i64::try_from(suppressed.count)
            .unwrap_or(i64::MAX)),
        suppressed.map(|suppressed| micros(suppressed.since)),
        route.living.as_deref(),
        fallback.map(|fallback| fallback.to.as_str()),
        fallback.and_then(|fallback| fallback.key.as_deref()),
        steps_in.map(micros),
        // Its ages count from when it may leave.
        route.bundle.as_ref().map(|bundle| micros(bundle.closes)),
        // To be taken is to be tried.
        i64::from(is_taken),
    ];
    Ok(connection
        .insert(insert, "seq", values)?
        .ok_or(SqlError::NoRow)?)
}

/// It has not ended before the message has that it is in.
fn insert_merged(
    connection: &Connection<'_>,
    of: &Of<'_>,
    leader: i64,
    reason: &str,
) -> Result<(), StoreError> {
    let Of {
        event_seq,
        event,
        route,
    } = of;
    let mut insert = connection.prepare_cached(
        "INSERT INTO deliveries (event, sink, rule, state, created, due, priority, reason, bundle)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        event_seq,
        route.sink.as_str(),
        &*route.rule,
        state_column(State::Merged),
        micros(event.received),
        route.priority,
        reason,
        leader,
    ])?;
    Ok(())
}

fn store_picture_row(
    connection: &Connection<'_>,
    source: &Name,
    row: &PictureRow,
) -> Result<(), StoreError> {
    let Some(body) = &row.body else {
        let mut delete =
            connection.prepare_cached("DELETE FROM picture WHERE source = ?1 AND key = ?2")?;
        delete.execute(params![source.as_str(), row.key])?;
        return Ok(());
    };
    let mut upsert = connection.prepare_cached(
        "INSERT INTO picture (source, key, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (source, key) DO UPDATE SET body = excluded.body",
    )?;
    upsert.execute(params![source.as_str(), row.key, body])?;
    Ok(())
}

fn store_checkpoint(
    connection: &Connection<'_>,
    source: &Name,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO sources (name, cursor, cleared, epoch, high_id, high_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, cleared = excluded.cleared,
             epoch = excluded.epoch, high_id = excluded.high_id, high_time = excluded.high_time",
    )?;
    upsert.execute(params![
        source.as_str(),
        checkpoint.cursor.header(),
        checkpoint.cursor == Cursor::Cleared,
        checkpoint.epoch,
        checkpoint.high_id.map(|id| id.to_string()),
        checkpoint.high_time.map(micros),
    ])?;
    Ok(())
}
