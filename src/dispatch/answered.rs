//! Attempts that have ended, on their way into the queue.
//!
//! A file of its own because an attempt is over when its answer is there, and its place is free for the
//! next one: that it is written down is waited for by nobody but who speaks of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::attempt::Sender;
use super::outage::Sign;
use crate::model::{Attempt, Back, Claim, Ended, Outcome, Settled};
use crate::store::{Flush, StoreError};

/// Wait before a settlement that could not be written is tried again.
const SETTLE_AGAIN: Duration = Duration::from_millis(500);

/// A claim that has ended, as it is to be written down.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) claim: Claim,
    pub(super) settled: Settled,
    /// What it shows of the sink.
    pub(super) sign: Option<Sign>,
    /// When it had ended.
    pub(super) at: Timestamp,
}

impl Answered {
    /// The request and what came of it, if one left.
    pub(super) const fn attempt(&self) -> Option<&Attempt> {
        match &self.settled.ended {
            Ended::Tried(attempt) => Some(attempt),
            Ended::Untried { .. } => None,
        }
    }

    /// What came of the request, if one left.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.attempt().map(|attempt| attempt.outcome)
    }
}

impl Sender {
    /// Writes down what has ended, however long the store cannot: what was sent must not be sent again
    /// because a disk was full for a moment. Answers with what is written; that is nothing where the store
    /// is closed.
    pub(super) async fn write(
        self: Arc<Self>,
        mut group: Vec<Answered>,
        flush: Flush,
    ) -> Vec<Answered> {
        let settled: Vec<Settled> = group.iter().map(|one| one.settled.clone()).collect();
        match self.write_all(&settled.into(), flush).await {
            Ok(()) => return group,
            Err(error) if error.is_final() => return Vec::new(),
            Err(_) => {}
        }
        // One by one, so that none keeps the others.
        sleep(SETTLE_AGAIN).await;
        for (written, one) in group.iter().enumerate() {
            let one: Arc<[Settled]> = Arc::new([one.settled.clone()]);
            while let Err(error) = self.write_all(&one, Flush::Now).await {
                if error.is_final() {
                    group.truncate(written);
                    return group;
                }
                sleep(SETTLE_AGAIN).await;
            }
        }
        group
    }

    async fn write_all(&self, settled: &Arc<[Settled]>, flush: Flush) -> Result<(), StoreError> {
        let written = self
            .store
            .settle_all(&self.sink.name, Arc::clone(settled), flush)
            .await?;
        for (one, _) in settled
            .iter()
            .zip(&written)
            .filter(|(_, written)| !**written)
        {
            tracing::warn!(sink = %self.sink.name, row = one.row, "a settlement came too late and changed nothing");
        }
        Ok(())
    }

    /// Puts claims back for which nothing has been done, however long the store cannot.
    pub(super) async fn give_back(self: Arc<Self>, claims: Vec<Back>) {
        while let Err(error) = self.store.give_back(&self.sink.name, claims.clone()).await {
            if error.is_final() {
                return;
            }
            sleep(SETTLE_AGAIN).await;
        }
    }
}
