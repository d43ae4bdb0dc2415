//! How deliveries come into a lane's hand, and out of it again.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::answered::Answered;
use super::super::attempt;
use super::{Asked, Lane, STORE_AGAIN, Written};
use crate::model::{Back, Claim, Outcome, Posted};
use crate::store::Inbox;

impl Lane {
    /// Opens the inbox for what is handed over, and says how much there is room for: nothing while the
    /// sink may not be sent to freely.
    pub(super) async fn attend(&mut self) {
        if self.inbox.is_none() {
            // Without it, everything is claimed.
            self.inbox = self.sender.store.attend(&self.sender.sink.name).await.ok();
        }
        let room = match self.runs_freely() && !self.pace.is_limited() {
            true => self.flow.room(self.in_flight.len()),
            false => 0,
        };
        if let Some(inbox) = &mut self.inbox {
            inbox.set_room(room);
        }
    }

    /// Whether deliveries may leave as they come.
    fn runs_freely(&self) -> bool {
        !self.is_stopped() && self.rest_until.is_none_or(|until| until <= self.now())
    }

    /// How many deliveries are on their way or in hand.
    pub(super) fn held(&self) -> usize {
        self.in_flight.len() + self.flow.in_hand.len()
    }

    /// Asks the queue for deliveries.
    pub(super) fn ask(&mut self, now: Timestamp, limit: NonZeroUsize, probing: bool) {
        let (sender, turn) = (Arc::clone(&self.sender), self.turn);
        let asking = async move {
            let (store, sink) = (&sender.store, &sender.sink.name);
            let claims = match probing {
                true => store.probe(sink, now, turn).await,
                false => store.claim(sink, now, limit, turn).await,
            };
            Asked { probing, claims }
        };
        self.claiming = Some(asking.boxed());
    }

    /// Takes what the queue has given.
    pub(super) fn claimed(&mut self, asked: Asked) {
        let claims = match asked.claims {
            Ok(claims) => claims,
            Err(error) => {
                tracing::debug!(sink = %self.sender.sink.name, %error, "nothing could be claimed");
                self.more = false;
                self.look_at = self.look_at.min(Instant::now() + STORE_AGAIN);
                return;
            }
        };
        if !claims.aside.is_empty() {
            let sink = &self.sender.sink.name;
            let count = claims.aside.len() as u64;
            self.sender.status.sink(sink, |status| status.dead += count);
            self.obituary.dead();
            self.given_up.notify_one();
            self.look = true;
        }
        self.more = claims.more;
        if let Some(due) = claims.next_due {
            self.look_at = self.look_at.min(self.instant(due));
        }
        if asked.probing && !claims.claims.is_empty() {
            self.suspension.probing(self.now());
            for claim in claims.claims {
                self.outage.probing(claim.row);
                self.send(claim);
            }
            return;
        }
        self.flow.in_hand.extend(claims.claims);
    }

    /// Takes along whatever else has happened.
    pub(super) fn gather(&mut self) {
        while let Some(Some(answered)) = self.in_flight.next().now_or_never() {
            self.answered(answered);
        }
        while let Some(Some(written)) = self.writing.next().now_or_never() {
            self.written(written);
        }
        if let Some(inbox) = &mut self.inbox {
            self.flow
                .in_hand
                .extend(std::iter::from_fn(|| inbox.try_next()));
        }
    }

    /// Sends what is in hand, as far as there are places; gives it back where the sink may not be sent to.
    pub(super) fn begin(&mut self) {
        if self.flow.in_hand.is_empty() {
            return;
        }
        if !self.runs_freely() {
            self.put_back();
            return;
        }
        while self.flow.has_place(self.in_flight.len())
            && let Some(claim) = self.flow.in_hand.pop_front()
        {
            self.send(claim);
        }
    }

    fn send(&mut self, claim: Claim) {
        self.turn = self.turn.wrapping_add(1);
        self.in_flight
            .push(attempt::run(Arc::clone(&self.sender), claim).boxed());
    }

    /// Writes down the answers that have come together.
    pub(super) fn write(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let answers = std::mem::take(&mut self.answers);
        let rides = self.may_ride(&answers);
        let (sender, mark) = (Arc::clone(&self.sender), self.flow.mark());
        let writing = async move {
            let answers = sender.write(answers, rides).await;
            Written { answers, mark }
        };
        self.put_on_the_line(writing);
    }

    /// One answer by itself may wait for the next thing that is written, where nobody waits for it: at a
    /// crash that is one delivery more which is repeated.
    fn may_ride(&self, answers: &[Answered]) -> bool {
        let [one] = answers else { return false };
        let settlement = &one.settled.settlement;
        let is_plain = one.outcome() == Some(Outcome::Delivered)
            && settlement.posted == Posted::Nothing
            && settlement.rest_until.is_none()
            && !one.claim.keyed;
        is_plain && self.flow.unwritten == 1 && self.in_flight.is_empty() && !self.look
    }

    /// Gives back all that is in hand.
    fn put_back(&mut self) {
        let in_hand = self.flow.in_hand.drain(..);
        let claims: Vec<Back> = in_hand.map(|claim| claim.back()).collect();
        if claims.is_empty() {
            return;
        }
        let (sender, mark) = (Arc::clone(&self.sender), self.flow.mark());
        self.put_on_the_line(async move {
            sender.give_back(claims).await;
            let answers = Vec::new();
            Written { answers, mark }
        });
    }

    /// Begins at once, so that whatever is asked of the queue afterwards comes behind it.
    fn put_on_the_line(&mut self, writing: impl Future<Output = Written> + Send + 'static) {
        let mut writing = writing.boxed();
        match (&mut writing).now_or_never() {
            Some(written) => self.written(written),
            None => self.writing.push(writing),
        }
    }

    /// Has nothing handed over any more, and gives back all that has not begun.
    pub(super) async fn clear_hand(&mut self) {
        if let Some(mut inbox) = self.inbox.take() {
            inbox.set_room(0);
            // A queue that is closed hands nothing over.
            let _ = self.sender.store.leave(&self.sender.sink.name).await;
            self.flow
                .in_hand
                .extend(std::iter::from_fn(|| inbox.try_next()));
        }
        if let Some(asked) = self.claiming.take() {
            self.flow
                .in_hand
                .extend(asked.await.claims.unwrap_or_default().claims);
        }
        self.put_back();
    }
}

/// Waits for what the queue was asked for; for ever, where nothing was.
pub(super) async fn asked(claiming: &mut Option<BoxFuture<'static, Asked>>) -> Asked {
    match claiming {
        Some(answer) => {
            let asked = answer.await;
            *claiming = None;
            asked
        }
        None => std::future::pending().await,
    }
}

/// Waits for a delivery that is handed over.
pub(super) async fn handed(inbox: &mut Option<Inbox>) -> Option<Claim> {
    match inbox {
        Some(inbox) => match inbox.next().await {
            Some(claim) => Some(claim),
            // The queue is closed.
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
