//! How often a request that failed is repeated, and how long is waited before.
//!
//! A file of its own because not everybody wants it: a poll comes again anyway. It repeats only what may
//! be gone in a moment; the key's allowance and a 429 are the budget's, which every repetition passes
//! like any other request.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Answer;
use crate::sources::pace::{Pace, doubled, unit};

/// The first wait.
const BASE: Duration = Duration::from_secs(1);

/// The longest wait that the server has not asked for.
const CAP: Duration = Duration::from_secs(30);

/// The tries that are left for one thing that is wanted, or for a run of them.
#[derive(Clone, Debug)]
pub struct Retries<J> {
    tries_max: u32,
    deadline: Option<Instant>,
    jitter: J,
    /// Failures in a row.
    failures: u32,
}

impl<J: FnMut() -> f64> Retries<J> {
    /// So many tries for each thing that is wanted, the first one included; `jitter` gives shares
    /// from 0 to 1.
    pub const fn new(tries_max: u32, jitter: J) -> Self {
        Self {
            tries_max,
            deadline: None,
            jitter,
            failures: 0,
        }
    }

    /// No wait reaches beyond this moment. A request that is under way by then is awaited.
    #[must_use]
    pub const fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long to wait before the same is asked again; `None` if it should not be, because the
    /// answer stands or because it is enough. An answer that stands gives all tries back.
    pub fn wait<T>(&mut self, answer: &Answer<T>) -> Option<Duration> {
        if !answer.is_passing() {
            self.failures = 0;
            return None;
        }
        let asked = match answer {
            Answer::Refused(refused) => refused.retry_after,
            _ => None,
        };
        let pace = Pace {
            base: BASE,
            cap: CAP,
            floor: asked.unwrap_or_default(),
            chance: unit((self.jitter)()),
        };
        let wait = pace.within(doubled(pace.base, self.failures, pace.cap));
        self.failures = self.failures.saturating_add(1);
        let in_time = |deadline| Instant::now() + wait <= deadline;
        (self.failures < self.tries_max && self.deadline.is_none_or(in_time)).then_some(wait)
    }
}

/// Asks until an answer stands or it is enough, and brings the last answer.
pub async fn retried<T, A>(
    retries: &mut Retries<impl FnMut() -> f64>,
    mut ask: impl FnMut() -> A,
) -> Answer<T>
where
    A: Future<Output = Answer<T>>,
{
    loop {
        let answer = ask().await;
        match retries.wait(&answer) {
            Some(wait) => sleep(wait).await,
            None => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Refused, Unreadable, Unsent};
    use super::*;
    use crate::model::Failure;

    fn refused(status: u16, seconds: Option<u64>) -> Answer<()> {
        Answer::Refused(Refused {
            retry_after: seconds.map(Duration::from_secs),
            ..Refused::of(status)
        })
    }

    /// When each try left, and the last answer, if every answer is this one.
    async fn tries(
        mut retries: Retries<impl FnMut() -> f64>,
        answer: &Answer<()>,
    ) -> (Vec<u64>, Answer<()>) {
        let start = Instant::now();
        let mut tries = Vec::new();
        let last = retried(&mut retries, || {
            tries.push(start.elapsed().as_secs());
            std::future::ready(answer.clone())
        })
        .await;
        (tries, last)
    }

    #[tokio::test(start_paused = true)]
    async fn err_5_faults_of_server_and_way_are_retried_with_bounded_jittered_backoff() {
        let passing = [500, 502, 503, 599].map(|status| refused(status, None));
        let failures = [Failure::Timeout, Failure::Reset, Failure::Refused].map(Answer::Failed);
        for answer in passing.into_iter().chain(failures) {
            let (slow, last) = tries(Retries::new(8, || 1.0), &answer).await;
            assert_eq!(slow, [0, 1, 3, 7, 15, 31, 61, 91], "{answer:?}");
            assert_eq!(last, answer, "bounded");
            let (fast, _) = tries(Retries::new(8, || 0.0), &answer).await;
            assert_eq!(fast, [0, 0, 1, 3, 7, 15, 30, 45], "{answer:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn err_4_what_is_final_or_stands_is_asked_once() {
        let refusals = [304, 400, 401, 403, 404, 405, 409].map(|status| refused(status, None));
        let others = [
            Answer::Found(()),
            Answer::Unreadable(Unreadable::NotJson),
            Answer::Unsent(Unsent::Id),
        ];
        for answer in refusals.into_iter().chain(others) {
            let (tries, last) = tries(Retries::new(8, || 1.0), &answer).await;
            assert_eq!((tries, last), (vec![0], answer));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_2_no_repetition_is_earlier_than_the_server_asked() {
        for status in [429, 503] {
            let answer = refused(status, Some(40));
            let (tries, _) = tries(Retries::new(3, || 0.0), &answer).await;
            assert_eq!(tries, [0, 40, 80], "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn err_5_no_wait_reaches_beyond_the_deadline() {
        let retries = |seconds| {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            Retries::new(u32::MAX, || 1.0).until(deadline)
        };
        let (in_time, last) = tries(retries(10), &refused(500, None)).await;
        assert_eq!((in_time, last), (vec![0, 1, 3, 7], refused(500, None)));
        let (once, _) = tries(retries(10), &refused(503, Some(3_600))).await;
        assert_eq!(once, [0]);
    }

    #[test]
    fn an_answer_that_stands_gives_all_tries_back() {
        let mut retries = Retries::new(2, || f64::NAN);
        for _ in 0..3 {
            assert!(retries.wait(&refused(500, None)).is_some());
            assert_eq!(retries.wait(&Answer::Found(())), None);
        }
        assert!(retries.wait(&refused(500, None)).is_some());
        assert_eq!(retries.wait(&refused(500, None)), None);
    }
}
