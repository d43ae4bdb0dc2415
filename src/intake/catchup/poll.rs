//! Asking the REST API in place of the stream while the trading container, and with it the stream, is
//! down.
//!
//! A file of its own because it has its own pace: fifteen requests a minute, which leaves half of the
//! allowance for what they bring up and for the attempts to reconnect. What a poll shows to have
//! happened is delivered at once; the newest rows are shown on the status page, too.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::super::Jitter;
use super::super::desk::Desk;
use super::read::{Reader, Trouble, embedded};
use crate::sources::picture::Since;
use crate::sources::ttmt_rest::{Account, Limit, Page, SignalQuery, TradeQuery};

/// A poll that fails comes again at its own pace doubled, this often at most.
const DOUBLINGS_MAX: u32 = 3;

/// Longest value of an upstream's row that is shown.
const SHOWN_CHARS_MAX: usize = 40;

/// Rows of a page of signals, of which only the newest is shown.
const SIGNALS: usize = 50;

/// What is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Positions,
    Trades,
    Signals,
}

/// The polls and when each is due.
pub(super) struct Polls<'a> {
    account: &'a Arc<dyn Account>,
    tasks: [Task; 3],
    /// Whether they were going on when last looked at.
    going: bool,
}

/// One of the polls.
struct Task {
    what: What,
    every: Duration,
    /// When it is due; `None` once it is known to be pointless.
    due: Option<Instant>,
    failures: u32,
    shown: String,
}

impl<'a> Polls<'a> {
    pub(super) fn new(account: &'a Arc<dyn Account>) -> Self {
        let task = |what, seconds| Task {
            what,
            every: Duration::from_secs(seconds),
            due: None,
            failures: 0,
            shown: String::new(),
        };
        Self {
            account,
            tasks: [
                task(What::Positions, 10),
                task(What::Trades, 10),
                task(What::Signals, 20),
            ],
            going: false,
        }
    }

    /// Waits until a poll is due: for as long as the stream is there. It may be given up at any time.
    pub(super) async fn due(&mut self, desk: &Desk<'_>) {
        let mut polling = desk.polling();
        loop {
            if polling.borrow_and_update().is_none() {
                self.going = false;
                if polling.changed().await.is_err() {
                    return std::future::pending().await;
                }
                continue;
            }
            if !std::mem::replace(&mut self.going, true) {
                let now = Instant::now();
                self.tasks.iter_mut().for_each(|task| task.due = Some(now));
            }
            let next = self.tasks.iter().filter_map(|task| task.due).min();
            tokio::select! {
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => return,
                _ = polling.changed() => {}
            }
        }
    }

    /// Makes the poll that is due, to its end.
    pub(super) async fn make(&mut self, desk: &Desk<'_>) {
        let Some(since) = *desk.polling().borrow() else {
            return;
        };
        let due = self.tasks.iter_mut().filter(|task| task.due.is_some());
        let Some(task) = due.min_by_key(|task| task.due) else {
            return;
        };
        match poll(desk, self.account, task.what, since).await {
            Ok(page) => task.take(page),
            Err(Trouble::Failed(reason) | Trouble::Trades(_, reason)) => {
                task.failed(&reason, &desk.parts.jitter);
            }
            Err(Trouble::Withdrawn(how)) => {
                desk.set_withdrawn(Some(how));
                desk.admitted().await;
                return;
            }
        }
        if desk.polling().borrow().is_some() {
            desk.report.polled(shown(&self.tasks));
        }
    }
}

/// Asks once, and follows up on what it brings. `None` when that will never be answered.
async fn poll(
    desk: &Desk<'_>,
    account: &Arc<dyn Account>,
    what: What,
    since: Since,
) -> Result<Option<Page>, Trouble> {
    let reader = Reader::new(desk, account);
    let (page, unread) = match what {
        What::Positions => match reader.positions(since).await? {
            Some(read) => read,
            None => return Ok(None),
        },
        What::Trades => {
            let query = TradeQuery {
                include: embedded(),
                ..TradeQuery::default()
            };
            let begun = reader.now();
            let Some(page) = reader.sort(account.trades(&query).await)? else {
                return Ok(None);
            };
            let unread = reader.take_rows(&page.rows, begun, since).await;
            (page, unread)
        }
        What::Signals => {
            let query = SignalQuery {
                limit: Limit::new(SIGNALS),
                ..SignalQuery::default()
            };
            return reader.sort(account.signals(&query).await);
        }
    };
    for id in unread {
        reader.read_trade(&id, since).await?;
    }
    Ok(Some(page))
}

impl Task {
    fn take(&mut self, page: Option<Page>) {
        self.failures = 0;
        if let Some(page) = page {
            self.shown = self.describe(&page);
            self.due = Some(Instant::now() + self.every);
        } else {
            self.shown = format!("{} not available", self.noun());
            self.due = None;
        }
    }

    fn failed(&mut self, reason: &str, jitter: &Jitter) {
        self.shown = format!("{} unknown: {reason}", self.noun());
        self.failures = (self.failures + 1).min(DOUBLINGS_MAX);
        let wait = self.every.saturating_mul(1 << self.failures);
        let wait = wait.mul_f64(f64::midpoint(1.0, jitter().clamp(0.0, 1.0)));
        self.due = Some(Instant::now() + wait);
    }

    const fn noun(&self) -> &'static str {
        match self.what {
            What::Positions => "open positions",
            What::Trades => "trades",
            What::Signals => "signals",
        }
    }

    fn describe(&self, page: &Page) -> String {
        let noun = match self.what {
            What::Positions => match page.rows.len() {
                1 => return "1 open position".to_owned(),
                count => return format!("{count} open positions"),
            },
            What::Trades => "trade",
            What::Signals => "signal",
        };
        let Some(newest) = page.rows.first() else {
            return format!("no {noun}");
        };
        let mut text = format!("newest {noun}");
        for member in ["id", "symbol", "status"] {
            if let Some(value) = newest.get(member).and_then(Value::as_str) {
                let value: String = value.chars().take(SHOWN_CHARS_MAX).collect();
                let _ = write!(text, " {value}");
            }
        }
        text
    }
}

fn shown(tasks: &[Task]) -> String {
    let shown = tasks.iter().map(|task| task.shown.as_str());
    let shown: Vec<&str> = shown.filter(|shown| !shown.is_empty()).collect();
    shown.join(", ")
}
