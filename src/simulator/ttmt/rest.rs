//! The REST side: eight routes that only read.
//!
//! Its own file because each route answers from the ledger, with nothing said in between. What a
//! parameter may be is `query`'s, where a page ends is `page`'s, and every limit is the gate's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::super::ledger::{Include, Ledger, Signal, Trade};
use super::super::world::Account;
use super::api::Api;
use super::page::{Cursor, Key};
use super::problem::Problem;
use super::query::Query;
use super::single::Single;

/// Every status that a trade can be filtered by.
const TRADE_STATUSES: [&str; 6] = [
    "active",
    "closed_profit",
    "closed_loss",
    "failed",
    "needs_recovery",
    "closed_timeout_cleanup",
];

/// Every status that a signal can be filtered by.
const SIGNAL_STATUSES: [&str; 4] = ["pending", "processed", "skipped", "failed"];

type Listed = Result<Json<Value>, Problem>;

/// `GET /accounts`.
pub(super) async fn accounts(State(api): State<Arc<Api>>) -> Json<Value> {
    let accounts: Vec<Value> = api.accounts().iter().map(Account::json).collect();
    Json(json!({ "data": accounts }))
}

/// `GET /positions`: the complete open set.
pub(super) async fn positions(State(api): State<Arc<Api>>, uri: Uri) -> Listed {
    let query = Query::of(&uri);
    let account = query.account()?;
    let positions: Vec<Value> = api.feed.ledger(|ledger| {
        let open = ledger.open_positions().into_iter();
        let wanted = open.filter(|position| is_of(position.account(), account));
        wanted.map(|position| position.json()).collect()
    });
    Ok(Json(json!({ "data": positions })))
}

/// `GET /signals`.
pub(super) async fn signals(State(api): State<Arc<Api>>, uri: Uri) -> Listed {
    let query = Query::of(&uri);
    let (account, channel) = (query.account()?, query.channel()?);
    let status = query.status(&SIGNAL_STATUSES)?;
    let (window, slice) = (query.window()?, query.slice()?);
    let is_wanted = |signal: &&Signal| {
        account.is_none_or(|account| signal.belongs_to(account))
            && is_of(signal.text("channel_id"), channel)
            && status.is_none_or(|status| signal.text("status") == Some(status))
            && window.holds(signal.created())
    };
    let (rows, next) = api.feed.ledger(|ledger| {
        let wanted = ledger.signals().filter(is_wanted);
        let keyed = wanted.map(|signal| (key(signal.created(), signal.id()), signal));
        let (page, next) = slice.cut(keyed.collect());
        let rows: Vec<Value> = page.into_iter().map(Signal::json).collect();
        (rows, next)
    });
    Ok(page(rows, next.as_ref()))
}

/// `GET /trades`.
pub(super) async fn trades(State(api): State<Arc<Api>>, uri: Uri) -> Listed {
    let query = Query::of(&uri);
    let (account, channel) = (query.account()?, query.channel()?);
    let (status, symbol) = (query.status(&TRADE_STATUSES)?, query.text("symbol"));
    let (window, slice, include) = (query.window()?, query.slice()?, query.include()?);
    let is_wanted = |ledger: &Ledger, trade: &Trade| {
        let signal = || ledger.signal_of(trade)?.text("channel_id");
        is_of(trade.text("account_id"), account)
            && (channel.is_none() || is_of(signal(), channel))
            && status.is_none_or(|status| trade.text("status") == Some(status))
            && symbol.is_none_or(|symbol| trade.text("symbol") == Some(symbol))
            && window.holds(trade.created())
    };
    let (rows, next) = api.feed.ledger(|ledger| {
        let wanted = ledger.trades().filter(|trade| is_wanted(ledger, trade));
        let keyed = wanted.map(|trade| (key(trade.created(), trade.id()), trade));
        let (page, next) = slice.cut(keyed.collect());
        let rows: Vec<Value> = page
            .into_iter()
            .map(|trade| ledger.show(trade, include))
            .collect();
        (rows, next)
    });
    Ok(page(rows, next.as_ref()))
}

/// `GET /signals/{id}`: with the text of its message.
pub(super) async fn signal(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = api.feed.ledger(|ledger| {
        let signal = ledger.signal(&id)?;
        Some(Single {
            object: signal.fat_json(),
            finished: ledger.is_over(signal),
        })
    });
    let found = found.ok_or(Problem::NotFound)?;
    Ok(found.answer(api.wrapped, &headers))
}

/// `GET /trades/{id}`: with everything around it.
pub(super) async fn trade(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = api.feed.ledger(|ledger| {
        let trade = ledger.trade(&id)?;
        Some(Single {
            object: ledger.show(trade, Include::ALL),
            finished: trade.is_terminal(),
        })
    });
    let found = found.ok_or(Problem::NotFound)?;
    Ok(found.answer(api.wrapped, &headers))
}

/// `GET /trades/{id}/positions`.
pub(super) async fn trade_positions(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Listed {
    of_trade(&api, &id, |ledger, trade| ledger.positions_of(trade.id()))
}

/// `GET /trades/{id}/orders`.
pub(super) async fn trade_orders(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Listed {
    of_trade(&api, &id, |_, trade| trade.orders())
}

/// Anything that is not there.
pub(super) async fn not_found() -> Problem {
    Problem::NotFound
}

fn of_trade(api: &Api, id: &str, show: impl Fn(&Ledger, &Trade) -> Vec<Value>) -> Listed {
    let read = |ledger: &Ledger| Some(show(ledger, ledger.trade(id)?));
    let rows = api.feed.ledger(read).ok_or(Problem::NotFound)?;
    Ok(Json(json!({ "data": rows })))
}

/// Whether something belongs to what a filter names, if it names something.
fn is_of(owner: Option<&str>, filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| owner.is_some_and(|owner| owner.eq_ignore_ascii_case(filter)))
}

fn key(created: jiff::Timestamp, id: &str) -> Key {
    (created, id.to_owned())
}

fn page(rows: Vec<Value>, next: Option<&Cursor>) -> Json<Value> {
    Json(json!({
        "data": rows,
        "has_more": next.is_some(),
        "next_cursor": next.map(Cursor::write),
    }))
}
