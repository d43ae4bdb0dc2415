//! The sockets below both servers of this room: accepted within a limit, and cut on command.
//!
//! Its own file because a web framework never lets a request break its own connection, and breaking
//! connections is half of what a simulator is for. It knows nothing of what the connections carry.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Connections open at one time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;

/// How long open requests may take to end after the stop before their connections are cut.
const GRACE: Duration = Duration::from_secs(1);

/// Wait before another connection is accepted when the system could not give one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// A listening socket whose connections can be cut.
pub(super) struct Listener {
    tcp: TcpListener,
    addr: SocketAddr,
    places: Arc<Semaphore>,
    every: CancellationToken,
}

impl Listener {
    /// Starts to listen.
    pub(super) async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let tcp = TcpListener::bind(addr).await?;
        let addr = tcp.local_addr()?;
        Ok(Self {
            tcp,
            addr,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            every: CancellationToken::new(),
        })
    }

    /// The address that was bound, with the real port.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next connection, once there is a place for it.
    async fn accept(&self) -> io::Result<Socket> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, _) = self.tcp.accept().await?;
        // A frame has to leave when it is written; a socket that cannot do so still works.
        let _ = stream.set_nodelay(true);
        let wire = Wire {
            cut: self.every.child_token(),
            reset: Arc::default(),
        };
        Ok(Socket {
            stream,
            cut: Box::pin(wire.cut.clone().cancelled_owned()),
            wire,
            _place: place,
        })
    }
}

/// Serves until `stop`, then lets open requests end for a moment and cuts the rest. Returns when no
/// connection is left.
pub(super) async fn serve(
    listener: Listener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok(socket) => {
                open.spawn(talk(socket, router.clone(), stop.clone()));
            }
            // It listens no more.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            // The system has no connection to give now; whoever wants one waits.
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
    let every = listener.every.clone();
    // Nobody is let in any more.
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    let mut ended = pin!(ended);
    if timeout(GRACE, ended.as_mut()).await.is_err() {
        every.cancel();
        ended.await;
    }
    Ok(())
}

/// Answers what comes over one connection, until it ends.
async fn talk(socket: Socket, router: Router, stop: CancellationToken) {
    let router = router.layer(Extension(ConnectInfo(socket.wire.clone())));
    let service = TowerToHyperService::new(router);
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    tokio::select! {
        // However it ends, there is nobody to tell.
        ended = connection.as_mut() => drop(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}

/// The power to break one connection. Clones break the same one.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    cut: CancellationToken,
    reset: Arc<AtomicBool>,
}

impl Wire {
    /// Closes the connection, whatever is still unsent.
    pub(super) fn close(&self) {
        self.cut.cancel();
    }

    /// Closes the connection with a TCP reset.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        self.cut.cancel();
    }

    /// Of no connection, so that there is nothing to break.
    pub(super) fn unconnected() -> Self {
        Self {
            cut: CancellationToken::new(),
            reset: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }
}

/// One accepted connection.
pub(super) struct Socket {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    wire: Wire,
    _place: OwnedSemaphorePermit,
}

impl Socket {
    /// Fails once the connection is cut, and sees to it that the task is woken when it is.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        // The future must not be polled again after it was ready.
        self.cut = Box::pin(self.wire.cut.clone().cancelled_owned());
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.wire.reset.load(Ordering::Acquire) {
            // Closing without lingering is what sends a reset. A socket that is gone needs none.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
