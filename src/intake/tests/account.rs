//! The fake account: a REST API over rows that a test sets, which writes down what was asked and when.
//!
//! A file of its own because it also draws on the key's budget, as the real REST client does.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::sources::Pending;
use crate::sources::budget::{Budget, Share};
use crate::sources::ttmt_rest::{
    Account, Answer, Page, PageCursor, Probe, Refused, SignalQuery, TradeQuery,
};

/// One thing that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Accounts,
    Positions,
    /// A page of trades: the status it is limited to, whether it has a window, and its first row.
    Trades(Option<String>, bool, usize),
    Trade(String),
    TradePositions(String),
    TradeOrders(String),
    Signals,
    Signal(String),
}

pub(super) struct FakeAccount {
    start: Instant,
    pub(super) budget: Option<Arc<Budget>>,
    probe_answers: Mutex<VecDeque<Probe>>,
    probes: Mutex<Vec<Duration>>,
    asked: Mutex<Vec<(Duration, Asked)>>,
    /// Statuses of the next answers, before rows are given out again.
    pub(super) refusals: Mutex<VecDeque<u16>>,
    /// The status of every answer; 200 gives out rows.
    pub(super) status: AtomicU16,
    /// The status of answers about open positions; 200 gives them out.
    pub(super) positions_status: AtomicU16,
    /// How long every answer takes, in milliseconds.
    pub(super) delay: AtomicUsize,
    /// Trades, newest first, each with its `positions`.
    pub(super) trades: Mutex<Vec<Value>>,
    /// Rows for who asks for the positions of a trade, where its own are null.
    pub(super) rows_of_trades: Mutex<Value>,
    /// Whether lists of trades are empty, and the trade that cannot be read.
    only_single: AtomicBool,
    broken: Mutex<String>,
    /// Open positions.
    pub(super) positions: Mutex<Vec<Value>>,
    /// Rows of a page, whatever is asked for, and whether there is another one.
    page_rows: AtomicUsize,
    one_page: AtomicBool,
    cursors: Mutex<HashMap<PageCursor, usize>>,
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
            probes: Mutex::default(),
            asked: Mutex::default(),
            refusals: Mutex::default(),
            status: AtomicU16::new(200),
            positions_status: AtomicU16::new(200),
            delay: AtomicUsize::new(0),
            trades: Mutex::default(),
            rows_of_trades: Mutex::default(),
            only_single: AtomicBool::new(false),
            broken: Mutex::default(),
            positions: Mutex::default(),
            page_rows: AtomicUsize::new(100),
            one_page: AtomicBool::new(false),
            cursors: Mutex::default(),
        }
    }

    /// Refuses the first requests with these statuses.
    pub(super) fn refusing(statuses: impl IntoIterator<Item = u16>) -> Self {
        let account = Self::default();
        locked(&account.refusals).extend(statuses);
        account
    }

    /// An account with these trades, newest first, and with their open positions.
    pub(super) fn with(trades: Vec<Value>) -> Self {
        let account = Self::default();
        account.set(trades);
        account
    }

    /// From now on there are these trades, and their open positions.
    pub(super) fn set(&self, trades: Vec<Value>) {
        let positions = trades.iter().flat_map(|trade| {
            let rows = trade["positions"].as_array().cloned().unwrap_or_default();
            rows.into_iter().filter(|row| row["status"] == "open")
        });
        *locked(&self.positions) = positions.collect();
        *locked(&self.trades) = trades;
    }

    pub(super) fn pages_of(&self, rows: usize) {
        self.page_rows.store(rows, Ordering::SeqCst);
    }

    /// From now on every list has one page.
    pub(super) fn no_more_pages(&self) {
        self.one_page.store(true, Ordering::SeqCst);
    }

    /// From now on trades are shown only to who asks for them one by one.
    pub(super) fn only_single_trades(&self) {
        self.only_single.store(true, Ordering::SeqCst);
    }

    /// From now on this trade cannot be read, and every other can.
    pub(super) fn broken(&self, trade: &str) {
        trade.clone_into(&mut locked(&self.broken));
    }

    pub(super) fn probes(&self) -> Vec<Duration> {
        locked(&self.probes).clone()
    }

    /// What was asked so far beside probes, and when.
    pub(super) fn asked(&self) -> Vec<(Duration, Asked)> {
        locked(&self.asked).clone()
    }

    /// What was asked so far beside probes.
    pub(super) fn questions(&self) -> Vec<Asked> {
        self.asked().into_iter().map(|(_, asked)| asked).collect()
    }

    async fn answer<T>(&self, asked: Asked, found: impl FnOnce() -> Option<T>) -> Answer<T> {
        if let Some(budget) = &self.budget
            && budget.permit_for(Share::Bulk).await.is_err()
        {
            return Answer::Refused(Refused::of(401));
        }
        let of_positions = asked == Asked::Positions;
        let is_broken = matches!(&asked, Asked::Trade(id) if *id == *locked(&self.broken));
        locked(&self.asked).push((self.start.elapsed(), asked));
        let delay = self.delay.load(Ordering::SeqCst) as u64;
        sleep(Duration::from_millis(delay)).await;
        let mut status = self.status.load(Ordering::SeqCst);
        if of_positions && status == 200 {
            status = self.positions_status.load(Ordering::SeqCst);
        }
        if is_broken {
            status = 500;
        }
        match locked(&self.refusals).pop_front().unwrap_or(status) {
            200 => found().map_or(Answer::Refused(Refused::of(404)), Answer::Found),
            status => {
                if let (401, Some(budget)) = (status, &self.budget) {
                    budget.close();
                }
                Answer::Refused(Refused::of(status))
            }
        }
    }

    fn page(&self, query: &TradeQuery) -> Page {
        let from = self.first(query);
        let trades = locked(&self.trades);
        let is_listed = !self.only_single.load(Ordering::SeqCst);
        let wanted = trades.iter().filter(|_| is_listed).filter(|trade| {
            let status = query.status.as_deref();
            status.is_none_or(|status| trade["status"] == status)
        });
        let wanted: Vec<&Value> = wanted.collect();
        let to = (from + self.page_rows.load(Ordering::SeqCst)).min(wanted.len());
        let more = to < wanted.len() && !self.one_page.load(Ordering::SeqCst);
        let page = Page::read(json!({
            "data": wanted[from..to],
            "has_more": more,
            "next_cursor": more.then(|| format!("from {to}")),
        }));
        let page = page.expect("a page");
        let cursor = page.next_cursor.clone();
        locked(&self.cursors).extend(cursor.map(|cursor| (cursor, to)));
        page
    }

    fn first(&self, query: &TradeQuery) -> usize {
        let cursors = locked(&self.cursors);
        let after = query.after.as_ref();
        after.map_or(0, |after| cursors[after])
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

fn whole(rows: &Value) -> Option<Page> {
    Page::read(json!({ "data": rows }))
}

impl Account for FakeAccount {
    fn probe(&self) -> Pending<'_, Probe> {
        Box::pin(async {
            if let Some(budget) = &self.budget
                && budget.permit().await.is_err()
            {
                return Probe::Revoked;
            }
            locked(&self.probes).push(self.start.elapsed());
            let answer = locked(&self.probe_answers).pop_front();
            answer.unwrap_or(Probe::Valid)
        })
    }

    fn accounts(&self) -> Pending<'_, Answer<Page>> {
        Box::pin(self.answer(Asked::Accounts, || whole(&json!([]))))
    }

    fn positions(&self) -> Pending<'_, Answer<Page>> {
        let rows = || whole(&Value::from(locked(&self.positions).clone()));
        Box::pin(self.answer(Asked::Positions, rows))
    }

    fn trades<'a>(&'a self, query: &'a TradeQuery) -> Pending<'a, Answer<Page>> {
        let window = query.after_date.is_some();
        let asked = Asked::Trades(query.status.clone(), window, self.first(query));
        Box::pin(self.answer(asked, || Some(self.page(query))))
    }

    fn trade<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>> {
        Box::pin(self.answer(Asked::Trade(id.to_owned()), move || {
            let trades = locked(&self.trades);
            trades.iter().find(|trade| trade["id"] == id).cloned()
        }))
    }

    fn trade_positions<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>> {
        Box::pin(self.answer(Asked::TradePositions(id.to_owned()), || {
            whole(&locked(&self.rows_of_trades))
        }))
    }

    fn trade_orders<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>> {
        Box::pin(self.answer(Asked::TradeOrders(id.to_owned()), || whole(&json!([]))))
    }

    fn signals<'a>(&'a self, _: &'a SignalQuery) -> Pending<'a, Answer<Page>> {
        let rows = json!([{ "id": "sig_1", "status": "pending" }]);
        Box::pin(self.answer(Asked::Signals, move || whole(&rows)))
    }

    fn signal<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>> {
        Box::pin(self.answer(Asked::Signal(id.to_owned()), || None))
    }
}
