//! Whether a caller has said what it wants. Whoever has not may be asked to go when others wait.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Longest wait for the whole of a body.
pub(super) const BODY_WAIT: Duration = Duration::from_secs(20);

/// One connection, as far as others need to know it.
#[derive(Debug, Default)]
pub(super) struct Guest {
    is_done: AtomicBool,
    leave: CancellationToken,
}

impl Guest {
    /// Whether it is there, and no request has arrived as a whole yet.
    pub(super) fn is_silent(&self) -> bool {
        !self.is_done.load(Ordering::Relaxed)
    }

    /// It has made its request, or is gone.
    pub(super) fn done(&self) {
        self.is_done.store(true, Ordering::Relaxed);
    }

    /// Has its connection closed.
    pub(super) fn dismiss(&self) {
        self.leave.cancel();
    }

    /// Waits until that is asked for.
    pub(super) async fn dismissed(&self) {
        self.leave.cancelled().await;
    }
}

/// The body of a request, which has to arrive in time.
pub(super) struct Arriving {
    body: Incoming,
    guest: Arc<Guest>,
    /// Runs from when the first part was not there yet.
    late: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, guest: Arc<Guest>) -> Self {
        if body.is_end_stream() {
            guest.done();
        }
        Self {
            body,
            guest,
            late: None,
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let next = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = next {
            if frame.is_none() || self.body.is_end_stream() {
                self.guest.done();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(BODY_WAIT)));
        let over = late.as_mut().poll(context);
        over.map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
