//! One connection: opened from a cursor, read item by item, and ended by a named [`End`].
//!
//! A file of its own because it is where the stream library is used, once for each connection and
//! with its own reconnecting off: it would move its resume point before our commit. It waits for
//! nothing but the stream and never opens a second connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventsource_client::{BoxStream, Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures_util::StreamExt;
use http::HeaderName;
use jiff::Timestamp;
use launchdarkly_sdk_transport::HttpTransport;
use tokio::time::Instant;

use super::body::{Patience, end_of};
use super::budget::{self, REMAINING};
use super::decode::{Decode, Frame};
use super::filter::{Note, Tag};
use super::gate::{Gate, Pass};
use super::resume::{Ids, Position};
use super::{Connect, Control, End, Item, Items, Pending, What};
use crate::clock::Clock;
use crate::model::{Cursor, Secret};

/// Limits of the wait that a server may ask for: no storm from 0, no silence from a huge one.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);

/// How long a server may take to close what it has announced to close.
const GRACE: Duration = Duration::from_secs(2);

/// Headers with their values, credentials among them. Asked anew for each connection.
pub(super) type Headers = Arc<dyn Fn() -> Vec<(HeaderName, Secret)> + Send + Sync>;

/// Everything that the connections of one source have in common.
pub(super) struct Connector<T> {
    /// What is asked for. It may hold credentials.
    pub(super) address: Secret,
    /// What is shown.
    pub(super) headers: Headers,
    /// Parts of the address that must not come back in an error.
    pub(super) secrets: Vec<Secret>,
    /// What carries the request.
    pub(super) transport: T,
    /// Largest event, in bytes.
    pub(super) event_bytes_max: usize,
    /// How long a connection may take.
    pub(super) patience: Patience,
    /// How frames are read.
    pub(super) decoder: Arc<dyn Decode>,
    /// Which ids may become a cursor.
    pub(super) ids: Arc<Ids>,
    /// When events arrive.
    pub(super) clock: Clock,
}

impl<T: HttpTransport> Connect for Connector<T> {
    fn connect<'a>(&'a self, cursor: &'a Cursor) -> Pending<'a, Result<Box<dyn Items>, End>> {
        Box::pin(async move {
            let connection = self.open(cursor).await?;
            Ok(Box::new(connection) as Box<dyn Items>)
        })
    }

    fn read(&self, payload: Bytes, received: Timestamp) -> What {
        if payload.len() > self.event_bytes_max {
            let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            return What::Skipped { bytes, id: None };
        }
        self.decoder.decode(&Frame::bare(payload, received))
    }
}

impl<T: HttpTransport> Connector<T> {
    async fn open(&self, cursor: &Cursor) -> Result<Connection, End> {
        let tag = Tag::random();
        let client = self.client(cursor, tag).map_err(end_of_library)?;
        let mut stream = client.stream();
        match stream.next().await {
            Some(Ok(SSE::Connected(details))) => Ok(Connection {
                requests_left: details
                    .response()
                    .get_header_value(REMAINING)
                    .ok()
                    .flatten()
                    .and_then(budget::number),
                stream,
                tag,
                decoder: Arc::clone(&self.decoder),
                ids: Arc::clone(&self.ids),
                clock: self.clock.clone(),
                ready: VecDeque::new(),
                has_own_id: false,
                announced: None,
                end: None,
            }),
            Some(Err(error)) => Err(end_of_library(error)),
            Some(Ok(_)) | None => Err(End::Library("no answer came through".to_owned())),
        }
    }

    fn client(&self, cursor: &Cursor, tag: Tag) -> Result<impl Client + use<T>, Error> {
        let pass = Pass {
            headers: (self.headers)(),
            secrets: self.secrets.clone(),
            tag,
            event_bytes_max: self.event_bytes_max,
            patience: self.patience,
            clock: self.clock.clone(),
        };
        let never = ReconnectOptions::reconnect(false).retry_initial(false);
        let mut builder = ClientBuilder::for_url(self.address.expose())?
            .header("Accept-Encoding", "identity")?
            .redirect_limit(0)
            .reconnect(never.build());
        if let Some(id) = self.ids.header(cursor) {
            builder = builder.last_event_id(id);
        }
        Ok(builder.build_with_transport(Gate::new(self.transport.clone(), pass)))
    }
}

/// An open connection. Dropping it closes the socket.
struct Connection {
    /// What is left of the key's minute, as the response head told.
    requests_left: Option<u32>,
    stream: BoxStream<Result<SSE, Error>>,
    tag: Tag,
    decoder: Arc<dyn Decode>,
    ids: Arc<Ids>,
    clock: Clock,
    /// Items of a frame that are not handed out yet.
    ready: VecDeque<Item>,
    /// Whether the next event comes with an id of its own.
    has_own_id: bool,
    /// What the server announced, and how long it may take to do it.
    announced: Option<(End, Instant)>,
    /// The first end is the reason; what the library says after it means nothing.
    end: Option<End>,
}

impl Items for Connection {
    fn next(&mut self) -> Pending<'_, Result<Item, End>> {
        Box::pin(self.advance())
    }

    fn requests_left(&self) -> Option<u32> {
        self.requests_left
    }
}

impl Connection {
    /// Waits at one place only, where nothing is half done, so dropping this future loses nothing.
    async fn advance(&mut self) -> Result<Item, End> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            if let Some(end) = &self.end {
                return Err(end.clone());
            }
            let received = match self.announced {
                None => self.stream.next().await,
                Some((_, deadline)) => tokio::time::timeout_at(deadline, self.stream.next())
                    .await
                    .unwrap_or_default(),
            };
            match received {
                Some(Ok(SSE::Event(event))) => self.event(event),
                Some(Ok(SSE::Comment(text))) => self.comment(&text),
                Some(Ok(SSE::Connected(_))) => {}
                Some(Err(error)) => self.finish(end_of_library(error)),
                None => self.finish(End::Library("the stream ended unexplained".to_owned())),
            }
        }
    }

    fn event(&mut self, event: eventsource_client::Event) {
        let has_own_id = std::mem::take(&mut self.has_own_id);
        let frame = Frame {
            kind: event.event_type,
            own_id: event.id.filter(|_| has_own_id),
            payload: Bytes::from(event.data),
            received: self.clock.now(),
        };
        let what = self.decoder.decode(&frame);
        if let What::Control(control) = &what {
            let end = match control {
                Control::Recycle { .. } => End::Recycled,
                Control::AuthRevoked { .. } => End::AuthRevoked,
            };
            self.announced = Some((end, Instant::now() + GRACE));
        }
        self.yield_at(frame.own_id.as_deref(), what);
    }

    fn comment(&mut self, text: &str) {
        match Note::read(text, self.tag) {
            None => self.yield_at(None, What::Alive),
            Some(Note::OwnId) => self.has_own_id = true,
            Some(Note::Id(id)) => self.yield_at(Some(&id), What::Resume),
            Some(Note::Retry(wait)) => {
                let wait = Duration::from_millis(wait).clamp(RETRY_MIN, RETRY_MAX);
                self.yield_at(None, What::Retry(wait));
            }
            Some(Note::Skipped { bytes, id }) => {
                let own_id = id.clone();
                self.yield_at(own_id.as_deref(), What::Skipped { bytes, id });
            }
        }
    }

    /// Makes an item of what came with this id of its own.
    fn yield_at(&mut self, own_id: Option<&str>, what: What) {
        let (cursor, is_unusable) = match self.ids.position(own_id) {
            Position::Unchanged => (None, false),
            Position::At(cursor) => (Some(cursor), false),
            Position::Unusable => (None, true),
        };
        let is_only_a_move = what == What::Resume;
        if !(is_unusable && is_only_a_move) {
            self.ready.push_back(Item { cursor, what });
        }
        if is_unusable {
            let (cursor, what) = (None, What::UnusableId);
            self.ready.push_back(Item { cursor, what });
        }
    }

    /// Ends the connection. However an announced end comes about, it is the announced one.
    fn finish(&mut self, end: End) {
        self.end = Some(match self.announced.take() {
            Some((announced, _)) => announced,
            None => end,
        });
    }
}

/// The end that an error of the library stands for. Its own words may hold payload.
fn end_of_library(error: Error) -> End {
    match error {
        Error::Transport(error) => end_of(&error),
        Error::InvalidLine(_) => End::Library("it refused a line".to_owned()),
        Error::InvalidEvent => End::Library("it refused an event".to_owned()),
        Error::InvalidParameter(_) => End::Library("it refused the request".to_owned()),
        _ => End::Library("it ended the stream itself".to_owned()),
    }
}
