//! The test of a sink by hand: one message that is no event and has no row, sent at once.
//!
//! It waits for neither pace nor rest, since a person looks on. When it is accepted, the sink's lane
//! hears of it by a shared list, as it hears of everything else by the nudge.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng as _;
use tokio::time::Instant;

use super::attempt::{encode, reach, start_of_body};
use crate::clock::Clock;
use crate::model::{Attempt, Claim, DeliveryId, Event, Name, Outcome, Verdict};
use crate::sinks::{Facts, Sink};
use crate::transport::Client;

/// Sinks that have accepted a test since their lanes last looked. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Mended(Arc<Mutex<BTreeSet<Name>>>);

impl Mended {
    /// Notes that a sink works.
    pub fn note(&self, sink: &Name) {
        self.lock().insert(sink.clone());
    }

    /// Whether that was noted of a sink since it was last asked.
    pub(super) fn take(&self, sink: &Name) -> bool {
        self.lock().remove(sink)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends one event to a sink, outside the queue, and says what came of it.
pub async fn test(client: &Client, clock: &Clock, sink: &Sink, event: Event) -> Attempt {
    let now = clock.now();
    let claim = Claim {
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
        early_for: None,
        event,
    };
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
    let request = match encode(sink, None, &claim, now) {
        Ok(request) => request,
        Err(reason) => return attempt(Outcome::Dead, None, Some(reason), None),
    };
    let answer = client.send(request, sink.timeout, reach(sink)).await;
    let verdict = match &answer {
        Ok(reply) => sink.translator.judge(
            reply,
            &Facts {
                now: clock.now(),
                plain: false,
                dead_in_row: 0,
            },
        ),
        Err(failure) => sink.translator.judge_failure(failure),
    };
    let reply = answer.ok();
    attempt(
        Verdict::outcome(&verdict),
        reply.as_ref().map(|reply| reply.status),
        verdict.reason().map(str::to_owned),
        reply.and_then(|reply| start_of_body(sink, &reply)),
    )
}
