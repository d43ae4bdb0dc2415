//! How much is where in the queue, at a cost that does not grow with what waits.
//!
//! The deliveries of each sink in each state are counted in the transaction that changes them, and one of two
//! indexes has the oldest one that waits in front. So these numbers are exact, and whoever asks for them often,
//! such as a page that is left open, costs the deliveries nothing.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::aside::shown_name;
use super::row::{state, state_column, time};
use super::shape::Standing;
use super::sql::{Bound, Connection, params};
use super::{Store, StoreError};
use crate::model::{Name, State};

/// How many deliveries of each sink are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// By sink, then by state; a state without a delivery is left out.
    pub by_sink: BTreeMap<Name, BTreeMap<&'static str, u64>>,
    /// Since when the delivery waits that has waited longest, by sink: since it was put into the queue, or
    /// since a person last asked for it. In the future for the message of a
    /// bundle that is still open. Where it was due before all that, since then: such a message was tried early, or
    /// the clock was set back.
    pub oldest_waiting: BTreeMap<Name, Timestamp>,
}

impl Depths {
    /// The sinks that something waits for and that are no longer configured, with how much it is.
    pub fn orphaned<'a>(&'a self, standing: &'a Standing) -> impl Iterator<Item = (&'a Name, u64)> {
        let waiting = self.by_sink.iter().filter_map(|(sink, states)| {
            let count = states.get(State::Waiting.as_str())?;
            Some((sink, *count))
        });
        waiting.filter(|(sink, _)| standing.shown(State::Waiting, sink) == State::Orphaned)
    }
}

/// What a group of deliveries does to the counts, in place of triggers that would do it for each of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_sink: HashMap<Name, [i64; STATES]>,
}

/// One row for each sink and state; for those that wait, with the oldest one. Whatever is due later than it began
/// to wait has an index of its own, and of all others the oldest one is the first that is due.
pub(super) const DEPTHS: &str = "SELECT sink, state, count, CASE state WHEN 0 THEN (
         SELECT min(since) FROM (
             SELECT min(coalesce(d.asked, d.created)) AS since FROM deliveries d
             WHERE d.sink = depths.sink AND d.state = 0 AND (d.behind <> 0 OR d.due <> coalesce(d.asked, d.created))
             UNION ALL
             SELECT (SELECT min(d.due) FROM deliveries d
                 WHERE d.sink = depths.sink AND d.state = 0 AND d.behind = 0 AND d.priority = p.column1)
             FROM (VALUES (5), (4), (3), (2), (1)) AS p) AS o) END
     FROM depths WHERE count > 0";

/// The states that a column tells apart.
const STATES: usize = 7;

impl Tally {
    /// A delivery has come in.
    pub(super) fn added(&mut self, sink: &Name, state: State) {
        self.of(sink)[column(state)] += 1;
    }

    /// Deliveries of one sink have gone from a state to these.
    pub(super) fn moved(&mut self, sink: &Name, from: State, to: impl IntoIterator<Item = State>) {
        let counts = self.of(sink);
        for to in to {
            counts[column(from)] -= 1;
            counts[column(to)] += 1;
        }
    }

    fn of(&mut self, sink: &Name) -> &mut [i64; STATES] {
        if !self.by_sink.contains_key(sink) {
            self.by_sink.insert(sink.clone(), [0; STATES]);
        }
        self.by_sink.get_mut(sink).expect("just put there")
    }

    /// Writes it down; to be called before anybody else can ask for the counts.
    pub(super) fn count(self, connection: &Connection<'_>) -> Result<(), StoreError> {
        let upsert = "INSERT INTO depths VALUES (?1, ?2, ?3)
             ON CONFLICT (sink, state) DO UPDATE SET count = depths.count + excluded.count";
        let counts = self.by_sink.iter().flat_map(|(sink, counts)| {
            let counts = (0_i64..).zip(counts).filter(|(_, by)| **by != 0);
            counts.map(|(state, by)| {
                [
                    Bound::Text(sink.as_str()),
                    Bound::Int(state),
                    Bound::Int(*by),
                ]
            })
        });
        connection.execute_each(upsert, counts)?;
        Ok(())
    }
}

fn column(state: State) -> usize {
    usize::try_from(state_column(state)).expect("not negative")
}

impl Store {
    /// How many deliveries of each sink are in each state, and since when the oldest waits. However
    /// many there are, this takes a few steps for each sink.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn depths(&self) -> Result<Depths, StoreError> {
        self.look(|connection, _| depths(connection)).await
    }

    /// How many deliveries of a sink wait, due or not, and how many are in flight. In line with what its
    /// lane asks for beside.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn undelivered(&self, sink: &Name) -> Result<(u64, u64), StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| {
            let waiting = count(connection, &sink, State::Waiting)?;
            Ok((waiting, count(connection, &sink, State::InFlight)?))
        })
        .await
    }
}

/// How many deliveries of all sinks together have not ended.
pub(super) fn open(connection: &Connection<'_>) -> Result<u64, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM depths WHERE state <= 1",
    )?;
    let count: i64 = select.query_row(params![], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn depths(connection: &Connection<'_>) -> Result<Depths, StoreError> {
    let mut depths = Depths::default();
    let mut select = connection.prepare_cached(DEPTHS)?;
    select.query_all(params![], |row| {
        let name = shown_name(row, 0)?;
        let state = state(row.get(1)?);
        let count: i64 = row.get(2)?;
        // Two names that cannot be read are shown as one.
        if let Some(oldest) = row.get::<Option<i64>>(3)?.map(time) {
            let of_sink = depths.oldest_waiting.entry(name.clone());
            of_sink
                .and_modify(|known| *known = oldest.min(*known))
                .or_insert(oldest);
        }
        let of_sink = depths.by_sink.entry(name).or_default();
        *of_sink.entry(state.as_str()).or_default() += count.unsigned_abs();
        Ok(())
    })?;
    Ok(depths)
}

fn count(connection: &Connection<'_>, sink: &Name, state: State) -> Result<u64, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT count FROM depths WHERE sink = ?1 AND state = ?2")?;
    let wanted = params![sink.as_str(), state_column(state)];
    let count: Option<i64> = select.query_optional(wanted, |row| row.get(0))?;
    Ok(count.unwrap_or_default().unsigned_abs())
}
