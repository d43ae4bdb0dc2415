//! The connection under a stream: one request whose answer never ends.
//!
//! A file of its own because its rules differ from those of a plain request: no limit on the whole,
//! HTTP/1.1 only so that a stalled stream cannot hold up its siblings, no pooled connections, and
//! redirects within one origin. It does not look into the answer: which status and which type make
//! a stream is decided by the room that reads it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::address::{ALLOWED_AS_NUMBER, GuardedResolver};
use super::{ClientError, failure, sort, tls};
use crate::model::Failure;

/// How often the system asks a silent peer whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Most redirects that are followed within one origin.
const HOPS_MAX: usize = 5;

/// Limits on the way to a response head. There is none on the whole: it would kill a healthy stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Name look-up, TCP and TLS together.
    pub connect: Duration,
    /// From the first byte of the look-up to the response head, redirects included.
    pub head: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
        }
    }
}

/// Opens streams to one address. Clones share their settings, never a connection.
#[derive(Clone, Debug)]
pub struct StreamTransport {
    http: reqwest::Client,
    limits: StreamLimits,
}

/// Why there is no stream, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// No connection was made, or it broke before the response head.
    Unreachable(Failure),
    /// No response head within the limit.
    NoHead,
    /// A redirect that is not followed, in words that show no more of the target than its origin.
    Redirect(String),
    /// The body broke.
    Broken(Failure),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(failure) | Self::Broken(failure) => failure.fmt(f),
            Self::NoHead => f.write_str("no response head within the limit"),
            Self::Redirect(detail) => write!(f, "redirect not followed: {detail}"),
        }
    }
}

impl std::error::Error for StreamError {}

/// What is set up where nothing is encrypted. Redirects stay within the origin, so no certificate will ever
/// be checked and no session kept, and a system without any certificates can still read a plain stream.
fn plain() -> ClientConfig {
    let builder = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let mut config = builder.with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

impl StreamTransport {
    /// Prepares to open streams to an address, through a proxy if one is given. The proxy variables
    /// of the environment are not read.
    ///
    /// # Errors
    /// [`ClientError`] where the system has no CA certificates, or the proxy cannot be used.
    pub fn new(
        address: &Url,
        proxy: Option<&Url>,
        limits: StreamLimits,
    ) -> Result<Self, ClientError> {
        tls::install_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("bellwire/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(limits.connect)
            .pool_max_idle_per_host(0)
            .tcp_keepalive(KEEPALIVE)
            .dns_resolver(GuardedResolver)
            .no_proxy();
        if let Some(proxy) = proxy {
            let proxy =
                reqwest::Proxy::all(proxy.as_str()).map_err(|error| ClientError::proxy(&error))?;
            builder = builder.proxy(proxy);
        }
        let needs_roots = [Some(address), proxy]
            .into_iter()
            .flatten()
            .any(|url| url.scheme() == "https");
        if !needs_roots {
            builder = builder.tls_backend_preconfigured(plain());
        }
        let http = builder.build().map_err(|error| tls::explain(&error))?;
        Ok(Self { http, limits })
    }

    async fn open(&self, request: Request<Option<Bytes>>) -> Result<Answer, StreamError> {
        tokio::time::timeout(self.limits.head, self.follow(request))
            .await
            .unwrap_or(Err(StreamError::NoHead))
    }

    /// Sends a request, and sends it again wherever it is redirected within its origin.
    async fn follow(&self, request: Request<Option<Bytes>>) -> Result<Answer, StreamError> {
        let (parts, _) = request.into_parts();
        // The builder turns user info in the address into a header, which then travels along.
        let mut next = self
            .http
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .build()
            .map_err(unreachable)?;
        for _ in 0..=HOPS_MAX {
            let (from, headers) = (next.url().clone(), next.headers().clone());
            let response = self.http.execute(next).await.map_err(unreachable)?;
            let Some(target) = target(&response) else {
                return Ok(answer(response));
            };
            next = hop(&from, &target, headers)?;
        }
        Err(StreamError::Redirect(format!(
            "more than {HOPS_MAX} in a row"
        )))
    }
}

impl HttpTransport for StreamTransport {
    fn request(&self, request: Request<Option<Bytes>>) -> ResponseFuture {
        let transport = self.clone();
        Box::pin(async move { transport.open(request).await.map_err(TransportError::new) })
    }
}

type Answer = Response<ByteStream>;

fn unreachable(error: reqwest::Error) -> StreamError {
    StreamError::Unreachable(sort(&error, ALLOWED_AS_NUMBER))
}

/// Where a response redirects to, as it was sent; `None` if it is no redirect or does not say where.
fn target(response: &reqwest::Response) -> Option<String> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(header::LOCATION)?;
    (redirects && !location.is_empty())
        .then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The request that follows a redirect. Its headers hold credentials, so the origin has to stay.
fn hop(from: &Url, target: &str, headers: HeaderMap) -> Result<reqwest::Request, StreamError> {
    let to = from
        .join(target)
        .map_err(|_| StreamError::Redirect("its target is no address".to_owned()))?;
    if to.origin() != from.origin() {
        let words = match (from.scheme(), to.scheme()) {
            ("https", "http") => "from https to http, ",
            _ => "to another origin, ",
        };
        let origin: String = to
            .origin()
            .ascii_serialization()
            .chars()
            .take(200)
            .collect();
        return Err(StreamError::Redirect(format!("{words}`{origin}`")));
    }
    let mut request = reqwest::Request::new(Method::GET, to);
    *request.headers_mut() = headers;
    Ok(request)
}

fn answer(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let announced = headers.contains_key(header::CONTENT_LENGTH);
    let body = response
        .bytes_stream()
        .map(move |chunk| chunk.map_err(|error| TransportError::new(broken(&error, announced))));
    let body: ByteStream = Box::pin(body);
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn broken(error: &reqwest::Error, announced: bool) -> StreamError {
    StreamError::Broken(match failure::is_cut_short(error) {
        true if announced => Failure::Other("the body is shorter than announced".to_owned()),
        true => Failure::Other("the chunked body was cut off".to_owned()),
        false => failure::classify(error),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("an address")
    }

    #[test]
    fn feed_r7_a_redirect_stays_within_its_origin() {
        for (from, target, to) in [
            ("https://x/a/b?c", "d", Some("https://x/a/d")),
            ("https://x/a", "/d?e", Some("https://x/d?e")),
            ("https://x/a", "https://x:443/d", Some("https://x/d")),
            ("https://x/a", "//x/d", Some("https://x/d")),
            ("https://x/a", "http://x/d", None),
            ("http://x/a", "https://x/d", None),
            ("https://x/a", "https://y/d", None),
            ("https://x/a", "https://x:444/d", None),
            ("https://x/a", "https://x@y/d", None),
            ("https://x/a", "//y/d", None),
            ("https://x/a", "https://", None),
            ("http://x/a", "file:///etc/passwd", None),
            ("http://x/a", "http://169.254.169.254/", None),
            ("http://x/a", "data:text/event-stream,data", None),
        ] {
            let hop = hop(&url(from), target, HeaderMap::new());
            let went = hop.as_ref().ok().map(|request| request.url().as_str());
            assert_eq!(went, to, "{from} to {target}");
        }
        let down = hop(&url("https://x/"), "http://x/?a=hunter2", HeaderMap::new());
        let words = "from https to http, `http://x`".to_owned();
        assert_eq!(down.map(drop), Err(StreamError::Redirect(words)));
    }

    /// Runs itself once more in a process that finds no certificates.
    #[test]
    fn a_system_without_certificates_is_told_what_to_install() {
        const WITHOUT: (&str, &str) = ("SSL_CERT_FILE", "/dev/null");
        let open = |text| StreamTransport::new(&url(text), None, StreamLimits::default());
        if std::env::var(WITHOUT.0).as_deref() == Ok(WITHOUT.1) {
            let fault = open("https://x/").expect_err("no certificates");
            assert!(fault.what().contains("No CA certificates"), "{fault}");
            assert!(fault.remedy().contains("`ca-certificates`"), "{fault}");
            open("http://x/").expect("plain http needs none");
            return;
        }
        let name =
            "transport::stream::tests::a_system_without_certificates_is_told_what_to_install";
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name])
            .env(WITHOUT.0, WITHOUT.1)
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}
