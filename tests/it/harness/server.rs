//! A server that does nothing by itself: the test accepts each connection and writes each byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::soon;

/// An address where nobody listens, yet. Other servers take whatever port is free at 127.0.0.1, so it is
/// at an address of this very process and call, where the system has those.
pub(crate) fn free_address() -> SocketAddr {
    static CALLS: AtomicU8 = AtomicU8::new(0);
    let (id, call) = (std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed));
    let part = |number: u32| u8::try_from(number % 254 + 1).expect("up to 254");
    let own = Ipv4Addr::new(127, part(id / 254), part(id), part(u32::from(call)));
    let listener = std::net::TcpListener::bind((own, 0))
        .or_else(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a free port")
}

/// A listening socket whose connections the test serves.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// One request that has been read to the end of its head.
pub(crate) struct Visit {
    pub(crate) head: String,
    socket: TcpStream,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        Self { listener, address }
    }

    /// `[sources.feed]` of kind `sse` for this server, with more lines behind it.
    pub(crate) fn source(&self, more: &str) -> String {
        let address = self.address;
        format!("[sources.feed]\nkind = \"sse\"\nurl = \"http://{address}/events\"\n{more}\n")
    }

    /// Waits for the next request.
    pub(crate) async fn visit(&self) -> Visit {
        soon("a request", async {
            let (mut socket, _) = self.listener.accept().await.expect("a connection");
            socket.set_nodelay(true).expect("a setting");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let byte = socket.read_u8().await.expect("a whole head");
                head.push(byte);
            }
            let head = String::from_utf8(head).expect("text");
            Visit { head, socket }
        })
        .await
    }

    /// Waits for the next request and opens a stream to it.
    pub(crate) async fn stream(&self) -> Visit {
        let mut visit = self.visit().await;
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        visit.send(head).await;
        visit
    }

    /// Answers the next request with a status and nothing else.
    pub(crate) async fn refuse(&self, status: &str) -> Visit {
        let mut visit = self.visit().await;
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        visit.send(&head).await;
        visit
    }
}

impl Visit {
    /// A header of the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// Sends bytes to somebody who is known to listen.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.offer(bytes).await, "the other side has hung up");
    }

    /// Sends bytes to somebody who may have hung up; answers whether they were taken.
    pub(crate) async fn offer(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon(
            "the bytes to be taken",
            self.socket.write_all(bytes.as_ref()),
        )
        .await
        .is_ok()
    }
}
