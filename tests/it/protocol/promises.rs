//! Whether the queue, as anybody can look it up, keeps the promises and is what it must be.

use std::collections::{BTreeMap, BTreeSet};

use bellwire::model::{Checkpoint, DeliveryId, Outcome, State};
use bellwire::store::{EventRow, Standing, Store};
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::join;

use super::reference::Reference;
use super::source;
use super::steps::Sink;
use super::upstream::{Replay, Upstream};

/// The stable id of each delivery that has been seen.
pub(crate) type Ids = BTreeMap<(Sink, u8), DeliveryId>;

/// More than there ever are.
const ALL: u32 = 100;

/// All that can be looked up.
pub(crate) struct Seen {
    checkpoint: Checkpoint,
    events: BTreeMap<u8, EventRow>,
    tries: BTreeMap<i64, Vec<Outcome>>,
    depths: BTreeMap<(String, &'static str), u64>,
}

impl Seen {
    /// Looks everything up.
    pub(crate) async fn of(store: &Store) -> Result<Self, String> {
        let name = source::name();
        let (rows, depths, checkpoint) = join!(
            store.events(Standing::default(), None, ALL),
            store.depths(),
            store.checkpoint(&name)
        );
        let rows = rows.expect("reads");
        let deliveries = rows.iter().flat_map(|row| &row.deliveries);
        let found = deliveries.map(|one| store.delivery(Standing::default(), one.id.as_str()));
        let mut tries = BTreeMap::new();
        for found in join_all(found).await {
            let found = found.expect("reads");
            let (row, attempts) = found.ok_or("promise 4: a delivery is not found by its id")?;
            let outcomes = attempts.iter().map(|attempt| attempt.outcome).collect();
            tries.insert(row.row, outcomes);
        }
        let mut events = BTreeMap::new();
        for row in rows {
            let event = Upstream::event(row.head.time.expect("every event has one"));
            if events.insert(event, row).is_some() {
                return Err(format!("promise 2: event {event} is in the queue twice"));
            }
        }
        let depths = depths.expect("reads").by_sink;
        let depths = depths.into_iter().flat_map(|(sink, states)| {
            let sink = sink.to_string();
            states
                .into_iter()
                .map(move |(state, count)| ((sink.clone(), state), count))
        });
        Ok(Self {
            checkpoint: checkpoint.expect("reads"),
            events,
            tries,
            depths: depths.collect(),
        })
    }

    /// Holds it to the promises first, whatever else it must be, and to that then.
    pub(crate) fn judge(&self, reference: &Reference, ids: &mut Ids) -> Result<(), String> {
        self.nothing_is_lost(reference)?;
        self.nothing_is_doubled(reference, ids)?;
        self.every_end_is_told(reference)?;
        let cursor = reference.cursor.map(|event| reference.upstream.id(event));
        let stands = (self.cursor(), self.checkpoint.epoch);
        same(
            "the cursor and its epoch",
            &stands,
            &(cursor, reference.epoch),
        )?;
        let stored: BTreeSet<u8> = self.events.keys().copied().collect();
        same("the events in the queue", &stored, &reference.stored)
    }

    /// The id that the cursor stands at.
    fn cursor(&self) -> Option<u8> {
        let id = self.checkpoint.cursor.header()?;
        Some(id.parse().expect("a number"))
    }

    /// Promise 1: whatever has happened is in the queue with its deliveries, or comes again to whoever goes on
    /// from the cursor.
    fn nothing_is_lost(&self, reference: &Reference) -> Result<(), String> {
        let upstream = &reference.upstream;
        let replayed = upstream.replay_behind(self.cursor(), Replay::Behind);
        for event in upstream.events() {
            let Some(row) = self.events.get(&event) else {
                if replayed.contains(&event) || reference.is_out_of_reach(event) {
                    continue;
                }
                let cursor = &self.checkpoint.cursor;
                return Err(format!(
                    "promise 1: event {event} is not in the queue, and the cursor is beyond it: {cursor:?}"
                ));
            };
            for sink in reference.sinks() {
                if !row.deliveries.iter().any(|one| one.sink == sink.named()) {
                    return Err(format!(
                        "promise 1: event {event} has no delivery to {}",
                        sink.name()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Promises 2 and 3: one delivery for each sink, with one id for ever.
    fn nothing_is_doubled(&self, reference: &Reference, ids: &mut Ids) -> Result<(), String> {
        for (&event, row) in &self.events {
            for sink in reference.sinks() {
                let mut to_it = row.deliveries.iter().filter(|one| one.sink == sink.named());
                let (first, second) = (to_it.next().expect("looked for above"), to_it.next());
                if second.is_some() {
                    return Err(format!(
                        "promise 2: event {event} goes to {} twice",
                        sink.name()
                    ));
                }
                let known = ids.entry((sink, event)).or_insert_with(|| first.id.clone());
                if *known != first.id {
                    return Err(format!("promise 3: {known} has become {}", first.id));
                }
            }
        }
        match ids.values().collect::<BTreeSet<_>>().len() == ids.len() {
            true => Ok(()),
            false => Err("promise 3: two deliveries have one id".to_owned()),
        }
    }

    /// Promise 4: each delivery stands where its attempts have brought it, all of them are told, and it has a
    /// reason where it was not delivered.
    fn every_end_is_told(&self, reference: &Reference) -> Result<(), String> {
        let mut depths = BTreeMap::new();
        for (event, row) in &self.events {
            for delivery in &row.deliveries {
                let what = format!("promise 4: event {event} to {}", delivery.sink);
                let sink = reference
                    .sinks()
                    .into_iter()
                    .find(|one| one.named() == delivery.sink);
                let expected = sink.and_then(|sink| reference.deliveries.get(&(sink, *event)));
                let expected = expected.ok_or_else(|| format!("{what} is unknown"))?;
                let over = expected.tries.len() + usize::from(expected.state == State::InFlight);
                let stands = (delivery.state, delivery.attempts as usize);
                same(
                    &format!("{what}, its state and attempts"),
                    &stands,
                    &(expected.state, over),
                )?;
                same(
                    &format!("{what}, its attempts"),
                    &self.tries[&delivery.row],
                    &expected.tries,
                )?;
                let needs_one = matches!(delivery.state, State::Dead | State::Expired);
                if needs_one && delivery.reason.is_none() {
                    return Err(format!("{what} has no reason"));
                }
                let of_state = (delivery.sink.to_string(), delivery.state.as_str());
                *depths.entry(of_state).or_default() += 1;
            }
        }
        same("promise 4: the counted deliveries", &self.depths, &depths)
    }
}

impl Upstream {
    /// Which event it is that happened at this time.
    pub(crate) fn event(time: Timestamp) -> u8 {
        u8::try_from(time.as_second() % 60).expect("seconds of a minute")
    }
}

/// Says how two things differ.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    is: &T,
    must_be: &T,
) -> Result<(), String> {
    match is == must_be {
        true => Ok(()),
        false => Err(format!("{what}: {is:?}, and must be {must_be:?}")),
    }
}
