//! The connections of callers: only so many at once, and none that says nothing for long.
//!
//! What callers hold open must never keep an event from coming in or an alert from going out, and both
//! need the same file descriptors.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Most connections at once: every page and reader that may listen, and as many again for requests. More
/// wait to be accepted.
const CONNECTIONS_MAX: usize = 128;

/// Longest wait for the head of a request, the first one or the next.
const HEAD_WAIT: Duration = Duration::from_secs(10);

/// Longest wait for the next part of a body.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Longest wait for a caller to take more of an answer. However slowly it reads, each part that it takes
/// begins the wait anew; whoever takes nothing would otherwise keep its place for as long as it likes.
const TAKE_WAIT: Duration = Duration::from_secs(30);

/// Wait before another connection is accepted when the system could not give one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// Serves until `stop`, then lets open requests finish.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let router = router.layer(RequestBodyTimeoutLayer::new(BODY_WAIT));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let talk = talk(stream, router.clone(), stop.clone());
                open.spawn(async move {
                    talk.await;
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

/// Answers what comes over one connection, until it ends or says nothing more.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT);
    let service = TowerToHyperService::new(router);
    let stream = TokioIo::new(Taken {
        stream,
        stuck: None,
    });
    let mut connection = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        // However it ends, there is nobody to tell.
        ended = connection.as_mut() => drop(ended),
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go_and_who_takes_a_little_is_not() {
        const SHORT: Duration = Duration::from_secs(29);
        let place = Arc::new(Semaphore::new(1));
        let held = Arc::clone(&place);
        let endless = || async move {
            let held = held.try_acquire_owned().expect("a place");
            Body::from_stream(stream::repeat_with(move || {
                assert_eq!(held.num_permits(), 1);
                Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024]))
            }))
        };
        let router = Router::new().route("/", get(endless));
        let (mut caller, ours) = tokio::io::duplex(4096);
        let talk = tokio::spawn(talk(ours, router, CancellationToken::new()));
        let head = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        caller.write_all(head).await.expect("is sent");
        let mut some = [0; 1024];
        for part in 0..5 {
            caller.read_exact(&mut some).await.expect("it goes on");
            // The paused clock: nobody waits for it.
            sleep(SHORT).await;
            assert!(!talk.is_finished(), "{part}");
            assert_eq!(place.available_permits(), 0, "{part}");
        }
        let began = Instant::now();
        timeout(TAKE_WAIT * 2, talk)
            .await
            .expect("it ends")
            .expect("no panic");
        assert_eq!(began.elapsed(), TAKE_WAIT - SHORT);
        assert_eq!(place.available_permits(), 1, "its place is free");
    }
}
