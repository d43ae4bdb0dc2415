//! How deliveries come into a lane's hand, and out of it again.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::attempt;
use super::{Lane, STORE_AGAIN, Written};
use crate::model::Claim;
use crate::store::{Claims, Flush, Handed, Inbox, StoreError};

impl Lane {
    /// Opens the inbox for what is handed over, and says how much there is room for: nothing while the
    /// sink may not be sent to freely.
    pub(super) async fn attend(&mut self) {
        if self.inbox.is_none() {
            self.inbox = self.sender.store.attend(&self.sender.sink.name).await.ok();
            if self.inbox.is_none() {
                return;
            }
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
        let of_kind = self.kind_rests.until(self.sender.sink.kind);
        let rest_until = self.rest_until.max(of_kind);
        !self.is_stopped() && rest_until.is_none_or(|until| until <= self.now())
    }

    /// How many deliveries are on their way or in hand.
    pub(super) fn held(&self) -> usize {
        self.in_flight.len() + self.flow.in_hand()
    }

    /// Asks the queue for deliveries.
    pub(super) fn ask(&mut self, now: Timestamp, limit: NonZeroUsize, probing: bool) {
        let (sender, turn) = (Arc::clone(&self.sender), self.turn);
        let limit = (!probing).then_some(limit);
        self.asked = Some(probing);
        let asking = async move {
            let (store, sink) = (&sender.store, &sender.sink.name);
            store.claim_into(sink, now, limit, turn).await
        };
        self.asking = Some(asking.boxed());
    }

    /// The queue has given nothing.
    pub(super) fn unclaimed(&mut self, error: &StoreError) {
        tracing::debug!(sink = %self.sender.sink.name, %error, "nothing could be claimed");
        (self.asked, self.more) = (None, false);
        self.look_at = self.look_at.min(Instant::now() + STORE_AGAIN);
    }

    /// Takes what comes into the inbox.
    pub(super) fn take(&mut self, handed: Handed) {
        match handed {
            Handed::New(claim) => self.flow.hold(claim),
            Handed::Claimed(claims) => self.claimed(claims),
        }
    }

    fn claimed(&mut self, claims: Claims) {
        let probing = self.asked.take().unwrap_or_default();
        if !claims.aside.is_empty() {
            let sink = &self.sender.sink.name;
            let count = claims.aside.len() as u64;
            self.sender.status.sink(sink, |status| status.dead += count);
            self.obituary.dead();
            self.given_up.notify_one();
            self.look = true;
        }
        self.more = claims.more;
        if self.more {
            self.flow.came(self.in_flight.len());
        }
        if let Some(due) = claims.next_due {
            self.look_at = self.look_at.min(self.instant(due));
        }
        if probing && !claims.claims.is_empty() {
            self.suspension.probing(self.now());
            for claim in claims.claims {
                self.outage.probing(claim.row);
                self.send(claim);
            }
            return;
        }
        claims
            .claims
            .into_iter()
            .for_each(|claim| self.flow.hold(claim));
    }

    /// Takes along whatever else has happened.
    pub(super) fn gather(&mut self) {
        while let Some(Some(answered)) = self.in_flight.next().now_or_never() {
            self.answered(answered);
        }
        while let Some(Some(written)) = self.writing.next().now_or_never() {
            self.written(written);
        }
        while let Some(handed) = self.inbox.as_mut().and_then(Inbox::try_next) {
            self.take(handed);
        }
    }

    /// Sends what is in hand, as far as there are places; gives it back where the sink may not be sent to.
    pub(super) fn begin(&mut self) {
        if self.flow.in_hand() == 0 {
            return;
        }
        if !self.runs_freely() {
            self.put_back();
            return;
        }
        while let Some(claim) = self.flow.next(self.in_flight.len()) {
            self.send(claim);
        }
    }

    fn send(&mut self, claim: Claim) {
        self.turn = self.turn.wrapping_add(1);
        self.in_flight
            .push(attempt::run(Arc::clone(&self.sender), claim).boxed());
    }

    /// Writes down the answers that have come together, unless they may wait for those of deliveries on their way.
    pub(super) fn write(&mut self) {
        if self.in_flight.is_empty() || !self.answers.may_wait() {
            self.write_now();
        }
    }

    /// Writes down the answers that have come together.
    pub(super) fn write_now(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let (answers, are_plain) = self.answers.take();
        let flush = self.flush_for(are_plain);
        let (sender, mark) = (Arc::clone(&self.sender), self.flow.mark());
        let writing = async move {
            let answers = sender.write(answers, flush).await;
            Written { answers, mark }
        };
        self.put_on_the_line(writing);
    }

    /// Where nobody waits for what comes of answers, others may be flushed with them. One by itself may even wait
    /// for the next thing that is written: at a crash that is one delivery more which is repeated.
    fn flush_for(&self, are_plain: bool) -> Flush {
        let is_alone = self.flow.unwritten == 1 && self.in_flight.is_empty() && !self.look;
        match are_plain {
            true if is_alone => Flush::Rides,
            true => Flush::Shared,
            false => Flush::Now,
        }
    }

    /// Gives back all that is in hand.
    fn put_back(&mut self) {
        let claims = self.flow.give_up();
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
        if let Some(inbox) = &mut self.inbox {
            inbox.set_room(0);
            // A queue that is closed hands nothing over.
            let _ = self.sender.store.leave(&self.sender.sink.name).await;
            while let Some(handed) = inbox.try_next() {
                match handed {
                    Handed::New(claim) => self.flow.hold(claim),
                    Handed::Claimed(claims) => {
                        let claims = claims.claims.into_iter();
                        claims.for_each(|claim| self.flow.hold(claim));
                    }
                }
            }
        }
        self.put_back();
    }
}

/// Waits for what keeps the queue from giving what it was asked for; for ever, where nothing does.
pub(super) async fn refusal(
    asking: &mut Option<BoxFuture<'static, Result<(), StoreError>>>,
) -> StoreError {
    if let Some(asked) = asking {
        let answer = asked.await;
        *asking = None;
        if let Err(error) = answer {
            return error;
        }
    }
    std::future::pending().await
}

/// Waits for what comes into an inbox; for ever, where nothing will.
pub(super) async fn handed(inbox: &mut Option<Inbox>) -> Handed {
    if let Some(inbox) = inbox
        && let Some(handed) = inbox.next().await
    {
        return handed;
    }
    std::future::pending().await
}
