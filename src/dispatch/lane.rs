//! One sink's lane: how much may be in flight, when to look again, and what an ended attempt changes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::attempt::{self, Done, Sender};
use super::letter;
use super::obituary::Obituary;
use super::pace::Pace;
use super::rests::KindRests;
use super::suspension::Suspension;
use crate::model::{Notice, Outcome, State};
use crate::sinks::Sink;
use crate::store::{Claims, Due};

/// Wait before the queue is asked again after it failed.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// Longest sleep of a lane: the safety net under the nudge, far apart so that an idle instance idles.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    sender: Arc<Sender>,
    nudge: tokio::sync::watch::Receiver<u64>,
    drain: Duration,
    stop: CancellationToken,
    pace: Pace,
    kind_rests: KindRests,
    suspension: Suspension,
    obituary: Obituary,
    rest_until: Option<Timestamp>,
    in_flight: JoinSet<Done>,
}

impl Lane {
    pub(super) fn new(
        parts: Parts,
        sink: Arc<Sink>,
        kind_rests: KindRests,
        stop: CancellationToken,
    ) -> Self {
        let pace = Pace::new(
            sink.rate_limit
                .and_then(|limit| Some((NonZeroU32::new(limit.burst)?, limit.interval()))),
        );
        Self {
            nudge: parts.nudge.clone(),
            drain: parts.drain,
            sender: Arc::new(Sender::new(parts, sink, kind_rests.clone())),
            kind_rests,
            stop,
            pace,
            suspension: Suspension::default(),
            obituary: Obituary::default(),
            rest_until: None,
            in_flight: JoinSet::new(),
        }
    }

    /// Works until the stop, then lets what is in flight end.
    pub(super) async fn run(mut self) {
        match self.sender.store.rest_until(&self.sender.sink.name).await {
            Ok(rest_until) => self.rest(rest_until),
            Err(error) => {
                tracing::warn!(sink = %self.sender.sink.name, %error, "the lane's rest cannot be read")
            }
        }
        while !self.stop.is_cancelled() {
            // Registered before looking, so that work which arrives in between is not missed.
            self.nudge.borrow_and_update();
            let look_again = self.fill().await;
            tokio::select! {
                () = self.stop.cancelled() => {}
                changed = self.nudge.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(ended) = self.in_flight.join_next() => self.ended(ended),
                () = sleep_until(look_again) => {}
            }
            while let Some(ended) = self.in_flight.try_join_next() {
                self.ended(ended);
            }
            if let Some(notice) = self.obituary.speak(self.now()) {
                self.sender.status.raise(notice);
            }
        }
        self.finish().await;
    }

    /// Claims and sends as much as slots, pace, rest and suspension allow; answers when to look again
    /// if nothing else happens before.
    async fn fill(&mut self) -> Instant {
        let now = self.now();
        let mut look_again = Instant::now() + LOOK_ANYWAY;
        if let Some(due) = self.obituary.due() {
            look_again = look_again.min(self.instant(due));
        }
        self.rest(self.kind_rests.until(self.sender.sink.kind));
        let held_until = self.suspension.probe_at().max(self.rest_until);
        if let Some(until) = held_until.filter(|until| *until > now) {
            return look_again.min(self.instant(until));
        }
        let probing = self.suspension.is_on();
        let slots = if probing {
            1
        } else {
            self.sender.sink.concurrency
        };
        let free = slots.saturating_sub(self.in_flight.len());
        let wanted = match self.wanted(free, now).await {
            Ok(wanted) => wanted,
            Err(due) => return look_again.min(due),
        };
        let permits = self.pace.take(wanted);
        let Some(limit) = NonZeroUsize::new(permits.now) else {
            return match permits.next {
                Some(wait) => look_again.min(Instant::now() + wait),
                None => look_again,
            };
        };
        // Not raced against the stop: an answer that nobody hears would leave claims behind.
        match self
            .sender
            .store
            .claim(&self.sender.sink.name, now, limit)
            .await
        {
            Ok(claims) => self.start(claims, limit.get(), probing, look_again),
            Err(error) => {
                tracing::debug!(sink = %self.sender.sink.name, %error, "nothing could be claimed");
                look_again.min(Instant::now() + STORE_AGAIN)
            }
        }
    }

    /// How many permits can be used. A sink without a limit needs none, so it is not asked what is due.
    async fn wanted(&self, free: usize, now: Timestamp) -> Result<usize, Instant> {
        if !self.pace.is_limited() || free == 0 {
            return Ok(free);
        }
        match self
            .sender
            .store
            .due(&self.sender.sink.name, now, free)
            .await
        {
            Ok(Due { count: 0, next }) => Err(match next {
                Some(next) => self.instant(next),
                None => Instant::now() + LOOK_ANYWAY,
            }),
            Ok(Due { count, .. }) => Ok(count),
            Err(_) => Err(Instant::now() + STORE_AGAIN),
        }
    }

    fn start(
        &mut self,
        claims: Claims,
        limit: usize,
        probing: bool,
        look_again: Instant,
    ) -> Instant {
        let full = claims.claims.len() == limit;
        for aside in &claims.aside {
            let now = self.now();
            let sink = &self.sender.sink.name;
            self.sender.status.sink(sink, |status| status.dead += 1);
            if let Some(notice) = self.obituary.dead(letter::aside(aside), now) {
                self.sender.status.raise(notice);
            }
        }
        if probing && !claims.claims.is_empty() {
            self.suspension.probing(self.now());
        }
        for claim in claims.claims {
            self.in_flight
                .spawn(attempt::run(Arc::clone(&self.sender), claim));
        }
        // With every slot taken, the end of an attempt is what there is to wait for.
        match claims.next_due {
            Some(due) if !full => look_again.min(self.instant(due)),
            Some(_) if self.in_flight.len() < self.sender.sink.concurrency => Instant::now(),
            _ => look_again,
        }
    }

    fn ended(&mut self, ended: Result<Done, tokio::task::JoinError>) {
        match ended {
            Ok(done) => self.apply(&done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    /// Takes over what an attempt means for the lane.
    fn apply(&mut self, done: &Done) {
        let now = self.now();
        let outcome = done.attempt.as_ref().map(|attempt| attempt.outcome);
        self.rest(done.rest_until);
        if let Some(reason) = &done.suspend {
            self.suspend(reason, now);
        } else if outcome == Some(Outcome::Delivered) && self.suspension.end() {
            self.resumed(now);
        }
        if done.state == State::Dead && !done.claim.event.is_internal() {
            let notice = self.obituary.dead(letter::json(done), now);
            if let Some(notice) = notice {
                self.sender.status.raise(notice);
            }
        }
        self.note(done, outcome, now);
    }

    /// Lets the lane rest, unless it rests as long already.
    fn rest(&mut self, until: Option<Timestamp>) {
        if until <= self.rest_until {
            return;
        }
        self.rest_until = until;
        self.sender
            .status
            .sink(&self.sender.sink.name, |sink| sink.resting_until = until);
    }

    fn suspend(&mut self, reason: &str, now: Timestamp) {
        if !self.suspension.begin(now) {
            return;
        }
        let sink = &self.sender.sink.name;
        tracing::warn!(%sink, reason, "the sink is suspended; its deliveries are kept");
        self.sender
            .status
            .sink(sink, |status| status.suspended = Some(reason.to_owned()));
        self.sender.status.raise(Notice {
            kind: "bellwire.sink_suspended",
            time: now,
            data: json!({ "sink": sink.as_str(), "reason": reason }),
        });
    }

    fn resumed(&self, now: Timestamp) {
        let sink = &self.sender.sink.name;
        tracing::info!(%sink, "the sink accepts deliveries again");
        self.sender
            .status
            .sink(sink, |status| status.suspended = None);
        self.sender.status.raise(Notice {
            kind: "bellwire.sink_recovered",
            time: now,
            data: json!({ "sink": sink.as_str() }),
        });
    }

    fn note(&self, done: &Done, outcome: Option<Outcome>, now: Timestamp) {
        self.sender.status.sink(&self.sender.sink.name, |status| {
            status.dead += u64::from(done.state == State::Dead);
            match outcome {
                Some(Outcome::Delivered) => {
                    status.failed_in_a_row = 0;
                    status.delivered += 1;
                    status.last_delivered = Some(now);
                }
                Some(_) => {
                    status.failed_in_a_row = status.failed_in_a_row.saturating_add(1);
                    status.failed += 1;
                    status.last_failure.clone_from(&done.reason);
                }
                None => {}
            }
        });
    }

    /// Lets what is in flight end until the deadline. What has not ended by then stays in flight in
    /// the queue: whether it arrived is not known, and the next start takes it back as interrupted.
    async fn finish(&mut self) {
        let deadline = Instant::now() + self.drain;
        while let Ok(Some(ended)) = timeout_at(deadline, self.in_flight.join_next()).await {
            self.ended(ended);
        }
        self.in_flight.abort_all();
        if let Some(notice) = self.obituary.last_words(self.now()) {
            self.sender.status.raise(notice);
        }
    }

    fn now(&self) -> Timestamp {
        self.sender.clock.now()
    }

    fn instant(&self, moment: Timestamp) -> Instant {
        Instant::now() + self.sender.clock.until(moment)
    }
}
