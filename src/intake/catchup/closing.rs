//! One gap on its way to be closed: readings of REST, one after the other until one comes to its end,
//! and the one notice about it.
//!
//! A file of its own because a gap outlives a reading that fails. It never gives up; between two
//! readings others have their turn.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::closing::Outcome;
use super::super::desk::Desk;
use super::super::gap::Gap;
use super::TELL_AFTER;
use super::read::{Reader, Trouble};
use crate::sources::ttmt_rest::Account;

/// What the upstream replays comes first: it knows more than REST does.
const SETTLE: Duration = Duration::from_secs(1);

/// Waits between two readings that failed: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// A gap that is being closed.
pub(super) struct Closing<'a, 'd> {
    desk: &'a Desk<'d>,
    reader: Reader<'a, 'd>,
    gap: Gap,
    /// When the next reading begins.
    next: Instant,
    failures: u32,
    is_told: bool,
    /// All but these trades have been read.
    only: Option<BTreeSet<String>>,
}

impl<'a, 'd> Closing<'a, 'd> {
    pub(super) fn new(desk: &'a Desk<'d>, account: &'a Arc<dyn Account>, gap: Gap) -> Self {
        Self {
            desk,
            reader: Reader::new(desk, account),
            gap,
            next: Instant::now() + SETTLE,
            failures: 0,
            is_told: false,
            only: None,
        }
    }

    /// Another gap, which is closed with this one.
    pub(super) fn more(&mut self, gap: Gap) {
        self.gap = self.gap.clone().with(gap);
        self.only = None;
    }

    /// When there is something to do: a reading, or to say that it takes long.
    pub(super) fn due(&self) -> Instant {
        match self.tell_at() {
            Some(tell_at) => self.next.min(tell_at),
            None => self.next,
        }
    }

    /// Does what is due; answers whether the gap is closed.
    pub(super) async fn go_on(&mut self) -> bool {
        if self.next > Instant::now() {
            self.tell_that_it_is_open();
            return false;
        }
        let only = self.only.take();
        let read = {
            let tell_at = self.tell_at();
            let mut reading = std::pin::pin!(self.reader.read(&self.gap, only));
            tokio::select! {
                biased;
                read = &mut reading => Ok(read),
                () = async {
                    match tell_at {
                        Some(tell_at) => sleep_until(tell_at).await,
                        None => std::future::pending().await,
                    }
                } => {
                    // The reading goes on; only the word cannot wait.
                    let outcome = Outcome::Open(self.reader.trouble());
                    self.desk.report.gap(&self.gap, &self.desk.take_tally(), &outcome);
                    Err(reading.await)
                }
            }
        };
        let read = read.unwrap_or_else(|late| {
            self.is_told = true;
            late
        });
        match read {
            Ok(left_out) => {
                self.tell_that_it_is_closed(left_out);
                return true;
            }
            Err(Trouble::Withdrawn(how)) => {
                self.desk.set_withdrawn(Some(how));
                self.desk.admitted().await;
                self.next = Instant::now();
            }
            Err(Trouble::Failed(reason)) => self.again(&reason),
            Err(Trouble::Trades(trades, reason)) => {
                self.again(&reason);
                self.only = Some(trades);
            }
        }
        false
    }

    fn again(&mut self, reason: &str) {
        tracing::warn!(source = %self.desk.parts.name, reason, "a gap could not be closed yet");
        let (first, longest) = AGAIN;
        let wait = first.saturating_mul(1 << self.failures.min(4)).min(longest);
        self.failures += 1;
        let chance = (self.desk.parts.jitter)().clamp(0.0, 1.0);
        self.next = Instant::now() + wait.mul_f64(f64::midpoint(1.0, chance));
    }

    fn tell_at(&self) -> Option<Instant> {
        let is_due = !self.is_told && self.gap.is_worth_a_warning();
        is_due.then(|| self.gap.noticed + TELL_AFTER)
    }

    fn tell_that_it_is_open(&mut self) {
        self.is_told = true;
        let outcome = Outcome::Open(self.reader.trouble());
        let tally = self.desk.take_tally();
        self.desk.report.gap(&self.gap, &tally, &outcome);
    }

    fn tell_that_it_is_closed(&self, left_out: Vec<String>) {
        let (report, tally) = (self.desk.report, self.desk.take_tally());
        if self.is_told || !self.gap.is_worth_telling(&tally) {
            report.gap_closed(&self.gap, &tally);
        } else {
            report.gap(&self.gap, &tally, &Outcome::Done(left_out));
        }
    }
}
