//! One sink's lane: how much may be in flight, and when to look again.

mod answers;
mod ended;
mod flow;
mod hand;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::alarm::{Alarm, Trouble};
use super::answered::Answered;
use super::attempt::{self, Sender};
use super::obituary::Obituary;
use super::outage::Outage;
use super::pace::Pace;
use super::rests::KindRests;
use super::suspension::Suspension;
use super::trial::Mended;
use crate::model::Wake;
use crate::sinks::Sink;
use crate::store::{Due, Inbox, StoreError};
use answers::Answers;
use flow::Flow;
use hand::{handed, refusal};

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
    /// Whether the sink had another address before.
    has_moved: bool,
    /// Deliveries taken so far.
    turn: u64,
    /// The queue is to be asked for what is due.
    look: bool,
    /// When it is to be asked if nothing else happens before.
    look_at: Instant,
    /// More is due than there was room for.
    more: bool,
    flow: Flow,
    inbox: Option<Inbox>,
    /// Deliveries were asked for and have not come; whether it was for one alone, to try the sink.
    asked: Option<bool>,
    asking: Option<BoxFuture<'static, Result<(), StoreError>>>,
    /// Deliveries on their way. All are driven by the lane's own task, so that they leave in their order.
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    answers: Answers,
    writing: FuturesUnordered<BoxFuture<'static, Written>>,
    /// What is said once to a receiver that has to know what will come.
    greeting: JoinSet<()>,
}

/// Answers that are written down now, and the mark from when that began.
struct Written {
    answers: Vec<Answered>,
    mark: u64,
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
        let limit = sink
            .rate_limit
            .and_then(|limit| Some((NonZeroU32::new(limit.burst)?, limit.interval())));
        let pace = Pace::since(limit, parts.store.idle());
        Self {
            outage: Outage::new(&sink.retry),
            nudge: parts.nudge.subscribe(),
            given_up,
            mended: parts.mended.clone(),
            drain: parts.drain,
            flow: Flow::new(sink.concurrency),
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
            has_moved: false,
            turn: 0,
            look: true,
            look_at: Instant::now(),
            more: false,
            inbox: None,
            asked: None,
            asking: None,
            in_flight: FuturesUnordered::new(),
            answers: Answers::default(),
            writing: FuturesUnordered::new(),
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
            if self.nudge.has_changed().unwrap_or(false) {
                self.nudge.borrow_and_update();
                self.look = true;
            }
            self.speak_of_the_dead().await;
            self.attend().await;
            self.fill().await;
            self.begin();
            tokio::select! {
                () = self.leave.cancelled() => {}
                changed = self.nudge.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.look = true;
                }
                Some(answered) = self.in_flight.next() => self.answered(answered),
                Some(written) = self.writing.next() => self.written(written),
                refused = refusal(&mut self.asking) => self.unclaimed(&refused),
                handed = handed(&mut self.inbox) => self.take(handed),
                () = self.answers.have_waited() => {}
                // While the queue is being asked there is nothing to look for.
                () = sleep_until(self.look_at), if self.asked.is_none() => self.look = true,
            }
            self.gather();
            self.write();
            if let Some(trouble) = self.alarm.speak(self.now()) {
                self.shows_failing(&trouble);
                self.to_say
                    .push(("bellwire.sink_failing", trouble, "waiting"));
            }
            self.say().await;
        }
        self.finish().await;
    }

    /// Asks the queue for what is due, as far as places, pace, rest and suspension allow, and notes when to
    /// look again if nothing else happens before.
    async fn fill(&mut self) {
        let looks = self.look || (self.more && self.flow.wants_more(self.in_flight.len()));
        if !looks || self.asked.is_some() {
            return;
        }
        // Whatever the queue is asked now comes behind it.
        self.write_now();
        self.look = false;
        self.look_at = match self.inbox {
            Some(_) => self.look_now().await,
            // Nothing could come.
            None => Instant::now() + STORE_AGAIN,
        };
    }

    async fn look_now(&mut self) -> Instant {
        let now = self.now();
        self.hear_out(now);
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
        if let Some(until) = self.held_until().filter(|until| *until > now) {
            return look_again.min(self.instant(until));
        }
        let probing = self.is_stopped();
        let free = self.free_slots();
        let wanted = match self.wanted(free, probing, now).await {
            Ok(wanted) => wanted,
            Err(due) => return look_again.min(due),
        };
        let permits = self.pace.take(wanted);
        let Some(limit) = NonZeroUsize::new(permits.now) else {
            self.more = free == 0;
            return match permits.next {
                Some(wait) => look_again.min(Instant::now() + wait),
                None => look_again,
            };
        };
        self.ask(now, limit, probing);
        look_again
    }

    /// Nothing leaves before this moment.
    fn held_until(&self) -> Option<Timestamp> {
        self.suspension
            .probe_at()
            .max(self.outage.probe_at())
            .max(self.rest_until)
    }

    /// Whether one delivery at a time is tried, and no more.
    fn is_stopped(&self) -> bool {
        self.suspension.is_on() || self.outage.since().is_some()
    }

    /// How many more may be in flight. What was on its way when a sink went away does not count against
    /// the one that finds out whether it is back.
    fn free_slots(&self) -> usize {
        let in_flight = self.in_flight.len();
        let free = match self.pace.is_limited() {
            true => self.sender.sink.concurrency.saturating_sub(self.held()),
            false => self.flow.room(in_flight),
        };
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
        if self.has_moved {
            // Another receiver has asked for it.
            store.end_rest(&sink.name, self.now()).await?;
        }
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
    async fn wanted(
        &mut self,
        free: usize,
        probing: bool,
        now: Timestamp,
    ) -> Result<usize, Instant> {
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

    /// Lets what is in flight end: all of it when the lane ends alone, and until the deadline when the
    /// room does. What has not ended by then stays in flight in the queue: whether it arrived is not
    /// known, and the next start takes it back as interrupted. What has not begun is given back.
    async fn finish(&mut self) {
        let (stop, drain) = (self.stop.clone(), self.drain);
        let mut deadline = std::pin::pin!(async move {
            stop.cancelled().await;
            sleep(drain).await;
        });
        self.write_now();
        tokio::select! {
            () = self.clear_hand() => {}
            () = &mut deadline => {}
        }
        while !(self.in_flight.is_empty() && self.writing.is_empty()) {
            tokio::select! {
                Some(answered) = self.in_flight.next() => self.answered(answered),
                Some(written) = self.writing.next() => self.written(written),
                () = &mut deadline => break,
            }
            self.gather();
            self.write_now();
        }
        self.in_flight.clear();
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
