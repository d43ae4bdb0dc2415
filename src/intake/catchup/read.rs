//! One reading of REST: what it asks for, each answer held against the picture.
//!
//! A file of its own because what an answer means for the reading is the same whatever was asked: go on,
//! leave it out, try again, or stop because the key is refused. It does not decide when to read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::super::desk::Desk;
use super::super::gap::Gap;
use super::super::report::Withdrawn;
use super::lists::Progress;
use crate::sources::picture::{Found, LookUp, Picture, Reading, Since};
use crate::sources::ttmt_rest::{Account, Answer, Include, Page, Retries, retried};

/// Tries for one request before the reading is given up and begun anew.
pub(super) const TRIES: u32 = 3;

/// Why a reading did not come to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The key is refused.
    Withdrawn(Withdrawn),
    /// It may be tried again.
    Failed(String),
    /// All was read but these trades, which may be tried again.
    Trades(BTreeSet<String>, String),
}

/// Reads REST for one source.
pub(super) struct Reader<'a, 'd> {
    pub(super) desk: &'a Desk<'d>,
    pub(super) account: &'a Arc<dyn Account>,
    /// What went wrong last.
    trouble: Mutex<String>,
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) fn new(desk: &'a Desk<'d>, account: &'a Arc<dyn Account>) -> Self {
        Self {
            desk,
            account,
            trouble: Mutex::default(),
        }
    }

    /// What went wrong last, for somebody who cannot wait.
    pub(super) fn trouble(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble.as_str() {
            "" => "the requests that are allowed do not suffice".to_owned(),
            trouble => trouble.to_owned(),
        }
    }

    /// Reads everything that may have changed since a gap began, or what an earlier reading left;
    /// answers what could not be read.
    pub(super) async fn read(
        &self,
        gap: &Gap,
        only: Option<BTreeSet<String>>,
    ) -> Result<Vec<String>, Trouble> {
        let (since, begun) = (gap.since, self.now());
        let mut progress = Progress::default();
        let wanted = match only {
            Some(only) => only.into_iter().collect(),
            None => self.read_lists(since, &mut progress).await?,
        };
        self.read_trades(&wanted, since).await?;
        self.desk.caught_up(begun, !progress.is_cut_short);
        self.desk.take_in(|_| Vec::new()).await;
        Ok(progress.left_out)
    }

    /// Reads trades one by one. One that cannot be read keeps no other from being read.
    async fn read_trades(&self, wanted: &[String], since: Since) -> Result<(), Trouble> {
        let mut failed = BTreeSet::new();
        let mut last = String::new();
        for id in wanted {
            match self.read_trade(id, since).await {
                Ok(()) => {}
                Err(Trouble::Failed(reason)) => {
                    last = format!("trade {id}: {reason}");
                    failed.insert(id.clone());
                }
                Err(other) => return Err(other),
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        self.set_trouble(last.clone());
        Err(Trouble::Trades(failed, last))
    }

    /// Reads all open positions; answers the trades that have to be read to know more.
    pub(super) async fn positions(
        &self,
        since: Since,
    ) -> Result<Option<(Page, Vec<String>)>, Trouble> {
        let begun = self.now();
        let answer = self.ask(|| self.account.positions()).await;
        let Some(page) = self.sort(answer)? else {
            return Ok(None);
        };
        let reading = self.reading(begun, since);
        let mut unread = Vec::new();
        self.desk
            .take_in(|picture| {
                let (found, trades) = picture.see_positions(&page.rows, &reading);
                unread = trades;
                found
            })
            .await;
        Ok(Some((page, unread)))
    }

    /// Reads one trade with all that belongs to it.
    pub(super) async fn read_trade(&self, id: &str, since: Since) -> Result<(), Trouble> {
        let begun = self.now();
        let answer = self.ask(|| self.account.trade(id)).await;
        let Some(trade) = self.sort(answer)? else {
            // Not there, or not to be asked for: nothing will be heard of it again.
            self.desk
                .take_in(|picture| {
                    picture.forget(id);
                    Vec::new()
                })
                .await;
            return Ok(());
        };
        let positions = match trade.get("positions").is_some_and(Value::is_array) {
            true => None,
            false => {
                let answer = self.ask(|| self.account.trade_positions(id)).await;
                self.sort(answer)?.map(|page| page.rows)
            }
        };
        let reading = self.reading(begun, since);
        self.desk
            .take_in(|picture| picture.see_trade(&trade, positions.as_deref(), &reading))
            .await;
        Ok(())
    }

    /// Takes in the rows of a list of trades; answers those that have to be read one by one.
    pub(super) async fn take_rows(
        &self,
        rows: &[Value],
        begun: Timestamp,
        since: Since,
    ) -> Vec<String> {
        let reading = self.reading(begun, since);
        let (whole, bare): (Vec<&Value>, Vec<&Value>) = rows
            .iter()
            .partition(|row| row.get("positions").is_some_and(Value::is_array));
        self.desk
            .take_in(|picture| {
                let see = |row| -> Vec<Found> { picture.see_trade(row, None, &reading) };
                whole.into_iter().flat_map(see).collect()
            })
            .await;
        bare.into_iter().filter_map(id).collect()
    }

    /// Finds out what an event is about.
    pub(super) async fn look_up(&self, wanted: &LookUp) {
        let learn = |rows: &[Value], learn: fn(&mut Picture, &Value, Timestamp)| {
            if let Some(mut picture) = self.desk.picture() {
                let now = self.desk.parts.clock.now();
                rows.iter().for_each(|row| learn(&mut picture, row, now));
            }
        };
        if let Some(id) = &wanted.trade
            && let Answer::Found(trade) = self.account.trade(id).await
        {
            learn(&[trade], Picture::learn_trade);
            return;
        }
        if let Answer::Found(page) = self.account.positions().await {
            learn(&page.rows, Picture::learn_position);
        }
    }

    async fn ask<T, A: Future<Output = Answer<T>>>(&self, ask: impl FnMut() -> A) -> Answer<T> {
        let mut retries = Retries::new(TRIES, || (self.desk.parts.jitter)());
        retried(&mut retries, ask).await
    }

    /// What an answer holds; `None` when the same request will never be answered.
    pub(super) fn sort<T>(&self, answer: Answer<T>) -> Result<Option<T>, Trouble> {
        self.note(&answer);
        self.show_left();
        match answer {
            Answer::Found(found) => Ok(Some(found)),
            Answer::Refused(refused) if refused.status == 401 => {
                Err(Trouble::Withdrawn(Withdrawn::Revoked))
            }
            Answer::Refused(refused) if refused.status == 403 => {
                Err(Trouble::Withdrawn(Withdrawn::AccessDisabled))
            }
            other if other.is_final() => Ok(None),
            other => Err(Trouble::Failed(describe(&other).unwrap_or_default())),
        }
    }

    pub(super) fn note<T>(&self, answer: &Answer<T>) {
        if let Some(trouble) = describe(answer) {
            self.set_trouble(trouble);
        }
    }

    fn set_trouble(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn show_left(&self) {
        let left = self
            .desk
            .parts
            .budget
            .as_ref()
            .and_then(|budget| budget.left());
        self.desk.report.requests_left(left);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.desk.parts.clock.now()
    }

    fn reading(&self, begun: Timestamp, since: Since) -> Reading {
        Reading {
            begun,
            at: self.now(),
            since: self.desk.since(since),
        }
    }
}

/// Positions tell how a trade came to be what it is.
pub(super) fn embedded() -> Include {
    Include {
        positions: true,
        ..Include::default()
    }
}

pub(super) fn id(row: &Value) -> Option<String> {
    match row.get("id").or_else(|| row.get("trade_id"))? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// What went wrong, if something did.
fn describe<T>(answer: &Answer<T>) -> Option<String> {
    match answer {
        Answer::Found(_) => None,
        Answer::Refused(refused) => Some(refused.to_string()),
        Answer::Unreadable(unreadable) => Some(unreadable.to_string()),
        Answer::Unsent(unsent) => Some(unsent.to_string()),
        Answer::Failed(failure) => Some(failure.to_string()),
    }
}
