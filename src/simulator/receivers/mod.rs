//! Receivers of the four kinds on this machine: they take what a bridge sends, remember it, and answer
//! as the real ones do or as a test says.
//!
//! A room of its own because it is one server with one list of what arrived. It checks no signature
//! and no limit of a platform beyond what the usual answers need: judging is for tests.

mod platforms;
mod ring;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::answer::{Answer, Answers};
use super::wire::{Listener, Wire, serve};
use crate::clock::Clock;
use platforms::Platforms;
pub use ring::Ring;

/// Requests that are remembered, and that may wait for one who listens.
const KEPT_MAX: usize = 1_000;

/// Bytes of bodies that are remembered.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest body that is taken.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// A kind of receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `/webhook` and everything below it.
    Webhook,
    /// `/discord/api/webhooks/1/token`, with or without a version in it.
    Discord,
    /// `/slack/services/T/B/X`.
    Slack,
    /// `/ntfy/`, for JSON to its root or text to a topic.
    Ntfy,
}

impl Kind {
    /// Its name, as sinks call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Ntfy => "ntfy",
        }
    }

    fn of(path: &str) -> Option<Self> {
        match path.split('/').nth(1) {
            Some("webhook") => Some(Self::Webhook),
            Some("discord") => Some(Self::Discord),
            Some("slack") => Some(Self::Slack),
            Some("ntfy") => Some(Self::Ntfy),
            _ => None,
        }
    }
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its place among all requests, from 1.
    pub number: u64,
    /// Which receiver it was for.
    pub kind: Kind,
    /// When its last byte was here, by the runtime's clock.
    pub at: Instant,
    /// The same by the wall clock.
    pub time: Timestamp,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// A header as text, empty when it is missing or none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }
}

/// Receivers that listen and are not served yet.
pub struct Receivers {
    listener: Listener,
    desk: Arc<Desk>,
}

/// Begins to listen.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(listen: SocketAddr) -> io::Result<Receivers> {
    Ok(Receivers {
        listener: Listener::bind(listen).await?,
        desk: Arc::new(Desk {
            clock: Clock::system(),
            kept: Mutex::default(),
            changes: watch::Sender::new(0),
            line: broadcast::Sender::new(KEPT_MAX),
            answers: Answers::default(),
            platforms: Platforms::default(),
            stop: CancellationToken::new(),
        }),
    })
}

impl Receivers {
    /// The way in, also while they run.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            desk: Arc::clone(&self.desk),
            addr: self.listener.addr(),
        }
    }

    /// Serves until `stop`. Requests that wait for an answer get an empty one then.
    ///
    /// # Errors
    /// When the listening socket fails.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let end = self.desk.stop.clone();
        let router = router(self.desk);
        let serving = async {
            let served = serve(self.listener, router, end.clone()).await;
            end.cancel();
            served
        };
        let stopping = async {
            tokio::select! {
                () = stop.cancelled() => end.cancel(),
                () = end.cancelled() => {}
            }
        };
        let (served, ()) = tokio::join!(serving, stopping);
        served
    }
}

/// Running receivers. Clones lead to the same ones.
#[derive(Clone)]
pub struct Handle {
    desk: Arc<Desk>,
    addr: SocketAddr,
}

impl Handle {
    /// The address that they listen on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers one request without a socket. What only a socket can do, such as a reset, does not happen.
    pub async fn ask(&self, request: Request<Bytes>) -> Response {
        let wire = Extension(ConnectInfo(Wire::unconnected()));
        let router = router(Arc::clone(&self.desk)).layer(wire);
        let Ok(response) = router.oneshot(request.map(Body::from)).await;
        response
    }

    /// What a sink of this kind has for its URL, and an ntfy sink for its server.
    #[must_use]
    pub fn url(&self, kind: Kind) -> String {
        let path = match kind {
            Kind::Webhook => "/webhook",
            Kind::Discord => "/discord/api/webhooks/1/token",
            Kind::Slack => "/slack/services/T/B/X",
            Kind::Ntfy => "/ntfy",
        };
        format!("http://{}{path}", self.addr)
    }

    /// The latest requests, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.desk.lock().list.iter().cloned().collect()
    }

    /// The latest requests of one kind, oldest first.
    #[must_use]
    pub fn received_by(&self, kind: Kind) -> Vec<Received> {
        let mut list = self.received();
        list.retain(|received| received.kind == kind);
        list
    }

    /// Requests as they arrive. One who falls 1,000 behind misses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Received> {
        self.desk.line.subscribe()
    }

    /// Waits until this many requests of a kind are remembered, and returns them.
    pub async fn arrivals(&self, kind: Kind, count: usize) -> Vec<Received> {
        let mut changes = self.desk.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let list = self.received_by(kind);
            // The sender lives as long as this handle does.
            if list.len() >= count || changes.changed().await.is_err() {
                return list;
            }
        }
    }

    /// Forgets what arrived.
    pub fn forget(&self) {
        let mut kept = self.desk.lock();
        kept.list.clear();
        kept.bytes = 0;
    }

    /// Prepares the answer to the next request to this path (such as `/webhook`) or below it.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.desk.answers.push(path, answer);
    }

    /// Sets what to answer from now on to requests to this path or below it; where the rule gives
    /// nothing, the answer is the usual one.
    pub fn answer_by(
        &self,
        path: &str,
        rule: impl Fn(&Received) -> Option<Answer> + Send + Sync + 'static,
    ) {
        self.desk.answers.rule(path, Some(Arc::new(rule)));
    }

    /// Removes a rule.
    pub fn answer_as_ever(&self, path: &str) {
        self.desk.answers.rule(path, None);
    }
}

struct Desk {
    clock: Clock,
    kept: Mutex<Kept>,
    changes: watch::Sender<u64>,
    line: broadcast::Sender<Received>,
    answers: Answers<Received>,
    platforms: Platforms,
    stop: CancellationToken,
}

#[derive(Default)]
struct Kept {
    list: VecDeque<Received>,
    bytes: usize,
    count: u64,
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new().fallback(receive).with_state(desk)
}

async fn receive(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let Some(kind) = Kind::of(head.uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let received = desk.note(kind, head, body);
    let answer = desk
        .answers
        .take(&received.path, &received)
        .unwrap_or_else(|| desk.platforms.answer(&received));
    answer.respond(&wire, &desk.stop).await
}

impl Desk {
    fn note(&self, kind: Kind, head: http::request::Parts, body: Bytes) -> Received {
        let mut kept = self.lock();
        kept.count += 1;
        let received = Received {
            number: kept.count,
            kind,
            at: Instant::now(),
            time: self.clock.now(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
        };
        kept.bytes += received.body.len();
        kept.list.push_back(received.clone());
        while kept.list.len() > KEPT_MAX || kept.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = kept.list.pop_front() else {
                break;
            };
            kept.bytes -= oldest.body.len();
        }
        // Under the lock, so that the line has the order of the list. Nobody has to listen.
        let _ = self.line.send(received.clone());
        drop(kept);
        self.changes.send_modify(|count| *count += 1);
        received
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
