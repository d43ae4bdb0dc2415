//! How many requests may leave with one API key, shared by everybody who uses it.
//!
//! A file of its own because stream connects, polls and probes of one key draw on one allowance that
//! none of them owns. It counts and makes callers wait in the order they came; it sends nothing and
//! knows no endpoint.

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

/// The minute of the contract, and a second for requests that were faster on the way than the one
/// before them.
const SPAN: Duration = Duration::from_secs(61);

/// Longest rest that an answer can order.
const REST_MAX: Duration = Duration::from_hours(1);

/// The allowance of one key.
#[derive(Debug)]
pub struct Budget {
    /// Callers wait in line here; only the first one watches the clock.
    turn: Semaphore,
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
    /// What the server last said is left of its minute.
    remaining: Option<u32>,
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
            turn: Semaphore::new(1),
            books: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }

    /// Waits until one more request may leave, and counts it. A caller that gives up waiting has
    /// used nothing.
    ///
    /// # Errors
    /// [`Closed`] once the key was refused for good.
    pub async fn permit(&self) -> Result<(), Closed> {
        self.wait_for(Self::take).await
    }

    /// Waits until one more request could leave, without counting it: for a caller that has to wait
    /// for something else as well before it can [`take`](Self::take).
    ///
    /// # Errors
    /// [`Closed`] once the key was refused for good.
    pub async fn ready(&self) -> Result<(), Closed> {
        self.wait_for(|budget| budget.lock().open(Instant::now()))
            .await
    }

    /// Counts one request that leaves now.
    ///
    /// # Errors
    /// The moment at which it is worth asking again.
    pub fn take(&self) -> Result<(), Instant> {
        let now = Instant::now();
        let mut books = self.lock();
        books.open(now)?;
        books.count(now);
        Ok(())
    }

    /// Nothing leaves for this long: the server answered 429.
    pub fn rest(&self, wait: Duration) {
        self.lock().rest_until(Instant::now() + wait.min(REST_MAX));
    }

    /// What the server says is left of its minute; with nothing left, nothing leaves until it is over.
    pub fn remaining(&self, requests: u32) {
        let mut books = self.lock();
        books.remaining = Some(requests);
        if requests == 0
            && let Some(minute) = books.minute
        {
            books.rest_until(minute + SPAN);
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

    async fn wait_for(&self, look: impl Fn(&Self) -> Result<(), Instant>) -> Result<(), Closed> {
        let granted = async {
            let _turn = self.turn.acquire().await;
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
    /// Whether a request may leave now, or when to ask again.
    fn open(&self, now: Instant) -> Result<(), Instant> {
        let full = self.left.len() >= REQUESTS;
        let oldest = self.left.front().filter(|_| full).map(|left| *left + SPAN);
        match oldest.max(self.rest) {
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
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// Takes permits for a while and says when each was granted.
    async fn grants(budget: &Budget, wanted: usize) -> Vec<Duration> {
        let start = Instant::now();
        let mut grants = Vec::new();
        for _ in 0..wanted {
            budget.permit().await.expect("the key is good");
            grants.push(start.elapsed());
        }
        grants
    }

    #[tokio::test(start_paused = true)]
    async fn rate_1_no_more_than_thirty_requests_leave_in_any_minute() {
        let budget = Arc::new(Budget::new());
        let start = Instant::now();
        let callers: Vec<_> = (0..4)
            .map(|pause| {
                let budget = Arc::clone(&budget);
                tokio::spawn(async move {
                    let mut grants = Vec::new();
                    for _ in 0..25 {
                        tokio::time::sleep(Duration::from_millis(700 * pause)).await;
                        budget.permit().await.expect("the key is good");
                        grants.push(start.elapsed());
                    }
                    grants
                })
            })
            .collect();
        let mut grants = Vec::new();
        for caller in callers {
            grants.extend(caller.await.expect("no panic"));
        }
        grants.sort();
        assert_eq!(grants.len(), 100);
        for span in grants.windows(REQUESTS + 1) {
            assert!(span[REQUESTS] - span[0] > MINUTE, "{span:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_2_after_a_429_everybody_rests() {
        let budget = Budget::new();
        budget.permit().await.expect("the key is good");
        budget.rest(Duration::from_secs(7));
        budget.rest(Duration::from_secs(2));
        assert_eq!(grants(&budget, 1).await, [Duration::from_secs(7)]);
        assert_eq!(grants(&budget, 1).await, [Duration::ZERO], "only once");
    }

    #[tokio::test(start_paused = true)]
    async fn rate_2_a_rest_that_begins_while_a_caller_waits_holds_for_it_too() {
        let budget = Budget::new();
        budget.rest(Duration::from_secs(5));
        let (grants, ()) = tokio::join!(grants(&budget, 1), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            budget.rest(Duration::from_secs(10));
        });
        assert_eq!(grants, [Duration::from_secs(14)]);
    }

    #[tokio::test(start_paused = true)]
    async fn rate_2_the_longest_rest_is_an_hour() {
        let budget = Budget::new();
        budget.rest(Duration::MAX);
        assert_eq!(grants(&budget, 1).await, [REST_MAX]);
    }

    #[tokio::test(start_paused = true)]
    async fn rate_3_nothing_remaining_pauses_until_the_minute_of_the_first_request_is_over() {
        let budget = Budget::new();
        budget.permit().await.expect("the key is good");
        tokio::time::sleep(Duration::from_secs(20)).await;
        budget.permit().await.expect("the key is good");
        budget.remaining(12);
        assert_eq!(grants(&budget, 1).await, [Duration::ZERO]);
        budget.remaining(0);
        assert_eq!(budget.left(), Some(0));
        let pause = SPAN - Duration::from_secs(20);
        assert_eq!(grants(&budget, 1).await, [pause]);
        tokio::time::sleep(Duration::from_secs(5)).await;
        budget.remaining(0);
        let pause = SPAN - Duration::from_secs(5);
        assert_eq!(grants(&budget, 1).await, [pause], "a new minute began");
    }

    #[tokio::test(start_paused = true)]
    async fn rate_5_two_keys_have_two_budgets() {
        let (one, two) = (Budget::new(), Budget::new());
        grants(&one, REQUESTS).await;
        one.rest(MINUTE);
        let granted = grants(&two, REQUESTS).await;
        assert_eq!(granted.last(), Some(&Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_has_used_nothing() {
        let budget = Budget::new();
        grants(&budget, REQUESTS - 1).await;
        budget.rest(Duration::from_secs(3));
        assert_eq!(budget.permit().now_or_never(), None);
        budget.ready().await.expect("the key is good");
        assert_eq!(budget.take(), Ok(()));
        assert!(budget.take().is_err(), "that was the last one");
    }

    #[tokio::test(start_paused = true)]
    async fn auth_4_a_key_that_was_refused_sends_nothing_more() {
        let budget = Budget::new();
        budget.rest(MINUTE);
        let (waiting, ()) = tokio::join!(budget.permit(), async { budget.close() });
        assert_eq!(waiting, Err(Closed));
        assert_eq!(budget.ready().await, Err(Closed));
        assert!(budget.is_closed());
    }
}
