//! The lists: `{"data": […], "has_more": …, "next_cursor": …}`, whatever they hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::{Parts, Refusal, no_such, ready, standing};
use super::query::Query;
use super::{Answer, json};
#[cfg(test)]
use crate::admin::openapi::{
    self, Delivery, Event, NoQueue, NoToken, NotUnderstood, Page, Paging, Source, Unknown, Which,
};
use crate::model::{Name, State as DeliveryState};
use crate::rules::Rule;
use crate::sinks::Sink;
use crate::store::{DeliveryRow, EventRow, Filter};

/// Events, newest first.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/events",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<Event>), NotUnderstood, NoToken, NoQueue),
))]
pub(in crate::admin) async fn events(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["limit", "after"])?;
    let (limit, after) = (query.limit()?, query.after()?);
    let standing = standing(&parts.status.snapshot());
    let found = parts.store.events(standing, after, limit + 1).await?;
    Ok(page(found, limit, EventRow::json, |event| event.seq))
}

/// Deliveries, newest first.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/deliveries",
    params(Which, Paging),
    responses((status = 200, description = "A page of them.", body = Page<Delivery>), NotUnderstood, NoToken,
        Unknown, NoQueue),
))]
pub(in crate::admin) async fn deliveries(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(
        raw.as_deref(),
        &["limit", "after", "state", "sink", "since"],
    )?;
    let limit = query.limit()?;
    let filter = Filter {
        state: query.state()?,
        sink: query.text("sink").map(str::to_owned),
        since: query.since(parts.clock.now())?,
        after: query.after()?,
    };
    // Whoever reads on had a page before, though not of what no sink can be called.
    let is_first = filter.after.is_none();
    let unheard_of = |sink: &&str| is_first || Name::new(sink).is_err();
    if let Some(sink) = filter.sink.as_deref().filter(unheard_of) {
        check_sink(&parts, sink).await?;
    }
    let standing = standing(&parts.status.snapshot());
    let found = parts.store.deliveries(standing, filter, limit + 1).await?;
    Ok(page(found, limit, DeliveryRow::json, |delivery| {
        delivery.row
    }))
}

/// Refuses the name of a sink that is neither configured nor has deliveries from when it was: a
/// misspelt one would look like a sink that has none.
async fn check_sink(parts: &Parts, name: &str) -> Result<(), Refusal> {
    let setup = Arc::clone(&parts.setup.borrow());
    if setup.sink(name).is_ok() {
        return Ok(());
    }
    let with_deliveries = parts.store.depths().await?.by_sink;
    let known: BTreeSet<&str> = setup
        .sinks
        .iter()
        .map(|sink| &sink.name)
        .chain(with_deliveries.keys())
        .map(Name::as_str)
        .collect();
    if known.contains(name) {
        return Ok(());
    }
    Err(Refusal::unknown(no_such(
        "sink",
        name,
        known.iter().copied(),
    )))
}

/// Sources, in the order of the configuration.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/sources",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<Source>), NotUnderstood, NoToken),
))]
pub(in crate::admin) async fn sources(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["limit", "after"])?;
    let snapshot = parts.status.snapshot();
    let setup = Arc::clone(&parts.setup.borrow());
    let of_source = |(name, kind, place): &(_, &str, String)| {
        let head = json!({ "name": format!("{name}"), "kind": kind, "place": place });
        joined(head, snapshot.sources.get(name).map(ready::of_source))
    };
    configured(&query, setup.sources.iter().map(of_source))
}

/// Sinks, in the order of the configuration, with what of their deliveries is where; behind them those
/// that are no longer configured and that something still waits for.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/sinks",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<openapi::Sink>), NotUnderstood, NoToken, NoQueue),
))]
pub(in crate::admin) async fn sinks(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["limit", "after"])?;
    let snapshot = parts.status.snapshot();
    let standing = standing(&snapshot);
    let now = parts.clock.now();
    let depths = parts.store.depths().await?;
    let setup = Arc::clone(&parts.setup.borrow());
    let of_sink = |name: &Name, sink: Option<&Sink>| {
        let mut counts = depths.by_sink.get(name).cloned().unwrap_or_default();
        if let Some(waiting) = counts.remove(DeliveryState::Waiting.as_str()) {
            let shown = standing.shown(DeliveryState::Waiting, name);
            counts.insert(shown.as_str(), waiting);
        }
        let head = json!({
            "name": name.as_str(),
            "configured": sink.is_some(),
            "kind": sink.map(|sink| sink.kind),
            "place": sink.map(|sink| &sink.display),
            "deliveries": counts,
        });
        let status = snapshot.sinks.get(name).cloned().unwrap_or_default();
        joined(head, Some(ready::of_sink(&status, now)))
    };
    let known = setup.sinks.iter();
    let known = known.map(|sink| of_sink(&sink.name, Some(&**sink)));
    // The snapshot, by which something is orphaned, follows a reload a little later than the setup.
    let gone = depths.orphaned(&standing).map(|(name, _)| name);
    let gone = gone.filter(|name| setup.sink(name.as_str()).is_err());
    let all: Vec<Value> = known.chain(gone.map(|name| of_sink(name, None))).collect();
    configured(&query, all.into_iter())
}

/// Rules, in the order of the configuration.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/rules",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<openapi::Rule>), NotUnderstood, NoToken),
))]
pub(in crate::admin) async fn rules(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["limit", "after"])?;
    let setup = Arc::clone(&parts.setup.borrow());
    let of_rule = |rule: &Rule| {
        let names =
            |names: &[Name]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        json!({
            "name": &*rule.name,
            "from": rule.from.as_deref().map(names),
            "events": rule.types.events(),
            "when": rule.when.as_ref().map(|when| when.source()),
            "to": names(&rule.to),
        })
    };
    configured(&query, setup.rules.all().iter().map(of_rule))
}

fn joined(mut head: Value, state: Option<Value>) -> Value {
    if let (Value::Object(head), Some(Value::Object(state))) = (&mut head, state) {
        head.extend(state);
    }
    head
}

/// A page of what the queue found, one more than the limit where there is more.
fn page<T>(
    mut found: Vec<T>,
    limit: u32,
    item: impl Fn(&T) -> Value,
    place: impl Fn(&T) -> i64,
) -> axum::response::Response {
    let limit = limit as usize;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| has_more)
        .map(|last| place(last).to_string());
    list(found.iter().map(item).collect(), next)
}

/// A page of what stands in the configuration; its cursor counts what came before.
/// The instances that work on a queue that they share, in the order of their starts; none where it is in a
/// folder.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/instances",
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<openapi::Instance>), NotUnderstood, NoToken, NoQueue),
))]
pub(in crate::admin) async fn instances(
    State(parts): State<Arc<Parts>>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let query = Query::read(raw.as_deref(), &["limit", "after"])?;
    let instances = parts.store.instances().await?;
    configured(&query, instances.iter().map(ready::of_instance))
}

fn configured(query: &Query, items: impl ExactSizeIterator<Item = Value>) -> Answer {
    let limit = query.limit()? as usize;
    let before = usize::try_from(query.after()?.unwrap_or_default()).unwrap_or(usize::MAX);
    let has_more = items.len() > before.saturating_add(limit);
    let next = has_more.then(|| (before + limit).to_string());
    Ok(list(items.skip(before).take(limit).collect(), next))
}

fn list(data: Vec<Value>, next: Option<String>) -> axum::response::Response {
    let value = json!({ "data": data, "has_more": next.is_some(), "next_cursor": next });
    json(StatusCode::OK, &value)
}
