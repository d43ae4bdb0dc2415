//! The upstream and the receivers, on loopback ports of their own.

use std::net::SocketAddr;
use std::time::Duration;

use bellwire::simulator::receivers::{self, Kind};
use bellwire::simulator::ttmt::{self, Message};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A simulated TTMT that says only what it is told to.
pub(crate) struct Upstream {
    pub(crate) handle: ttmt::Handle,
    stop: CancellationToken,
    _task: JoinHandle<()>,
}

/// Receivers of all four kinds.
pub(crate) struct Phones {
    pub(crate) handle: receivers::Handle,
    stop: CancellationToken,
    _task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::with(ttmt::Options::default()).await
    }

    pub(crate) async fn with(options: ttmt::Options) -> Self {
        Self::at(LOOPBACK, options).await
    }

    /// The same at an address where nobody else listens.
    pub(crate) async fn at(listen: SocketAddr, options: ttmt::Options) -> Self {
        let simulator = ttmt::bind(ttmt::Options {
            listen,
            script: Some(options.script.unwrap_or_default()),
            ..options
        })
        .await
        .expect("a free port");
        let handle = simulator.handle();
        let stop = CancellationToken::new();
        let ended = stop.clone();
        let task = tokio::spawn(async move { simulator.run(ended).await.expect("serves") });
        Self {
            handle,
            stop,
            _task: task,
        }
    }

    /// `[sources.ttmt]` for this upstream.
    pub(crate) fn source(&self) -> String {
        format!(
            "[sources.ttmt]\nkind = \"ttmt\"\nbase_url = \"{}\"\napi_key = \"{}\"\n",
            self.handle.base_url(),
            ttmt::DEMO_KEY
        )
    }

    /// Requests for the stream so far.
    pub(crate) fn stream_requests(&self) -> Vec<ttmt::Request> {
        let mut requests = self.handle.requests();
        requests.retain(|request| request.route().ends_with("/stream"));
        requests
    }

    /// Those of them that got the stream. A machine that is busy elsewhere may free the slot late and
    /// answer 409 in between.
    pub(crate) fn admitted(&self) -> Vec<ttmt::Request> {
        let mut requests = self.stream_requests();
        requests.retain(|request| request.status == Some(200));
        requests
    }

    /// Waits for the stream with this number, from 1. Its end is nothing to wait for where the next one
    /// may begin before the test looks.
    pub(crate) async fn streams(&self, count: usize) {
        super::until("the next stream", || self.admitted().len() >= count).await;
        super::soon("its beginning", self.handle.heard()).await;
    }

    /// Sends one event with these bytes.
    pub(crate) async fn send(&self, payload: impl Into<bytes::Bytes>) {
        self.handle.send_raw(payload).await;
    }

    /// Sends one message as it stands.
    pub(crate) async fn message(&self, message: Message) {
        self.handle.send(message).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Phones {
    pub(crate) async fn start() -> Self {
        Self::at(LOOPBACK).await
    }

    /// The same at an address where nobody else listens.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let receivers = receivers::bind(address).await.expect("a free port");
        let handle = receivers.handle();
        let stop = CancellationToken::new();
        let ended = stop.clone();
        let task = tokio::spawn(async move { receivers.run(ended).await.expect("serves") });
        Self {
            handle,
            stop,
            _task: task,
        }
    }

    /// `[sinks.NAME]` for a receiver of this kind, with more lines behind it.
    pub(crate) fn sink(&self, name: &str, kind: Kind, more: &str) -> String {
        let url = self.handle.url(kind);
        let own = match kind {
            Kind::Webhook => format!(
                "kind = \"webhook\"\nurl = \"{url}\"\nsecret = \"{}\"",
                super::SECRET
            ),
            Kind::Discord => format!("kind = \"discord\"\nurl = \"{url}\""),
            Kind::Slack => format!("kind = \"slack\"\nurl = \"{url}\""),
            Kind::Ntfy => format!("kind = \"ntfy\"\nserver = \"{url}\"\ntopic = \"alerts\""),
        };
        format!("[sinks.{name}]\n{own}\nrate_limit = \"off\"\n{more}\n")
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Sends payloads at a pace, one after the other.
pub(crate) async fn feed(upstream: &Upstream, payloads: Vec<String>, pause: Duration) {
    let mut tick = tokio::time::interval(pause);
    for payload in payloads {
        tick.tick().await;
        upstream.send(payload).await;
    }
}
