//! What the yardstick and the bare sender have in common: reading a stream, and a signed request.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What every relay signs with, as the configuration has it.
pub(crate) const SECRET: &str = "whsec_YmVsbHdpcmUgYmVuY2hlcyBzaWduIHdpdGggdGhpcyE=";

/// Most requests on their way at once.
pub(crate) const IN_FLIGHT: usize = 64;

/// One event.
pub(crate) struct Frame {
    pub(crate) id: i64,
    pub(crate) kind: String,
    pub(crate) payload: Bytes,
}

/// A client as it is.
pub(crate) fn client() -> reqwest::Client {
    // An error only says that there is one already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
    client.build().expect("a client")
}

/// An open stream, read frame by frame.
pub(crate) struct Frames {
    response: reqwest::Response,
    bytes: BytesMut,
}

impl Frames {
    pub(crate) async fn open(
        client: &reqwest::Client,
        feed: &str,
        after: Option<i64>,
    ) -> reqwest::Result<Self> {
        let mut request = client.get(feed).header("accept", "text/event-stream");
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        Ok(Self {
            response: request.send().await?.error_for_status()?,
            bytes: BytesMut::new(),
        })
    }

    /// The next event; nothing when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\n\n") {
                let block = self.bytes.split_to(end + 2).freeze();
                return Some(frame(&block));
            }
            let chunk = self.response.chunk().await.ok()??;
            self.bytes.extend_from_slice(&chunk);
        }
    }
}

fn frame(block: &Bytes) -> Frame {
    let mut frame = Frame {
        id: 0,
        kind: String::new(),
        payload: Bytes::new(),
    };
    for line in block.split(|byte| *byte == b'\n') {
        if let Some(id) = line.strip_prefix(b"id: ") {
            let id = std::str::from_utf8(id).ok();
            frame.id = id.and_then(|id| id.parse().ok()).expect("a number");
        } else if let Some(kind) = line.strip_prefix(b"event: ") {
            frame.kind = String::from_utf8_lossy(kind).into_owned();
        } else if let Some(data) = line.strip_prefix(b"data: ") {
            frame.payload = block.slice_ref(data);
        }
    }
    frame
}

/// Sends what is signed as Standard Webhooks has it.
#[derive(Clone)]
pub(crate) struct Sender {
    client: reqwest::Client,
    key: Hmac<Sha256>,
}

impl Sender {
    pub(crate) fn new() -> Self {
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_"));
        Self {
            client: client(),
            key: Hmac::new_from_slice(&key.expect("base64")).expect("a key"),
        }
    }

    /// Sends once; answers the status, or nothing where there was no answer.
    pub(crate) async fn send(&self, sink: &str, id: &str, body: Bytes) -> Option<u16> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs().to_string();
        let mut key = self.key.clone();
        for part in [id.as_bytes(), b".", now.as_bytes(), b".", &body] {
            key.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(key.finalize().into_bytes()));
        let request = self
            .client
            .post(sink)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        // Read to its end, so that the connection can carry the next one.
        response.bytes().await.ok()?;
        Some(status)
    }
}
