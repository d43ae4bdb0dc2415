//! Connections to a receiver: which protocol is spoken on them, and that they are kept.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, Response, Version};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{Bridge, Upstream, soon, until};

/// What a receiver has seen: how many connections, and the protocol of each request.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Version>>,
}

impl Seen {
    fn requests(&self) -> Vec<Version> {
        self.requests.lock().expect("nobody panicked").clone()
    }
}

/// A receiver that accepts everything, behind TLS with these protocols on offer, or in the clear.
async fn receiver(offered: Option<&[&str]>) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Seen::default());
    let acceptor = offered.map(acceptor);
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            shared.connections.fetch_add(1, Ordering::Relaxed);
            let (seen, acceptor) = (Arc::clone(&shared), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, seen).await;
                        }
                    }
                    None => serve(stream, seen).await,
                }
            });
        }
    });
    (address, seen)
}

fn acceptor(offered: &[&str]) -> TlsAcceptor {
    let certificate = include_bytes!("../fixtures/tls/localhost.der");
    let key = include_bytes!("../fixtures/tls/localhost.key.der");
    let key = PrivateKeyDer::try_from(key.as_slice()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate.as_slice())], key)
        .expect("a server");
    config.alpn_protocols = offered
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, seen: Arc<Seen>) {
    let service = service_fn(move |request: Request<_>| {
        let seen = Arc::clone(&seen);
        async move {
            let mut requests = seen.requests.lock().expect("nobody panicked");
            requests.push(request.version());
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    // The end of the process is the end of the connection, whichever way it is seen.
    drop(
        auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

/// Sends this many events, one after the other, to a receiver at `url`, which trusts nobody but the authority of the tests.
async fn send(url: &str, events: usize, seen: &Seen) {
    let upstream = Upstream::start().await;
    let authority = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tls/authority.pem"
    );
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}[sinks.it]\nkind = \"webhook\"\nurl = \"{url}\"\nsignature = \"none\"\nconcurrency = 1\n\
         [[rules]]\nname = \"all\"\nto = [\"it\"]\n",
        upstream.source(),
    ))
    .env("SSL_CERT_FILE", authority);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=events {
        let event = format!(
            r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{}}}}"#
        );
        upstream.send(event).await;
        bridge
            .ready("the delivery", |page| {
                page["sinks"]["it"]["delivered"] == number
            })
            .await;
    }
    until("every request", || seen.requests().len() == events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_receiver_gets_http_1_1_on_one_connection_that_is_kept() {
    let (address, seen) = receiver(None).await;
    send(&format!("http://{address}/"), 5, &seen).await;
    assert_eq!(seen.requests(), [Version::HTTP_11; 5]);
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_offers_http_2_gets_it_on_one_connection() {
    let (address, seen) = receiver(Some(&["h2", "http/1.1"])).await;
    send(&format!("https://localhost:{}/", address.port()), 5, &seen).await;
    assert_eq!(seen.requests(), [Version::HTTP_2; 5]);
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_behind_tls_that_knows_no_http_2_gets_http_1_1() {
    let (address, seen) = receiver(Some(&["http/1.1"])).await;
    send(&format!("https://localhost:{}/", address.port()), 3, &seen).await;
    assert_eq!(seen.requests(), [Version::HTTP_11; 3]);
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}
