//! What was asked of the API, for those who judge a client by it.
//!
//! Its own file because it is written at every request and read by tests, also by those in another
//! process. It keeps the latest requests only, and of the key it keeps no more than whether it was right.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// Requests that are remembered.
const KEPT_MAX: usize = 1_000;

/// The longest path or header that is remembered whole.
const TEXT_MAX: usize = 2_048;

/// One request to the API.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its place among all requests, from 1.
    pub number: u64,
    /// When it arrived, by the runtime's clock.
    pub at: Instant,
    /// When it arrived, by the wall clock.
    pub time: Timestamp,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What it brought for a key.
    pub authorization: Authorization,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The `Last-Event-ID` header.
    pub last_event_id: Option<String>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// The status it was answered with, once it was.
    pub status: Option<u16>,
    /// When the stream that it opened was over.
    pub closed: Option<Instant>,
}

/// What a request brought for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// No `Authorization: Bearer`.
    Missing,
    /// Another key.
    Wrong,
    /// The key.
    Right,
}

impl Authorization {
    pub(super) fn of(headers: &HeaderMap, key: &str) -> Self {
        let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        match header.and_then(|it| it.split_once(' ')) {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
                if given.trim() == key {
                    Self::Right
                } else {
                    Self::Wrong
                }
            }
            _ => Self::Missing,
        }
    }
}

impl Request {
    /// The path without its query.
    #[must_use]
    pub fn route(&self) -> &str {
        self.path
            .split_once('?')
            .map_or(self.path.as_str(), |it| it.0)
    }

    fn json(&self) -> Value {
        json!({
            "number": self.number,
            "time": format!("{:.3}", self.time),
            "method": self.method,
            "path": self.path,
            "authorization": match self.authorization {
                Authorization::Missing => "missing",
                Authorization::Wrong => "wrong",
                Authorization::Right => "right",
            },
            "accept": self.accept,
            "last_event_id": self.last_event_id,
            "if_none_match": self.if_none_match,
            "status": self.status,
            "closed": self.closed.is_some(),
        })
    }
}

/// The latest requests.
pub(super) struct Requests {
    kept: Mutex<VecDeque<Request>>,
    changes: watch::Sender<u64>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Notes a request at its arrival, and returns it as it is kept.
    pub(super) fn begin(
        &self,
        head: &http::request::Parts,
        authorization: Authorization,
        time: Timestamp,
    ) -> Request {
        let header = |name: HeaderName| {
            let value = head.headers.get(name)?;
            Some(cut(&String::from_utf8_lossy(value.as_bytes())))
        };
        let path = head.uri.path_and_query().map_or("", |it| it.as_str());
        let mut kept = self.lock();
        let request = Request {
            number: kept.back().map_or(1, |last| last.number + 1),
            at: Instant::now(),
            time,
            method: head.method.to_string(),
            path: cut(path),
            authorization,
            accept: header(ACCEPT),
            last_event_id: header(HeaderName::from_static("last-event-id")),
            if_none_match: header(http::header::IF_NONE_MATCH),
            status: None,
            closed: None,
        };
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(request.clone());
        drop(kept);
        self.changes.send_modify(|count| *count += 1);
        request
    }

    /// Notes how a request was answered.
    pub(super) fn answered(&self, number: u64, status: u16) {
        self.change(number, |request| request.status = Some(status));
    }

    /// Notes that the stream that a request opened is over.
    pub(super) fn closed(&self, number: u64) {
        self.change(number, |request| request.closed = Some(Instant::now()));
    }

    pub(super) fn list(&self) -> Vec<Request> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn json(&self) -> Value {
        json!({ "data": self.lock().iter().map(Request::json).collect::<Vec<Value>>() })
    }

    /// Waits for a request of which this is true, and returns the first.
    pub(super) async fn find(&self, wanted: impl Fn(&Request) -> bool) -> Request {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.lock().iter().find(|it| wanted(it)) {
                return found.clone();
            }
            if changes.changed().await.is_err() {
                // The sender lives as long as this list does.
                std::future::pending::<()>().await;
            }
        }
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Request)) {
        if let Some(request) = self.lock().iter_mut().find(|it| it.number == number) {
            change(request);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
