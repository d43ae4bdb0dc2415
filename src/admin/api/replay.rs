//! Past events, routed again by the present rules.
//!
//! What bellwire said about itself is not said again, unless a rule that hears it is named: a source
//! that was lost hours ago is no news.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;

use super::super::{Parts, Refusal, Setup, no_such};
use super::query::since;
use super::{Answer, json, object, whole};
#[cfg(test)]
use crate::admin::openapi::{
    Counted, NoQueue, NoToken, NotUnderstood, OtherOrigin, Replay, TooLarge, Unknown,
};
use crate::expr::Scope;
use crate::model::{Event, Route};
use crate::rules::Why;
use crate::sinks::Ordered;
use crate::store::Past;

/// Past events that are read at once, if they are small: so many deliveries of them are written without
/// holding up what is accepted and claimed.
const EVENTS_AT_ONCE: u32 = 256;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    since: String,
    rule: Option<String>,
    sink: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Puts new deliveries of past events into the queue, or counts them.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/api/v1/replay",
    request_body = Replay,
    responses((status = 200, description = "What was sent again, or would be.", body = Counted), NotUnderstood, NoToken, OtherOrigin, Unknown, TooLarge, NoQueue),
))]
pub(in crate::admin) async fn replay(
    State(parts): State<Arc<Parts>>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let wish: Wish = object(&whole(body)?).map_err(|error| {
        Refusal::bad(format!(
            "the body is JSON with `since`, and `rule`, `sink` and `dry_run` where wanted: {error}"
        ))
    })?;
    let now = parts.clock.now();
    let mut past = Past {
        since: since(&wish.since, now)?,
        after: 0,
        until: parts.store.newest_event().await?,
    };
    let setup = Arc::clone(&parts.setup.borrow());
    wish.check(&setup)?;
    let (mut events, mut deliveries) = (0, 0);
    loop {
        let found = parts.store.past(past.clone(), EVENTS_AT_ONCE).await?;
        let Some((last, _)) = found.last() else {
            break;
        };
        past.after = *last;
        let routed = found
            .iter()
            .map(|(place, event)| (*place, wish.routes(&setup, event)));
        let routed: Vec<_> = routed.filter(|(_, routes)| !routes.is_empty()).collect();
        events += routed.len();
        deliveries += parts.store.replay(routed, now, wish.dry_run).await?;
    }
    if !wish.dry_run {
        parts.nudge.send_modify(|count| *count += 1);
        tracing::info!(since = %past.since, deliveries, "past events were sent again by hand");
    }
    let value = json!({ "events": events, "deliveries": deliveries, "dry_run": wish.dry_run });
    Ok(json(StatusCode::OK, &value))
}

impl Wish {
    /// A name that nothing has would silently replay nothing.
    fn check(&self, setup: &Setup) -> Result<(), Refusal> {
        if let Some(rule) = &self.rule
            && setup.rules.rule(rule).is_none()
        {
            let known = setup.rules.all().iter().map(|known| &*known.name);
            return Err(Refusal::unknown(no_such("rule", rule, known)));
        }
        if let Some(sink) = &self.sink {
            setup.sink(sink)?;
        }
        Ok(())
    }

    /// Where an event goes by the present rules, as far as it is wished.
    fn routes(&self, setup: &Setup, event: &Event) -> Vec<Route> {
        let mut routes = match &self.rule {
            Some(rule) => by_one_rule(setup, rule, event),
            None if event.is_internal() => Vec::new(),
            None => setup.rules.routes(event).routes,
        };
        if let Some(sink) = &self.sink {
            routes.retain(|route| route.sink.as_str() == sink);
        }
        line_up(setup, event, &mut routes);
        routes
    }
}

/// Gives each route to a sink that keeps an order its key, as when the event was new.
fn line_up(setup: &Setup, event: &Event, routes: &mut [Route]) {
    let mut scope = None;
    for route in routes {
        let sink = setup.sinks.iter().find(|sink| sink.name == route.sink);
        if let Some(sink) = sink.filter(|sink| !matches!(sink.ordered, Ordered::No)) {
            let scope = scope.get_or_insert_with(|| Scope::new(event));
            let key = sink.ordered.key(scope).ok().flatten();
            route.key = key.map(Arc::from);
        }
    }
}

/// Where one rule sends an event, whichever rule would come first.
fn by_one_rule(setup: &Setup, name: &str, event: &Event) -> Vec<Route> {
    let explained = setup.rules.explain(event);
    let matched = |(rule, why): &(Arc<str>, Why)| &**rule == name && *why == Why::Matched;
    if !explained.iter().any(matched) {
        return Vec::new();
    }
    let Some(rule) = setup.rules.rule(name) else {
        return Vec::new();
    };
    let route = |sink: &crate::model::Name| Route {
        priority: rule.priority.unwrap_or(Route::PRIORITY),
        ..Route::new(sink.clone(), Arc::clone(&rule.name))
    };
    rule.to.iter().map(route).collect()
}
