//! The lists of one reading: every position that is open, every trade that is new, every trade that is
//! active.
//!
//! A file of its own because the order of the requests is what makes a reading complete: lists of trades
//! show what is new, and an old trade that changed shows up in none of them, so those that were open
//! are named here, to be asked for one by one.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use tokio::time::sleep;

use super::read::{Reader, TRIES, Trouble, embedded, id};
use crate::sources::picture::Since;
use crate::sources::ttmt_rest::{Page, Pages, Retries, Stop, TradeQuery};

/// Trades that one reading asks for one by one.
const TRADES_MAX: usize = 300;

/// Pages of one list, a hundred rows each.
const PAGES_MAX: u32 = 30;

/// Windows of time overlap this much, since nobody knows which of a trade's times is compared.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// What a reading has come to so far.
#[derive(Default)]
pub(super) struct Progress {
    /// Trades that have been read.
    read: BTreeSet<String>,
    /// Trades that have to be read one by one.
    wanted: BTreeSet<String>,
    /// What was not read.
    pub(super) left_out: Vec<String>,
    /// Whether some of that may be there at another time.
    pub(super) is_cut_short: bool,
}

impl Reader<'_, '_> {
    /// Reads all lists; answers the trades that have to be read one by one, the newest first.
    pub(super) async fn read_lists(
        &self,
        since: Since,
        progress: &mut Progress,
    ) -> Result<Vec<String>, Trouble> {
        self.read_positions(since, progress).await?;
        self.read_new(since, progress).await?;
        self.read_active(since, progress).await?;
        let open = self.desk.picture();
        let open = open.map(|picture| picture.open_trades(self.now()));
        let mut wanted: Vec<String> = open.unwrap_or_default();
        wanted.extend(progress.wanted.iter().cloned());
        let mut seen = std::mem::take(&mut progress.read);
        wanted.retain(|id| seen.insert(id.clone()));
        if wanted.len() > TRADES_MAX {
            let count = wanted.len() - TRADES_MAX;
            progress.leave_out(format!("{count} more trades"));
            wanted.truncate(TRADES_MAX);
        }
        Ok(wanted)
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
        if stop == Stop::Refused && after_date.is_some() {
            // Whatever it has against the window, the newest trades can be had without one.
            let query = TradeQuery {
                after_date: None,
                ..query
            };
            stop = self.read_pages(query, pages_max, since, progress).await?;
        }
        match stop {
            Stop::Complete => {}
            Stop::Enough if since == Since::Now => {}
            Stop::Refused => progress.left_out.push("new trades".to_owned()),
            _ => progress.leave_out("the older ones of the new trades".to_owned()),
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
        match self.read_pages(query, PAGES_MAX, since, progress).await? {
            // Where this is refused, those that are known are still read one by one.
            Stop::Complete | Stop::Refused => {}
            _ => progress.leave_out("the older ones of the open trades".to_owned()),
        }
        Ok(())
    }

    async fn read_pages(
        &self,
        query: TradeQuery,
        pages_max: u32,
        since: Since,
        progress: &mut Progress,
    ) -> Result<Stop, Trouble> {
        let by_status = query.status.is_some();
        let tries_max = pages_max.saturating_mul(TRIES);
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
                return Ok(pages.stop().unwrap_or(Stop::Enough));
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
            if is_known {
                return Ok(Stop::Complete);
            }
            if count >= pages_max {
                return Ok(pages.stop().unwrap_or(Stop::Enough));
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
}

impl Progress {
    /// Something is not read that there is.
    fn leave_out(&mut self, what: String) {
        self.left_out.push(what);
        self.is_cut_short = true;
    }
}
