//! The store and the rules as `intake` wants to see them: it knows neither.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::intake::{Queue, Router};
use crate::model::{Accepted, Batch, Checkpoint, Event, Name, PictureRow, Route};
use crate::rules::Rules;
use crate::sources::Pending;
use crate::store::Store;

/// The store, its errors as text: `intake` only waits and tries again.
pub(super) struct StoreQueue(pub(super) Store);

impl Queue for StoreQueue {
    fn accept(&self, batch: Batch) -> Pending<'_, Result<Accepted, String>> {
        Box::pin(async move {
            self.0
                .accept(batch)
                .await
                .map_err(|error| error.to_string())
        })
    }

    fn checkpoint(&self, source: &Name) -> Pending<'_, Result<Checkpoint, String>> {
        let source = source.clone();
        Box::pin(async move {
            self.0
                .checkpoint(&source)
                .await
                .map_err(|error| error.to_string())
        })
    }

    fn picture(&self, source: &Name) -> Pending<'_, Result<Vec<PictureRow>, String>> {
        let source = source.clone();
        Box::pin(async move {
            self.0
                .picture(&source)
                .await
                .map_err(|error| error.to_string())
        })
    }
}

/// The rules. Each rule's first fault is logged, which is enough to find it.
pub(super) struct RulesRouter {
    rules: Arc<Rules>,
    complained: Mutex<HashSet<Arc<str>>>,
}

impl RulesRouter {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            complained: Mutex::default(),
        }
    }
}

impl Router for RulesRouter {
    fn routes(&self, event: &Event) -> Vec<Route> {
        let routed = self.rules.routes(event);
        for fault in routed.faults {
            let mut complained = self
                .complained
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if complained.insert(Arc::clone(&fault.rule)) {
                tracing::warn!(rule = %fault.rule, error = %fault.fault, "an expression failed: a condition counts as not matched, a key as missing; said once for each rule");
            }
        }
        routed.routes
    }
}
