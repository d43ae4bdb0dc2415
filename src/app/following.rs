//! What `intake` needs for each source.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use super::adapters::{RulesRouter, StoreQueue};
use crate::clock::Clock;
use crate::intake::{Backfill, Gate, Parts};
use crate::sources::budget::Budget;
use crate::sources::policy::Kind;
use crate::sources::ttmt_rest::Rest;
use crate::sources::{RestAccess, Source};
use crate::status::Status;
use crate::transport::Client;

/// Most bytes of a page that the REST API may send: a hundred trades with their texts fit in.
const REST_REPLY_BYTES_MAX: usize = 8 << 20;

/// What all sources share.
pub(super) struct Following<'a> {
    pub(super) client: &'a Client,
    pub(super) queue: Arc<StoreQueue>,
    pub(super) router: Arc<RulesRouter>,
    pub(super) status: &'a Status,
    pub(super) clock: &'a Clock,
    pub(super) nudge: &'a watch::Sender<u64>,
    pub(super) gate: Gate,
}

impl Following<'_> {
    /// The parts of every source, before the first of them runs: each has to know who else dials its
    /// host, and who else uses its key.
    pub(super) fn all(&self, sources: &[Source]) -> anyhow::Result<Vec<Parts>> {
        let mut budgets = HashMap::new();
        let parts = |source| self.one(source, &mut budgets);
        sources.iter().map(parts).collect()
    }

    fn one<'s>(
        &self,
        source: &'s Source,
        budgets: &mut HashMap<&'s str, Arc<Budget>>,
    ) -> anyhow::Result<Parts> {
        let mut budget = None;
        let mut rest = None;
        if let Some(access) = &source.rest {
            let own = budgets.entry(access.api_key.expose()).or_default();
            let own = budget.insert(Arc::clone(own));
            rest = Some(
                self.rest(access, own)
                    .with_context(|| format!("source `{}`", source.name))?,
            );
        }
        let backfill = source.rest.as_ref().zip(rest.as_ref());
        let backfill = backfill.filter(|(access, _)| access.backfill);
        let backfill = backfill.map(|(access, rest)| Backfill {
            bulk: Arc::new(rest.clone()),
            urgent: Arc::new(rest.urgent()),
            filtered: access.account_id.is_some(),
        });
        Ok(Parts {
            name: source.name.clone(),
            kind: if source.rest.is_some() {
                Kind::Ttmt
            } else {
                Kind::Sse
            },
            connector: Arc::clone(&source.connector),
            account: rest.map(|rest| Arc::new(rest) as _),
            backfill,
            budget,
            queue: Arc::clone(&self.queue) as _,
            router: Arc::clone(&self.router) as _,
            status: self.status.clone(),
            clock: self.clock.clone(),
            nudge: self.nudge.clone(),
            lost_after: source.lost_after,
            dial: self.gate.dial(&host(&source.display_url)),
            jitter: Arc::new(rand::random::<f64>),
        })
    }

    fn rest(&self, access: &RestAccess, budget: &Arc<Budget>) -> anyhow::Result<Rest> {
        let client = match &access.proxy {
            None => self.client.clone(),
            proxy => Client::new(proxy.as_ref())?,
        };
        let rest = Rest::new(
            client.reading(REST_REPLY_BYTES_MAX),
            &access.base_url,
            &access.api_key,
            access.account_id.clone(),
            Arc::clone(budget),
            self.clock.clone(),
        );
        Ok(rest?)
    }
}

/// The host and port behind an address: what several sources can share.
pub(super) fn host(address: &str) -> String {
    let after_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    after_scheme
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
