//! The requests of the REST API: what leaves, and what an answer does to the key's budget.
//!
//! A file of its own because it is the only place in the room that sends. It never asks the same
//! twice by itself and follows no redirect, which the transport does not either: a 3xx is an answer
//! like any other, and the key has gone nowhere else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;
use url::Url;

use super::answer::{self, Answer, Refused, Unsent};
use super::page::{Page, object};
use super::query::{Limit, Pairs, SignalQuery, TradeQuery, Uuid, segment};
use super::{Account, Poll, PollAnswer, Probe};
use crate::clock::Clock;
use crate::model::{Failure, Reply, Secret};
use crate::sources::Pending;
use crate::sources::budget::{self, Budget};
use crate::transport::{self, Reach};

/// The limit for one request, from dialling to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The rest after a 429 that does not say how long.
const RATE_REST: Duration = Duration::from_mins(1);

/// Rows of a polled page, of which only the newest are looked at.
const POLL_ROWS: usize = 50;

/// The key holds characters that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holds characters that no header can carry")]
pub struct KeyError;

/// Sends a request and brings its answer; a seam for tests.
pub(super) trait Wire: Send + Sync {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>>;

    /// Most bytes of a body that are brought.
    fn reply_bytes_max(&self) -> usize;
}

impl Wire for transport::Client {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        // The upstream's address is the operator's own choice, so nothing is guarded against.
        Box::pin(Self::send(self, request, TIMEOUT, Reach::LinkLocalToo))
    }

    fn reply_bytes_max(&self) -> usize {
        Self::reply_bytes_max(self)
    }
}

/// The REST API with one key.
pub struct Rest {
    pub(super) wire: Arc<dyn Wire>,
    pub(super) base: Url,
    pub(super) authorization: HeaderValue,
    pub(super) account_id: Option<Uuid>,
    pub(super) budget: Arc<Budget>,
    pub(super) clock: Clock,
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
        account_id: Option<Uuid>,
        budget: Arc<Budget>,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            wire: Arc::new(client),
            base: base.clone(),
            authorization: authorization(key)?,
            account_id,
            budget,
            clock,
        })
    }

    /// Asks for a list.
    async fn list(&self, path: &str, query: Pairs) -> Answer<Page> {
        self.get(path, &query, Page::read).await
    }

    /// Asks for a list that belongs to one trade.
    async fn sublist(&self, id: &str, of: &str) -> Answer<Page> {
        match segment(id) {
            Ok(id) => self.list(&format!("trades/{id}/{of}"), Pairs::new()).await,
            Err(unsent) => Answer::Unsent(unsent),
        }
    }

    /// Asks for a single object.
    async fn object(&self, of: &str, id: &str) -> Answer<Value> {
        match segment(id) {
            Ok(id) => self.get(&format!("{of}/{id}"), &[], object).await,
            Err(unsent) => Answer::Unsent(unsent),
        }
    }

    /// Limits a list to the configured account.
    fn of_account(&self, mut query: Pairs) -> Pairs {
        if let Some(account_id) = &self.account_id {
            query.push(("account_id", account_id.to_string()));
        }
        query
    }

    /// Asks for what stands at `path`, and reads a good answer with `shape`.
    async fn get<T>(
        &self,
        path: &str,
        query: &[(&'static str, String)],
        shape: impl FnOnce(Value) -> Option<T>,
    ) -> Answer<T> {
        let Some(request) = self.request(path, query) else {
            return Answer::Unsent(Unsent::Address);
        };
        if self.budget.permit().await.is_err() {
            return Answer::Refused(Refused::of(401));
        }
        let reply = match self.wire.send(request).await {
            Ok(reply) => reply,
            Err(failure) => return Answer::Failed(failure),
        };
        if let Some(requests) = budget::told(&reply.headers) {
            self.budget.remaining(requests);
        }
        let bytes_max = self.wire.reply_bytes_max();
        let answer = answer::read(&reply, bytes_max, self.clock.now(), shape);
        if let Answer::Refused(refused) = &answer {
            match refused.status {
                401 => self.budget.close(),
                429 => self.budget.rest(refused.retry_after.unwrap_or(RATE_REST)),
                _ => {}
            }
        }
        answer
    }

    fn request(
        &self,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Option<http::Request<Bytes>> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        http::Request::get(url.as_str())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Bytes::new())
            .ok()
    }
}

impl Account for Rest {
    fn probe(&self) -> Pending<'_, Probe> {
        Box::pin(async {
            // Whatever a 200 holds, it shows that the key is good.
            match self.get("accounts", &[], Some).await {
                Answer::Found(_) | Answer::Unreadable(_) => Probe::Valid,
                Answer::Refused(refused) => match refused.status {
                    401 => Probe::Revoked,
                    403 => Probe::Suspended,
                    _ => Probe::Unknown(refused.to_string()),
                },
                Answer::Unsent(unsent) => Probe::Unknown(unsent.to_string()),
                Answer::Failed(failure) => Probe::Unknown(failure.to_string()),
            }
        })
    }

    fn poll(&self, what: Poll) -> Pending<'_, PollAnswer> {
        Box::pin(async move {
            let limit = Limit::new(POLL_ROWS);
            let answer = match what {
                Poll::Positions => self.positions().await,
                Poll::Trades => {
                    let query = TradeQuery::default();
                    self.trades(&TradeQuery { limit, ..query }).await
                }
                Poll::Signals => {
                    let query = SignalQuery::default();
                    self.signals(&SignalQuery { limit, ..query }).await
                }
            };
            let is_final = answer.is_final();
            let reason = match answer {
                Answer::Found(page) => return PollAnswer::Page(page),
                Answer::Refused(refused) => match refused.status {
                    401 => return PollAnswer::Revoked,
                    403 => return PollAnswer::Suspended,
                    _ => refused.to_string(),
                },
                Answer::Unreadable(why) => why.to_string(),
                Answer::Unsent(unsent) => unsent.to_string(),
                Answer::Failed(failure) => failure.to_string(),
            };
            match is_final {
                true => PollAnswer::Never(reason),
                false => PollAnswer::Failed(reason),
            }
        })
    }

    fn accounts(&self) -> Pending<'_, Answer<Page>> {
        Box::pin(self.list("accounts", Pairs::new()))
    }

    fn positions(&self) -> Pending<'_, Answer<Page>> {
        Box::pin(self.list("positions", self.of_account(Pairs::new())))
    }

    fn trades<'a>(&'a self, query: &'a TradeQuery) -> Pending<'a, Answer<Page>> {
        Box::pin(self.list("trades", self.of_account(query.pairs())))
    }

    fn trade<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>> {
        Box::pin(self.object("trades", id))
    }

    fn trade_positions<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>> {
        Box::pin(self.sublist(id, "positions"))
    }

    fn trade_orders<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Page>> {
        Box::pin(self.sublist(id, "orders"))
    }

    fn signals<'a>(&'a self, query: &'a SignalQuery) -> Pending<'a, Answer<Page>> {
        Box::pin(self.list("signals", self.of_account(query.pairs())))
    }

    fn signal<'a>(&'a self, id: &'a str) -> Pending<'a, Answer<Value>> {
        Box::pin(self.object("signals", id))
    }
}

pub(super) fn authorization(key: &Secret) -> Result<HeaderValue, KeyError> {
    let bearer = format!("Bearer {}", key.expose());
    let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| KeyError)?;
    authorization.set_sensitive(true);
    Ok(authorization)
}
