//! What must be so: the state that the queue, the source and the lanes are to be in after each step.
//!
//! Written from the promises alone, and pure. It knows what an onlooker may know, and neither tables nor
//! transactions: a step either has happened or has not.

use std::collections::{BTreeMap, BTreeSet};

use bellwire::model::{Outcome, State};

use super::Bound;
use super::steps::{Answer, Sink, Step};
use super::upstream::{Replay, Upstream};

/// A claim in the hands of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) event: u8,
    pub(crate) answer: Option<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    pub(crate) held: Vec<Held>,
    /// Something due may wait in the queue, so nothing is handed over.
    is_behind: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Delivery {
    pub(crate) state: State,
    /// The attempts that are over.
    pub(crate) tries: Vec<Outcome>,
    /// It goes before what was never tried.
    is_early: bool,
}

/// What may still happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Left {
    crashes: u8,
    hangups: u8,
    restarts: u8,
    laters: u8,
    backs: u8,
    expiries: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    pub(crate) upstream: Upstream,
    pub(crate) is_connected: bool,
    /// Told by the connection, and in no batch yet.
    pub(crate) told: Vec<u8>,
    /// The batch on its way to the queue.
    pub(crate) batch: Vec<u8>,
    /// The event that the cursor stands for, and how often ids have started over until then.
    pub(crate) cursor: Option<u8>,
    pub(crate) epoch: u32,
    pub(crate) stored: BTreeSet<u8>,
    /// What the upstream has forgotten, or passes over, and nobody has.
    pub(crate) lost: BTreeSet<u8>,
    pub(crate) deliveries: BTreeMap<(Sink, u8), Delivery>,
    pub(crate) lanes: BTreeMap<Sink, Lane>,
    left: Left,
}

impl Reference {
    pub(crate) fn new(bound: &Bound) -> Self {
        let lane = |sink: Sink| Lane {
            held: Vec::new(),
            is_behind: sink.is_handed(),
        };
        Self {
            upstream: Upstream::new(bound.events),
            is_connected: false,
            told: Vec::new(),
            batch: Vec::new(),
            cursor: None,
            epoch: 0,
            stored: BTreeSet::new(),
            lost: BTreeSet::new(),
            deliveries: BTreeMap::new(),
            lanes: bound
                .sinks
                .iter()
                .map(|sink| (*sink, lane(*sink)))
                .collect(),
            left: Left {
                crashes: bound.crashes,
                hangups: bound.hangups,
                restarts: bound.restarts,
                laters: bound.laters,
                backs: bound.backs,
                expiries: bound.expiries,
            },
        }
    }

    /// Every step that may come next.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let to_come = self.upstream.to_come();
        if to_come > 0 {
            steps.push(Step::Happen);
        }
        let is_idle = self.batch.is_empty();
        if to_come > 1 && self.is_connected && is_idle {
            steps.push(Step::HappenTwice);
        }
        if !is_idle {
            steps.push(Step::Accept);
        } else if !self.is_connected {
            let whole = self.upstream.replay(self.cursor, Replay::Whole);
            steps.push(Step::Connect(Replay::Behind));
            if self.upstream.replay(self.cursor, Replay::Behind) != whole {
                steps.push(Step::Connect(Replay::Whole));
            }
        }
        if self.is_connected && self.left.hangups > 0 {
            steps.push(Step::Hangup);
        }
        if self.left.restarts > 0 && self.upstream.has_told() {
            steps.push(Step::Restart);
        }
        for (&sink, lane) in &self.lanes {
            let waits = !self.waiting(sink).is_empty();
            if lane.held.len() < sink.hands() && (waits || lane.is_behind) {
                steps.push(Step::Claim(sink));
            }
            for (place, held) in lane.held.iter().enumerate() {
                if held.answer.is_some() {
                    steps.push(Step::Settle(sink, place));
                    continue;
                }
                let may = |answer: &Answer| *answer != Answer::Later || self.left.laters > 0;
                let answers = sink.answers().into_iter().filter(may);
                steps.extend(answers.map(|answer| Step::Send(sink, place, answer)));
                if self.left.backs > 0 {
                    steps.push(Step::GiveBack(sink, place));
                }
                if self.left.expiries > 0 && sink == Sink::Phone {
                    steps.push(Step::Expire(sink, place));
                }
            }
        }
        if self.left.crashes > 0 {
            steps.push(Step::Crash);
        }
        steps
    }

    /// How everything is after a step.
    pub(crate) fn after(&self, step: Step) -> Self {
        let mut next = self.clone();
        match step {
            Step::Happen => next.happen(),
            Step::HappenTwice => {
                next.happen();
                next.happen();
            }
            Step::Accept => next.accept(),
            Step::Hangup => {
                next.left.hangups -= 1;
                next.is_connected = false;
            }
            Step::Restart => {
                next.left.restarts -= 1;
                next.is_connected = false;
                next.forget(next.upstream.buffer());
                next.upstream.restart();
            }
            Step::Connect(replay) => {
                next.is_connected = true;
                next.told = next.upstream.replay(next.cursor, replay);
                // The first one comes alone, and all others while it is on its way to the disk.
                next.batch = next.told.drain(..next.told.len().min(1)).collect();
                next.forget(next.upstream.buffer());
            }
            Step::Claim(sink) => next.claim(sink),
            Step::Send(sink, place, answer) => {
                next.left.laters -= u8::from(answer == Answer::Later);
                next.lane(sink).held[place].answer = Some(answer);
            }
            Step::Settle(sink, place) => {
                let held = next.lane(sink).held.remove(place);
                let (state, outcome) = match held.answer.expect("it was answered") {
                    Answer::Taken => (State::Delivered, Outcome::Delivered),
                    Answer::Later => (State::Waiting, Outcome::Retry),
                    Answer::Never => (State::Dead, Outcome::Dead),
                };
                let delivery = next.delivery(sink, held.event);
                delivery.state = state;
                delivery.tries.push(outcome);
                delivery.is_early = state == State::Waiting;
            }
            Step::GiveBack(sink, place) => {
                next.left.backs -= 1;
                let held = next.lane(sink).held.remove(place);
                next.delivery(sink, held.event).state = State::Waiting;
            }
            Step::Expire(sink, place) => {
                next.left.expiries -= 1;
                let held = next.lane(sink).held.remove(place);
                next.delivery(sink, held.event).state = State::Expired;
            }
            Step::Crash => {
                next.left.crashes -= 1;
                next.crash();
            }
        }
        next
    }

    /// Whether an event is in the process, on its way to the queue.
    pub(crate) fn is_under_way(&self, event: u8) -> bool {
        self.told.contains(&event) || self.batch.contains(&event)
    }

    /// Whether no cursor would bring this event from the upstream again: it has forgotten it, or takes the
    /// cursor of its earlier life for one of this life, which only REST can tell.
    pub(crate) fn is_out_of_reach(&self, event: u8) -> bool {
        let buffer = self.upstream.buffer();
        let stale = self.cursor.filter(|cursor| !buffer.contains(cursor));
        let is_hidden =
            stale.is_some_and(|stale| self.upstream.id(event) <= self.upstream.id(stale));
        let is_forgotten = !buffer.contains(&event) && self.is_under_way(event);
        is_forgotten || is_hidden || self.lost.contains(&event)
    }

    /// Where events go.
    pub(crate) fn sinks(&self) -> Vec<Sink> {
        self.lanes.keys().copied().collect()
    }

    /// Whether there is nothing left to do: all that could be had is in the queue, and has ended.
    pub(crate) fn is_done(&self) -> bool {
        let ended =
            |delivery: &Delivery| !matches!(delivery.state, State::Waiting | State::InFlight);
        self.upstream.to_come() == 0
            && self
                .upstream
                .events()
                .all(|event| self.stored.contains(&event) || self.lost.contains(&event))
            && self.deliveries.len() == self.stored.len() * self.lanes.len()
            && self.deliveries.values().all(ended)
    }

    /// What waits for a sink, in the order in which it is to be taken.
    fn waiting(&self, sink: Sink) -> Vec<u8> {
        let of_it = self.deliveries.iter().filter(|((of, _), _)| *of == sink);
        let waits = of_it.filter(|(_, delivery)| delivery.state == State::Waiting);
        let mut waiting: Vec<_> = waits
            .map(|((_, event), delivery)| (!delivery.is_early, *event))
            .collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, event)| event).collect()
    }

    fn happen(&mut self) {
        let event = self.upstream.happen();
        if !self.is_connected {
            return;
        }
        self.told.push(event);
        if self.batch.is_empty() {
            self.batch = std::mem::take(&mut self.told);
        }
    }

    fn accept(&mut self) {
        let batch = std::mem::replace(&mut self.batch, std::mem::take(&mut self.told));
        for event in batch {
            if self.cursor.is_none_or(|cursor| cursor < event) {
                let again = self.cursor.map(|cursor| self.upstream.id(cursor));
                self.epoch += u32::from(again.is_some_and(|id| self.upstream.id(event) <= id));
                self.cursor = Some(event);
            }
            self.lost.remove(&event);
            if !self.stored.insert(event) {
                continue;
            }
            for sink in self.sinks() {
                let lane = self.lane(sink);
                let has_room = sink.is_handed() && lane.held.len() < sink.hands();
                let state = match has_room && !lane.is_behind {
                    true => State::InFlight,
                    false => State::Waiting,
                };
                if state == State::InFlight {
                    lane.held.push(Held {
                        event,
                        answer: None,
                    });
                } else {
                    lane.is_behind = sink.is_handed();
                }
                let delivery = Delivery {
                    state,
                    tries: Vec::new(),
                    is_early: false,
                };
                self.deliveries.insert((sink, event), delivery);
            }
        }
    }

    fn claim(&mut self, sink: Sink) {
        let mut waiting = self.waiting(sink);
        let room = sink.hands() - self.lane(sink).held.len();
        waiting.truncate(room);
        if waiting.len() < room {
            self.lane(sink).is_behind = false;
        }
        for event in waiting {
            self.delivery(sink, event).state = State::InFlight;
            self.lane(sink).held.push(Held {
                event,
                answer: None,
            });
        }
    }

    /// How everything is after a crash, whether that may still happen or not.
    pub(crate) fn crashed(&self) -> Self {
        let mut next = self.clone();
        next.crash();
        next
    }

    fn crash(&mut self) {
        self.is_connected = false;
        let gone: Vec<u8> = self.told.drain(..).chain(self.batch.drain(..)).collect();
        let buffer = self.upstream.buffer();
        self.forget(gone.into_iter().filter(|event| !buffer.contains(event)));
        for delivery in self.deliveries.values_mut() {
            if delivery.state == State::InFlight {
                delivery.state = State::Waiting;
                delivery.tries.push(Outcome::Interrupted);
                delivery.is_early = false;
            }
        }
        for (sink, lane) in &mut self.lanes {
            lane.held.clear();
            lane.is_behind = sink.is_handed();
        }
    }

    /// The upstream will not tell these again: what nobody has of them is lost.
    fn forget(&mut self, events: impl IntoIterator<Item = u8>) {
        for event in events {
            if !self.stored.contains(&event) && !self.is_under_way(event) {
                self.lost.insert(event);
            }
        }
    }

    fn lane(&mut self, sink: Sink) -> &mut Lane {
        self.lanes.get_mut(&sink).expect("both are there")
    }

    fn delivery(&mut self, sink: Sink, event: u8) -> &mut Delivery {
        let delivery = self.deliveries.get_mut(&(sink, event));
        delivery.expect("it was claimed")
    }
}
