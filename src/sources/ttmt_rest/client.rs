//! The API as one handle: the eight endpoints, and what a probe and a poll make of them.
//!
//! A file of its own because it only says which address stands for what. Sending, the budget and what
//! is known already are below it.

use std::fmt;
use std::sync::Arc;

use http::header::HeaderValue;
use serde_json::Value;
use url::Url;

use super::answer::{Answer, Unreadable};
use super::cache::Cache;
use super::page::Page;
use super::query::{Pairs, SignalQuery, TradeQuery, Uuid, segment};
use super::wire::{Api, Wire};
use super::{Account, Probe};
use crate::clock::Clock;
use crate::model::Secret;
use crate::sources::Pending;
use crate::sources::budget::{Budget, Share};
use crate::transport;

/// The key holds characters that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holds characters that no header can carry")]
pub struct KeyError;

/// The REST API with one key. Its requests can wait, but for probes.
#[derive(Clone)]
pub struct Rest {
    pub(super) api: Arc<Api>,
    share: Share,
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
        Self::by(Arc::new(client), base, key, account_id, budget, clock)
    }

    /// The same API over a wire of the caller's own.
    ///
    /// # Errors
    /// [`KeyError`] when the key cannot stand in a header.
    pub fn by(
        wire: Arc<dyn Wire>,
        base: &Url,
        key: &Secret,
        account_id: Option<Uuid>,
        budget: Arc<Budget>,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        Ok(Self::over(Api {
            wire,
            base: base.clone(),
            authorization: authorization(key)?,
            account_id,
            budget,
            clock,
            cache: Cache::default(),
        }))
    }

    pub(super) fn over(api: Api) -> Self {
        Self {
            api: Arc::new(api),
            share: Share::Bulk,
        }
    }

    /// The same API, for requests that somebody waits for. They may use the whole of the key's
    /// allowance, so they should be few.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self {
            api: Arc::clone(&self.api),
            share: Share::Urgent,
        }
    }

    /// Asks for a list.
    async fn list(&self, path: &str, query: Pairs) -> Answer<Page> {
        self.api.get(self.share, path, &query, Page::read).await
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
            Ok(id) => self.api.object(self.share, &format!("{of}/{id}")).await,
            Err(unsent) => Answer::Unsent(unsent),
        }
    }

    /// Limits a list to the configured account.
    fn of_account(&self, mut query: Pairs) -> Pairs {
        if let Some(account_id) = &self.api.account_id {
            query.push(("account_id", account_id.to_string()));
        }
        query
    }
}

impl Account for Rest {
    fn probe(&self) -> Pending<'_, Probe> {
        Box::pin(async {
            // Whatever a 200 holds, it shows that the key is good.
            match self.api.get(Share::Urgent, "accounts", &[], Some).await {
                Answer::Unreadable(why @ Unreadable::Unchanged) => Probe::Unknown(why.to_string()),
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
