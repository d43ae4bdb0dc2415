//! One connection: opened from a cursor, read item by item, and ended by a named [`End`].
//!
//! A file of its own because it is where what is heard becomes an item with its place in the stream. It
//! waits for nothing but the stream and never opens a second connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::HeaderName;
use launchdarkly_sdk_transport::HttpTransport;
use tokio::time::Instant;

use super::body::Patience;
use super::decode::{Decode, Frame};
use super::filter::{Payloads, Tag};
use super::frames::{Frames, Heard};
use super::gate::Pass;
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

    fn read(&self, frame: &Frame) -> What {
        if frame.payload.len() > self.event_bytes_max {
            let bytes = u64::try_from(frame.payload.len()).unwrap_or(u64::MAX);
            return What::Skipped { bytes, id: None };
        }
        self.decoder.decode(frame)
    }

    fn event_bytes_max(&self) -> usize {
        self.event_bytes_max
    }
}

impl<T: HttpTransport> Connector<T> {
    async fn open(&self, cursor: &Cursor) -> Result<Connection, End> {
        let pass = Pass {
            headers: (self.headers)(),
            secrets: self.secrets.clone(),
            tag: Tag::random(),
            payloads: Payloads::default(),
            event_bytes_max: self.event_bytes_max,
            patience: self.patience,
            is_recorded: false,
            clock: self.clock.clone(),
        };
        let (transport, id) = (self.transport.clone(), self.ids.header(cursor));
        let frames = Frames::open(transport, pass, self.address.expose(), id).await?;
        Ok(Connection {
            frames,
            decoder: Arc::clone(&self.decoder),
            ids: Arc::clone(&self.ids),
            ready: VecDeque::new(),
            announced: None,
            end: None,
        })
    }
}

/// An open connection. Dropping it closes the socket.
struct Connection {
    frames: Frames,
    decoder: Arc<dyn Decode>,
    ids: Arc<Ids>,
    /// Items of a frame that are not handed out yet.
    ready: VecDeque<Item>,
    /// What the server announced, and how long it may take to do it.
    announced: Option<(End, Instant)>,
    /// The first end is the reason; what the library says after it means nothing.
    end: Option<End>,
}

impl Items for Connection {
    fn next(&mut self) -> Pending<'_, Result<Item, End>> {
        Box::pin(self.advance())
    }

    /// In a burst this is asked for every event, so it takes nothing from the heap.
    fn arrived(&mut self) -> Option<Result<Item, End>> {
        self.advance().now_or_never()
    }

    fn requests_left(&self) -> Option<u32> {
        self.frames.requests_left()
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
            let heard = match self.announced {
                None => self.frames.next().await,
                // Whatever end stands here, the announced one is what it is.
                Some((_, deadline)) => tokio::time::timeout_at(deadline, self.frames.next())
                    .await
                    .unwrap_or(Err(End::Eof)),
            };
            match heard {
                Ok(Heard::Frame(frame)) => self.event(&frame),
                Ok(Heard::Alive) => self.yield_at(None, What::Alive),
                Ok(Heard::Moved(id)) => self.yield_at(Some(&id), What::Resume),
                Ok(Heard::Retry(wait)) => {
                    let wait = Duration::from_millis(wait).clamp(RETRY_MIN, RETRY_MAX);
                    self.yield_at(None, What::Retry(wait));
                }
                Ok(Heard::Skipped { bytes, id }) => {
                    let own_id = id.clone();
                    self.yield_at(own_id.as_deref(), What::Skipped { bytes, id });
                }
                Err(end) => self.finish(end),
            }
        }
    }

    fn event(&mut self, frame: &Frame) {
        let what = self.decoder.decode(frame);
        if let What::Control(control) = &what {
            let end = match control {
                Control::Recycle { .. } => End::Recycled,
                Control::AuthRevoked { .. } => End::AuthRevoked,
            };
            self.announced = Some((end, Instant::now() + GRACE));
        }
        self.yield_at(frame.own_id.as_deref(), what);
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
