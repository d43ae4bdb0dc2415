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

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Connections open at one time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;

/// How long open requests may take to end after the stop before their connections are cut.
const GRACE: Duration = Duration::from_secs(1);

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
}

/// Serves until `stop`, then lets open requests end for a moment and cuts the rest. Returns when no
/// connection is left.
pub(super) async fn serve(
    listener: Listener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let every = listener.every.clone();
    let service = router.into_make_service_with_connect_info::<Wire>();
    let server =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = pin!(server.into_future());
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = &mut server => return served,
        () = patience => every.cancel(),
    }
    server.await
}

impl axum::serve::Listener for Listener {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, addr) = axum::serve::Listener::accept(&mut self.tcp).await;
        // A frame has to leave when it is written; a socket that cannot do so still works.
        let _ = stream.set_nodelay(true);
        let wire = Wire {
            cut: self.every.child_token(),
            reset: Arc::default(),
        };
        let socket = Socket {
            stream,
            cut: Box::pin(wire.cut.clone().cancelled_owned()),
            wire,
            _place: place,
        };
        (socket, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
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

    #[cfg(test)]
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

impl Connected<IncomingStream<'_, Listener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().wire.clone()
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
