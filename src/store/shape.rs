//! Deliveries and events as lists show them, and as JSON with the names that every outside surface has
//! for their parts: the API, the command line, and what bellwire says about itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::{Attempt, DeliveryId, Event, Name, State};

/// What a delivery says about its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// Where it came from.
    pub source: Name,
    /// The upstream's id.
    pub id: Option<String>,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// Whether it was fetched after a gap.
    pub backfilled: bool,
}

/// An event as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the queue's order.
    pub seq: i64,
    /// What it is.
    pub head: EventHead,
    /// When it arrived.
    pub received: Timestamp,
    /// Its deliveries, empty when no rule matched.
    pub deliveries: Vec<DeliveryRow>,
}

/// A delivery as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its row in the queue.
    pub row: i64,
    /// The place of its event in the queue's order.
    pub of: i64,
    /// Its stable id.
    pub id: DeliveryId,
    /// Its event.
    pub event: EventHead,
    /// Where it goes.
    pub sink: Name,
    /// The rule that asked for it.
    pub rule: String,
    /// Where it stands.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was put into the queue.
    pub created: Timestamp,
    /// When it is due; of interest while it waits.
    pub due: Timestamp,
    /// Why it was not accepted.
    pub reason: Option<String>,
    /// The last attempt that is over.
    pub last: Option<Attempt>,
    /// The delivery that it repeats: the first one of its event and sink.
    pub replayed_from: Option<DeliveryId>,
    /// The delivery that it steps in for.
    pub instead_of: Option<DeliveryId>,
    /// The delivery that steps in for it.
    pub fallback: Option<DeliveryId>,
    /// How many others are in its message.
    pub merged: u64,
}

/// What the queue cannot know about sinks: which are configured, and which are suspended. A delivery
/// that waits is `held` or `orphaned` by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every sink that is configured; `None` where nobody knows, and then nothing is orphaned.
    pub configured: Option<BTreeSet<Name>>,
    /// Those of them that are suspended.
    pub suspended: BTreeSet<Name>,
}

impl Standing {
    /// A state as it is shown: a delivery may wait for more than its time.
    #[must_use]
    pub fn shown(&self, state: State, sink: &Name) -> State {
        let is_known = |configured: &BTreeSet<Name>| configured.contains(sink);
        match state {
            State::Waiting if !self.configured.as_ref().is_none_or(is_known) => State::Orphaned,
            State::Waiting if self.suspended.contains(sink) => State::Held,
            state => state,
        }
    }
}

impl EventHead {
    /// The head of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            id: event.id.as_deref().map(str::to_owned),
            kind: event.kind.to_string(),
            time: event.time,
            backfilled: event.backfilled,
        }
    }

    fn json(&self) -> Value {
        json!({
            "source": self.source.as_str(),
            "id": self.id,
            "type": self.kind,
            "time": self.time.map(text),
            "backfilled": self.backfilled,
        })
    }
}

impl EventRow {
    /// The event and its deliveries.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut value = self.head.json();
        let deliveries: Vec<Value> = self.deliveries.iter().map(DeliveryRow::json).collect();
        value["received"] = json!(text(self.received));
        value["deliveries"] = json!(deliveries);
        value
    }
}

impl DeliveryRow {
    /// The delivery. `replayed_from`, `instead_of`, `fallback` and `merged` are there only where it repeats
    /// another one, steps in for it, or has one that steps in, and where others are in its message.
    #[must_use]
    pub fn json(&self) -> Value {
        let waits = self.state == State::Waiting;
        let mut value = json!({
            "id": self.id.as_str(),
            "event": self.event.json(),
            "sink": self.sink.as_str(),
            "rule": self.rule,
            "state": self.state.as_str(),
            "attempts": self.attempts,
            "created": text(self.created),
            "next_attempt": waits.then(|| text(self.due)),
            "reason": self.reason,
            "last": self.last.as_ref().map(attempt),
        });
        if let Some(from) = &self.replayed_from {
            value["replayed_from"] = json!(from.as_str());
        }
        if let Some(of) = &self.instead_of {
            value["instead_of"] = json!(of.as_str());
        }
        if let Some(fallback) = &self.fallback {
            value["fallback"] = json!(fallback.as_str());
        }
        if self.merged > 0 {
            value["merged"] = json!(self.merged);
        }
        value
    }

    /// The delivery with every attempt that is known.
    #[must_use]
    pub fn json_with(&self, attempts: &[Attempt]) -> Value {
        let tries = attempts.iter().map(|one| {
            let mut value = attempt(one);
            value["number"] = json!(one.number);
            value["outcome"] = json!(one.outcome.as_str());
            value["reason"] = json!(one.reason);
            value
        });
        let mut value = self.json();
        value["tries"] = tries.collect();
        value
    }
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "at": text(attempt.at),
        "status": attempt.status,
        "duration_ms": u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        "answer": attempt.answer,
    })
}

fn text(moment: Timestamp) -> String {
    format!("{moment:.3}")
}
