//! A plain HTTP client over a raw socket, for this room's tests.
//!
//! Its own file because the servers here are judged by bytes, and a real client would hide the ones
//! that matter: the end of a body, a reset, a stream without an end.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No single wait of a test may be longer.
const DEADLINE: Duration = Duration::from_secs(20);

/// One exchange, whose answer is read as it comes.
pub(super) struct Exchange {
    socket: TcpStream,
    /// Everything that was read.
    raw: Vec<u8>,
}

/// An answer that came to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
    /// Whether the body was ended as announced.
    pub(super) whole: bool,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Exchange {
    /// Sends a request; headers are whole lines.
    pub(super) async fn begin(
        addr: SocketAddr,
        start: &str,
        headers: &[String],
        body: &str,
    ) -> Self {
        let mut socket = TcpStream::connect(addr).await.expect("a connection");
        let mut request = format!("{start} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str(&format!("\r\n{body}"));
        let sent = socket.write_all(request.as_bytes()).await;
        sent.expect("a request that can be sent");
        let raw = Vec::new();
        Self { socket, raw }
    }

    /// Reads until the body holds this text, and returns the body so far.
    pub(super) async fn until(&mut self, text: &str) -> String {
        self.read_while(|body| !body.contains(text)).await
    }

    /// Reads while this is true of the body so far.
    pub(super) async fn read_while(&mut self, more: impl Fn(&str) -> bool) -> String {
        loop {
            match self.so_far() {
                Some(reply) if !more(&reply.body) => return reply.body,
                _ => assert!(self.read().await.expect("no error yet") > 0, "ended"),
            }
        }
    }

    /// The sizes of the chunks that were read.
    pub(super) fn chunks(&self) -> Vec<usize> {
        let end = self.raw.windows(4).position(|it| it == b"\r\n\r\n");
        let body = &self.raw[end.expect("a head") + 4..];
        unchunk(body).iter().map(|chunk| chunk.len()).collect()
    }

    /// Reads the status, without waiting for the body.
    pub(super) async fn status(&mut self) -> u16 {
        while self.so_far().is_none() {
            assert!(self.read().await.expect("no error yet") > 0, "no answer");
        }
        self.so_far().map_or(0, |reply| reply.status)
    }

    /// Reads to the end, and whether that was a reset.
    pub(super) async fn end(mut self) -> (Option<Reply>, bool) {
        loop {
            match self.read().await {
                Ok(0) => return (self.so_far(), false),
                Ok(_) => {}
                Err(_) => return (self.so_far(), true),
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        // In large pieces, since the whole answer is looked at after each.
        self.raw.reserve(256 * 1024);
        let read = self.socket.read_buf(&mut self.raw);
        tokio::time::timeout(DEADLINE, read).await.expect("in time")
    }

    fn so_far(&self) -> Option<Reply> {
        let end = self.raw.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&self.raw[..end]).into_owned();
        let rest = &self.raw[end + 4..];
        let status = head.get(9..12)?.parse().ok()?;
        let mut reply = Reply {
            status,
            head,
            body: String::new(),
            whole: true,
        };
        let (body, whole) = if reply.header("transfer-encoding") == Some("chunked") {
            let chunks = unchunk(rest);
            let whole = chunks.last().is_some_and(|last| last.is_empty());
            (chunks.concat(), whole)
        } else {
            let length = reply.header("content-length").map(str::parse);
            let length = length.and_then(Result::ok).unwrap_or(0_usize);
            (rest.to_vec(), rest.len() >= length)
        };
        reply.body = String::from_utf8_lossy(&body).into_owned();
        reply.whole = whole;
        Some(reply)
    }
}

/// One request and its whole answer.
pub(super) async fn ask(addr: SocketAddr, start: &str, headers: &[String], body: &str) -> Reply {
    let exchange = Exchange::begin(addr, start, headers, body).await;
    exchange.end().await.0.expect("an answer")
}

/// The chunks of a body, of which the last is empty if it is whole.
fn unchunk(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while let Some(line) = rest.windows(2).position(|it| it == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        let chunk = &rest[line + 2..];
        if chunk.len() < size + 2 {
            if size > 0 {
                chunks.push(&chunk[..size.min(chunk.len())]);
            }
            break;
        }
        chunks.push(&chunk[..size]);
        rest = &chunk[size + 2..];
        if size == 0 {
            break;
        }
    }
    chunks
}
