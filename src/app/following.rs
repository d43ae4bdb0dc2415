//! What `intake` needs for each source.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use super::adapters::{RulesRouter, StoreQueue};
use crate::clock::Clock;
use crate::intake::{Gate, Parts};
use crate::sources::Source;
use crate::sources::budget::Budget;
use crate::sources::policy::Kind;
use crate::sources::ttmt_rest::{Account, Rest};
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
    /// host.
    pub(super) fn all(&self, sources: &[Source]) -> anyhow::Result<Vec<Parts>> {
        sources.iter().map(|source| self.one(source)).collect()
    }

    fn one(&self, source: &Source) -> anyhow::Result<Parts> {
        let budget = source.rest.as_ref().map(|_| Arc::new(Budget::new()));
        let account = match (&source.rest, &budget) {
            (Some(access), Some(budget)) => {
                let client = match &access.proxy {
                    None => self.client.clone(),
                    proxy => Client::new(proxy.as_ref())
                        .with_context(|| format!("source `{}`", source.name))?,
                };
                let rest = Rest::new(
                    client.reading(REST_REPLY_BYTES_MAX),
                    &access.base_url,
                    &access.api_key,
                    access.account_id.clone(),
                    Arc::clone(budget),
                    self.clock.clone(),
                )
                .with_context(|| format!("source `{}`", source.name))?;
                let account: Arc<dyn Account> = Arc::new(rest);
                Some(account)
            }
            _ => None,
        };
        Ok(Parts {
            name: source.name.clone(),
            kind: if source.rest.is_some() {
                Kind::Ttmt
            } else {
                Kind::Sse
            },
            connector: Arc::clone(&source.connector),
            account,
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
}

/// The host and port behind an address: what several sources can share.
fn host(address: &str) -> String {
    let after_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    after_scheme
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
