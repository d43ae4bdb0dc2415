//! One request out, one reply or one kind of failure back; and the open end of a stream.
//!
//! A room of its own so that everything about the wire is decided once: TLS roots, time limits,
//! redirects (never followed), which addresses may be dialled, how much of an answer is read, and how
//! it is shown without the credentials that it repeats. It knows nothing of deliveries, sinks or events.
//! Most requests are HTTP; a publish over MQTT and a program that is started are carried here too, each
//! in a file of its own.

mod address;
mod credentials;
mod failure;
pub mod mqtt;
pub mod program;
mod retry_after;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::address::{
    ALLOWED_AS_NUMBER, ALLOWED_BY_OPTION, BlockedAddress, GuardedResolver, blocked,
};
use self::target::Target;
use crate::model::{Failure, Reply};

pub use credentials::{Credentials, percent_decoded};
pub use retry_after::{retry_after, seconds};
pub use stream::{StreamError, StreamLimits, StreamTransport};
pub use tls::{install_crypto_provider, trust};

/// Most bytes of an answer's body that are read, unless the caller wants the whole of it.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Longest wait for a connection, whatever the whole request may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next request.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// Which addresses a request may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All but link-local and metadata addresses.
    Guarded,
    /// All that are written out as numbers, and those that a name resolves to as within `Guarded`.
    AsWritten,
    /// All.
    LinkLocalToo,
}

/// What goes to a receiver, each by a carrier of its own.
#[derive(Debug)]
pub enum Outgoing {
    /// An HTTP request.
    Http(http::Request<Bytes>),
    /// Messages for a broker.
    Mqtt(mqtt::Publication),
    /// A program and its input.
    Program(program::Call),
}

impl From<http::Request<Bytes>> for Outgoing {
    fn from(request: http::Request<Bytes>) -> Self {
        Self::Http(request)
    }
}

/// Why no client can be made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct ClientError {
    what: String,
    remedy: &'static str,
}

impl ClientError {
    fn proxy(error: &reqwest::Error) -> Self {
        Self {
            what: format!("the proxy cannot be used: {}", failure::deepest(error)),
            remedy: "write it as `http://host:port`",
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.remedy
    }
}

/// Sends requests. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    guarded: reqwest::Client,
    open: reqwest::Client,
    target: Target,
    reply_bytes_max: usize,
}

impl Client {
    /// A client with no connection yet, that goes through a proxy if one is given. A proxy named in the
    /// environment would see every alert and every address that is a credential, so none is used
    /// behind the configuration's back.
    ///
    /// # Errors
    /// [`ClientError`] where the system has no CA certificates, or the proxy cannot be used.
    pub fn new(proxy: Option<&Url>) -> Result<Self, ClientError> {
        let tls = tls::config()?;
        let adjust = |builder: reqwest::ClientBuilder| builder.dns_resolver(GuardedResolver);
        Ok(Self {
            guarded: build(proxy, tls.clone(), adjust)?,
            open: build(proxy, tls, |builder| builder)?,
            target: Target::default(),
            reply_bytes_max: REPLY_BYTES_MAX,
        })
    }

    /// The same client, reading answers up to this many bytes.
    #[must_use]
    pub fn reading(mut self, reply_bytes_max: usize) -> Self {
        self.reply_bytes_max = reply_bytes_max;
        self
    }

    /// Most bytes of an answer's body that this client reads.
    #[must_use]
    pub const fn reply_bytes_max(&self) -> usize {
        self.reply_bytes_max
    }

    /// Carries what goes to a receiver and brings back the start of its answer, all within `timeout`.
    ///
    /// # Errors
    /// The [`Failure`] that kept an answer from coming.
    pub async fn deliver(
        &self,
        outgoing: Outgoing,
        timeout: Duration,
        reach: Reach,
    ) -> Result<Reply, Failure> {
        match outgoing {
            // A receiver that has said 2xx has taken it, and would take it again: what becomes of the rest
            // of its answer is no reason to send it once more.
            Outgoing::Http(request) => self.exchange(request, timeout, reach, Wanted::Start).await,
            // Boxed, so that the many HTTP requests do not carry the room that these two need.
            Outgoing::Mqtt(publication) => {
                within(timeout, Box::pin(mqtt::publish(publication, reach))).await
            }
            Outgoing::Program(call) => within(timeout, Box::pin(program::run(call))).await,
        }
    }

    /// Sends one request and reads the start of its answer, all within `timeout`. Redirects are
    /// answers like any other.
    ///
    /// # Errors
    /// The [`Failure`] that kept an answer from coming.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
        reach: Reach,
    ) -> Result<Reply, Failure> {
        self.exchange(request, timeout, reach, Wanted::Whole).await
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
        reach: Reach,
        wanted: Wanted,
    ) -> Result<Reply, Failure> {
        let url = self.target.read(request.uri());
        let http = match reach {
            Reach::LinkLocalToo => &self.open,
            Reach::AsWritten => &self.guarded,
            Reach::Guarded => {
                let literal = url.as_ref().and_then(Url::host).and_then(blocked);
                if let Some(blocked) = literal {
                    return Err(blocked.failure(ALLOWED_BY_OPTION));
                }
                &self.guarded
            }
        };
        let remedy = match reach {
            Reach::AsWritten => ALLOWED_AS_NUMBER,
            Reach::Guarded | Reach::LinkLocalToo => ALLOWED_BY_OPTION,
        };
        let sort = |error: &reqwest::Error| sort(error, remedy);
        let request = match url {
            Some(url) => with_address(request, url),
            // It says what is wrong.
            None => reqwest::Request::try_from(request).map_err(|error| sort(&error))?,
        };
        let end = Instant::now() + timeout;
        let answer = timeout_at(end, http.execute(request)).await;
        let answer = answer.map_err(|_| Failure::Timeout)?;
        let mut response = answer.map_err(|error| sort(&error))?;
        let mut body = BytesMut::new();
        let read = read(&mut response, &mut body, self.reply_bytes_max);
        let broken = match timeout_at(end, read).await {
            Ok(read) => read.err().map(|error| sort(&error)),
            Err(_) => Some(Failure::Timeout),
        };
        if let Some(failure) = broken
            && !(wanted == Wanted::Start && response.status().is_success())
        {
            return Err(failure);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }
}

/// A request as the library wants it, to an address that has been read.
fn with_address(request: http::Request<Bytes>, url: Url) -> reqwest::Request {
    let (parts, body) = request.into_parts();
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = Some(body.into());
    request
}

/// How much of an answer has to arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All that is read.
    Whole,
    /// Where it says 2xx, that it says so.
    Start,
}

async fn within(
    timeout: Duration,
    answer: impl Future<Output = Result<Reply, Failure>>,
) -> Result<Reply, Failure> {
    tokio::time::timeout(timeout, answer)
        .await
        .unwrap_or(Err(Failure::Timeout))
}

/// Reads the start of a body.
async fn read(
    response: &mut reqwest::Response,
    body: &mut BytesMut,
    bytes_max: usize,
) -> Result<(), reqwest::Error> {
    while body.len() < bytes_max {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        let room = bytes_max - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(())
}

/// Names the failure behind an error of the HTTP library, our own refusals included, and what lifts those.
fn sort(error: &reqwest::Error, remedy: &str) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(blocked) = inner.downcast_ref::<BlockedAddress>() {
            return blocked.failure(remedy);
        }
        cause = inner.source();
    }
    failure::classify(error)
}

fn build(
    proxy: Option<&Url>,
    tls: rustls::ClientConfig,
    adjust: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_nodelay(true)
        .user_agent(concat!("bellwire/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .no_proxy();
    if let Some(proxy) = proxy {
        let proxy =
            reqwest::Proxy::all(proxy.as_str()).map_err(|error| ClientError::proxy(&error))?;
        builder = builder.proxy(proxy);
    }
    adjust(builder)
        .build()
        .map_err(|error| tls::explain(&error))
}
