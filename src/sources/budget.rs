//! How many requests may leave with one API key, shared by everybody who uses it.
//!
//! A file of its own because stream connects, polls and probes of one key draw on one allowance that
//! none of them owns. It counts and makes callers wait in the order they came, those who can wait in a
//! line of their own; it sends nothing and knows no endpoint.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Where an answer says what is left.
pub(super) const REMAINING: &str = "x-ratelimit-remaining";

/// Most requests in one span.
const REQUESTS: usize = 30;

/// How many of them are left to what cannot wait. A backfill asks as often as it may, so without them
/// a stream that broke meanwhile would find the allowance spent.
const RESERVE: usize = 6;

/// The minute of the contract, and a second for requests that were faster on the way than the one
/// before them.
const SPAN: Duration = Duration::from_secs(61);

/// Longest rest that an answer can order.
const REST_MAX: Duration = Duration::from_hours(1);

/// The allowance of one key.
#[derive(Debug)]
pub struct Budget {
    /// Callers wait in line here, those of each share for themselves; only the first one of a line
    /// watches the clock.
    urgent: Semaphore,
    bulk: Semaphore,
    books: Mutex<Books>,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Books {
    /// When the last requests left, oldest first; never more than [`REQUESTS`].
    left: VecDeque<Instant>,
    /// When the server's minute began: with the first request after the last one was over.
    minute: Option<Instant>,
    /// Nothing leaves before this moment.
    rest: Option<Instant>,
    /// Nothing that can wait leaves before this moment.
    bulk_rest: Option<Instant>,
    /// What the server last said is left of its minute.
    remaining: Option<u32>,
}

/// Which part of the allowance a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of it: stream connects, probes, and what somebody waits for.
    Urgent,
    /// All but the last six requests of any minute: backfill and polls.
    Bulk,
}

/// The key is no longer good for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// What an answer says in `X-RateLimit-Remaining` is left of the key's minute. Anything but a plain
/// number says nothing.
pub(super) fn told(headers: &HeaderMap) -> Option<u32> {
    number(headers.get(REMAINING)?.to_str().ok()?)
}

/// Reads the value of that header.
pub(super) fn number(value: &str) -> Option<u32> {
    value.trim().parse().ok()
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl Budget {
    /// The whole allowance of a key that has not been used yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            urgent: Semaphore::new(1),
            bulk: Semaphore::new(1),
            books: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }

    /// Waits until one more urgent request may leave, and counts it. A caller that gives up waiting
    /// has used nothing.
    ///
    /// # Errors
    /// [`Closed`] once the key was refused for good.
    pub async fn permit(&self) -> Result<(), Closed> {
        self.permit_for(Share::Urgent).await
    }

    /// Waits until one more request of this share may leave, and counts it. A caller that gives up
    /// waiting has used nothing.
    ///
    /// # Errors
    /// [`Closed`] once the key was refused for good.
    pub async fn permit_for(&self, share: Share) -> Result<(), Closed> {
        self.wait_for(share, |budget| budget.take_for(share)).await
    }

    /// Waits until one more urgent request could leave, without counting it: for a caller that has to wait
    /// for something else as well before it can [`take`](Self::take).
    ///
    /// # Errors
    /// [`Closed`] once the key was refused for good.
    pub async fn ready(&self) -> Result<(), Closed> {
        self.wait_for(Share::Urgent, |budget| {
            budget.lock().open(Instant::now(), Share::Urgent)
        })
        .await
    }

    /// Counts one urgent request that leaves now.
    ///
    /// # Errors
    /// The moment at which it is worth asking again.
    pub fn take(&self) -> Result<(), Instant> {
        self.take_for(Share::Urgent)
    }

    /// Nothing leaves for this long: the server answered 429.
    pub fn rest(&self, wait: Duration) {
        self.lock().rest_until(Instant::now() + wait.min(REST_MAX));
    }

    /// What the server says is left of its minute: with nothing left, nothing leaves until it is
    /// over; with no more than the reserve, nothing does that can wait.
    pub fn remaining(&self, requests: u32) {
        let mut books = self.lock();
        books.remaining = Some(requests);
        let Some(minute) = books.minute else {
            return;
        };
        match usize::try_from(requests) {
            Ok(0) => books.rest_until(minute + SPAN),
            Ok(1..=RESERVE) => books.bulk_rest = books.bulk_rest.max(Some(minute + SPAN)),
            _ => {}
        }
    }

    /// What the server last said is left of its minute.
    #[must_use]
    pub fn left(&self) -> Option<u32> {
        self.lock().remaining
    }

    /// The key was refused for good: nothing leaves any more.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Whether the key was refused for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn take_for(&self, share: Share) -> Result<(), Instant> {
        let now = Instant::now();
        let mut books = self.lock();
        books.open(now, share)?;
        books.count(now);
        Ok(())
    }

    async fn wait_for(
        &self,
        share: Share,
        look: impl Fn(&Self) -> Result<(), Instant>,
    ) -> Result<(), Closed> {
        let line = match share {
            Share::Urgent => &self.urgent,
            Share::Bulk => &self.bulk,
        };
        let granted = async {
            let _turn = line.acquire().await;
            while let Err(moment) = look(self) {
                sleep_until(moment).await;
            }
        };
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(Closed),
            () = granted => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Whether a request of this share may leave now, or when to ask again.
    fn open(&self, now: Instant, share: Share) -> Result<(), Instant> {
        let (most, rest) = match share {
            Share::Urgent => (REQUESTS, self.rest),
            Share::Bulk => (REQUESTS - RESERVE, self.rest.max(self.bulk_rest)),
        };
        // Once the request that many places back is out of the span, there is room for one more.
        let oldest = self.left.len().checked_sub(most);
        let oldest = oldest.and_then(|at| self.left.get(at));
        match oldest.map(|left| *left + SPAN).max(rest) {
            Some(moment) if moment > now => Err(moment),
            _ => Ok(()),
        }
    }

    fn count(&mut self, now: Instant) {
        if self.left.len() >= REQUESTS {
            self.left.pop_front();
        }
        self.left.push_back(now);
        if self.minute.is_none_or(|minute| now >= minute + SPAN) {
            self.minute = Some(now);
        }
    }

    fn rest_until(&mut self, moment: Instant) {
        self.rest = self.rest.max(Some(moment));
    }
}

#[cfg(test)]
mod tests;
