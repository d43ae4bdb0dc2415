//! Answers that are there and not yet on their way into the queue.
//!
//! A file of its own because how long they wait for one another is what a crash repeats: a transaction costs the
//! queue the same whether one answer is in it or thirty, and what was in none when the process is killed is sent again.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::answered::Answered;
use crate::model::{Outcome, Posted};

/// Longest wait of an answer for others. The runtime knows whole milliseconds, and may make two of it.
const WAIT_MAX: Duration = Duration::from_millis(1);

/// So many wait for no more.
const TOGETHER_MAX: usize = 32;

/// What the next writing takes along.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Vec<Answered>,
    /// When they have waited for long enough.
    due: Option<Instant>,
    /// Somebody waits for what comes of one of them.
    are_urgent: bool,
}

impl Answers {
    /// Takes one more along.
    pub(super) fn add(&mut self, answered: Answered) {
        self.due.get_or_insert_with(|| Instant::now() + WAIT_MAX);
        self.are_urgent |= !is_plain(&answered);
        self.waiting.push(answered);
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether they may wait for more.
    pub(super) fn may_wait(&self) -> bool {
        !self.are_urgent
            && self.waiting.len() < TOGETHER_MAX
            && self.due.is_none_or(|due| Instant::now() < due)
    }

    /// Ends when they have waited for long enough; never, where there are none.
    pub(super) async fn have_waited(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// All of them, and whether nobody waits for what comes of them.
    pub(super) fn take(&mut self) -> (Vec<Answered>, bool) {
        let all = std::mem::take(self);
        (all.waiting, !all.are_urgent)
    }
}

/// Whether it changes nothing but its delivery.
fn is_plain(one: &Answered) -> bool {
    let settlement = &one.settled.settlement;
    one.outcome() == Some(Outcome::Delivered)
        && settlement.posted == Posted::Nothing
        && settlement.rest_until.is_none()
        && one.claim.alone
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::flow::tests::claim;
    use super::*;
    use crate::model::{Attempt, Ended, Settled, Settlement, State, Wake};

    /// An answer with this outcome, which means nothing to anybody else.
    fn answered(outcome: Outcome) -> Answered {
        let (claim, at) = (claim(10), Timestamp::UNIX_EPOCH);
        let attempt = Attempt {
            number: 1,
            at,
            duration: WAIT_MAX,
            outcome,
            status: None,
            reason: None,
            answer: None,
        };
        let settlement = Settlement {
            state: State::Delivered,
            due: at,
            step: 0,
            plain: false,
            wake: Wake::Never,
            posted: Posted::Nothing,
            reason: None,
            rest_until: None,
            suspend: None,
        };
        let settled = Settled {
            row: claim.row,
            alone: claim.alone,
            ended: Ended::Tried(attempt),
            settlement,
        };
        Answered {
            claim,
            settled,
            sign: None,
            at,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn they_wait_for_a_millisecond_from_the_first_on() {
        let mut answers = Answers::default();
        let begun = Instant::now();
        answers.add(answered(Outcome::Delivered));
        tokio::time::advance(WAIT_MAX / 2).await;
        answers.add(answered(Outcome::Delivered));
        assert!(answers.may_wait());
        answers.have_waited().await;
        // The clock of the runtime knows whole milliseconds.
        let waited = begun.elapsed();
        assert!((WAIT_MAX..2 * WAIT_MAX).contains(&waited), "{waited:?}");
        assert!(!answers.may_wait());
        let (all, are_plain) = answers.take();
        assert!(all.len() == 2 && are_plain && answers.is_empty());
        let nothing = tokio::time::timeout(Duration::from_secs(60), answers.have_waited());
        assert!(nothing.await.is_err(), "there are none");
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_go_together_wait_for_no_more() {
        let mut answers = Answers::default();
        for _ in 1..TOGETHER_MAX {
            answers.add(answered(Outcome::Delivered));
        }
        assert!(answers.may_wait());
        answers.add(answered(Outcome::Delivered));
        assert!(!answers.may_wait());
    }

    #[tokio::test(start_paused = true)]
    async fn an_urgent_one_has_all_written_at_once() {
        let ways: [fn(&mut Answered); 4] = [
            |one| one.claim.alone = false,
            |one| one.settled.settlement.posted = Posted::Gone,
            |one| one.settled.settlement.rest_until = Some(Timestamp::UNIX_EPOCH),
            |one| *one = answered(Outcome::Retry),
        ];
        for way in ways {
            let mut answers = Answers::default();
            let mut urgent = answered(Outcome::Delivered);
            way(&mut urgent);
            answers.add(answered(Outcome::Delivered));
            answers.add(urgent);
            answers.add(answered(Outcome::Delivered));
            assert!(!answers.may_wait());
            assert!(!answers.take().1, "they are flushed at once");
            answers.add(answered(Outcome::Delivered));
            assert!(answers.may_wait(), "those that follow may");
        }
    }
}
