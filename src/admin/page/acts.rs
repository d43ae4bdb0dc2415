//! What the buttons do: they ask the API, as everybody does, and lead back to a page that says what
//! came of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{Method, Request, header};
use axum::response::Response;
use bytes::Bytes;
use maud::{Markup, html};
use serde_json::Value;
use tower::ServiceExt as _;

use super::super::{Parts, api};
use super::frame::to;
use super::{Asked, Site};

/// What a form sent, if it can be had.
pub(super) type Sent = Result<Bytes, BytesRejection>;

/// What the API tells, as JSON.
pub(super) type Told = Value;

/// Answers to buttons that are kept until somebody has looked at them.
const REPLIES_MAX: usize = 32;

/// What came of pressing buttons, each under a number that no earlier process has given.
#[derive(Debug, Default)]
pub(super) struct Replies(Mutex<VecDeque<(i64, Result<String, String>)>>);

impl Replies {
    fn keep(&self, first: i64, reply: Result<String, String>) -> i64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.back().map_or(first, |(last, _)| first.max(last + 1));
        if kept.len() == REPLIES_MAX {
            kept.pop_front();
        }
        kept.push_back((number, reply));
        number
    }

    fn find(&self, number: i64) -> Option<Result<String, String>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(known, _)| *known == number);
        found.map(|(_, reply)| reply.clone())
    }
}

impl Site {
    /// Leads back to a page, which will show this.
    pub(super) fn answer_with(&self, path: &str, reply: Result<String, String>) -> Response {
        let first = self.parts.clock.now().as_microsecond();
        let number = self.replies.keep(first, reply);
        to(&format!("{path}?reply={number}#reply"))
    }

    /// What came of the button that led here, if one did.
    pub(super) fn reply(&self, asked: &Asked) -> Markup {
        let number = asked.text("reply").and_then(|text| text.parse().ok());
        let reply = number.and_then(|number| self.replies.find(number));
        html! {
            @match reply {
                Some(Ok(text)) => p #reply.reply role="status" tabindex="-1" { (text) },
                Some(Err(text)) => p #reply.reply.wrong role="alert" tabindex="-1" { (text) },
                None => {},
            }
        }
    }
}

/// Sends a delivery once more.
pub(super) async fn retry(
    State(site): State<Arc<Site>>,
    id: Result<Path<String>, PathRejection>,
    body: Sent,
) -> Response {
    let told = one_delivery(&site, id, "retry").await;
    let reply = told.map(|told| match told["state"].as_str() {
        Some("held") => "It will be tried again once its sink is resumed.".to_owned(),
        _ => "It is tried again now.".to_owned(),
    });
    site.answer_with(&back(&body), reply)
}

/// Gives a delivery up.
pub(super) async fn drop(
    State(site): State<Arc<Site>>,
    id: Result<Path<String>, PathRejection>,
    body: Sent,
) -> Response {
    let told = one_delivery(&site, id, "drop").await;
    let reply = told.map(|_| "It is a dead letter now.".to_owned());
    site.answer_with(&back(&body), reply)
}

/// Sends one message to a sink.
pub(super) async fn test(
    State(site): State<Arc<Site>>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let name = match name {
        Ok(Path(name)) => name,
        Err(wrong) => return site.answer_with("/", Err(wrong.body_text())),
    };
    let path = format!("/sinks/{name}/test");
    let reply = match ask(&site.parts, Method::POST, &path, String::new()).await {
        Ok(told) => tested(&name, &told),
        Err(complaint) => Err(complaint),
    };
    site.answer_with("/", reply)
}

/// What the receiver of a test said.
fn tested(name: &str, told: &Told) -> Result<String, String> {
    let accepted = told["accepted"] == true;
    let status = told["status"].as_u64().map(|status| format!(": {status}"));
    let status = status.unwrap_or_default();
    let millis = told["duration_ms"].as_u64().unwrap_or_default();
    if accepted {
        return Ok(format!(
            "`{name}` accepted the test{status}, in {millis} ms."
        ));
    }
    let why = told["reason"].as_str().map(|reason| format!(": {reason}"));
    let why = why.unwrap_or(status);
    let answer = told["answer"].as_str().filter(|answer| !answer.is_empty());
    let answer = answer.map(|answer| format!(" It answered: {answer}"));
    Err(format!(
        "`{name}` did not accept the test{why}.{}",
        answer.unwrap_or_default()
    ))
}

async fn one_delivery(
    site: &Site,
    id: Result<Path<String>, PathRejection>,
    act: &str,
) -> Result<Told, String> {
    let Path(id) = id.map_err(|wrong| wrong.body_text())?;
    let path = format!("/deliveries/{id}/{act}");
    ask(&site.parts, Method::POST, &path, String::new()).await
}

/// The page that a button of a delivery stands on.
fn back(sent: &Sent) -> String {
    let asked = Asked::of_form(sent);
    let event: Option<i64> = asked.text("event").and_then(|seq| seq.parse().ok());
    event.map_or_else(|| "/".to_owned(), |seq| format!("/events/{seq}"))
}

/// Asks the API, without a socket. What it refuses comes back in its words; that a receiver refused
/// something is no refusal.
pub(super) async fn ask(
    parts: &Arc<Parts>,
    method: Method,
    path: &str,
    body: String,
) -> Result<Told, String> {
    // Ids and names have letters, digits, `_` and `-`; anything else is none, and could be a path.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    if !path.bytes().all(is_plain) {
        return Err("there is no such thing".to_owned());
    }
    let request = Request::builder().method(method).uri(path);
    let request = request
        .body(Body::from(body))
        .map_err(|wrong| wrong.to_string())?;
    let routes = api::routes().with_state(Arc::clone(parts));
    let Ok(response) = routes.oneshot(request).await;
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    // The bodies of this room are made in memory, so reading one cannot fail.
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let told: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    match is_problem {
        true => Err(told["detail"]
            .as_str()
            .unwrap_or("it was refused")
            .to_owned()),
        false => Ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_kept_within_a_limit_and_no_number_comes_twice() {
        let replies = Replies::default();
        let numbers: Vec<i64> = (0..40)
            .map(|count| replies.keep(7, Ok(count.to_string())))
            .collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        assert_eq!(replies.find(numbers[7]), None);
        assert_eq!(replies.find(numbers[8]), Some(Ok("8".to_owned())));
        assert_eq!(replies.find(numbers[39]), Some(Ok("39".to_owned())));
    }
}
