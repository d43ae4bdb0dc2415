//! Events in, with their deliveries and the cursor.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::bundle;
use super::depths::Tally;
use super::hands::{Handed, Hands};
use super::row::{data_columns, micros, state_column, time};
use super::sql::{Bound, Connection, Insert, SqlError, Value, params};
use super::tags::Tags;
use super::throttle::{self, Decision};
use super::{StoreError, followed, watches};
use crate::model::{Accepted, Batch, Claim, Event, Route, State, Suppressed};

/// Most bytes of an event that is handed over. What is larger is read when its turn comes, so that what
/// lanes have in hand stays small.
const HANDED_BYTES_MAX: usize = 16 * 1024;

/// An event, unless it is there already.
static EVENTS: Insert<11> = Insert::new(
    "events (source, id, kind, time, received, backfilled, identity, data_start, data_end, payload, about)",
    "ON CONFLICT DO NOTHING",
);

/// A delivery that depends on no other.
static PLAIN: Insert<11> = Insert::new(
    "deliveries (event, sink, rule, state, created, due, priority, fallback, fallback_key, steps_in, attempts)",
    "",
);

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
    let seqs = insert_events(connection, batch)?;
    let (mut plain, mut sinks) = (Vec::new(), HashMap::new());
    for (place, ((event, routes), seq)) in batch.events.iter().zip(&seqs).enumerate() {
        let Some(event_seq) = *seq else {
            accepted.repeated.push(place);
            continue;
        };
        accepted.count(&event.kind);
        for route in routes {
            let of = Of {
                event_seq,
                event,
                route,
            };
            let state = match of.is_plain() {
                // Written with all others of its kind.
                true => {
                    let (state, next) = (of.taken(hands), sinks.len());
                    plain.push((*sinks.entry(&route.sink).or_insert(next), of, state));
                    state
                }
                false => insert_delivery(connection, tags, hands, &of)?,
            };
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
    // Those of one sink stand one behind the other, since they are claimed together.
    plain.sort_by_key(|(sink, ..)| *sink);
    insert_plain(connection, tags, hands, &plain)?;
    tally.count(connection)?;
    followed::note(connection, batch)?;
    for heard in &batch.heard {
        // A replay of what was known says nothing of now.
        let is_new = |place: &&usize| seqs.get(**place).is_some_and(Option::is_some);
        if let Some(last) = heard.events.iter().rfind(is_new) {
            let (event, _) = &batch.events[*last];
            watches::hear(connection, &heard.watch, event.received)?;
            // As it is read back, or else one moment would be two.
            let received = time(micros(event.received));
            accepted.heard.push((Arc::clone(&heard.watch), received));
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

/// Writes the events; answers where each of them is, unless it was there before.
fn insert_events(
    connection: &Connection<'_>,
    batch: &Batch,
) -> Result<Vec<Option<i64>>, StoreError> {
    let rows = batch.events.iter().map(|(event, _)| {
        let (data_start, data_end) = data_columns(event.data);
        [
            Bound::Text(event.source.as_str()),
            Bound::text(event.id.as_deref()),
            Bound::Text(&event.kind),
            Bound::int(event.time.map(micros)),
            Bound::Int(micros(event.received)),
            Bound::Int(event.backfilled.into()),
            Bound::bytes(event.identity.as_ref().map(|identity| &*identity.0)),
            Bound::int(data_start),
            Bound::int(data_end),
            Bound::Bytes(&event.payload),
            Bound::bytes(event.about.as_deref()),
        ]
    });
    Ok(connection.insert_each(&EVENTS, "seq", rows)?)
}

/// Writes deliveries that depend on no other, each with a number of its sink. Those that were taken go to their lanes.
fn insert_plain(
    connection: &Connection<'_>,
    tags: &Tags,
    hands: &mut Hands,
    plain: &[(usize, Of<'_>, State)],
) -> Result<(), StoreError> {
    let rows = plain.iter().map(|(_, of, state)| of.plain_row(*state));
    let seqs = connection.insert_each(&PLAIN, "seq", rows)?;
    for ((_, of, state), seq) in plain.iter().zip(seqs) {
        let seq = seq.ok_or(SqlError::NoRow)?;
        match state {
            State::InFlight => {
                let claim = of.claim(tags, seq, None);
                hands.hold(&of.route.sink, Handed::New(claim));
            }
            _ => hands.waits_for(&of.route.sink),
        }
    }
    Ok(())
}

/// Writes a delivery: into the message of another one where it may join that, else to be sent by itself,
/// unless its throttle has it end here. What joins a message is not throttled, since a throttle counts
/// messages. One that is sent by itself goes to its lane at once where that has room.
fn insert_delivery(
    connection: &Connection<'_>,
    tags: &Tags,
    hands: &mut Hands,
    of: &Of<'_>,
) -> Result<State, StoreError> {
    let Of { event, route, .. } = *of;
    if let Some(bundle) = &route.bundle
        && let Some(leader) = bundle::join(connection, route, bundle, event)?
    {
        let reason = format!("in one message with {}", tags.id(leader));
        insert_merged(connection, of, leader, &reason)?;
        return Ok(State::Merged);
    }
    let throttled = |throttle| throttle::decide(connection, route, throttle, event.received);
    let suppressed = match route.throttle.as_ref().map(throttled).transpose()? {
        Some(Decision::Throttled) => {
            let reason = route.throttle.as_ref().map(throttle::reason);
            insert_row(connection, of, State::Throttled, reason.as_deref(), None)?;
            return Ok(State::Throttled);
        }
        Some(Decision::Passes(suppressed)) => suppressed,
        None => None,
    };
    let state = match of.waits_for_nothing() {
        true => of.taken(hands),
        false => State::Waiting,
    };
    let row = insert_row(connection, of, state, None, suppressed)?;
    if state == State::InFlight {
        let claim = of.claim(tags, row, suppressed);
        hands.hold(&route.sink, Handed::New(claim));
        return Ok(state);
    }
    hands.waits_for(&route.sink);
    if let Some(bundle) = &route.bundle {
        bundle::open(connection, route, bundle, row, event)?;
    }
    Ok(state)
}

/// Writes a delivery.
const INSERT: &str = "INSERT INTO deliveries
         (event, sink, rule, state, created, due, priority, key, ended, reason, suppressed_count,
          suppressed_since, living, fallback, fallback_key, steps_in, asked, attempts, behind)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
         CASE WHEN ?8 IS NULL THEN 0
             WHEN EXISTS (SELECT 1 FROM deliveries o WHERE o.sink = ?2 AND o.key = ?8 AND o.state <= 1) THEN 1
             ELSE 0 END)";

/// What a delivery is of.
#[derive(Clone, Copy)]
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

    /// Whether what it is like depends on no other delivery at all.
    fn is_plain(&self) -> bool {
        self.waits_for_nothing() && self.route.throttle.is_none()
    }

    /// Takes a place for it in the hand of its lane, if there is one; answers how it is written then.
    fn taken(&self, hands: &mut Hands) -> State {
        let sink = &self.route.sink;
        if self.event.payload.len() <= HANDED_BYTES_MAX && hands.has_room(sink) {
            return State::InFlight;
        }
        hands.pass_by(sink, time(micros(self.due())));
        State::Waiting
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
            alone: true,
            event: Event {
                received,
                time: self.event.time.map(|at| time(micros(at))),
                identity: None,
                ..self.event.clone()
            },
            bundle: Vec::new(),
        }
    }

    /// Its row, where it depends on no other.
    fn plain_row<'v>(&'v self, state: State) -> [Bound<'v>; 11] {
        let [
            event,
            sink,
            rule,
            state,
            created,
            due,
            priority,
            _,
            _,
            _,
            _,
            _,
            _,
            to,
            key,
            at,
            _,
            attempts,
        ] = self.row(state, None, None);
        [
            event, sink, rule, state, created, due, priority, to, key, at, attempts,
        ]
    }

    /// Its row.
    fn row<'v>(
        &'v self,
        state: State,
        reason: Option<&'v str>,
        suppressed: Option<Suppressed>,
    ) -> [Bound<'v>; 18] {
        let Of {
            event_seq,
            event,
            route,
        } = *self;
        let received = micros(event.received);
        let is_taken = state == State::InFlight;
        let has_ended = !is_taken && state != State::Waiting;
        let fallback = route.fallback.as_ref().filter(|_| !has_ended);
        let steps_in = fallback.and_then(|fallback| self.due().checked_add(fallback.after).ok());
        let count = suppressed.map_or(0, |suppressed| suppressed.count);
        [
            Bound::Int(event_seq),
            Bound::Text(route.sink.as_str()),
            Bound::Text(&route.rule),
            Bound::Int(state_column(state)),
            Bound::Int(received),
            Bound::Int(micros(self.due())),
            Bound::Int(route.priority.into()),
            Bound::text(route.key.as_deref()),
            Bound::int(has_ended.then_some(received)),
            Bound::text(reason),
            Bound::Int(i64::try_from(count).unwrap_or(i64::MAX)),
            Bound::int(suppressed.map(|suppressed| micros(suppressed.since))),
            Bound::text(route.living.as_deref()),
            Bound::text(fallback.map(|fallback| fallback.to.as_str())),
            Bound::text(fallback.and_then(|fallback| fallback.key.as_deref())),
            Bound::int(steps_in.map(micros)),
            // Its ages count from when it may leave.
            Bound::int(route.bundle.as_ref().map(|bundle| micros(bundle.closes))),
            // To be taken is to be tried.
            Bound::Int(is_taken.into()),
        ]
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
    let row = of.row(state, reason, suppressed);
    let values = row.each_ref().map(|value| value as &dyn Value);
    let seq = connection.insert(INSERT, "seq", &values)?;
    Ok(seq.ok_or(SqlError::NoRow)?)
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
