//! Answers that are there and not yet on their way into the queue.
//!
//! A file of its own because how long they wait for one another is what a crash repeats: a transaction costs the
//! queue the same whether one answer is in it or thirty, and what was in none when the process is killed is sent again.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::answered::Answered;
use crate::model::{Outcome, Posted};

/// Longest wait of an answer for others.
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
