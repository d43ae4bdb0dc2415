//! `GET /api/v1/stream`: one connection, from its replay to its end.
//!
//! Its own file because a connection has a life of its own: five minutes at most, and its slot is free
//! when it is over, whoever ended it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};
use tokio::time::{Instant, sleep_until};

use super::super::wire::Wire;
use super::api::Api;
use super::feed::{Ending, Frame, Subscription};
use super::gate::Number;
use super::message::{RECYCLE, frame};
use super::problem::Problem;
use super::query::Query;

/// Opens the stream, if nothing speaks against it.
pub(super) async fn open(
    State(api): State<Arc<Api>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Extension(number): Extension<Number>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let account = Query::of(&uri).account()?.map(str::to_owned);
    if api.is_down() {
        return Err(Problem::Unavailable);
    }
    let session = Session::open(&api, &wire, number, account, last_event_id(&headers))?;
    let mut response = Response::new(Body::from_stream(session.body()));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache"),
        (CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The id to resume after; one that is no number counts as none, since nothing else is documented.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    let header = headers.get("last-event-id")?;
    header.to_str().ok()?.trim().parse().ok()
}

/// One open stream.
pub(super) struct Session {
    api: Arc<Api>,
    number: Number,
    wire: Wire,
    subscription: Subscription,
    recycle_at: Option<Instant>,
    silent: bool,
    /// What is left of a frame that is sent byte by byte.
    shreds: Bytes,
    ending: Option<Ending>,
}

impl Session {
    pub(super) fn open(
        api: &Arc<Api>,
        wire: &Wire,
        number: Number,
        account: Option<String>,
        after: Option<u64>,
    ) -> Result<Self, Problem> {
        let subscription = api
            .feed
            .subscribe(after, account, wire.clone())
            .map_err(|_busy| Problem::Conflict)?;
        Ok(Self {
            api: Arc::clone(api),
            number,
            wire: wire.clone(),
            subscription,
            recycle_at: Instant::now().checked_add(api.recycle_after),
            silent: false,
            shreds: Bytes::new(),
            ending: None,
        })
    }

    /// The bytes of the stream. Dropping it frees the slot.
    pub(super) fn body(self) -> impl Stream<Item = io::Result<Bytes>> {
        unfold(Some(self), |session| async {
            let mut session = session?;
            match session.next().await {
                Frame::Bytes(bytes) | Frame::Shreds(bytes) => {
                    return Some((Ok(bytes), Some(session)));
                }
                Frame::End(Ending::Close) | Frame::Silence => return None,
                // The server writes out what it has when the body makes it wait, not when it fails.
                Frame::End(Ending::Cut) => tokio::task::yield_now().await,
                Frame::End(Ending::Reset) => {
                    tokio::task::yield_now().await;
                    session.wire.reset();
                }
            }
            Some((Err(io::ErrorKind::BrokenPipe.into()), None))
        })
    }

    async fn next(&mut self) -> Frame {
        if let Some(ending) = self.ending {
            return Frame::End(ending);
        }
        if let Some(bytes) = self.subscription.replay.pop_front() {
            return Frame::Bytes(bytes);
        }
        let stop = self.api.stop.clone();
        loop {
            if !self.shreds.is_empty() {
                // The server writes out what it has when the body makes it wait.
                tokio::task::yield_now().await;
                return Frame::Bytes(self.shreds.split_to(1));
            }
            let recycle = lifetime(self.recycle_at.filter(|_| !self.silent));
            let frame = tokio::select! {
                biased;
                () = stop.cancelled() => Frame::End(Ending::Close),
                () = recycle => self.recycle(),
                frame = self.subscription.next() => frame,
            };
            match frame {
                Frame::Silence => self.silent = true,
                Frame::Bytes(_) | Frame::Shreds(_) if self.silent => {}
                Frame::Shreds(bytes) => self.shreds = bytes,
                frame => return frame,
            }
        }
    }

    /// The announcement of the end, after which the end comes.
    fn recycle(&mut self) -> Frame {
        self.ending = Some(Ending::Close);
        self.subscription.deafen();
        Frame::Bytes(frame(RECYCLE.as_bytes(), None, None))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.api.requests.closed(self.number.0);
    }
}

async fn lifetime(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => match std::future::pending::<Infallible>().await {},
    }
}
