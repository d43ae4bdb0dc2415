//! A stream that was saved, read by what reads a live one.
//!
//! A file of its own because nothing is connected to here: the request never leaves, and its answer is
//! the file. It yields frames, since a recording does not say whose it is.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};

use super::End;
use super::body::Patience;
use super::decode::Frame;
use super::filter::{Payloads, Tag};
use super::frames::{Frames, Heard};
use super::gate::Pass;
use crate::clock::Clock;
use crate::model::Failure;
use crate::transport::StreamError;

/// What the request asks for, which nobody looks at.
const ADDRESS: &str = "http://recording.invalid/";

/// Most bytes that are read at once.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// Where a recording is read from. Reading may block.
pub type Input = Box<dyn Read + Send>;

/// A recording that is being read.
pub struct Recording(Frames);

/// What stands in a recording.
#[derive(Debug)]
pub enum Recorded {
    /// A complete event.
    Frame(Frame),
    /// An event over the size limit, which was read away.
    Skipped {
        /// Its size, as far as it was read.
        bytes: u64,
    },
}

impl Recording {
    /// Begins to read a recording whose events have at most so many bytes.
    ///
    /// # Errors
    /// [`End::Library`] for a fault of ours.
    pub async fn open(input: Input, event_bytes_max: usize, clock: Clock) -> Result<Self, End> {
        let pass = Pass {
            headers: Vec::new(),
            secrets: Vec::new(),
            tag: Tag::random(),
            payloads: Payloads::default(),
            event_bytes_max,
            patience: Patience {
                idle: None,
                age: None,
            },
            is_recorded: true,
            clock,
        };
        let answer = Answer(Arc::new(Mutex::new(Some(input))));
        Ok(Self(Frames::open(answer, pass, ADDRESS, None).await?))
    }

    /// The next event and the line in which it begins, from 1.
    ///
    /// # Errors
    /// How the recording ends: [`End::Eof`], or [`End::EofInEvent`] where it is cut off inside an event,
    /// which was yielded all the same if it had data; [`End::Broken`] where reading fails, and
    /// [`End::Flood`].
    pub async fn next(&mut self) -> Result<(u64, Recorded), End> {
        loop {
            let recorded = match self.0.next().await? {
                Heard::Frame(frame) => Recorded::Frame(frame),
                Heard::Skipped { bytes, .. } => Recorded::Skipped { bytes },
                Heard::Moved(_) | Heard::Retry(_) | Heard::Alive => continue,
            };
            return Ok((self.0.line(), recorded));
        }
    }
}

/// Answers the one request with a recording.
#[derive(Clone)]
struct Answer(Arc<Mutex<Option<Input>>>);

impl HttpTransport for Answer {
    fn request(&self, _request: Request<Option<Bytes>>) -> ResponseFuture {
        let input = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Behind a lock because a body is shared between threads and an input need not be.
        let mut input = Mutex::new(input);
        let chunks = std::iter::from_fn(move || {
            let input = input.get_mut().unwrap_or_else(PoisonError::into_inner);
            let chunk = chunk(input.as_mut()?);
            if chunk.is_err() {
                *input = None;
            }
            chunk.transpose()
        });
        let body: ByteStream = Box::pin(stream::iter(chunks));
        let mut response = Response::new(body);
        let media_type = HeaderValue::from_static("text/event-stream");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// What can be read at once; nothing at the end.
fn chunk(input: &mut Input) -> Result<Option<Bytes>, TransportError> {
    let mut chunk = vec![0; CHUNK_BYTES_MAX];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(length) => {
                chunk.truncate(length);
                return Ok(Some(Bytes::from(chunk)));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                let failure = Failure::Other(error.to_string());
                return Err(TransportError::new(StreamError::Broken(failure)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
