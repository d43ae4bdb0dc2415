//! What an answer of the REST API says, from its bytes to a value or a refusal.
//!
//! A file of its own because it is pure, and because everything that upstream may write differently
//! than expected is tolerated here. It decides nothing about what comes next.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::Value;

use crate::model::{Failure, Reply};
use crate::sources::policy::RETRY_AFTER_MAX;

/// Longest problem type that is kept.
const PROBLEM_CHARS_MAX: usize = 200;

/// The outcome of one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// What was asked for.
    Found(T),
    /// Another status than 200.
    Refused(Refused),
    /// Status 200 with a body that is not what was asked for, for this reason.
    Unreadable(String),
    /// No answer at all.
    Failed(Failure),
}

/// An answer other than 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// `type` of the problem document, where there is one.
    pub problem: Option<String>,
    /// `Retry-After` in seconds, within our limits.
    pub retry_after: Option<Duration>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its rows, as upstream wrote them.
    pub rows: Vec<Value>,
    /// Whether another page follows.
    pub has_more: bool,
    /// What leads to that page; passed back unread.
    pub next_cursor: Option<String>,
}

impl Refused {
    /// A refusal of which only the status is known.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self {
            status,
            problem: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        match &self.problem {
            Some(problem) => write!(f, " ({problem})"),
            None => Ok(()),
        }
    }
}

/// Reads an answer whose good body `read` understands.
pub(super) fn read<T>(reply: &Reply, read: impl FnOnce(Value) -> Option<T>) -> Answer<T> {
    if reply.status != 200 {
        return Answer::Refused(Refused {
            status: reply.status,
            problem: problem(&reply.body),
            retry_after: retry_after(&reply.headers),
        });
    }
    match serde_json::from_slice(&reply.body) {
        Ok(value) => match read(value) {
            Some(found) => Answer::Found(found),
            None => Answer::Unreadable("the answer has another shape than expected".to_owned()),
        },
        Err(_) => Answer::Unreadable("the answer is no JSON".to_owned()),
    }
}

/// A list, with or without paging, in `data` or bare.
pub(super) fn page(value: Value) -> Option<Page> {
    match value {
        Value::Array(rows) => Some(Page {
            rows,
            ..Page::default()
        }),
        Value::Object(mut object) => {
            let Some(Value::Array(rows)) = object.remove("data") else {
                return None;
            };
            let text = |value: Value| value.as_str().map(str::to_owned);
            Some(Page {
                rows,
                has_more: object.get("has_more").and_then(Value::as_bool) == Some(true),
                next_cursor: object.remove("next_cursor").and_then(text),
            })
        }
        _ => None,
    }
}

/// A single object, in `data` or bare.
pub(super) fn object(value: Value) -> Option<Value> {
    let Value::Object(mut object) = value else {
        return None;
    };
    match object.get_mut("data") {
        Some(inside @ Value::Object(_)) => Some(inside.take()),
        _ => Some(Value::Object(object)),
    }
}

/// `X-RateLimit-Remaining`; anything but a plain number says nothing.
pub(super) fn remaining(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get("x-ratelimit-remaining")?.to_str().ok()?;
    value.trim().parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok().map(Duration::from_secs)?;
    Some(seconds.min(RETRY_AFTER_MAX))
}

/// The one member of a problem document that means something to a program.
fn problem(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let problem = value.get("type")?.as_str()?;
    Some(problem.chars().take(PROBLEM_CHARS_MAX).collect())
}
