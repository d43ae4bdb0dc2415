//! A page of the running instance, read over a plain socket: what is judged here is bytes.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// An answer of the status page's server.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Page {
    /// Asks for a path, with more header lines.
    pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[String]) -> Self {
        soon(path, exchange(address, "GET", path, headers, "")).await
    }

    /// Sends a body to a path, with more header lines.
    pub(crate) async fn post(
        address: SocketAddr,
        path: &str,
        headers: &[String],
        body: &str,
    ) -> Self {
        soon(path, exchange(address, "POST", path, headers, body)).await
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[String],
    body: &str,
) -> Page {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    // A test may ask for another host than the one that it connects to.
    if !headers.iter().any(|header| header.starts_with("Host: ")) {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    if method == "POST" {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    Page {
        status: head[9..12].parse().expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
