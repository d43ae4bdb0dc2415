//! One sink's lane: how much may be in flight, and when to look again.

mod ended;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::alarm::{Alarm, Trouble};
use super::attempt::{self, Done, Sender};
use super::obituary::Obituary;
use super::outage::Outage;
use super::pace::Pace;
use super::rests::KindRests;
use super::suspension::Suspension;
use super::trial::Mended;
use crate::model::Wake;
use crate::sinks::Sink;
use crate::store::{Claims, Due, StoreError};

/// Wait before the queue is asked again after it failed.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// Longest sleep of a lane: the safety net under the nudge, far apart so that an idle instance idles.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    sender: Arc<Sender>,
    nudge: watch::Receiver<u64>,
    /// Told when a delivery has become a dead letter: somebody may step in for it.
    given_up: Arc<Notify>,
    drain: Duration,
    /// The whole room is to end.
    stop: CancellationToken,
    /// This lane is to end, by itself or with the room.
    leave: CancellationToken,
    /// The sinks that there are.
    sinks: watch::Receiver<Vec<Arc<Sink>>>,
    pace: Pace,
    kind_rests: KindRests,
    suspension: Suspension,
    outage: Outage,
    /// What waited for the return of the sink is to become due.
    wake_missed: bool,
    /// What the sink refused is to become due once more.
    wake_refused: bool,
    /// Something was refused since the last success, perhaps before the start.
    refused: bool,
    alarm: Alarm,
    /// Trouble to speak of, with the word for what waits.
    to_say: Vec<(&'static str, Trouble, &'static str)>,
    mended: Mended,
    obituary: Obituary,
    rest_until: Option<Timestamp>,
    /// Whether what an earlier process had found out about the sink has been taken over.
    has_looked_back: bool,
    /// Deliveries taken so far.
    turn: u64,
    in_flight: JoinSet<Done>,
    /// What is said once to a receiver that has to know what will come.
    greeting: JoinSet<()>,
}

impl Lane {
    pub(super) fn new(
        parts: Parts,
        sink: Arc<Sink>,
        sinks: watch::Receiver<Vec<Arc<Sink>>>,
        kind_rests: KindRests,
        given_up: Arc<Notify>,
        stop: CancellationToken,
        leave: CancellationToken,
    ) -> Self {
        let pace = Pace::new(
            sink.rate_limit
                .and_then(|limit| Some((NonZeroU32::new(limit.burst)?, limit.interval()))),
        );
        Self {
            outage: Outage::new(&sink.retry),
            nudge: parts.nudge.subscribe(),
            given_up,
            mended: parts.mended.clone(),
            drain: parts.drain,
            sender: Arc::new(Sender::new(parts, sink, kind_rests.clone())),
            kind_rests,
            stop,
            leave,
            sinks,
            pace,
            suspension: Suspension::default(),
            wake_missed: false,
            wake_refused: false,
            refused: true,
            alarm: Alarm::new(),
            to_say: Vec::new(),
            obituary: Obituary::new(),
            rest_until: None,
            has_looked_back: false,
            turn: 0,
            in_flight: JoinSet::new(),
            greeting: JoinSet::new(),
        }
    }

    /// Works until the stop, then lets what is in flight end.
    pub(super) async fn run(mut self) {
        self.take_over();
        self.greeting
            .spawn(attempt::greet(Arc::clone(&self.sender)));
        while !self.leave.is_cancelled() {
            // Registered before looking, so that work which arrives in between is not missed.
            self.nudge.borrow_and_update();
            self.speak_of_the_dead().await;
            let look_again = self.fill().await;
            tokio::select! {
                () = self.leave.cancelled() => {}
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
            if let Some(trouble) = self.alarm.speak(self.now()) {
                self.shows_failing(&trouble);
                self.to_say
                    .push(("bellwire.sink_failing", trouble, "waiting"));
            }
            self.say().await;
        }
        self.finish().await;
    }

    /// Claims and sends as much as slots, pace, rest and suspension allow; answers when to look again
    /// if nothing else happens before.
    async fn fill(&mut self) -> Instant {
        let now = self.now();
        if self.mended.take(&self.sender.sink.name) {
            // A person has seen it accept a message.
            self.outage.forget();
            self.accepted();
            (self.wake_missed, self.wake_refused) = (true, true);
        }
        if self.mended.is_asked(&self.sender.sink.name) {
            self.suspension.try_at(now);
        }
        let mut look_again = Instant::now() + LOOK_ANYWAY;
        for due in [self.obituary.due(), self.alarm.due()]
            .into_iter()
            .flatten()
        {
            look_again = look_again.min(self.instant(due));
        }
        if self.look_back().await.is_err() || self.wake_some().await.is_err() {
            return look_again.min(Instant::now() + STORE_AGAIN);
        }
        if self.wake_missed || self.wake_refused {
            look_again = Instant::now();
        }
        self.rest(self.kind_rests.until(self.sender.sink.kind));
        let held_until = self
            .suspension
            .probe_at()
            .max(self.outage.probe_at())
            .max(self.rest_until);
        if let Some(until) = held_until.filter(|until| *until > now) {
            return look_again.min(self.instant(until));
        }
        let probing = self.suspension.is_on() || self.outage.since().is_some();
        let free = self.free_slots();
        let wanted = match self.wanted(free, probing, now).await {
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
        let Sender { store, sink, .. } = &*self.sender;
        let claims = if probing {
            store.probe(&sink.name, now, self.turn).await
        } else {
            store.claim(&sink.name, now, limit, self.turn).await
        };
        match claims {
            Ok(claims) => self.start(claims, limit.get(), probing, look_again),
            Err(error) => {
                tracing::debug!(sink = %self.sender.sink.name, %error, "nothing could be claimed");
                look_again.min(Instant::now() + STORE_AGAIN)
            }
        }
    }

    /// How many more may be in flight. What was on its way when a sink went away does not count against
    /// the one that finds out whether it is back.
    fn free_slots(&self) -> usize {
        let in_flight = self.in_flight.len();
        let free = self.sender.sink.concurrency.saturating_sub(in_flight);
        if self.suspension.is_on() {
            1_usize.saturating_sub(in_flight)
        } else if self.outage.is_probing() {
            0
        } else if self.outage.since().is_some() {
            free.min(1)
        } else {
            free
        }
    }

    /// Takes over, once, what an earlier process had found out about the sink.
    async fn look_back(&mut self) -> Result<(), StoreError> {
        if self.has_looked_back {
            return Ok(());
        }
        let Sender { store, sink, .. } = &*self.sender;
        let rest_until = store.rest_until(&sink.name).await?;
        let is_missed = store.is_missed(&sink.name).await?;
        if let Some(told) = store.trouble(&sink.name).await? {
            let trouble = Trouble {
                since: told.since,
                reason: told.reason,
                ended: 0,
            };
            if is_missed && !told.suspended {
                self.shows_failing(&trouble);
            }
            self.alarm.resume(trouble, told.suspended);
        }
        if is_missed {
            self.outage.presume(self.now());
        }
        self.rest(rest_until);
        self.has_looked_back = true;
        Ok(())
    }

    /// Makes due what waited for what has happened to the sink, a part at each look.
    async fn wake_some(&mut self) -> Result<(), StoreError> {
        let Sender { store, sink, .. } = &*self.sender;
        if self.wake_missed {
            self.wake_missed = store.wake(&sink.name, Wake::OnReturn).await?;
        }
        if self.wake_refused {
            self.wake_refused = store.wake(&sink.name, Wake::OnSuccess).await?;
        }
        Ok(())
    }

    /// How many permits can be used. A sink without a limit needs none, so it is not asked what is due.
    async fn wanted(&self, free: usize, probing: bool, now: Timestamp) -> Result<usize, Instant> {
        if !self.pace.is_limited() || free == 0 {
            return Ok(free);
        }
        match self
            .sender
            .store
            .due(&self.sender.sink.name, now, free)
            .await
        {
            Ok(Due {
                count: 0,
                next: Some(_),
            }) if probing => Ok(1),
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
        if !claims.aside.is_empty() {
            let sink = &self.sender.sink.name;
            let count = claims.aside.len() as u64;
            self.sender.status.sink(sink, |status| status.dead += count);
            self.obituary.dead();
            self.given_up.notify_one();
        }
        if probing && !claims.claims.is_empty() {
            self.suspension.probing(self.now());
            claims
                .claims
                .iter()
                .for_each(|claim| self.outage.probing(claim.row));
        }
        for claim in claims.claims {
            self.turn = self.turn.wrapping_add(1);
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

    /// Lets what is in flight end: all of it when the lane ends alone, and until the deadline when the
    /// room does. What has not ended by then stays in flight in the queue: whether it arrived is not
    /// known, and the next start takes it back as interrupted.
    async fn finish(&mut self) {
        let (stop, drain) = (self.stop.clone(), self.drain);
        let mut deadline = std::pin::pin!(async move {
            stop.cancelled().await;
            sleep(drain).await;
        });
        loop {
            tokio::select! {
                ended = self.in_flight.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
                () = &mut deadline => break,
            }
        }
        self.in_flight.abort_all();
        self.say().await;
        if self.is_gone_for_good() {
            self.say_of_the_dead(Obituary::last_words).await;
        }
    }

    fn now(&self) -> Timestamp {
        self.sender.clock.now()
    }

    fn instant(&self, moment: Timestamp) -> Instant {
        Instant::now() + self.sender.clock.until(moment)
    }
}
