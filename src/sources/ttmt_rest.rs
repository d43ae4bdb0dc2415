//! The TTMT REST API, as far as a source needs it beside its stream: is the key good, and what do
//! positions, trades and signals look like while the stream is away.
//!
//! A file of its own because requests with answers have nothing in common with a stream but the key.
//! Every request is a `GET` that first takes its place in the key's budget. What an answer means is
//! read from the status and a problem's `type` alone, never from words meant for people. Nothing is
//! repeated here: whoever asks decides when to ask again.

mod answer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;
use url::Url;

pub use answer::{Answer, Page, Refused};

use super::Pending;
use super::budget::Budget;
use crate::model::{Failure, Reply, Secret};
use crate::transport::{self, Reach};

/// The limit for one request, from dialling to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The rest after a 429 that does not say how long.
const RATE_REST: Duration = Duration::from_mins(1);

/// Rows of a page.
const PAGE_ROWS: &str = "50";

/// What a source asks of the account behind its key.
pub trait Account: Send + Sync {
    /// Asks once whether the key is good.
    fn probe(&self) -> Pending<'_, Probe>;
    /// Asks once for what the stream would have told.
    fn poll(&self, what: Poll) -> Pending<'_, PollAnswer>;
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

/// What can be polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// All open positions.
    Positions,
    /// The newest page of trades.
    Trades,
    /// The newest page of signals.
    Signals,
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq)]
pub enum PollAnswer {
    /// Rows, newest first.
    Page(Page),
    /// The key was revoked.
    Revoked,
    /// Access is disabled for now.
    Suspended,
    /// The same request will never be answered, for this reason.
    Never(String),
    /// No answer this time, for this reason.
    Failed(String),
}

/// The key holds characters that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holds characters that no header can carry")]
pub struct KeyError;

/// Sends a request and brings its answer; a seam for tests.
pub(super) trait Wire: Send + Sync {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>>;
}

impl Wire for transport::Client {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        // The upstream's address is the operator's own choice, so nothing is guarded against.
        Box::pin(Self::send(self, request, TIMEOUT, Reach::LinkLocalToo))
    }
}

/// The REST API with one key.
pub struct Rest {
    wire: Arc<dyn Wire>,
    base: Url,
    authorization: HeaderValue,
    account_id: Option<String>,
    budget: Arc<Budget>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl Rest {
    /// The API at `base`, limited to one trading account if one is named.
    ///
    /// # Errors
    /// [`KeyError`] when the key cannot stand in a header.
    pub fn new(
        client: transport::Client,
        base: &Url,
        key: &Secret,
        account_id: Option<String>,
        budget: Arc<Budget>,
    ) -> Result<Self, KeyError> {
        Self::over(Arc::new(client), base, key, account_id, budget)
    }

    fn over(
        wire: Arc<dyn Wire>,
        base: &Url,
        key: &Secret,
        account_id: Option<String>,
        budget: Arc<Budget>,
    ) -> Result<Self, KeyError> {
        let bearer = format!("Bearer {}", key.expose());
        let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| KeyError)?;
        authorization.set_sensitive(true);
        Ok(Self {
            wire,
            base: base.clone(),
            authorization,
            account_id,
            budget,
        })
    }

    /// One trade with everything that belongs to it.
    pub async fn trade(&self, id: &str) -> Answer<Value> {
        self.get(&["trades", id], &[], answer::object).await
    }

    /// One signal with the text it was made from.
    pub async fn signal(&self, id: &str) -> Answer<Value> {
        self.get(&["signals", id], &[], answer::object).await
    }

    /// Asks for what stands at `path`, and reads a good answer with `read`.
    async fn get<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Answer<T> {
        let Some(request) = self.request(path, query) else {
            return Answer::Unreadable("the request has no address".to_owned());
        };
        if self.budget.permit().await.is_err() {
            return Answer::Refused(Refused::of(401));
        }
        let reply = match self.wire.send(request).await {
            Ok(reply) => reply,
            Err(failure) => return Answer::Failed(failure),
        };
        if let Some(requests) = answer::remaining(&reply.headers) {
            self.budget.remaining(requests);
        }
        let answer = answer::read(&reply, read);
        if let Answer::Refused(refused) = &answer {
            match refused.status {
                401 => self.budget.close(),
                429 => self.budget.rest(refused.retry_after.unwrap_or(RATE_REST)),
                _ => {}
            }
        }
        answer
    }

    fn request(&self, path: &[&str], query: &[(&str, &str)]) -> Option<http::Request<Bytes>> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        http::Request::get(url.as_str())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Bytes::new())
            .ok()
    }

    async fn page(&self, what: Poll) -> Answer<Page> {
        let mut query: Vec<(&str, &str)> = Vec::new();
        if let Some(account_id) = &self.account_id {
            query.push(("account_id", account_id));
        }
        let path = match what {
            Poll::Positions => "positions",
            Poll::Trades => "trades",
            Poll::Signals => "signals",
        };
        if what != Poll::Positions {
            query.push(("limit", PAGE_ROWS));
        }
        self.get(&[path], &query, answer::page).await
    }
}

impl Account for Rest {
    fn probe(&self) -> Pending<'_, Probe> {
        Box::pin(async {
            // Whatever a 200 holds, it shows that the key is good.
            match self.get(&["accounts"], &[], Some).await {
                Answer::Found(_) | Answer::Unreadable(_) => Probe::Valid,
                Answer::Refused(refused) => match refused.status {
                    401 => Probe::Revoked,
                    403 => Probe::Suspended,
                    _ => Probe::Unknown(refused.to_string()),
                },
                Answer::Failed(failure) => Probe::Unknown(failure.to_string()),
            }
        })
    }

    fn poll(&self, what: Poll) -> Pending<'_, PollAnswer> {
        Box::pin(async move {
            match self.page(what).await {
                Answer::Found(page) => PollAnswer::Page(page),
                Answer::Unreadable(reason) => PollAnswer::Failed(reason),
                Answer::Failed(failure) => PollAnswer::Failed(failure.to_string()),
                Answer::Refused(refused) => match refused.status {
                    401 => PollAnswer::Revoked,
                    403 => PollAnswer::Suspended,
                    400 | 404 | 405 => PollAnswer::Never(refused.to_string()),
                    _ => PollAnswer::Failed(refused.to_string()),
                },
            }
        })
    }
}

#[cfg(test)]
mod tests;
