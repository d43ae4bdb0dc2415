//! One connection to a stream of events, from a given cursor to a named end; and the TTMT REST calls.
//!
//! A room of its own so that the rest of the program never hears of frames, chunks, status codes or
//! control events. A connection is opened once, read until it ends, and dropped; what to do next is
//! a pure decision ([`End`] in, wait out). Nothing here writes to disk: the cursor is `intake`'s.

mod body;
pub mod budget;
pub mod checkpoint;
mod connection;
mod decode;
mod filter;
mod frames;
mod gate;
mod json;
mod live;
mod options;
mod pace;
pub mod picture;
pub mod policy;
mod recording;
mod refusal;
mod resume;
mod sse;
mod ttmt;
pub mod ttmt_rest;

#[cfg(test)]
mod canned;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
#[cfg(test)]
use schemars::{Schema, SchemaGenerator};
use url::Url;

pub use self::decode::Frame;
pub use self::live::Live;
pub use self::options::EVENT_BYTES_MAX;
pub use self::recording::{Input, Recorded, Recording};
pub use self::sse::feed_over;
use self::ttmt_rest::Uuid;
use crate::clock::Clock;
#[cfg(test)]
use crate::config::form;
use crate::config::{SourceConfig, Table};
use crate::model::{Cursor, Event, Failure, Name, Secret};

/// Every kind of source, in the order of their names.
pub const KINDS: [Kind; 2] = [sse::KIND, ttmt::KIND];

/// A kind of source: what `kind` says in the configuration, and how its options are read.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    build: fn(&SourceConfig, &mut Table, &Clock) -> Option<Source>,
    /// Describes them.
    #[cfg(test)]
    form: form::Form,
}

/// One upstream, ready to be connected to.
#[derive(Clone)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// Its address without user info and query.
    pub display_url: String,
    /// How long it may be away before `bellwire.source_lost`.
    pub lost_after: Duration,
    /// Opens its connections.
    pub connector: Arc<dyn Connect>,
    /// Its REST API, where it has one.
    pub rest: Option<RestAccess>,
    /// What is allowed in its options, but hardly meant.
    pub warnings: Vec<String>,
}

/// What is needed to ask the REST API of a TTMT source.
#[derive(Clone, Debug)]
pub struct RestAccess {
    /// Without a slash at its end. It may hold user info.
    pub base_url: Url,
    /// What every request shows.
    pub api_key: Secret,
    /// The one account that is wanted, if not all are.
    pub account_id: Option<Uuid>,
    /// Whether gaps are to be filled.
    pub backfill: bool,
    /// The way out, if it is not direct.
    pub proxy: Option<Url>,
}

/// Describes the table of a source: for each kind its own options and those of all.
#[cfg(test)]
pub fn form(generator: &mut SchemaGenerator) -> Schema {
    let kinds = KINDS.iter().map(|kind| (kind.name, kind.form));
    form::kinds(
        generator,
        SchemaGenerator::subschema_for::<options::Form>,
        kinds,
    )
}

/// Reads the options of a source. Mistakes go to the configuration's list of problems; `None` says
/// that there were some.
#[must_use]
pub fn build(config: &SourceConfig, clock: &Clock) -> Option<Source> {
    let mut options = config.options.clone();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == config.kind) else {
        options.impossible("kind", &config.kind, KINDS.iter().map(|kind| kind.name));
        return None;
    };
    let source = (kind.build)(config, &mut options, clock);
    options.finish();
    source
}

/// A future on the heap, so that traits can promise one.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens connections to one source. At most one of them may be open at a time.
pub trait Connect: Send + Sync {
    /// Connects from a cursor. Dropping the future gives the attempt up and closes its socket.
    fn connect<'a>(&'a self, cursor: &'a Cursor) -> Pending<'a, Result<Box<dyn Items>, End>>;

    /// What a frame would be, had it come over a connection. Connects nowhere.
    fn read(&self, frame: &Frame) -> What;

    /// Largest event that it takes, in bytes.
    fn event_bytes_max(&self) -> usize;
}

/// What a frame with an event of bellwire's own is: its envelope is TTMT's.
#[must_use]
pub fn read_internal(frame: &Frame) -> What {
    ttmt::read_internal(frame)
}

/// An open connection. Dropping it closes the socket.
pub trait Items: Send {
    /// The next item, or how the connection ended. After an end it yields the same end again.
    ///
    /// Dropping the future loses nothing: what has arrived is yielded by a later call.
    fn next(&mut self) -> Pending<'_, Result<Item, End>>;

    /// The same without a wait: nothing where nothing has arrived.
    fn arrived(&mut self) -> Option<Result<Item, End>> {
        self.next().now_or_never()
    }

    /// What the server said, when it opened the stream, is left of the key's minute.
    fn requests_left(&self) -> Option<u32> {
        None
    }
}

/// One thing a connection yields, in the order of the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where to resume once everything up to and including this item is committed; `None` leaves the
    /// cursor where it is.
    pub cursor: Option<Cursor>,
    /// What it is.
    pub what: What,
}

/// What a connection can yield.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An event.
    Event(Event),
    /// An event over the size limit was read away.
    Skipped {
        /// Its size, as far as it was read.
        bytes: u64,
        /// Its id, if it had one.
        id: Option<String>,
    },
    /// An event that cannot be read.
    Undecodable {
        /// What is wrong with it; never holds payload.
        reason: String,
    },
    /// The server spoke about the connection itself.
    Control(Control),
    /// Only the cursor moved.
    Resume,
    /// The id of the event just yielded cannot be sent back, so the cursor stays.
    UnusableId,
    /// A sign of life without an event.
    Alive,
    /// The server's wish for the wait before the next connection, within our limits.
    Retry(Duration),
}

/// A control event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The server is about to close the connection, as it does every few minutes.
    Recycle {
        /// The reason it gives.
        reason: Option<String>,
    },
    /// The key was revoked or access was disabled; one REST call tells which.
    AuthRevoked {
        /// The reason it gives.
        reason: Option<String>,
    },
}

/// How a connection, or the attempt to make one, came to its end. Every way has its own name.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// No connection was made.
    Unreachable(Failure),
    /// Connected, but no response head within the limit.
    NoHead,
    /// A status that starts no stream.
    Status(Refusal),
    /// Status 200 with a body that is no event stream.
    ContentType(String),
    /// A body that is encoded although none was asked for.
    Encoding(String),
    /// A redirect that is not followed: to another origin, to plain http, or one too many.
    Redirect(String),
    /// The body ended between two events.
    Eof,
    /// The body ended inside an event, which is dropped.
    EofInEvent,
    /// The connection broke: reset, truncated, or shorter than announced.
    Broken(Failure),
    /// No byte for the idle limit.
    Idle,
    /// The connection reached the age at which it is replaced.
    TooOld,
    /// A single event far beyond every limit.
    Flood,
    /// The server announced that it recycles the connection.
    Recycled,
    /// The server announced that the key or its access is gone.
    AuthRevoked,
    /// The stream library refused what our own filter passed on: a fault of ours.
    Library(String),
}

/// An answer that starts no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, within our limits.
    pub retry_after: Option<Duration>,
    /// `type` of a problem document, if the body is one.
    pub problem: Option<String>,
    /// What the server says is left of the key's minute.
    pub remaining: Option<u32>,
    /// The start of the body, for the log: at most 1 KiB.
    pub body: String,
}
