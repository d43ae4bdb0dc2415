//! The connections of callers: only so many at once, and none that says nothing for long.
//!
//! What callers hold open must never keep an event from coming in or an alert from going out, and both
//! need the same file descriptors.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Most connections at once: every page and reader that may listen, and as many again for requests. More
/// wait to be accepted.
const CONNECTIONS_MAX: usize = 128;

/// Longest wait for the head of a request, the first one or the next.
const HEAD_WAIT: Duration = Duration::from_secs(10);

/// Longest wait for the next part of a body.
const BODY_WAIT: Duration = Duration::from_secs(10);

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
async fn talk(stream: TcpStream, router: Router, stop: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // However it ends, there is nobody to tell.
        ended = connection.as_mut() => drop(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}
