//! What the lane of a sink asks of the queue: to be given what is due, and to write down what came of it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::hands::Hands;
use super::riding::patience;
use super::sql::Connection;
use super::tags::Tags;
use super::work::{Flush, Manner};
use super::{Claims, Due, Handed, Inbox, Store, StoreError, claim, settle};
use crate::model::{Back, Name, Settled, Wake};

/// What is over for a sink.
#[derive(Clone, Copy)]
enum Over {
    /// What deliveries wait for that are woken by this.
    Absence(Wake),
    /// At this moment, the rest that its receiver has asked for.
    Rest(Timestamp),
}

impl Store {
    /// Opens the inbox of a sink's lane, which takes deliveries as they come in once it has room for them
    /// and [`Store::claim_into`] has brought all that was due before. Whatever it receives has been taken as
    /// by [`Store::claim`].
    ///
    /// # Errors
    /// [`StoreError`] when the queue is closed.
    pub async fn attend(&self, sink: &Name) -> Result<Inbox, StoreError> {
        let (sink, by) = (sink.clone(), self.by.clone());
        self.request(Manner::default(), move |_, _, hands| {
            Ok(hands.attend(&sink, by.clone()))
        })
        .await
    }

    /// Ends that: all that was handed over is in the inbox once this returns.
    ///
    /// # Errors
    /// [`StoreError`] when the queue is closed.
    pub async fn leave(&self, sink: &Name) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.request(Manner::default(), move |_, _, hands| {
            hands.leave(&sink);
            Ok(())
        })
        .await
    }

    /// How many deliveries of a sink are due, counted up to `limit`. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn due(&self, sink: &Name, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| claim::due(connection, &sink, now, limit))
            .await
    }

    /// Takes up to `limit` due deliveries of a sink: the most urgent first, what has just become due
    /// before what is older, and now and then the one that has waited longest, for which `turn` counts
    /// what its lane has taken so far. Of those with one key only the first that has not ended is ever
    /// taken. Each counts as an attempt from now on, durably, so that an event which kills the process
    /// runs out of attempts.
    ///
    /// The caller must settle, end or give back every claim; what it forgets is taken back at the next
    /// start.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then claimed.
    pub async fn claim(
        &self,
        sink: &Name,
        now: Timestamp,
        limit: NonZeroUsize,
        turn: u64,
    ) -> Result<Claims, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, tags| claim::claim(connection, tags, &sink, now, limit, turn))
            .await
    }

    /// As [`Store::claim`], but one delivery at most, and where none is due, the one that is due next.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then claimed.
    pub async fn probe(
        &self,
        sink: &Name,
        now: Timestamp,
        turn: u64,
    ) -> Result<Claims, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, tags| claim::probe(connection, tags, &sink, now, turn))
            .await
    }

    /// As [`Store::claim`], or [`Store::probe`] where there is no limit, for a lane that has an inbox: what
    /// was claimed is in there once this returns, behind what was handed over before it. That it was need not be on
    /// the disk: where the machine itself ends, it was not claimed, and is claimed again, as it would be in any case,
    /// without its attempt being counted.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then claimed.
    pub async fn claim_into(
        &self,
        sink: &Name,
        now: Timestamp,
        limit: Option<NonZeroUsize>,
        turn: u64,
    ) -> Result<(), StoreError> {
        let sink = sink.clone();
        let flush = match limit {
            Some(_) => Flush::Later,
            // What is taken before its time may be a message that others would still join.
            None => Flush::Now,
        };
        let manner = Manner { bytes: None, flush };
        self.request(manner, move |connection, tags, hands| {
            let now = hands.claims_until(&sink, now);
            let claims = match limit {
                Some(limit) => claim::claim(connection, tags, &sink, now, limit, turn)?,
                None => claim::probe(connection, tags, &sink, now, turn)?,
            };
            if limit.is_some() && !claims.more {
                hands.caught_up(&sink);
            }
            hands.hold(&sink, Handed::Claimed(claims));
            Ok(())
        })
        .await
    }

    /// Makes due, durably, some of what waits for this to happen to its sink; answers whether there may
    /// be more.
    ///
    /// # Errors
    /// [`StoreError`]; everything is then due when it was.
    pub async fn wake(&self, sink: &Name, on: Wake) -> Result<bool, StoreError> {
        let woken = self.rouse(sink, Over::Absence(on)).await?;
        Ok(woken >= claim::WAKE_MAX)
    }

    /// Whether something waits for the return of its sink: an earlier process had found it away.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn is_missed(&self, sink: &Name) -> Result<bool, StoreError> {
        self.known_of(sink).await.map(|(_, is_missed)| is_missed)
    }

    /// Writes down how claims of one sink ended and what that does to their deliveries and to the sink. Durable
    /// once it returns. A claim for which no request was made, since it had expired or could not be encoded, counts
    /// as an attempt no longer.
    ///
    /// Answers `false` for each that is no longer the newest of its delivery; that changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; all of them are then still in flight, and are sent again after a restart.
    pub async fn settle_all(
        &self,
        sink: &Name,
        group: Arc<[Settled]>,
        flush: Flush,
    ) -> Result<Vec<bool>, StoreError> {
        let sink = sink.clone();
        let manner = Manner { bytes: None, flush };
        let settle = move |connection: &Connection<'_>, _: &Tags, _: &mut Hands| {
            settle::settle_all(connection, &sink, &group)
        };
        let begun = Instant::now();
        let mut answer = self.put(manner, settle).await?;
        for (after, request) in patience(flush) {
            match timeout_at(begun + after, &mut answer).await {
                Ok(answered) => return answered.map_err(|_| StoreError::Closed)?,
                // A queue that has ended answers, or lets go of the other end.
                Err(_) => drop(self.ask(request).await),
            }
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Puts claims of a sink back for which nothing has been done, as they were.
    ///
    /// # Errors
    /// [`StoreError`]; they are then still in flight.
    pub async fn give_back(&self, sink: &Name, claims: Vec<Back>) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| settle::give_back(connection, &sink, &claims))
            .await
    }

    /// Until when a sink rests because its receiver asked for it, over restarts.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn rest_until(&self, sink: &Name) -> Result<Option<Timestamp>, StoreError> {
        self.known_of(sink).await.map(|(rest_until, _)| rest_until)
    }

    /// Ends that rest, durably: the receiver is another one, or has accepted something meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; the sink rests then as before.
    pub async fn end_rest(&self, sink: &Name, now: Timestamp) -> Result<(), StoreError> {
        self.rouse(sink, Over::Rest(now)).await.map(drop)
    }

    /// Until when a sink rests, and whether something waits for its return.
    async fn known_of(&self, sink: &Name) -> Result<(Option<Timestamp>, bool), StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| {
            let rest_until = settle::rest_until(connection, &sink)?;
            Ok((rest_until, claim::is_missed(connection, &sink)?))
        })
        .await
    }

    /// Makes due what waited for this to be over; answers how many deliveries that were.
    async fn rouse(&self, sink: &Name, over: Over) -> Result<usize, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| match over {
            Over::Absence(on) => claim::wake(connection, &sink, on),
            Over::Rest(now) => settle::end_rest(connection, &sink, now),
        })
        .await
    }
}
