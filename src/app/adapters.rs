//! The store and the rules as `intake` wants to see them: it knows neither.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::expr::Scope;
use crate::intake::{Queue, Router};
use crate::model::{Accepted, Batch, Checkpoint, Event, Name, PictureRow, Route};
use crate::rules::Current;
use crate::sinks::{Ordered, Sink};
use crate::sources::Pending;
use crate::status::Status;
use crate::store::Store;
use crate::upkeep::Ears;

/// The store, its errors as text: `intake` only waits and tries again. The watches hear what it takes.
pub(super) struct StoreQueue {
    pub(super) store: Store,
    pub(super) ears: Ears,
}

impl StoreQueue {
    /// The same through another handle to the queue.
    pub(super) fn through(&self, store: Store) -> Self {
        let ears = self.ears.clone();
        Self { store, ears }
    }
}

impl Queue for StoreQueue {
    fn accept(&self, batch: &mut Arc<Batch>) -> Pending<'_, Result<Accepted, String>> {
        self.ears.listen(Arc::make_mut(batch));
        let batch = Arc::clone(batch);
        Box::pin(async move {
            let accepted = self.store.accept(batch).await;
            let accepted = accepted.map_err(|error| error.to_string())?;
            self.ears.heard(&accepted);
            Ok(accepted)
        })
    }

    fn checkpoint(&self, source: &Name) -> Pending<'_, Result<Checkpoint, String>> {
        let source = source.clone();
        Box::pin(async move {
            self.store
                .checkpoint(&source)
                .await
                .map_err(|error| error.to_string())
        })
    }

    fn picture(&self, source: &Name) -> Pending<'_, Result<Vec<PictureRow>, String>> {
        let source = source.clone();
        Box::pin(async move {
            self.store
                .picture(&source)
                .await
                .map_err(|error| error.to_string())
        })
    }
}

/// In front of the key by which deliveries of one living notification wait for each other.
const LIVING: &str = "living ";

/// The rules, and which sinks keep an order. Each rule's and each sink's first fault is logged, which
/// is enough to find it; all are counted.
pub(super) struct RulesRouter {
    rules: Current,
    status: Status,
    ordered: RwLock<Vec<Arc<Sink>>>,
    complained: Mutex<HashSet<(&'static str, Arc<str>)>>,
}

impl RulesRouter {
    pub(super) fn new(rules: Current, status: Status, sinks: &[Arc<Sink>]) -> Self {
        Self {
            rules,
            status,
            ordered: RwLock::new(ordered(sinks)),
            complained: Mutex::default(),
        }
    }

    /// From now on these sinks keep an order, of all that they get or of each living notification.
    pub(super) fn arrange(&self, sinks: &[Arc<Sink>]) {
        *self.ordered.write().unwrap_or_else(PoisonError::into_inner) = ordered(sinks);
    }

    /// Gives each route to a sink that keeps an order its key. One whose key cannot be worked out has
    /// no other to wait for, as if it were missing.
    fn line_up(&self, event: &Event, routes: &mut [Route]) {
        if routes.is_empty() {
            return;
        }
        let mut scope = None;
        let ordered = self.ordered.read().unwrap_or_else(PoisonError::into_inner);
        let mut key = |name: &Name, living: Option<&str>| {
            let sink = ordered.iter().find(|sink| sink.name == *name)?;
            if let (Ordered::No, Some(living)) = (&sink.ordered, living) {
                // A change must not overtake the message that it changes.
                return Some(format!("{LIVING}{living}").into());
            }
            let scope = scope.get_or_insert_with(|| Scope::new(event));
            let key = sink.ordered.key(scope).unwrap_or_else(|error| {
                if self.is_first("ordered", name.as_str()) {
                    tracing::warn!(sink = %name, %error, "`ordered` failed and the delivery keeps no order; said once for each sink");
                }
                None
            });
            key.map(Arc::from)
        };
        for route in routes {
            route.key = key(&route.sink, route.living.as_deref());
            if let Some(fallback) = &mut route.fallback {
                fallback.key = key(&fallback.to, route.living.as_deref());
            }
        }
    }

    /// Whether a setting of this rule or sink fails for the first time.
    fn is_first(&self, setting: &'static str, name: &str) -> bool {
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        complained.insert((setting, Arc::from(name)))
    }
}

fn ordered(sinks: &[Arc<Sink>]) -> Vec<Arc<Sink>> {
    let mut ordered = sinks.to_vec();
    ordered.retain(|sink| !matches!(sink.ordered, Ordered::No) || sink.translator.can_update());
    ordered
}

impl Router for RulesRouter {
    fn routes(&self, event: &Event) -> Vec<Route> {
        let mut routed = self.rules.get().routes(event);
        self.line_up(event, &mut routed.routes);
        for fault in routed.faults {
            self.status.expression_failed(&fault.rule);
            if self.is_first("when", &fault.rule) {
                tracing::warn!(rule = %fault.rule, error = %fault.fault, "an expression failed: a condition counts as not matched, a key as missing; said once for each rule");
            }
        }
        routed.routes
    }
}
