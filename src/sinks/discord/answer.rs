//! What Discord's answers mean, by status and by the code in their JSON.
//!
//! A file of its own because a wrong reading is expensive: ten thousand refusals in ten minutes get
//! the address banned. Limits that the headers announce are law; ours are only defaults.

use std::time::Duration;

use serde_json::Value;

use super::super::Facts;
use super::super::judge::{self, WAIT_MAX, WAIT_MIN};
use crate::model::{Reply, Verdict};
use crate::transport;

/// Refusals in a row by an unknown channel after which it is the setting that is wrong.
const UNKNOWN_CHANNELS_MAX: u32 = 3;

const UNKNOWN_CHANNEL: u64 = 10003;
const UNKNOWN_MESSAGE: u64 = 10008;
const UNKNOWN_WEBHOOK: u64 = 10015;
const INVALID_TOKEN: u64 = 50027;

/// What a person does about a webhook that is no more.
const DELETED: &str = "the webhook was deleted; make a new one in the channel's settings under Integrations and put its address into `url`";

/// The smallest code; 0 is for what has none of its own.
const CODE_MIN: u64 = 10_000;

/// Parts of a message. Some refusals have no code and name the part that is wrong.
const FIELDS: [&str; 5] = ["content", "embeds", "username", "avatar_url", "_misc"];

/// Longest id of a message, in digits.
const ID_MAX: usize = 20;

/// What an answer means.
pub(super) fn judge(reply: &Reply, facts: &Facts) -> Verdict {
    let json = serde_json::from_slice::<Value>(&reply.body)
        .ok()
        .filter(Value::is_object);
    let code = json
        .as_ref()
        .and_then(|json| json.get("code")?.as_u64())
        .filter(|code| *code == 0 || *code >= CODE_MIN);
    let reason = match code {
        Some(code) if code != 0 => format!("{} (code {code})", judge::status(reply)),
        _ => judge::status(reply),
    };
    match (reply.status, code) {
        (429, _) => limited(reply, facts, json.as_ref(), reason),
        (400, Some(code)) if hint(code).is_some() => Verdict::Dead {
            reason: format!("{reason}: {}", hint(code).unwrap_or_default()),
        },
        (400, _) if !json.as_ref().is_some_and(|json| is_refusal(json, code)) => {
            judge::by_status(reply, facts)
        }
        (400, _) if facts.plain => Verdict::Dead { reason },
        (400, _) => Verdict::RetryPlain { reason },
        (404, Some(UNKNOWN_MESSAGE)) if facts.edit => Verdict::RetryAnew { reason },
        (404, Some(UNKNOWN_CHANNEL)) => unknown_channel(facts, &reason),
        (403, _) if json.is_none() => Verdict::RetryAfter {
            reason: format!("{reason}: this address is blocked for now"),
            wait: judge::retry_after(&reply.headers, facts.now),
            kind_wide: true,
        },
        (404, Some(UNKNOWN_WEBHOOK)) | (401, Some(INVALID_TOKEN)) => Verdict::Suspend {
            reason: format!("{reason}: {DELETED}"),
        },
        (401 | 403 | 404, _) => Verdict::Suspend { reason },
        (405, Some(_)) => Verdict::Dead { reason },
        _ => judge::by_status(reply, facts),
    }
}

/// The id of the message that was posted, which becomes a part of an address.
pub(super) fn message_id(reply: &Reply) -> Option<String> {
    let json = serde_json::from_slice::<Value>(&reply.body).ok()?;
    let id = json.get("id")?.as_str()?;
    let fits = (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| id.to_owned())
}

/// With nothing left of the budget the next request waits without having to be told off.
pub(super) fn rest_after(reply: &Reply) -> Option<Duration> {
    let used_up = header(reply, "x-ratelimit-remaining") == Some("0");
    let reset = header(reply, "x-ratelimit-reset-after").and_then(transport::seconds);
    match reset {
        Some(wait) if used_up => Some(wait.min(WAIT_MAX)),
        _ => judge::rest_after(reply),
    }
}

fn limited(reply: &Reply, facts: &Facts, json: Option<&Value>, reason: String) -> Verdict {
    let in_body = json
        .and_then(|json| json.get("retry_after"))
        .and_then(|wait| transport::seconds(&wait.to_string()));
    let announced = header(reply, "x-ratelimit-reset-after").and_then(transport::seconds);
    let wait = in_body
        .map(bounded)
        .or_else(|| judge::retry_after(&reply.headers, facts.now))
        .or(announced.map(bounded));
    // Without a word about a budget it is Cloudflare that answers, and it means the address.
    let has_budget = reply
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("x-ratelimit-"));
    let blocked = in_body.is_none() && !has_budget;
    let global = json.and_then(|json| json.get("global")?.as_bool()) == Some(true)
        || header(reply, "x-ratelimit-global") == Some("true")
        || header(reply, "x-ratelimit-scope") == Some("global");
    Verdict::RetryAfter {
        reason: if blocked {
            format!("{reason}: this address is blocked for now")
        } else {
            reason
        },
        wait,
        kind_wide: blocked || global,
    }
}

/// Whether it is Discord that refuses the message. What somebody in between answers is no word about
/// the message, and is mended by a person.
fn is_refusal(json: &Value, code: Option<u64>) -> bool {
    code.is_some() || FIELDS.iter().any(|field| json.get(field).is_some())
}

fn unknown_channel(facts: &Facts, reason: &str) -> Verdict {
    let reason = format!("{reason}: unknown channel, check `thread_id`");
    if facts.dead_in_row + 1 >= UNKNOWN_CHANNELS_MAX {
        Verdict::Suspend { reason }
    } else {
        Verdict::Dead { reason }
    }
}

/// What to do about a refusal that no other form of the message would mend.
fn hint(code: u64) -> Option<&'static str> {
    match code {
        220_001..=220_004 => Some("this is a forum channel, set `thread_id`"),
        160_005 => Some("the thread is locked"),
        50_083 => Some("the thread is archived"),
        200_000 | 200_001 => Some("blocked by the server's moderation"),
        240_000 => Some("a link in it counts as harmful"),
        _ => None,
    }
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(WAIT_MIN, WAIT_MAX)
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name)?.to_str().ok().map(str::trim)
}
