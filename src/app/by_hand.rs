//! What the API needs to act on the queue, for a running instance and for the files of a stopped one.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Plan;
use super::following::host;
use crate::admin::{self, Setup, Tester};
use crate::clock::Clock;
use crate::dispatch::{self, Mended};
use crate::model::Outcome;
use crate::status::Status;
use crate::store::{Home, Store, StoreError};
use crate::transport::Client;

impl Plan {
    /// What is configured, as far as the API wants to know it.
    pub(super) fn setup(&self) -> Setup {
        let sources = self.sources.iter().map(|source| {
            let kind = if source.rest.is_some() { "ttmt" } else { "sse" };
            // The path of a feed may be all that keeps others out.
            (source.name.clone(), kind, host(&source.display_url))
        });
        Setup {
            rules: Arc::clone(&self.rules),
            sinks: self.sinks.clone(),
            sources: sources.collect(),
        }
    }
}

/// Tests sinks; one that accepts is no longer failing, and its lane goes on.
pub(super) fn tester(
    client: &Client,
    clock: &Clock,
    status: &Status,
    store: &Store,
    mended: &Mended,
    nudge: &watch::Sender<u64>,
) -> Tester {
    let (client, clock, status) = (client.clone(), clock.clone(), status.clone());
    let (store, mended, nudge) = (store.clone(), mended.clone(), nudge.clone());
    Arc::new(move |sink, event| {
        let (client, clock, status) = (client.clone(), clock.clone(), status.clone());
        let (store, mended, nudge) = (store.clone(), mended.clone(), nudge.clone());
        Box::pin(async move {
            let attempt = dispatch::test(&client, &clock, &sink, event).await;
            if attempt.outcome == Outcome::Delivered {
                status.sink(&sink.name, |sink| sink.failed_in_a_row = 0);
                if let Err(error) = store.end_rest(&sink.name, clock.now()).await {
                    tracing::warn!(sink = %sink.name, %error, "its rest could not be ended");
                }
                mended.note(&sink.name);
                nudge.send_modify(|count| *count += 1);
            }
            attempt
        })
    })
}

/// Opens the queue at its home.
type Open = fn(&Home, Status, Timestamp) -> Result<Store, StoreError>;

/// The queue of a stopped instance, under the lock of its folder, with all that its API needs.
///
/// # Errors
/// [`StoreError`] inside, when the queue cannot be had: it is `Locked` while an instance runs, and
/// `Missing` where there is none.
pub fn stopped(plan: &Plan) -> anyhow::Result<admin::Parts> {
    parts(plan, Home::open_existing)
}

/// The same, but a queue is made where there is none.
///
/// # Errors
/// As [`stopped`], but never `Missing`.
pub fn stopped_or_new(plan: &Plan) -> anyhow::Result<admin::Parts> {
    parts(plan, |home, status, now| {
        match home.open_existing(status.clone(), now) {
            // Whoever only visits a server is none of those who work there.
            Err(StoreError::Missing { .. } | StoreError::MissingOnServer { .. }) => {
                home.open(status, now)
            }
            opened => opened,
        }
    })
}

fn parts(plan: &Plan, open: Open) -> anyhow::Result<admin::Parts> {
    let clock = Clock::system();
    let client = Client::new(None)?;
    // Nobody is there to hear notices, and nothing that is done by hand raises one.
    let (status, _) = Status::new();
    plan.announce(&status);
    let store = open(&plan.home, status.clone(), clock.now())?;
    let nudge = store.nudge();
    let (_, setup) = watch::channel(Arc::new(plan.setup()));
    Ok(admin::Parts {
        tester: tester(&client, &clock, &status, &store, &Mended::default(), &nudge),
        store,
        status,
        clock,
        token: None,
        setup,
        nudge,
    })
}
