//! Looking a Discord webhook up, the documented way: a `GET` of its address, which posts nothing.
//!
//! A file of its own because its answers mean other things than those to a message. Of the answer
//! only the webhook's name is taken: it repeats the token.

use http::HeaderValue;
use http::header::{AUTHORIZATION, USER_AGENT};
use serde_json::Value;

use super::super::address::Address;
use super::super::judge;
use super::super::question::{Heard, Question, odd};
use super::{AGENT, place};
use crate::model::Reply;

const GONE: &str = "the webhook is gone; make a new one and configure its `url`";

/// Asks for the webhook. At a path of a proxy's own making a `GET` might start something, so there
/// it is enough that somebody answers.
pub(super) fn question(address: &Address) -> Question {
    if !place::is_documented(address.uri.path()) {
        return Question::reach(address);
    }
    let question = Question::get(address.uri.clone(), read)
        .header(USER_AGENT, HeaderValue::from_static(AGENT));
    match &address.authorization {
        Some(authorization) => question.header(AUTHORIZATION, authorization.clone()),
        None => question,
    }
}

fn read(reply: &Reply) -> Heard {
    let json = serde_json::from_slice::<Value>(&reply.body).ok();
    let webhook = json.as_ref().and_then(Value::as_object);
    match (reply.status, webhook) {
        (200, Some(webhook)) => Ok(match webhook.get("name").and_then(Value::as_str) {
            Some(name) => format!("the webhook `{name}` is there"),
            None => "the webhook is there".to_owned(),
        }),
        (200, None) => Err("answered, but with no webhook; check `url`".to_owned()),
        (401 | 404, _) => Err(format!("{GONE} ({})", judge::status(reply))),
        (403, None) => Err(format!("{}: this address is blocked for now", odd(reply))),
        _ => Err(odd(reply)),
    }
}
