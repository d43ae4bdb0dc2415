//! One attempt of one delivery, from the claim to what it means.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::Parts;
use super::answered::Answered;
use super::encode::{Made, encode};
use super::outage::Sign;
use super::rests::KindRests;
use crate::clock::Clock;
use crate::model::{
    Attempt, Claim, Ended, Failure, Posted, Reply, Settled, Settlement, State, Trace, Verdict, Wake,
};
use crate::retry::{self, Progress};
use crate::rules::Current;
use crate::sinks::{Facts, Sink};
use crate::status::Status;
use crate::store::Store;
use crate::telemetry;
use crate::transport::{Client, Reach};

/// Bytes of an answer that are kept with the attempt.
const ANSWER_BYTES_MAX: usize = 1024;

/// What all attempts of one lane share.
pub(super) struct Sender {
    pub(super) store: Store,
    pub(super) status: Status,
    pub(super) clock: Clock,
    pub(super) sink: Arc<Sink>,
    client: Client,
    rules: Current,
    kind_rests: KindRests,
    /// Deliveries of this sink that died in a row.
    dead_in_row: AtomicU32,
    /// Rests in a row whose length the receiver did not say, and when the last of them is over.
    untold_rests: Mutex<(u32, Timestamp)>,
}

/// Sends one claimed delivery and works out what that means for it. What is logged meanwhile can be found by its trace.
pub(super) async fn run(sender: Arc<Sender>, claim: Claim) -> Answered {
    let trace = Trace::of(&claim.event).attempt(&claim.id, claim.attempt);
    let span = telemetry::attempt(&claim, trace);
    match span.is_disabled() {
        true => send(sender, claim, trace).await,
        false => send(sender, claim, trace).instrument(span).await,
    }
}

async fn send(sender: Arc<Sender>, claim: Claim, trace: Trace) -> Answered {
    let now = sender.clock.now();
    let rules = sender.rules.get();
    let rule = rules.rule(&claim.rule);
    if sender.expires_at(&claim).is_some_and(|moment| moment < now) {
        let age = now.duration_since(claim.event.age_from()).as_secs();
        let reason = format!("{age} s old when its turn came");
        return sender.end(claim, trace, State::Expired, reason, now);
    }
    let made = encode(&sender.sink, None, rule, &claim, trace, now, now);
    let request = match made {
        Ok(Made { request, fault }) => {
            sender.count_fault(&claim, trace, fault.as_deref());
            request
        }
        Err(reason) => return sender.end(claim, trace, State::Dead, reason, now),
    };
    let started = Instant::now();
    let answer = sender
        .client
        .deliver(request, sender.sink.timeout, reach(&sender.sink))
        .await;
    sender.settle(claim, trace, now, started.elapsed(), answer)
}

/// Says once what the receiver has to know before the first delivery. Nothing depends on it: a receiver
/// that is away hears of it at the next start.
pub(super) async fn greet(sender: Arc<Sender>) {
    let Sender { sink, client, .. } = &*sender;
    let Some(greeting) = sink.translator.greeting() else {
        return;
    };
    match client.deliver(greeting, sink.timeout, reach(sink)).await {
        Ok(reply) => tracing::debug!(sink = %sink.name, status = reply.status, "greeted"),
        Err(failure) => tracing::debug!(sink = %sink.name, %failure, "not greeted"),
    }
}

/// Which addresses a sink's requests may go to.
pub(super) const fn reach(sink: &Sink) -> Reach {
    if sink.allow_link_local {
        Reach::LinkLocalToo
    } else {
        Reach::Guarded
    }
}

/// What is kept of an answer. Receivers repeat what they were sent, ntfy its topic every time.
pub(super) fn start_of_body(sink: &Sink, reply: &Reply) -> Option<String> {
    if reply.body.is_empty() {
        return None;
    }
    let text = sink.without_credentials(&String::from_utf8_lossy(&reply.body));
    let end = text.floor_char_boundary(ANSWER_BYTES_MAX);
    Some(text[..end].to_owned())
}

impl Sender {
    pub(super) fn new(parts: Parts, sink: Arc<Sink>, kind_rests: KindRests) -> Self {
        Self {
            store: parts.store,
            status: parts.status,
            clock: parts.clock,
            sink,
            client: parts.client,
            rules: parts.rules,
            kind_rests,
            dead_in_row: AtomicU32::new(0),
            untold_rests: Mutex::new((0, Timestamp::MIN)),
        }
    }

    /// Ends a delivery for which no request was made.
    fn end(
        &self,
        claim: Claim,
        trace: Trace,
        state: State,
        reason: String,
        now: Timestamp,
    ) -> Answered {
        let _told = telemetry::told(&claim, trace).entered();
        tracing::info!(delivery.id = %claim.id, sink = %claim.sink, reason, "a delivery ended as {}", state.as_str());
        let settlement = Settlement {
            state,
            due: now,
            step: claim.step,
            plain: claim.plain,
            wake: Wake::Never,
            posted: Posted::Nothing,
            reason: Some(reason),
            rest_until: None,
            suspend: None,
        };
        let ended = Ended::Untried {
            attempt: claim.attempt,
            at: now,
        };
        Answered {
            settled: Settled {
                row: claim.row,
                alone: claim.alone,
                ended,
                settlement,
            },
            claim,
            sign: None,
            at: now,
        }
    }

    fn settle(
        &self,
        claim: Claim,
        trace: Trace,
        at: Timestamp,
        duration: Duration,
        answer: Result<Reply, Failure>,
    ) -> Answered {
        let now = self.clock.now();
        let verdict = self.judge(&claim, &answer, now);
        let sign = Sign::of(&answer, &verdict);
        let mut settlement = self.settlement(&claim, &verdict, now);
        if let (Verdict::Delivered, Some(_), Ok(reply)) = (&verdict, &claim.living, &answer)
            && let Some(message) = self.sink.translator.posted(reply)
        {
            settlement.posted = Posted::As(message.into());
        }
        if let Some(rest) = answer
            .as_ref()
            .ok()
            .and_then(|reply| self.sink.translator.rest_after(reply))
        {
            settlement.rest_until = settlement.rest_until.max(now.checked_add(rest).ok());
        }
        if let (
            Verdict::RetryAfter {
                kind_wide: true, ..
            },
            Some(until),
        ) = (&verdict, settlement.rest_until)
        {
            self.kind_rests.rest(self.sink.kind, until);
        }
        self.count(&verdict, settlement.state, settlement.rest_until, now);
        let attempt = Attempt {
            number: claim.attempt,
            at,
            duration,
            outcome: verdict.outcome(),
            status: answer.as_ref().ok().map(|reply| reply.status),
            reason: verdict.reason().map(str::to_owned),
            answer: answer
                .ok()
                .as_ref()
                .and_then(|reply| start_of_body(&self.sink, reply)),
        };
        log(&claim, trace, &attempt, &settlement);
        Answered {
            settled: Settled {
                row: claim.row,
                alone: claim.alone,
                ended: Ended::Tried(attempt),
                settlement,
            },
            claim,
            sign,
            at: now,
        }
    }

    /// Counts a delivery whose template failed, once for all its attempts.
    fn count_fault(&self, claim: &Claim, trace: Trace, fault: Option<&str>) {
        let Some(reason) = fault.filter(|_| claim.attempt == 1) else {
            return;
        };
        let _told = telemetry::told(claim, trace).entered();
        tracing::warn!(delivery.id = %claim.id, sink = %claim.sink, reason, "sent without what a template failed to make");
        self.status
            .sink(&claim.sink, |status| status.template_failures += 1);
    }

    fn judge(&self, claim: &Claim, answer: &Result<Reply, Failure>, now: Timestamp) -> Verdict {
        match answer {
            Ok(reply) => {
                let facts = Facts {
                    now,
                    attempt: claim.attempt,
                    plain: claim.plain,
                    edit: is_edit(claim),
                    dead_in_row: self.dead_in_row.load(Ordering::Relaxed),
                };
                self.sink.translator.judge(reply, &facts)
            }
            Err(failure) => self.sink.judge_failure(failure),
        }
    }

    fn settlement(&self, claim: &Claim, verdict: &Verdict, now: Timestamp) -> Settlement {
        let progress = Progress {
            attempt: claim.attempt,
            step: claim.step,
            plain: claim.plain,
            created: claim.asked.unwrap_or(claim.created),
            expires_at: self.expires_at(claim),
            early_for: claim.early_for,
            woken: claim.woken,
            now,
            rests: self.untold_rests(now),
            jitter: rand::random(),
        };
        retry::settle(&self.sink.retry, &self.sink.rests, &progress, verdict)
    }

    /// After which moment a delivery is not worth a ring. What a person asked for is as young as the
    /// asking.
    fn expires_at(&self, claim: &Claim) -> Option<Timestamp> {
        let rules = self.rules.get();
        let rule = rules.rule(&claim.rule);
        let expires = rule.and_then(|rule| rule.expires).or(self.sink.expires);
        retry::expiry(&claim.event, expires, claim.asked)
    }

    /// How many rests of unsaid length came before this one. Attempts that were in flight together
    /// hear of the same rest, so only one that ended after it makes the next one longer.
    fn untold_rests(&self, now: Timestamp) -> u32 {
        let rests = self
            .untold_rests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match *rests {
            (count, until) if now < until => count.saturating_sub(1),
            (count, _) => count,
        }
    }

    fn count(
        &self,
        verdict: &Verdict,
        state: State,
        rest_until: Option<Timestamp>,
        now: Timestamp,
    ) {
        let mut rests = self
            .untold_rests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match (verdict, rest_until) {
            (Verdict::RetryAfter { wait: None, .. }, Some(until)) if now >= rests.1 => {
                *rests = (rests.0.saturating_add(1), until);
            }
            (Verdict::Delivered, _) => *rests = (0, Timestamp::MIN),
            _ => {}
        }
        drop(rests);
        match state {
            State::Dead => {
                self.dead_in_row.fetch_add(1, Ordering::Relaxed);
            }
            State::Delivered => self.dead_in_row.store(0, Ordering::Relaxed),
            _ => {}
        }
    }
}

/// Whether its request was to change a notification that there was.
fn is_edit(claim: &Claim) -> bool {
    let living = claim.living.as_ref();
    living.is_some_and(|living| living.message.is_some())
}

/// A failure is told once, here; payloads and addresses are not.
fn log(claim: &Claim, trace: Trace, attempt: &Attempt, settlement: &Settlement) {
    let span = match &attempt.reason {
        None => Span::current(),
        Some(_) => telemetry::told(claim, trace),
    };
    span.record("outcome", attempt.outcome.as_str());
    span.record("status", attempt.status);
    span.record("reason", attempt.reason.as_deref());
    let _told = span.enter();
    let millis = u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX);
    match &attempt.reason {
        None => {
            tracing::debug!(delivery.id = %claim.id, sink = %claim.sink, attempt = attempt.number, millis, "delivered");
        }
        Some(reason) => {
            tracing::warn!(
                delivery.id = %claim.id, sink = %claim.sink, attempt = attempt.number, status = attempt.status,
                millis, reason, "not accepted; the delivery is {} now", settlement.state.as_str()
            );
        }
    }
}
