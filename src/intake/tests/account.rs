//! The fake account: answers probes and polls as told, and writes down when they came.
//!
//! A file of its own because it also draws on the key's budget, as the real REST client does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sources::Pending;
use crate::sources::budget::Budget;
use crate::sources::ttmt_rest::{
    Account, Answer, Page, Poll, PollAnswer, Probe, Refused, SignalQuery, TradeQuery,
};

pub(super) struct FakeAccount {
    start: Instant,
    pub(super) budget: Option<Arc<Budget>>,
    probe_answers: Mutex<VecDeque<Probe>>,
    poll_answers: Mutex<VecDeque<PollAnswer>>,
    probes: Mutex<Vec<Duration>>,
    polls: Mutex<Vec<(Duration, Poll)>>,
}

impl Default for FakeAccount {
    fn default() -> Self {
        Self::probed([])
    }
}

impl FakeAccount {
    /// Answers the first probes like this, and the others that the key is good.
    pub(super) fn probed(answers: impl IntoIterator<Item = Probe>) -> Self {
        Self {
            start: Instant::now(),
            budget: None,
            probe_answers: Mutex::new(answers.into_iter().collect()),
            poll_answers: Mutex::default(),
            probes: Mutex::default(),
            polls: Mutex::default(),
        }
    }

    /// Answers the first polls like this, and the others with two rows.
    pub(super) fn polled(answers: impl IntoIterator<Item = PollAnswer>) -> Self {
        let account = Self::default();
        *account.poll_answers.lock().expect("no panic") = answers.into_iter().collect();
        account
    }

    pub(super) fn probes(&self) -> Vec<Duration> {
        self.probes.lock().expect("no panic").clone()
    }

    pub(super) fn polls(&self) -> Vec<(Duration, Poll)> {
        self.polls.lock().expect("no panic").clone()
    }

    async fn permit(&self) -> bool {
        match &self.budget {
            Some(budget) => budget.permit().await.is_ok(),
            None => true,
        }
    }
}

impl Account for FakeAccount {
    fn probe(&self) -> Pending<'_, Probe> {
        Box::pin(async {
            if !self.permit().await {
                return Probe::Revoked;
            }
            let mut probes = self.probes.lock().expect("no panic");
            probes.push(self.start.elapsed());
            let mut answers = self.probe_answers.lock().expect("no panic");
            answers.pop_front().unwrap_or(Probe::Valid)
        })
    }

    fn poll(&self, what: Poll) -> Pending<'_, PollAnswer> {
        Box::pin(async move {
            if !self.permit().await {
                return PollAnswer::Revoked;
            }
            let mut polls = self.polls.lock().expect("no panic");
            polls.push((self.start.elapsed(), what));
            let mut answers = self.poll_answers.lock().expect("no panic");
            answers.pop_front().unwrap_or_else(|| {
                PollAnswer::Page(Page {
                    rows: vec![
                        json!({"id": "trd_1", "status": "active"}),
                        json!({"id": "trd_0"}),
                    ],
                    ..Page::default()
                })
            })
        })
    }

    fn accounts(&self) -> Pending<'_, Answer<Page>> {
        nothing()
    }

    fn positions(&self) -> Pending<'_, Answer<Page>> {
        nothing()
    }

    fn trades<'a>(&'a self, _query: &'a TradeQuery) -> Pending<'a, Answer<Page>> {
        nothing()
    }

    fn trade<'a>(&'a self, _id: &'a str) -> Pending<'a, Answer<Value>> {
        gone()
    }

    fn trade_positions<'a>(&'a self, _id: &'a str) -> Pending<'a, Answer<Page>> {
        gone()
    }

    fn trade_orders<'a>(&'a self, _id: &'a str) -> Pending<'a, Answer<Page>> {
        gone()
    }

    fn signals<'a>(&'a self, _query: &'a SignalQuery) -> Pending<'a, Answer<Page>> {
        nothing()
    }

    fn signal<'a>(&'a self, _id: &'a str) -> Pending<'a, Answer<Value>> {
        gone()
    }
}

/// A list without rows.
fn nothing<'a>() -> Pending<'a, Answer<Page>> {
    Box::pin(async { Answer::Found(Page::default()) })
}

/// An object that is not there.
fn gone<'a, T: Send + 'a>() -> Pending<'a, Answer<T>> {
    Box::pin(async { Answer::Refused(Refused::of(404)) })
}
