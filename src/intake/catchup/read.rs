//! One reading of REST: every position that is open, every trade that is new, every trade that was
//! open, each held against the picture.
//!
//! A file of its own because the order of the requests is what makes the reading complete: lists of
//! trades show what is new, and an old trade that changed shows up in none of them, so those that were
//! open are asked for one by one. It does not decide when to read, nor how often to try.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::sleep;

use super::super::desk::Desk;
use super::super::gap::Gap;
use super::super::report::Withdrawn;
use crate::sources::picture::{Found, LookUp, Picture, Reading, Since};
use crate::sources::ttmt_rest::{
    Account, Answer, Include, Page, Pages, Retries, Stop, TradeQuery, retried,
};

/// Windows of time overlap this much, since nobody knows which of a trade's times is compared.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// Tries for one request before the reading is given up and begun anew.
const TRIES: u32 = 3;

/// Pages of one list, a hundred rows each.
const PAGES_MAX: u32 = 30;

/// Trades that one reading asks for one by one.
const TRADES_MAX: usize = 300;

/// Why a reading did not come to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The key is refused.
    Withdrawn(Withdrawn),
    /// It may be tried again.
    Failed(String),
}

/// Reads REST for one source.
pub(super) struct Reader<'a, 'd> {
    desk: &'a Desk<'d>,
    account: &'a Arc<dyn Account>,
    /// What went wrong last.
    trouble: Mutex<String>,
}

/// What a reading has come to so far.
#[derive(Default)]
struct Progress {
    /// Trades that have been read.
    read: BTreeSet<String>,
    /// Trades that have to be read one by one.
    wanted: BTreeSet<String>,
    /// What REST does not serve.
    left_out: Vec<String>,
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) fn new(desk: &'a Desk<'d>, account: &'a Arc<dyn Account>) -> Self {
        Self {
            desk,
            account,
            trouble: Mutex::default(),
        }
    }

    pub(super) const fn desk(&self) -> &'a Desk<'d> {
        self.desk
    }

    /// What went wrong last, for somebody who cannot wait.
    pub(super) fn trouble(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble.as_str() {
            "" => "the requests that are allowed do not suffice".to_owned(),
            trouble => trouble.to_owned(),
        }
    }

    /// Reads everything that may have changed since a gap began; answers what could not be read.
    pub(super) async fn read(&self, gap: &Gap) -> Result<Vec<String>, Trouble> {
        let since = gap.since;
        let mut progress = Progress::default();
        self.read_positions(since, &mut progress).await?;
        self.read_new(since, &mut progress).await?;
        self.read_active(since, &mut progress).await?;
        let open = self.desk.picture().map(|picture| picture.open_trades());
        progress.wanted.extend(open.unwrap_or_default());
        let wanted: Vec<String> = progress
            .wanted
            .difference(&progress.read)
            .cloned()
            .collect();
        if wanted.len() > TRADES_MAX {
            let count = wanted.len() - TRADES_MAX;
            progress.left_out.push(format!("{count} more trades"));
        }
        for id in wanted.iter().take(TRADES_MAX) {
            self.read_trade(id, since).await?;
        }
        self.desk.caught_up();
        self.desk.take_in(|_| Vec::new()).await;
        Ok(progress.left_out)
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

    async fn read_positions(&self, since: Since, progress: &mut Progress) -> Result<(), Trouble> {
        match self.positions(since).await? {
            Some((_, unread)) => progress.wanted.extend(unread),
            None => progress.left_out.push("open positions".to_owned()),
        }
        Ok(())
    }

    /// Reads the newest trades, back to one that was known before the gap. The first look takes the
    /// newest page only.
    async fn read_new(&self, since: Since, progress: &mut Progress) -> Result<(), Trouble> {
        let (after_date, pages_max) = match since {
            Since::Moment(moment) => (Some(moment - OVERLAP), PAGES_MAX),
            Since::Unknown => (None, PAGES_MAX),
            Since::Now => (None, 1),
        };
        let query = TradeQuery {
            after_date,
            include: embedded(),
            ..TradeQuery::default()
        };
        let mut stop = self
            .read_pages(query.clone(), pages_max, since, progress)
            .await?;
        if stop == Some(Stop::Refused) && after_date.is_some() {
            // Whatever it has against the window, the newest trades can be had without one.
            let query = TradeQuery {
                after_date: None,
                ..query
            };
            stop = self.read_pages(query, pages_max, since, progress).await?;
        }
        match stop {
            Some(Stop::Refused) => progress.left_out.push("new trades".to_owned()),
            Some(Stop::Enough) if since != Since::Now => {
                progress
                    .left_out
                    .push("the oldest of very many new trades".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the trades that are open, whenever they began.
    async fn read_active(&self, since: Since, progress: &mut Progress) -> Result<(), Trouble> {
        let query = TradeQuery {
            status: Some("active".to_owned()),
            include: embedded(),
            ..TradeQuery::default()
        };
        // Where this is refused, those that are known are still read one by one.
        self.read_pages(query, PAGES_MAX, since, progress).await?;
        Ok(())
    }

    async fn read_pages(
        &self,
        query: TradeQuery,
        pages_max: u32,
        since: Since,
        progress: &mut Progress,
    ) -> Result<Option<Stop>, Trouble> {
        let by_status = query.status.is_some();
        let tries_max = pages_max.saturating_mul(2).saturating_sub(1);
        let mut pages = Pages::trades(self.account.as_ref(), query, tries_max);
        let mut retries = Retries::new(TRIES, || (self.desk.parts.jitter)());
        let mut restarted = false;
        let mut count = 0;
        loop {
            let begun = self.now();
            let Some(answer) = pages.next().await else {
                if pages.stop() == Some(Stop::CursorRefused) && !restarted {
                    restarted = true;
                    pages.restart();
                    continue;
                }
                return Ok(pages.stop());
            };
            if let Some(wait) = retries.wait(&answer) {
                self.note(&answer);
                sleep(wait).await;
                continue;
            }
            let Some(page) = self.sort(answer)? else {
                continue;
            };
            count += 1;
            let is_known = !by_status && self.reaches_known(&page, since);
            let bare = self.take_rows(&page.rows, begun, since).await;
            let ids: BTreeSet<String> = page.rows.iter().filter_map(id).collect();
            let unread: BTreeSet<String> = bare.into_iter().collect();
            progress.read.extend(ids.difference(&unread).cloned());
            progress.wanted.extend(unread);
            if is_known || count >= pages_max {
                let enough = !is_known && pages.stop().is_none();
                return Ok(enough.then_some(Stop::Enough).or(Some(Stop::Complete)));
            }
        }
    }

    /// Whether a page holds a trade that was known before the gap: lists are in the order of time, so
    /// everything behind it is older.
    fn reaches_known(&self, page: &Page, since: Since) -> bool {
        let Some(picture) = self.desk.picture() else {
            return true;
        };
        let mut ids = page.rows.iter().filter_map(id);
        match since {
            Since::Moment(moment) => {
                ids.any(|id| picture.follows(&id) && picture.knew(&id, moment))
            }
            Since::Unknown | Since::Now => ids.any(|id| picture.follows(&id)),
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

    fn note<T>(&self, answer: &Answer<T>) {
        if let Some(trouble) = describe(answer) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        }
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
            since,
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

fn id(row: &Value) -> Option<String> {
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
