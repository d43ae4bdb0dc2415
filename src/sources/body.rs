//! The body of a stream on its way to the event assembler: filtered, and watched by two timers.
//!
//! A file of its own because it is the only place where bytes and time meet. It decides how a
//! connection ends; what follows from that end is decided elsewhere.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use launchdarkly_sdk_transport::{ByteStream, TransportError};
use tokio::time::{Instant, Sleep};

use super::End;
use super::filter::{Filter, Flood};
use crate::transport::StreamError;

/// How much is filtered at once. What the assembler holds is a multiple of it, since a few bytes
/// can be a whole event.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// How many pieces may pass without a result before other tasks get their turn.
const PIECES_IN_A_ROW_MAX: u32 = 64;

/// The end of a connection as an error, so that it can pass through the stream library unchanged.
#[derive(Clone, Debug)]
pub(super) struct Ended(pub(super) End);

impl fmt::Display for Ended {
    /// The library logs this, so it says nothing about what was sent or received.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended")
    }
}

impl std::error::Error for Ended {}

/// How long a body may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Longest wait for a byte.
    pub(super) idle: Option<Duration>,
    /// Greatest age of the connection.
    pub(super) age: Option<Duration>,
}

/// A filtered body. Its last item is the [`Ended`] that says how it ended.
pub(super) struct Body {
    inner: ByteStream,
    filter: Filter,
    /// Received and not yet filtered.
    pending: Bytes,
    /// Filtered and not yet handed on.
    clean: Vec<u8>,
    idle: Option<Idle>,
    age: Option<Pin<Box<Sleep>>>,
    end: Option<End>,
    is_over: bool,
}

/// Measures how long the reader has waited for the server. Time in which nobody read, because the
/// store was busy, does not count against the server.
struct Idle {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl Body {
    /// Starts both timers.
    pub(super) fn new(inner: ByteStream, filter: Filter, patience: Patience) -> Self {
        Self {
            inner,
            filter,
            pending: Bytes::new(),
            clean: Vec::new(),
            idle: patience.idle.map(Idle::new),
            age: patience
                .age
                .map(|limit| Box::pin(tokio::time::sleep(limit))),
            end: None,
            is_over: false,
        }
    }

    /// Filters the next piece of what has been received.
    fn filter_piece(&mut self) {
        let length = self.pending.len().min(PIECE_BYTES_MAX);
        let piece = self.pending.split_to(length);
        // An id becomes a byte longer than it was; little else does.
        self.clean.reserve(length + length / 16);
        if let Err(Flood) = self.filter.push(&piece, &mut self.clean) {
            self.end = Some(End::Flood);
        }
    }

    /// Waits for the next bytes, or for the end.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_old = self
            .age
            .as_mut()
            .is_some_and(|timer| timer.as_mut().poll(context).is_ready());
        if is_old {
            self.end = Some(End::TooOld);
            return Poll::Ready(());
        }
        match self.inner.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.pending = bytes;
                if let Some(idle) = &mut self.idle {
                    idle.is_waiting = false;
                }
            }
            Poll::Ready(Some(Err(error))) => self.end = Some(end_of(&error)),
            Poll::Ready(None) if self.filter.is_inside_event() => {
                self.end = Some(match self.filter.cut_off(&mut self.clean) {
                    Ok(()) => End::EofInEvent,
                    Err(Flood) => End::Flood,
                });
            }
            Poll::Ready(None) => self.end = Some(End::Eof),
            Poll::Pending => {
                let Some(idle) = &mut self.idle else {
                    return Poll::Pending;
                };
                ready!(idle.poll(context));
                self.end = Some(End::Idle);
            }
        }
        Poll::Ready(())
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = &mut *self;
        for _ in 0..PIECES_IN_A_ROW_MAX {
            if !body.clean.is_empty() {
                let clean = std::mem::take(&mut body.clean);
                return Poll::Ready(Some(Ok(Bytes::from(clean))));
            }
            if body.is_over {
                return Poll::Ready(None);
            }
            if let Some(end) = body.end.take() {
                body.is_over = true;
                return Poll::Ready(Some(Err(TransportError::new(Ended(end)))));
            }
            if body.pending.is_empty() {
                ready!(body.receive(context));
            } else {
                body.filter_piece();
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            is_waiting: false,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_waiting {
            self.is_waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        self.timer.as_mut().poll(context)
    }
}

/// The end that an error of the transport stands for.
pub(super) fn end_of(error: &TransportError) -> End {
    let inner = error.inner();
    if let Some(Ended(end)) = inner.downcast_ref::<Ended>() {
        return end.clone();
    }
    match inner.downcast_ref::<StreamError>() {
        Some(StreamError::Unreachable(failure)) => End::Unreachable(failure.clone()),
        Some(StreamError::NoHead) => End::NoHead,
        Some(StreamError::Redirect(detail)) => End::Redirect(detail.clone()),
        Some(StreamError::Broken(failure)) => End::Broken(failure.clone()),
        None => End::Library("an error of an unknown kind".to_owned()),
    }
}
