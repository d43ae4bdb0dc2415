//! The connections of callers: only so many at once, and none that says nothing for long.
//!
//! What callers hold open must never keep an event from coming in or an alert from going out, and both
//! need the same file descriptors. Nor may it keep another caller away: where all places are taken, the
//! one that has been silent for longest has to go, so that whoever knows what it wants is answered.

mod guest;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use guest::{Arriving, Guest};

/// Most connections at once: every page and reader that may listen, and as many again for requests. More
/// wait until one of these is silent or has ended.
const CONNECTIONS_MAX: usize = 128;

/// So many free places are a crowd: whoever comes then is answered once and has to come again.
const CROWDED_BELOW: usize = CONNECTIONS_MAX / 2;

/// Longest wait for the head of a request, the first one or the next.
const HEAD_WAIT: Duration = Duration::from_secs(10);

/// Most bytes of a head, and of what is read or written at once. Browsers and proxies stay far below it.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// Longest wait for a caller to take more of an answer. However slowly it reads, each part that it takes
/// begins the wait anew; whoever takes nothing would otherwise keep its place for as long as it likes.
const TAKE_WAIT: Duration = Duration::from_secs(30);

/// Wait before another connection is accepted when the system could not give one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// Serves until `stop`, then lets open requests finish.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_for(HEAD_WAIT, listener, router, stop).await;
}

async fn serve_for(
    head_wait: Duration,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Those that were silent when they were last looked at, the oldest first.
    let mut silent: VecDeque<Arc<Guest>> = VecDeque::new();
    let mut open = JoinSet::new();
    loop {
        let next = async {
            let accepted = listener.accept().await;
            let is_full = places.available_permits() == 0;
            if is_full || silent.len() >= CONNECTIONS_MAX {
                silent.retain(|guest| guest.is_silent());
            }
            if is_full && let Some(oldest) = silent.pop_front() {
                oldest.dismiss();
            }
            let place = Arc::clone(&places).acquire_owned().await;
            (accepted, place.expect("never closed"))
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let guest = Arc::<Guest>::default();
                silent.push_back(Arc::clone(&guest));
                let terms = Terms {
                    head_wait,
                    stays: places.available_permits() >= CROWDED_BELOW,
                };
                let talk = talk(
                    stream,
                    router.clone(),
                    Arc::clone(&guest),
                    terms,
                    stop.clone(),
                );
                open.spawn(async move {
                    talk.await;
                    guest.done();
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the page could not be accepted");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    while open.join_next().await.is_some() {}
}

/// What a connection has to keep to.
struct Terms {
    /// Longest wait for the head of a request.
    head_wait: Duration,
    /// Whether it may make another request.
    stays: bool,
}

/// Answers what comes over one connection, until it ends, says nothing more, or has to go.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    guest: Arc<Guest>,
    terms: Terms,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(terms.head_wait)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(terms.stays);
    let whose = Arc::clone(&guest);
    let service = router.map_request(move |request: Request<Incoming>| {
        request.map(|body| Body::new(Arriving::new(body, Arc::clone(&whose))))
    });
    let service = TowerToHyperService::new(service);
    let stream = TokioIo::new(Taken {
        stream,
        stuck: None,
    });
    let mut connection = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        // However it ends, there is nobody to tell.
        ended = connection.as_mut() => drop(ended),
        () = guest.dismissed() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}

/// A connection that fails once what is sent over it has been taken by nobody for too long.
struct Taken<S> {
    stream: S,
    /// Runs from when nothing could be sent until something could.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Taken<S> {
    fn in_time<T>(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.stuck = None;
            return sent;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(TAKE_WAIT)));
        let over = stuck.as_mut().poll(context);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.in_time(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
