//! A transport without a socket, for tests: it answers every request with the same bytes, cut and
//! delayed as told, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};

use super::body::Patience;
use super::connection::{Connector, Headers};
use super::decode::Decode;
use super::resume::Ids;
use super::sse::Feed;
use super::{Connect, Control, End, Item, Items, What};
use crate::clock::Clock;
use crate::model::{Cursor, Name, Secret};
use crate::transport::StreamError;

/// One step of a body.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// These bytes, at once.
    Bytes(Bytes),
    /// Nothing for a while.
    Silence(Duration),
    /// An error of the connection.
    Break(StreamError),
}

/// The canned answer.
#[derive(Clone)]
pub(super) struct Canned {
    pub(super) answer: Result<StatusCode, StreamError>,
    pub(super) headers: HeaderMap,
    pub(super) steps: Vec<Step>,
    pub(super) requests: Arc<Mutex<Vec<HeaderMap>>>,
    /// How many steps have been asked for.
    pub(super) taken: Arc<AtomicUsize>,
}

impl Canned {
    /// A healthy stream of these steps.
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let mut headers = HeaderMap::new();
        let value = "text/event-stream".parse().expect("a header value");
        headers.insert("content-type", value);
        Self {
            answer: Ok(StatusCode::OK),
            headers,
            steps,
            requests: Arc::default(),
            taken: Arc::default(),
        }
    }

    /// A healthy stream of these bytes, cut into these chunks.
    pub(super) fn chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let bytes = chunks.into_iter().map(Bytes::copy_from_slice);
        Self::new(bytes.map(Step::Bytes).collect())
    }

    /// With another status.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.answer = Ok(StatusCode::from_u16(status).expect("a status"));
        self
    }

    /// With another header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(name, value.parse().expect("a header value"));
        self
    }

    /// A connector of the generic kind over this transport.
    pub(super) fn connector(&self) -> Connector<Self> {
        connector(self.clone(), Arc::new(feed()))
    }
}

impl HttpTransport for Canned {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let (parts, _) = request.into_parts();
        self.requests
            .lock()
            .expect("not poisoned")
            .push(parts.headers);
        let canned = self.clone();
        Box::pin(async move {
            let status = canned.answer.map_err(TransportError::new)?;
            let taken = canned.taken;
            let steps = stream::iter(canned.steps).inspect(move |_| {
                taken.fetch_add(1, Ordering::Relaxed);
            });
            let body = steps.filter_map(|step| async {
                match step {
                    Step::Bytes(bytes) => Some(Ok(bytes)),
                    Step::Break(error) => Some(Err(TransportError::new(error))),
                    Step::Silence(time) => {
                        tokio::time::sleep(time).await;
                        None
                    }
                }
            });
            let body: ByteStream = Box::pin(body);
            let mut response = Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = canned.headers;
            Ok(response)
        })
    }
}

/// A decoder of the generic kind that looks nothing up.
pub(super) fn feed() -> Feed {
    Feed {
        source: name(),
        kind: None,
        time: None,
        data: None,
    }
}

/// A connector with every limit at its widest.
pub(super) fn connector<T>(transport: T, decoder: Arc<dyn Decode>) -> Connector<T> {
    let headers: Headers = Arc::new(Vec::new);
    Connector {
        address: Secret::new("http://feed.test/events".to_owned()),
        headers,
        secrets: Vec::new(),
        transport,
        event_bytes_max: 1 << 20,
        patience: Patience {
            idle: None,
            age: None,
        },
        decoder,
        ids: Arc::new(Ids::new(name())),
        clock: Clock::system(),
    }
}

/// The name of the source in tests.
pub(super) fn name() -> Name {
    Name::new("feed").expect("a name")
}

/// Everything that a connection yielded, in the words of the checklist.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    /// `type|data|last event id` of each event.
    pub(super) events: Vec<String>,
    /// Size and id of each event that was read away.
    pub(super) skipped: Vec<(u64, Option<String>)>,
    /// Reasons of the events that could not be read.
    pub(super) undecodable: Vec<String>,
    /// Control events.
    pub(super) controls: Vec<Control>,
    /// The last wait that the server asked for.
    pub(super) retry: Option<Duration>,
    /// How many ids could not be sent back.
    pub(super) unusable_ids: usize,
    /// Where the stream stands at its end.
    pub(super) cursor: Cursor,
    /// How it ended.
    pub(super) end: End,
}

/// Runs a future on a paused clock.
pub(super) fn run<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

/// Connects from a cursor and reads to the end.
pub(super) async fn read(connector: &dyn Connect, from: Cursor) -> Read {
    let mut read = Read {
        events: Vec::new(),
        skipped: Vec::new(),
        undecodable: Vec::new(),
        controls: Vec::new(),
        retry: None,
        unusable_ids: 0,
        cursor: from.clone(),
        end: End::Eof,
    };
    match connector.connect(&from).await {
        Ok(mut items) => read.drain(&mut *items).await,
        Err(end) => read.end = end,
    }
    read
}

impl Read {
    async fn drain(&mut self, items: &mut dyn Items) {
        loop {
            match items.next().await {
                Ok(item) => self.add(item),
                Err(end) => {
                    self.end = end;
                    return;
                }
            }
        }
    }

    fn add(&mut self, item: Item) {
        if let Some(cursor) = item.cursor {
            self.cursor = cursor;
        }
        match item.what {
            What::Event(event) => {
                let data = String::from_utf8_lossy(&event.payload);
                let id = self.cursor.header().unwrap_or_default();
                self.events.push(format!("{}|{data}|{id}", event.kind));
            }
            What::Skipped { bytes, id } => self.skipped.push((bytes, id)),
            What::Undecodable { reason } => self.undecodable.push(reason),
            What::Control(control) => self.controls.push(control),
            What::Retry(wait) => self.retry = Some(wait),
            What::UnusableId => self.unusable_ids += 1,
            What::Resume | What::Alive => {}
        }
    }
}
