//! The gate between the HTTP transport and the event assembler: credentials go out through it, and
//! only a healthy stream comes in.
//!
//! A file of its own because the assembler takes any 2xx of any type for a stream. It adds what one
//! connection needs to its request, checks the answer, and passes the body on filtered.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};

use super::body::{Body, Ended, Patience, end_of};
use super::filter::{Filter, Payloads, Tag};
use super::refusal;
use super::{End, Refusal};
use crate::clock::Clock;
use crate::model::Secret;
use crate::transport::Credentials;

/// Longest text of a server that goes into the name of an end, in characters.
const DETAIL_CHARS_MAX: usize = 100;

/// What one connection shows at the gate.
pub(super) struct Pass {
    /// Credentials and other configured headers, read for this connection.
    pub(super) headers: Vec<(HeaderName, Secret)>,
    /// Further texts that must not come back in an error.
    pub(super) secrets: Vec<Secret>,
    /// The mark of the filter's notes.
    pub(super) tag: Tag,
    /// What goes past the assembler.
    pub(super) payloads: Payloads,
    /// Largest event, in bytes.
    pub(super) event_bytes_max: usize,
    /// How long the body may take.
    pub(super) patience: Patience,
    /// Whether the body is a recording, which has lines and may be cut off inside an event.
    pub(super) is_recorded: bool,
    /// For `Retry-After` dates.
    pub(super) clock: Clock,
}

/// A transport that lets only a checked and filtered stream through.
#[derive(Clone)]
pub(super) struct Gate<T> {
    transport: T,
    pass: Arc<Pass>,
}

impl<T: HttpTransport> Gate<T> {
    /// A gate for one connection.
    pub(super) fn new(transport: T, pass: Pass) -> Self {
        Self {
            transport,
            pass: Arc::new(pass),
        }
    }

    async fn open(&self, mut request: Request<Option<Bytes>>) -> Result<Response<ByteStream>, End> {
        for (name, value) in &self.pass.headers {
            let value = sensitive(value).ok_or_else(|| {
                End::Library(format!("the value of the header `{name}` cannot be sent"))
            })?;
            request.headers_mut().insert(name.clone(), value);
        }
        let answer = self.transport.request(request).await;
        let answer = answer.map_err(|error| end_of(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(End::Status(self.refusal(answer).await));
        }
        self.check(answer.headers())?;
        Ok(answer.map(|body| self.filtered(body)))
    }

    async fn refusal(&self, answer: Response<ByteStream>) -> Refusal {
        let (parts, body) = answer.into_parts();
        let body = refusal::start_of(body).await;
        let body = self.without_secrets(&String::from_utf8_lossy(&body));
        let now = self.pass.clock.now();
        let mut refusal = refusal::read(parts.status, &parts.headers, &body, now);
        // Its escapes are undone only now.
        let is_shown = |problem: &mut String| self.without_secrets(problem) != *problem;
        refusal.problem.take_if(is_shown);
        refusal
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), End> {
        let media_type = text(headers, header::CONTENT_TYPE).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("text/event-stream") {
            return Err(End::ContentType(self.detail(&media_type)));
        }
        let encoding = text(headers, header::CONTENT_ENCODING).unwrap_or_default();
        let plain = ["", "identity"];
        if !plain
            .iter()
            .any(|word| encoding.trim().eq_ignore_ascii_case(word))
        {
            return Err(End::Encoding(self.detail(&encoding)));
        }
        Ok(())
    }

    fn filtered(&self, body: ByteStream) -> ByteStream {
        let (tag, event_bytes_max) = (self.pass.tag, self.pass.event_bytes_max);
        let payloads = self.pass.payloads.clone();
        let filter = match self.pass.is_recorded {
            true => Filter::of_recording(tag, payloads, event_bytes_max),
            false => Filter::new(tag, payloads, event_bytes_max),
        };
        Box::pin(Body::new(body, filter, self.pass.patience))
    }

    fn detail(&self, text: &str) -> String {
        let text = self.without_secrets(text);
        text.chars().take(DETAIL_CHARS_MAX).collect()
    }

    /// Some servers repeat what they were sent, credentials too.
    fn without_secrets(&self, text: &str) -> String {
        let sent = self.pass.headers.iter().map(|(_, value)| value);
        Credentials::of(sent.chain(&self.pass.secrets)).hidden_in(text)
    }
}

impl<T: HttpTransport> HttpTransport for Gate<T> {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let gate = self.clone();
        Box::pin(async move {
            let answer = gate.open(request).await;
            answer.map_err(|end| TransportError::new(Ended(end)))
        })
    }
}

fn sensitive(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
