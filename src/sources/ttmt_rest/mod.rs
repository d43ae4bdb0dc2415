//! The TTMT REST API: is the key good, and what do accounts, positions, trades and signals look like.
//!
//! A room within the room because requests with answers have nothing in common with a stream but the
//! key and its budget. Every request is a `GET` that first takes its place in that budget. What an
//! answer means is read from its status alone, never from words meant for people. Nothing is repeated
//! behind a caller's back: whoever asks decides when to ask again, with [`Retries`] where that helps.

mod accounts;
mod answer;
mod cache;
mod client;
mod page;
mod pages;
mod query;
mod retries;
mod wire;

use serde_json::Value;

pub use accounts::TradingAccount;
pub use answer::{Answer, Refused, Unreadable, Unsent};
pub use client::{KeyError, Rest};
pub use page::{Page, PageCursor};
pub use pages::{Pages, Stop};
pub use query::{Include, Limit, SignalQuery, TradeQuery, Uuid, UuidError};
pub use retries::{Retries, retried};
pub use wire::Wire;

use super::Pending;

/// What a source asks of the account behind its key. Rows and objects are as upstream wrote them,
/// unknown members included, and numbers keep their digits.
pub trait Account: Send + Sync {
    /// Asks once whether the key is good.
    fn probe(&self) -> Pending<'_, Probe>;
    /// `GET /accounts`: all connected accounts.
    fn accounts(&self) -> Pending<'_, Answer<Page>>;
    /// `GET /positions`: all that are open, never more than one page.
    fn positions(&self) -> Pending<'_, Answer<Page>>;
    /// `GET /trades`: one page, newest first.
    fn trades<'a>(&'a self, query: &'a TradeQuery) -> Pending<'a, Answer<Page>>;
    /// `GET /trades/{id}`: one trade with everything that belongs to it.
    fn trade<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>>;
    /// `GET /trades/{id}/positions`: its positions, open and closed.
    fn trade_positions<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>>;
    /// `GET /trades/{id}/orders`: its orders.
    fn trade_orders<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>>;
    /// `GET /signals`: one page, newest first.
    fn signals<'a>(&'a self, query: &'a SignalQuery) -> Pending<'a, Answer<Page>>;
    /// `GET /signals/{id}`: one signal with the text it was made from.
    fn signal<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>>;
}

/// What became of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is good.
    Valid,
    /// It was revoked: a new one has to be configured.
    Revoked,
    /// Access is disabled for now; the same key will work again.
    Suspended,
    /// There was no telling, for this reason.
    Unknown(String),
}

#[cfg(test)]
mod tests;
