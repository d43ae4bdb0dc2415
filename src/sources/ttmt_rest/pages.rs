//! A list page by page, from the newest row on, to an end that is always known.
//!
//! A file of its own because paging has its own ways to go wrong: a cursor that leads back, one that is
//! not taken any more, a list that never ends, rows that come twice. It repeats nothing by itself; what
//! a caller already knows, and when that is enough, is the caller's.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::page::{Page, PageCursor};
use super::query::{SignalQuery, TradeQuery};
use super::{Account, Answer};

/// Most ids of rows that are remembered.
const IDS_MAX: usize = 10_000;

/// Longest id that is remembered, in bytes.
const ID_BYTES_MAX: usize = 256;

/// The pages of one list.
pub struct Pages<'a> {
    account: &'a dyn Account,
    query: Query,
    requests_left: u32,
    /// Cursors that have been followed.
    followed: HashSet<PageCursor>,
    seen: Seen,
    stop: Option<Stop>,
}

/// Why there is no further page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The list is complete.
    Complete,
    /// Upstream says that there is more and not how to get there.
    NoCursor,
    /// A cursor leads back to a page that has been read.
    Circle,
    /// As many requests were made as allowed.
    Enough,
    /// The cursor is not taken any more: [`restart`](Pages::restart) begins at the newest row again.
    CursorRefused,
    /// The request will never be answered.
    Refused,
}

enum Query {
    Trades(TradeQuery),
    Signals(SignalQuery),
}

/// The ids of rows that have been yielded, the newest of them.
#[derive(Default)]
struct Seen {
    ids: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl<'a> Pages<'a> {
    /// The trades that a query asks for, in at most so many requests.
    pub fn trades(account: &'a dyn Account, query: TradeQuery, requests_max: u32) -> Self {
        Self::new(account, Query::Trades(query), requests_max)
    }

    /// The signals that a query asks for, in at most so many requests.
    pub fn signals(account: &'a dyn Account, query: SignalQuery, requests_max: u32) -> Self {
        Self::new(account, Query::Signals(query), requests_max)
    }

    fn new(account: &'a dyn Account, mut query: Query, requests_max: u32) -> Self {
        Self {
            account,
            followed: query.after().clone().into_iter().collect(),
            query,
            requests_left: requests_max,
            seen: Seen::default(),
            stop: (requests_max == 0).then_some(Stop::Enough),
        }
    }

    /// Asks for the next page; `None` once there is none, and [`stop`](Self::stop) says why. Rows
    /// that came before are left out. After an answer that may be another one next time, the same
    /// page is asked for again; every request counts.
    pub async fn next(&mut self) -> Option<Answer<Page>> {
        if self.stop.is_some() {
            return None;
        }
        self.requests_left = self.requests_left.saturating_sub(1);
        let mut answer = match &self.query {
            Query::Trades(query) => self.account.trades(query).await,
            Query::Signals(query) => self.account.signals(query).await,
        };
        self.stop = match &mut answer {
            Answer::Found(page) => self.turn(page),
            Answer::Refused(refused) if refused.status == 400 && self.query.after().is_some() => {
                Some(Stop::CursorRefused)
            }
            other => other.is_final().then_some(Stop::Refused),
        };
        if self.requests_left == 0 {
            self.stop = self.stop.or(Some(Stop::Enough));
        }
        Some(answer)
    }

    /// Why there is no further page; `None` while there may be one.
    #[must_use]
    pub const fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Begins at the newest row again. Rows that came before are still left out, and requests that
    /// were made still count.
    pub fn restart(&mut self) {
        *self.query.after() = None;
        self.followed.clear();
        self.stop = (self.requests_left == 0).then_some(Stop::Enough);
    }

    /// Turns to the page behind this one; tells why if there is none.
    fn turn(&mut self, page: &mut Page) -> Option<Stop> {
        page.rows.retain(|row| self.seen.is_new(row));
        if !page.has_more {
            return Some(Stop::Complete);
        }
        let Some(cursor) = page.next_cursor.clone() else {
            return Some(Stop::NoCursor);
        };
        if !self.followed.insert(cursor.clone()) {
            return Some(Stop::Circle);
        }
        *self.query.after() = Some(cursor);
        None
    }
}

impl Query {
    const fn after(&mut self) -> &mut Option<PageCursor> {
        match self {
            Self::Trades(query) => &mut query.after,
            Self::Signals(query) => &mut query.after,
        }
    }
}

impl Seen {
    /// Whether a row has not come before. One without an id to remember it by always counts as new.
    fn is_new(&mut self, row: &Value) -> bool {
        let id: Arc<str> = match row.get("id") {
            Some(Value::String(id)) if id.len() <= ID_BYTES_MAX => Arc::from(id.as_str()),
            Some(Value::Number(id)) => Arc::from(id.to_string()),
            _ => return true,
        };
        if !self.ids.insert(Arc::clone(&id)) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > IDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_many_rows_are_remembered_as_there_is_room_for_the_newest_of_them() {
        let mut seen = Seen::default();
        for id in 0..IDS_MAX {
            assert!(seen.is_new(&json!({ "id": id })), "{id}");
        }
        assert!(!seen.is_new(&json!({ "id": 0 })), "all have room");
        assert!(seen.is_new(&json!({ "id": IDS_MAX })));
        assert!(!seen.is_new(&json!({ "id": 1 })));
        assert!(seen.is_new(&json!({ "id": 0 })), "the oldest made room");
    }

    #[test]
    fn a_row_without_an_id_to_remember_it_by_is_always_new() {
        let mut seen = Seen::default();
        let longest = "x".repeat(ID_BYTES_MAX);
        for (row, again) in [
            (json!({ "id": longest }), false),
            (json!({ "id": format!("{longest}x") }), true),
            (json!({}), true),
            (json!({ "id": null }), true),
        ] {
            assert!(seen.is_new(&row));
            assert_eq!(seen.is_new(&row), again, "{row}");
        }
    }
}
