//! The REST side: what the world looks like now.
//!
//! Its own file because these routes only read. Each answers from the world, and every limit on them
//! is the gate's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Map, Value, json};

use super::super::world::Account;
use super::api::Api;
use super::problem::Problem;

/// `GET /accounts`.
pub(super) async fn accounts(State(api): State<Arc<Api>>) -> Json<Value> {
    let accounts: Vec<Value> =
        api.world(|world| world.accounts().iter().map(Account::json).collect());
    Json(json!({ "data": accounts }))
}

/// `GET /positions`: the complete open set.
pub(super) async fn positions(
    State(api): State<Arc<Api>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let account = account_filter(&uri)?;
    let mut positions: Vec<Map<String, Value>> = api.world(|world| world.positions());
    if let Some(account) = account {
        positions.retain(|position| {
            let owner = position.get("account_id").and_then(Value::as_str);
            owner.is_some_and(|owner| owner.eq_ignore_ascii_case(&account))
        });
    }
    Ok(Json(json!({ "data": positions })))
}

/// Anything that is not there.
pub(super) async fn not_found() -> Problem {
    Problem::NotFound
}

/// The `account_id` of a query. One of no account is no mistake: it has nothing.
pub(super) fn account_filter(uri: &Uri) -> Result<Option<String>, Problem> {
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let Some((_, value)) = pairs.find(|(name, _)| name == "account_id") else {
        return Ok(None);
    };
    if is_uuid(&value) {
        Ok(Some(value.into_owned()))
    } else {
        Err(Problem::InvalidParameter("account_id is not a UUID."))
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = |it: char| it == '-' || it.is_ascii_hexdigit();
    groups == [8, 4, 4, 4, 12] && text.chars().all(hex)
}
