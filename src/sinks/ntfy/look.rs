//! What ntfy tells without a message: whether the server is well, and whether it knows the user.
//!
//! A file of its own because its answers mean other things than those to a message. The answer about
//! the account holds tokens, so nothing of it is quoted. Whether the user may write to the topic is
//! something that ntfy says to a message alone.

use http::Uri;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::super::address::Address;
use super::super::judge;
use super::super::question::{Heard, Question, odd};
use crate::model::Reply;

/// Asks for the server's health, and with credentials for the account that they belong to. The first
/// needs none, and a wrong one would spoil its answer.
pub(super) fn questions(address: &Address) -> Vec<Question> {
    let health = Question::get(below(address, "v1/health"), read_health);
    let account = address.authorization.clone().map(|authorization| {
        Question::get(below(address, "v1/account"), read_account)
            .header(AUTHORIZATION, authorization)
    });
    std::iter::once(health).chain(account).collect()
}

/// An address below the server's, which ends with a slash.
fn below(address: &Address, path: &str) -> Uri {
    let mut parts = address.uri.clone().into_parts();
    let path = format!("{}{path}", address.uri.path());
    parts.path_and_query = Some(path.parse().expect("a path with more words is one"));
    Uri::from_parts(parts).expect("an address with another path is one")
}

fn read_health(reply: &Reply) -> Heard {
    let json = serde_json::from_slice::<Value>(&reply.body).ok();
    let healthy = json.and_then(|json| json.get("healthy")?.as_bool());
    match (reply.status, healthy) {
        (200, Some(true)) => Ok("the server is healthy".to_owned()),
        (200, Some(false)) => Err("the server says that it is not healthy".to_owned()),
        (200, None) => Err("answered, but not as an ntfy server; check `server`".to_owned()),
        (404, _) => Err("there is no ntfy server at this address; check `server`".to_owned()),
        _ => Err(odd(reply)),
    }
}

fn read_account(reply: &Reply) -> Heard {
    match reply.status {
        200 => Ok("the credentials are accepted".to_owned()),
        // Servers before 2.0 have no accounts to be asked for.
        404 => Ok("it cannot be asked about credentials".to_owned()),
        401 | 403 => Err(format!(
            "the credentials are refused ({}); check `token`, or `username` and `password`",
            judge::status(reply)
        )),
        _ => Err(odd(reply)),
    }
}
