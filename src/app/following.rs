//! The sources that are followed: what `intake` needs for each, and which of them a reload exchanges.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::adapters::{RulesRouter, StoreQueue};
use crate::clock::Clock;
use crate::config::Print;
use crate::crew::Crew;
use crate::intake::{self, Backfill, Gate, Parts};
use crate::model::Name;
use crate::sources::budget::Budget;
use crate::sources::policy::Kind;
use crate::sources::ttmt_rest::Rest;
use crate::sources::{RestAccess, Source};
use crate::status::Status;
use crate::store::Duty;
use crate::transport::Client;

/// Most bytes of a page that the REST API may send: a hundred trades with their texts fit in.
const REST_REPLY_BYTES_MAX: usize = 8 << 20;

/// What all sources share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) queue: Arc<StoreQueue>,
    pub(super) router: Arc<RulesRouter>,
    pub(super) status: Status,
    pub(super) clock: Clock,
    pub(super) nudge: watch::Sender<u64>,
}

/// The sources that are followed now.
pub(super) struct Following {
    shared: Shared,
    gate: Gate,
    /// The allowance of each key. It outlives its sources, so that a reload is no way around it.
    budgets: HashMap<String, Arc<Budget>>,
    crew: Crew<Print>,
    /// Ends the thread on which they are followed.
    _thread: DropGuard,
}

impl Following {
    pub(super) fn new(shared: Shared, crew: Crew<Print>, thread: DropGuard) -> Self {
        Self {
            shared,
            gate: Gate::default(),
            budgets: HashMap::new(),
            crew,
            _thread: thread,
        }
    }

    /// Follows these sources and no others. One that has not changed keeps its connection; but where a
    /// person asks for it, one that waits for a person is tried once more as it is.
    ///
    /// # Errors
    /// What keeps one of them from being followed; then nothing has changed.
    pub(super) fn arrange(
        &mut self,
        sources: &[(Print, Source)],
        again: bool,
    ) -> anyhow::Result<()> {
        let known = self.shared.status.snapshot().sources;
        let waits = |name: &Name| again && known.get(name).is_some_and(|it| it.fault.is_some());
        if again {
            self.budgets.retain(|_, budget| !budget.is_closed());
        }
        // All parts before the first of them runs: each has to know who else dials its host.
        let changed: Vec<(&Print, &Source)> = sources
            .iter()
            .filter(|(print, source)| waits(&source.name) || !self.crew.has(&source.name, print))
            .map(|(print, source)| (print, source))
            .collect();
        let parts: Vec<(Print, Parts)> = changed
            .into_iter()
            .map(|(print, source)| Ok((*print, self.parts(source)?)))
            .collect::<anyhow::Result<_>>()?;
        self.crew.keep(|name, mark| {
            let mut wanted = sources.iter();
            let is_wanted = wanted.any(|(print, it)| it.name == *name && print == mark);
            is_wanted && !waits(name)
        });
        for (print, parts) in parts {
            let queue = Arc::clone(&self.shared.queue);
            self.crew
                .add(parts.name.clone(), print, |leave| async move {
                    let duty = Duty::Source(parts.name.clone());
                    let waits = |elsewhere| parts.status.source_elsewhere(&parts.name, elsewhere);
                    let follow = |store, leave| {
                        let queue = queue.through(store);
                        let parts = Parts {
                            queue: Arc::new(queue),
                            ..parts.clone()
                        };
                        intake::run(parts, leave)
                    };
                    let (store, clock) = (&queue.store, &parts.clock);
                    store.on_duty(duty, clock, leave, waits, follow).await;
                });
        }
        Ok(())
    }

    /// What rules make of the events of all sources.
    pub(super) fn router(&self) -> &RulesRouter {
        &self.shared.router
    }

    /// Waits until a source is not followed any more that should be.
    pub(super) async fn unasked(&mut self) {
        self.crew.unasked().await;
    }

    /// Waits until no source is followed any more.
    pub(super) async fn all_ended(&mut self) {
        self.crew.all_ended().await;
    }

    fn parts(&mut self, source: &Source) -> anyhow::Result<Parts> {
        let mut budget = None;
        let mut rest = None;
        if let Some(access) = &source.rest {
            let key = access.api_key.expose().to_owned();
            let own = budget.insert(Arc::clone(self.budgets.entry(key).or_default()));
            let made = rest_of(access, &self.shared.client, own, &self.shared.clock);
            rest = Some(made.with_context(|| format!("source `{}`", source.name))?);
        }
        let backfill = source.rest.as_ref().zip(rest.as_ref());
        let backfill = backfill.filter(|(access, _)| access.backfill);
        let backfill = backfill.map(|(_, rest)| Backfill {
            bulk: Arc::new(rest.clone()),
            urgent: Arc::new(rest.urgent()),
        });
        let mut accounts = source.rest.iter().map(|access| &access.account_id);
        let filtered = accounts.any(Option::is_some);
        let shared = &self.shared;
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
            filtered,
            budget,
            queue: Arc::clone(&shared.queue) as _,
            router: Arc::clone(&shared.router) as _,
            status: shared.status.clone(),
            clock: shared.clock.clone(),
            nudge: shared.nudge.clone(),
            lost_after: source.lost_after,
            dial: self.gate.dial(&host(&source.display_url)),
            jitter: Arc::new(rand::random::<f64>),
        })
    }
}

/// The REST API of a source, over its proxy where it has one.
pub(super) fn rest_of(
    access: &RestAccess,
    client: &Client,
    budget: &Arc<Budget>,
    clock: &Clock,
) -> anyhow::Result<Rest> {
    let client = match &access.proxy {
        None => client.clone(),
        proxy => Client::new(proxy.as_ref())?,
    };
    let rest = Rest::new(
        client.reading(REST_REPLY_BYTES_MAX),
        &access.base_url,
        &access.api_key,
        access.account_id.clone(),
        Arc::clone(budget),
        clock.clone(),
    );
    Ok(rest?)
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
