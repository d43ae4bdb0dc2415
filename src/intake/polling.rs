//! Asking the REST API for what matters while the trading container, and with it the stream, is down.
//!
//! A file of its own because it has its own pace and runs beside the attempts to reconnect. What it
//! learns is shown, not delivered; and it ends only when the key turns out to be refused.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::report::{Report, Withdrawn};
use super::{Jitter, Parts};
use crate::sources::ttmt_rest::{Account, Page, Poll, PollAnswer};

/// A poll that fails comes again at its own pace doubled, this often at most.
const DOUBLINGS_MAX: u32 = 3;

/// Longest value of an upstream's row that is shown.
const SHOWN_CHARS_MAX: usize = 40;

/// One of the polls.
struct Task {
    what: Poll,
    every: Duration,
    /// When it is due; `None` once it is known to be pointless.
    due: Option<Instant>,
    failures: u32,
    shown: String,
}

/// Polls until the key is refused. Fifteen requests a minute leave half of the allowance for the
/// attempts to reconnect.
pub(super) async fn poll(account: Arc<dyn Account>, parts: &Parts, report: &Report) -> Withdrawn {
    let task = |what, seconds| Task {
        what,
        every: Duration::from_secs(seconds),
        due: Some(Instant::now()),
        failures: 0,
        shown: String::new(),
    };
    let mut tasks = [
        task(Poll::Positions, 10),
        task(Poll::Trades, 10),
        task(Poll::Signals, 20),
    ];
    loop {
        let next = tasks.iter_mut().filter(|task| task.due.is_some());
        let Some(task) = next.min_by_key(|task| task.due) else {
            return std::future::pending().await;
        };
        if let Some(due) = task.due {
            sleep_until(due).await;
        }
        match account.poll(task.what).await {
            PollAnswer::Revoked => return Withdrawn::Revoked,
            PollAnswer::Suspended => return Withdrawn::AccessDisabled,
            answer => task.take(answer, &parts.jitter),
        }
        let left = parts.budget.as_ref().and_then(|budget| budget.left());
        report.polled(shown(&tasks), left);
    }
}

impl Task {
    fn take(&mut self, answer: PollAnswer, jitter: &Jitter) {
        let mut wait = self.every;
        match answer {
            PollAnswer::Page(page) => {
                self.failures = 0;
                self.shown = describe(self.what, &page);
            }
            PollAnswer::Never(reason) => {
                self.shown = format!("{} not available: {reason}", self.noun());
                self.due = None;
                return;
            }
            PollAnswer::Failed(reason) => {
                self.shown = format!("{} unknown: {reason}", self.noun());
                self.failures = (self.failures + 1).min(DOUBLINGS_MAX);
                wait = wait.saturating_mul(1 << self.failures);
                wait = wait.mul_f64(f64::midpoint(1.0, jitter().clamp(0.0, 1.0)));
            }
            PollAnswer::Revoked | PollAnswer::Suspended => {}
        }
        self.due = Some(Instant::now() + wait);
    }

    const fn noun(&self) -> &'static str {
        match self.what {
            Poll::Positions => "open positions",
            Poll::Trades => "trades",
            Poll::Signals => "signals",
        }
    }
}

fn shown(tasks: &[Task]) -> String {
    let shown = tasks.iter().map(|task| task.shown.as_str());
    let shown: Vec<&str> = shown.filter(|shown| !shown.is_empty()).collect();
    shown.join(", ")
}

fn describe(what: Poll, page: &Page) -> String {
    let noun = match what {
        Poll::Positions => match page.rows.len() {
            1 => return "1 open position".to_owned(),
            count => return format!("{count} open positions"),
        },
        Poll::Trades => "trade",
        Poll::Signals => "signal",
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
