//! How connections fail and end on real sockets, each way by its own name.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

use super::options::source;
use super::server::{Act, STREAM, Server};
use crate::model::{Cursor, Failure, Secret};
use crate::sources::End;
use crate::sources::canned::{Read, connector, feed, read};
use crate::sources::connection::Connector;
use crate::transport::{StreamLimits, StreamTransport};

/// Limits that a test can wait for.
const SHORT: StreamLimits = StreamLimits {
    connect: Duration::from_millis(300),
    head: Duration::from_millis(600),
};

async fn ends(script: Vec<Act>) -> Read {
    let server = Server::start(script).await;
    let source = source("sse", json!({ "url": server.url() }));
    read(&*source.connector, Cursor::Unknown).await
}

fn short(url: &str) -> Connector<StreamTransport> {
    let url = url.parse().expect("an address");
    let transport = StreamTransport::new(&url, None, SHORT).expect("a transport");
    let mut connector = connector(transport, Arc::new(feed()));
    connector.address = Secret::new(url.into());
    connector
}

async fn unreachable(url: &str) -> Failure {
    let source = source("sse", json!({ "url": url }));
    match read(&*source.connector, Cursor::Unknown).await.end {
        End::Unreachable(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn say(text: impl Into<String>) -> Act {
    Act::Say(text.into())
}

fn stream_with(header: &str, body: &str) -> Act {
    say(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{header}\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn feed_t6_ends_of_a_body_on_the_wire() {
    let event = "data: a\n\n";
    let chunk = "9\r\ndata: a\n\n\r\n";
    let cut_off = |words: &str| End::Broken(Failure::Other(words.to_owned()));
    for (script, end) in [
        (vec![say(format!("{STREAM}{event}"))], End::Eof),
        (vec![stream_with("Content-Length: 9", event)], End::Eof),
        (
            vec![stream_with(
                "Transfer-Encoding: chunked",
                &format!("{chunk}0\r\n\r\n"),
            )],
            End::Eof,
        ),
        (
            vec![say(format!("{STREAM}{event}id: 9\ndata: lost\n"))],
            End::EofInEvent,
        ),
        (
            vec![
                say(format!("{STREAM}{event}")),
                Act::Pause(Duration::from_millis(100)),
                Act::Reset,
            ],
            End::Broken(Failure::Reset),
        ),
        (
            vec![stream_with("Transfer-Encoding: chunked", chunk)],
            cut_off("the chunked body was cut off"),
        ),
        (
            vec![stream_with(
                "Transfer-Encoding: chunked",
                &format!("{chunk}9\r\nda"),
            )],
            cut_off("the chunked body was cut off"),
        ),
        (
            vec![stream_with("Content-Length: 90", event)],
            cut_off("the body is shorter than announced"),
        ),
    ] {
        let read = ends(script.clone()).await;
        assert_eq!(
            (read.end, read.events),
            (end, vec!["message|a|".to_owned()]),
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn sse_5_an_event_above_the_configured_size_is_skipped_and_the_stream_goes_on() {
    let data = "x".repeat(5 << 10);
    let body = format!("id: 1\ndata: {data}\n\nid: 2\ndata: after\n\n");
    let server = Server::say(format!("{STREAM}{body}")).await;
    for (size, events, skipped) in [("1KiB", 1, 1), ("1MiB", 2, 0)] {
        let source = source(
            "sse",
            json!({ "url": server.url(), "max_event_size": size }),
        );
        let read = read(&*source.connector, Cursor::Unknown).await;
        assert_eq!((read.events.len(), read.skipped.len()), (events, skipped));
        assert_eq!(
            (read.cursor, read.end),
            (Cursor::At("2".to_owned()), End::Eof)
        );
    }
}

#[tokio::test]
async fn feed_t6_a_port_where_nobody_listens_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    assert_eq!(unreachable(&url).await, Failure::Refused);
}

#[tokio::test]
async fn the_head_of_a_stream_has_limits() {
    let too_large = Failure::Other("message head is too large".to_owned());
    for lines in [
        "X: y\r\n".repeat(101),
        format!("X: {}\r\n", "y".repeat(1 << 20)),
    ] {
        let server = Server::say(format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).await;
        assert_eq!(unreachable(&server.url()).await, too_large);
    }
}

#[tokio::test]
async fn feed_t6_a_name_that_does_not_resolve_is_told_as_such() {
    // A label of 64 characters is refused by the resolver without asking anybody.
    let url = format!("http://{}.invalid/", "x".repeat(64));
    assert_eq!(unreachable(&url).await, Failure::Dns);
}

#[tokio::test]
async fn a_name_that_has_come_to_mean_a_metadata_address_is_not_dialled() {
    let words = "169.254.169.254 is a link-local or metadata address; where it is meant, write it in place of the name";
    assert_eq!(
        unreachable("http://169-254-169-254.resolved.test/").await,
        Failure::Blocked(words.to_owned())
    );
}

#[tokio::test]
async fn feed_t6_broken_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut hello = [0; 1_024];
            let _hello = tokio::io::AsyncReadExt::read(&mut stream, &mut hello).await;
            let said = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
            said.expect("said");
        }
    });
    for _ in 0..2 {
        let failure = unreachable(&format!("https://{address}/")).await;
        assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
    }
    server.await.expect("served");
}

#[tokio::test]
async fn feed_t6_a_certificate_of_nobody_is_told_as_such() {
    crate::transport::install_crypto_provider();
    let certificate = include_bytes!("../../../tests/fixtures/tls/self_signed.der");
    let key = include_bytes!("../../../tests/fixtures/tls/self_signed.key.der");
    let key = PrivateKeyDer::try_from(key.as_slice()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate.as_slice())], key)
        .expect("a server");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).expect("a connection");
        while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        let _rest = stream.flush().and_then(|()| stream.read(&mut [0; 64]));
    });
    let failure = unreachable(&format!("https://localhost:{port}/")).await;
    assert!(matches!(failure, Failure::Certificate(_)), "{failure:?}");
    server.join().expect("served");
}

#[tokio::test]
async fn feed_b6_only_http_1_is_offered() {
    // Over HTTP/2 the streams of one host would share a window, and three unread ones would use it up.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut acceptor = rustls::server::Acceptor::default();
        loop {
            acceptor.read_tls(&mut stream).expect("bytes");
            if let Some(accepted) = acceptor.accept().expect("a greeting") {
                let hello = accepted.client_hello();
                let offered = hello.alpn().expect("a list of protocols");
                return offered.map(<[u8]>::to_vec).collect::<Vec<_>>();
            }
        }
    });
    unreachable(&format!("https://localhost:{port}/")).await;
    assert_eq!(server.join().expect("served"), [b"http/1.1".to_vec()]);
}

#[tokio::test]
async fn feed_t8_connecting_and_the_head_have_limits() {
    let default = StreamLimits::default();
    assert_eq!(
        (default.connect.as_secs(), default.head.as_secs()),
        (10, 30)
    );

    let mut mute = Server::start(vec![Act::AwaitClose]).await;
    let read_mute = read(&short(&mute.url()), Cursor::Unknown).await;
    assert_eq!(read_mute.end, End::NoHead);
    mute.closed().await;

    // Nobody accepts here, and the queue of those who wait is full.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(connected) = tokio::time::timeout(
        Duration::from_millis(300),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        waiting.push(connected.expect("a place in the queue"));
    }
    let read_full = read(&short(&format!("http://{address}/")), Cursor::Unknown).await;
    assert_eq!(read_full.end, End::Unreachable(Failure::ConnectTimeout));
}

#[tokio::test]
async fn feed_t8_a_stream_may_outlive_every_limit() {
    let pause = Act::Pause(SHORT.head * 2);
    let server = Server::start(vec![say(STREAM), pause, say("data: a\n\n")]).await;
    let read = read(&short(&server.url()), Cursor::Unknown).await;
    assert_eq!((read.events.len(), read.end), (1, End::Eof));
}

#[tokio::test]
async fn an_answer_that_never_was_one_is_told_as_such() {
    let read = ends(Vec::new()).await;
    assert_eq!(read.end, End::Unreachable(Failure::Reset));
    let read = ends(vec![say("SSH-2.0-x\r\n")]).await;
    assert!(
        matches!(read.end, End::Unreachable(Failure::Other(_))),
        "{:?}",
        read.end
    );
}

#[tokio::test]
async fn feed_b6_stalled_streams_do_not_stall_their_neighbour() {
    let server = Server::start(vec![say(STREAM), Act::Flood("data: flood\n\n")]).await;
    let source = source("sse", json!({ "url": server.url() }));
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let open = source.connector.connect(&Cursor::Unknown).await;
        stalled.push(open.expect("connected"));
    }
    let mut lively = source
        .connector
        .connect(&Cursor::Unknown)
        .await
        .expect("connected");
    for _ in 0..10_000 {
        lively.next().await.expect("an event");
    }
}
