//! Answers that a test writes in advance: any status, header and body, late, slow, cut short or never.
//!
//! Its own file because the API and the receivers take the same ones. An answer is sent exactly as
//! written: nothing is added to it, and nothing is checked.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::wire::Wire;

/// Answers that may wait for one path; more are refused.
const QUEUED_MAX: usize = 10_000;

/// What to answer to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The wait before anything is sent.
    pub delay: Duration,
    /// How it is sent.
    pub manner: Manner,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As a server should.
    Whole,
    /// The body one byte at a time, with this wait before each.
    Drip(Duration),
    /// The body, and then the connection is cut instead of ended.
    Cut,
    /// Never: the request is read and nothing comes back.
    Hang,
    /// The connection is reset in place of an answer.
    Reset,
}

impl Answer {
    /// An answer with nothing but a status.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            manner: Manner::Whole,
        }
    }

    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same, after a wait.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same, sent in this manner.
    #[must_use]
    pub const fn sent(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Makes the response. Whatever waits ends with `stop`.
    pub(super) async fn respond(self, wire: &Wire, stop: &CancellationToken) -> Response {
        tokio::select! {
            () = stop.cancelled() => return Response::default(),
            () = tokio::time::sleep(self.delay) => {}
        }
        match self.manner {
            Manner::Whole => self.head(Body::from(self.body.clone())),
            Manner::Drip(pause) => self.head(Body::from_stream(drip(
                self.body.clone(),
                pause,
                stop.clone(),
            ))),
            Manner::Cut => self.head(Body::from_stream(cut(self.body.clone()))),
            Manner::Hang => {
                stop.cancelled().await;
                Response::default()
            }
            Manner::Reset => {
                wire.reset();
                Response::default()
            }
        }
    }

    fn head(&self, body: Body) -> Response {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(body).unwrap_or_else(|error| {
            let mut broken = Response::new(Body::from(format!("unusable answer: {error}")));
            *broken.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
            broken
        })
    }
}

fn cut(body: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(body), |body| async {
        match body {
            Some(body) if !body.is_empty() => Some((Ok(body), Some(Bytes::new()))),
            Some(_) => {
                // The server writes out what it has when the body makes it wait, not when it fails.
                tokio::task::yield_now().await;
                Some((Err(io::ErrorKind::BrokenPipe.into()), None))
            }
            None => None,
        }
    })
}

fn drip(
    body: Bytes,
    pause: Duration,
    stop: CancellationToken,
) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold((body, stop), move |(mut body, stop)| async move {
        if body.is_empty() {
            return None;
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        let byte = body.split_to(1);
        Some((Ok(byte), (body, stop)))
    })
}

/// A standing rule: what to answer to this request, or `None` for the usual answer.
pub(super) type Rule<R> = Arc<dyn Fn(&R) -> Option<Answer> + Send + Sync>;

/// The prepared answers of a server whose requests are remembered as `R`.
pub(super) struct Answers<R>(Mutex<BTreeMap<String, Prepared<R>>>);

struct Prepared<R> {
    queue: VecDeque<Answer>,
    rule: Option<Rule<R>>,
}

impl<R> Default for Answers<R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R> Default for Prepared<R> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            rule: None,
        }
    }
}

impl<R> Answers<R> {
    /// Queues one answer for the next request to this path or below it.
    pub(super) fn push(&self, path: &str, answer: Answer) {
        self.change(path, |prepared| {
            if prepared.queue.len() < QUEUED_MAX {
                prepared.queue.push_back(answer);
            }
        });
    }

    /// Sets the rule for requests that find no queued answer; `None` removes it.
    pub(super) fn rule(&self, path: &str, rule: Option<Rule<R>>) {
        self.change(path, |prepared| prepared.rule = rule);
    }

    /// The prepared answer to a request, the longest matching path first.
    pub(super) fn take(&self, path: &str, request: &R) -> Option<Answer> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut matching: Vec<&mut Prepared<R>> = all
            .iter_mut()
            .filter(|(prefix, _)| lies_below(path, prefix))
            .map(|(_, prepared)| prepared)
            .collect();
        // A map yields a shorter prefix before a longer one that begins with it.
        matching.reverse();
        let mut rules = Vec::new();
        for prepared in matching {
            if let Some(answer) = prepared.queue.pop_front() {
                return Some(answer);
            }
            rules.extend(prepared.rule.as_ref().map(Arc::clone));
        }
        drop(all);
        rules.iter().find_map(|rule| rule(request))
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Prepared<R>)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(
            all.entry(path.trim_end_matches('/').to_owned())
                .or_default(),
        );
    }
}

fn lies_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_answers_first_and_a_queue_before_a_rule() {
        let answers = Answers::<()>::default();
        answers.rule("/", Some(Arc::new(|()| Some(Answer::status(203)))));
        answers.rule("/a", Some(Arc::new(|()| None)));
        answers.push("/a", Answer::status(201));
        answers.push("/a/b/", Answer::status(202));
        let took = |path| answers.take(path, &()).map(|answer| answer.status);
        assert_eq!(took("/a/b/c"), Some(202));
        assert_eq!(took("/ab"), Some(203), "another name is not below `/a`");
        assert_eq!(took("/a/b"), Some(201));
        assert_eq!(took("/a/b"), Some(203), "a rule may leave it to the next");
    }
}
