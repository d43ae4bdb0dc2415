//! A stream that is read without a socket: the transport hands out an answer that was made up.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bellwire::clock::Clock;
use bellwire::model::{Cursor, Name, Secret};
use bellwire::sources::{Connect, End, Item, feed_over};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, Request, Response};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};
use tokio::runtime::{Builder, Runtime};

use super::now;

/// A credential that every request of a stream shows.
pub const TOKEN: &str = "tok/hunter2-hunter2";

/// Answers every request with the same, in these pieces, and remembers what it was asked.
#[derive(Clone, Default)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, in the pieces in which it arrives.
    pub pieces: Vec<Bytes>,
    /// The headers of each request.
    pub requests: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Canned {
    /// A healthy stream.
    pub fn stream(pieces: Vec<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let kind = http::HeaderValue::from_static("text/event-stream");
        headers.insert(http::header::CONTENT_TYPE, kind);
        Self {
            status: 200,
            headers,
            pieces,
            ..Self::default()
        }
    }

    /// A feed that is read over it.
    fn feed(&self, event_bytes_max: usize) -> impl Connect + use<> {
        let name = Name::new("feed").expect("a name");
        let shown = Secret::new(format!("Bearer {TOKEN}"));
        let headers: Vec<(HeaderName, Secret)> = vec![(http::header::AUTHORIZATION, shown)];
        let clock = Clock::runtime(now());
        feed_over(name, self.clone(), headers, event_bytes_max, &clock)
    }

    /// Everything that a connection from this cursor yields, and how it ends.
    pub fn read(&self, event_bytes_max: usize, from: &Cursor) -> (Vec<Item>, End) {
        run(async {
            let feed = self.feed(event_bytes_max);
            let mut items = match feed.connect(from).await {
                Ok(items) => items,
                Err(end) => return (Vec::new(), end),
            };
            let mut told = Vec::new();
            loop {
                match items.next().await {
                    Ok(item) => told.push(item),
                    Err(end) => return (told, end),
                }
            }
        })
    }
}

impl HttpTransport for Canned {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let (head, _) = request.into_parts();
        let mut requests = self.requests.lock().expect("no panic");
        requests.push(head.headers);
        let pieces = self.pieces.clone().into_iter().map(Ok::<_, Infallible>);
        let pieces = pieces.map(|piece| piece.map_err(TransportError::new));
        let body: ByteStream = Box::pin(stream::iter(pieces));
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().expect("a status");
        *response.headers_mut() = self.headers.clone();
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// Runs something to its end, on a clock that does not wait.
pub fn run<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
