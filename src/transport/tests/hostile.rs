//! Answers that nobody should give, and encryption that goes wrong: each costs its own attempt and no more, and
//! says what it was.

use std::sync::Arc;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::transport::target::Target;
use crate::transport::{build, install_crypto_provider};

#[tokio::test]
async fn the_head_of_an_answer_has_limits() {
    let too_large = Failure::Other("message head is too large".to_owned());
    for lines in [
        "X: y\r\n".repeat(101),
        "X: y\r\n".repeat(1_000_000),
        format!("X: {}\r\n", "y".repeat(1 << 20)),
        format!("{}: y\r\n", "X".repeat(1 << 20)),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        let address = server(|stream| write(stream, answer)).await;
        assert_eq!(get(address, LONG).await.expect_err("no answer"), too_large);
    }
    let lines = "X: y\r\n".repeat(100);
    let answer = format!("HTTP/1.1 204 No Content\r\n{lines}\r\n");
    let address = server(|stream| write(stream, answer)).await;
    assert_eq!(get(address, LONG).await.expect("an answer").status, 204);
}

#[tokio::test]
async fn an_answer_that_only_ever_announces_itself_costs_the_timeout() {
    let address = server(|mut stream| async move {
        let early = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(64);
        while stream.write_all(&early).await.is_ok() {}
    })
    .await;
    assert_eq!(
        get(address, SOON).await.expect_err("no answer"),
        Failure::Timeout
    );
}

#[tokio::test]
async fn a_packed_body_is_neither_asked_for_nor_unpacked() {
    // A gzip of ten million zeros begins like this.
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3][..], &[0xec; 54]].concat();
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, gzip"] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        );
        let answer = [head.as_bytes(), &packed].concat();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.expect("a request");
            write(stream, answer).await;
            String::from_utf8_lossy(&head[..read]).to_lowercase()
        });
        let reply = get(address, LONG).await.expect("an answer");
        assert_eq!(reply.body, packed, "{encoding}");
        let asked = asked.await.expect("heard");
        assert!(!asked.contains("accept-encoding"), "{asked}");
    }
}

/// A server's side of TLS.
fn acceptor(certificate: &'static [u8], key: &'static [u8]) -> TlsAcceptor {
    install_crypto_provider();
    let key = PrivateKeyDer::try_from(key).expect("a key");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key)
        .expect("a server");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A client that trusts this authority alone, or nobody.
fn trusting(authority: Option<&[u8]>) -> Client {
    install_crypto_provider();
    let mut roots = RootCertStore::empty();
    if let Some(authority) = authority {
        let authority = CertificateDer::from_pem_slice(authority).expect("a certificate");
        roots.add(authority).expect("an authority");
    }
    let tls = ClientConfig::builder().with_root_certificates(roots);
    let mut tls = tls.with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let http = build(None, tls, |builder| builder).expect("a client");
    Client {
        target: Target::default(),
        guarded: http.clone(),
        open: http,
        reply_bytes_max: REPLY_BYTES_MAX,
    }
}

/// What becomes of a request to a server behind this certificate, whose authority is trusted or not.
async fn behind(certificate: &'static [u8], is_trusted: bool) -> Failure {
    let key = include_bytes!("../../../tests/fixtures/tls/odd.key.der");
    let acceptor = acceptor(certificate, key);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        drop(acceptor.accept(stream).await);
    });
    let authority = include_bytes!("../../../tests/fixtures/tls/odd_authority.pem");
    let client = trusting(is_trusted.then_some(&authority[..]));
    let request = http::Request::get(format!("https://localhost:{port}/"))
        .body(Bytes::new())
        .expect("a request");
    let sent = client.send(request, LONG, Reach::Guarded).await;
    sent.expect_err("no answer")
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let expired = include_bytes!("../../../tests/fixtures/tls/odd_expired.der");
    let early = include_bytes!("../../../tests/fixtures/tls/odd_early.der");
    let elsewhere = include_bytes!("../../../tests/fixtures/tls/odd_elsewhere.der");
    for (certificate, is_trusted, words) in [
        (
            &expired[..],
            true,
            "it expired on Mon, 04 Mar 2002 00:00:00 GMT",
        ),
        (
            early,
            true,
            "it is not valid before Mon, 01 Jan 2120 00:00:00 GMT: is this machine's clock right?",
        ),
        (elsewhere, true, "it is for another host: elsewhere.example"),
        (
            elsewhere,
            false,
            "its issuer is not trusted here: it is self-signed, or of an authority that this system does not know",
        ),
    ] {
        let failure = behind(certificate, is_trusted).await;
        assert_eq!(failure, Failure::Certificate(words.to_owned()));
    }
}

#[tokio::test]
async fn a_handshake_that_is_cut_off_is_no_broken_request() {
    let hung_up = Failure::Tls("the other side hung up".to_owned());
    let address = server(|stream| write(stream, "")).await;
    let failure = get_by("https", address, LONG).await.expect_err("no TLS");
    assert_eq!(failure, hung_up);
    // What has not been read when a socket is closed makes a reset of its end.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.readable().await.expect("a greeting");
    });
    let failure = get_by("https", address, LONG).await.expect_err("no TLS");
    assert_eq!(failure, hung_up);
}

/// What becomes of a request that is answered over HTTP/2 with so many headers, each of 40 bytes and what HTTP/2
/// counts for one.
async fn answered_with(headers: usize) -> Result<Reply, Failure> {
    let acceptor = acceptor(
        include_bytes!("../../../tests/fixtures/tls/localhost.der"),
        include_bytes!("../../../tests/fixtures/tls/localhost.key.der"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = acceptor.accept(stream).await.expect("encrypted");
        let answer = service_fn(move |_: http::Request<Incoming>| async move {
            let mut answer = http::Response::new(Body::empty());
            for number in 0..headers {
                let name = format!("x-{number:08}").parse::<http::HeaderName>();
                let value = http::HeaderValue::from_static("012345678901234567890123456789");
                answer.headers_mut().append(name.expect("a name"), value);
            }
            Ok::<_, std::convert::Infallible>(answer)
        });
        let server = auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(stream), answer).await);
    });
    let authority = include_bytes!("../../../tests/fixtures/tls/authority.pem");
    let request = http::Request::get(format!("https://localhost:{port}/"))
        .body(Bytes::new())
        .expect("a request");
    let client = trusting(Some(authority));
    client.send(request, LONG, Reach::Guarded).await
}

#[tokio::test]
async fn the_head_of_an_answer_has_limits_over_http_2_too() {
    // 16 KiB of 72 bytes each are 227.
    assert_eq!(answered_with(220).await.expect("an answer").status, 200);
    for headers in [235, 10_000] {
        let failure = answered_with(headers).await.expect_err("no answer");
        assert!(matches!(failure, Failure::Other(_)), "{failure:?}");
    }
}
