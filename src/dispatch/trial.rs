//! The test of a sink by hand: one message that is no event and has no row, sent at once.
//!
//! It waits for neither pace nor rest, since a person looks on. When it is accepted, the sink's lane
//! hears of it by a shared list, as it hears of everything else by the nudge.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng as _;
use tokio::time::Instant;

use super::attempt::{reach, start_of_body};
use super::encode::encode;
use crate::clock::Clock;
use crate::model::{Attempt, Claim, DeliveryId, Event, Name, Outcome, Trace, Verdict};
use crate::sinks::{Facts, Sink};
use crate::transport::Client;

/// What lanes are to hear of sinks that somebody has mended, or may have. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Mended(Arc<Mutex<Words>>);

#[derive(Debug, Default)]
struct Words {
    accepted: BTreeSet<Name>,
    asked: BTreeSet<Name>,
}

impl Mended {
    /// Notes that a sink works.
    pub fn note(&self, sink: &Name) {
        self.lock().accepted.insert(sink.clone());
    }

    /// Whether that was noted of a sink since it was last asked.
    pub(super) fn take(&self, sink: &Name) -> bool {
        self.lock().accepted.remove(sink)
    }

    /// Asks for a sink that is suspended to be tried at once: somebody may have mended it.
    pub fn ask(&self, sink: &Name) {
        self.lock().asked.insert(sink.clone());
    }

    /// Whether that was asked for a sink since this was last asked.
    pub(super) fn is_asked(&self, sink: &Name) -> bool {
        self.lock().asked.remove(sink)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends one event to a sink, outside the queue, and says what came of it.
pub async fn test(client: &Client, clock: &Clock, sink: &Sink, event: Event) -> Attempt {
    let now = clock.now();
    let claim = Claim {
        suppressed: None,
        row: 0,
        // Never the id of a delivery, and another one each time: receivers drop repeats.
        id: DeliveryId::new(&format!("msg_test_{:016x}", rand::rng().next_u64())),
        sink: sink.name.clone(),
        rule: "".into(),
        attempt: 1,
        step: 0,
        plain: false,
        created: now,
        asked: Some(now),
        due: now,
        early_for: None,
        woken: false,
        living: None,
        instead: None,
        alone: true,
        event,
        bundle: Vec::new(),
    };
    let trace = Trace::of(&claim.event).attempt(&claim.id, claim.attempt);
    let started = Instant::now();
    let attempt = |outcome, status, reason, answer| Attempt {
        number: 1,
        at: now,
        duration: started.elapsed(),
        outcome,
        status,
        reason,
        answer,
    };
    let request = match encode(sink, None, None, &claim, trace, now, now) {
        Ok(made) => made.request,
        Err(reason) => return attempt(Outcome::Dead, None, Some(reason), None),
    };
    let answer = client.deliver(request, sink.timeout, reach(sink)).await;
    let verdict = match &answer {
        Ok(reply) => sink.translator.judge(
            reply,
            &Facts {
                now: clock.now(),
                attempt: 1,
                plain: false,
                edit: false,
                dead_in_row: 0,
            },
        ),
        Err(failure) => sink.judge_failure(failure),
    };
    let reply = answer.ok();
    attempt(
        Verdict::outcome(&verdict),
        reply.as_ref().map(|reply| reply.status),
        verdict.reason().map(str::to_owned),
        reply.and_then(|reply| start_of_body(sink, &reply)),
    )
}
