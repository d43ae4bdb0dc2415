//! The client against servers that write exact bytes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, REPLY_BYTES_MAX, Reach};
use crate::model::{Failure, Reply};

mod hostile;

const SOON: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// A server that takes one connection, reads the request's head, and does as told.
async fn server<F>(answer: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.expect("a request");
        assert!(read > 0);
        answer(stream).await;
    });
    address
}

async fn get(address: SocketAddr, timeout: Duration) -> Result<Reply, Failure> {
    get_by("http", address, timeout).await
}

async fn get_by(scheme: &str, address: SocketAddr, timeout: Duration) -> Result<Reply, Failure> {
    let request = http::Request::get(format!("{scheme}://{address}/hook?token=s3cret"))
        .body(Bytes::new())
        .expect("a request");
    let client = Client::new(None).expect("a client");
    client.send(request, timeout, Reach::Guarded).await
}

async fn write(mut stream: TcpStream, bytes: impl AsRef<[u8]>) {
    // The client may have had enough and be gone.
    drop(stream.write_all(bytes.as_ref()).await);
    drop(stream.shutdown().await);
}

#[tokio::test]
async fn an_answer_comes_back_with_status_headers_and_body() {
    let address = server(|stream| {
        write(
            stream,
            "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow",
        )
    })
    .await;
    let reply = get(address, LONG).await.expect("an answer");
    assert_eq!((reply.status, &*reply.body), (429, b"slow".as_slice()));
    assert_eq!(reply.headers["retry-after"], "7");
}

#[tokio::test]
async fn wh_8_a_redirect_is_an_answer_and_is_not_followed() {
    let address = server(|stream| {
        write(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        )
    })
    .await;
    assert_eq!(get(address, LONG).await.expect("an answer").status, 302);
}

#[tokio::test]
async fn wh_10_a_receiver_that_never_answers_costs_the_timeout_and_no_more() {
    let address = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(
        get(address, SOON).await.expect_err("no answer"),
        Failure::Timeout
    );
}

#[tokio::test]
async fn wh_10_a_receiver_that_drips_costs_the_timeout_and_no_more() {
    let address = server(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        drop(stream.write_all(head).await);
        let mut tick = tokio::time::interval(SOON / 10);
        while stream.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    assert_eq!(
        get(address, SOON).await.expect_err("no whole answer"),
        Failure::Timeout
    );
}

/// What becomes of a delivery whose receiver answers with these bytes and then hangs up, or does not.
async fn delivered(answer: &'static str, hangs_up: bool) -> Result<(u16, Bytes), Failure> {
    let address = server(move |mut stream| async move {
        drop(stream.write_all(answer.as_bytes()).await);
        if !hangs_up {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let request = http::Request::post(format!("http://{address}/hook"))
        .body(Bytes::new())
        .expect("a request");
    let client = Client::new(None).expect("a client");
    let reply = client.deliver(request.into(), SOON, Reach::Guarded).await?;
    Ok((reply.status, reply.body))
}

#[tokio::test]
async fn a_delivery_is_accepted_with_its_status_whatever_becomes_of_the_rest() {
    let half = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 10\r\n\r\nhalf");
    let [ok, oops] = ["200 OK", "500 Oops"].map(|status| &*half(status).leak());
    for hangs_up in [true, false] {
        let accepted = Ok((200, Bytes::from_static(b"half")));
        assert_eq!(delivered(ok, hangs_up).await, accepted, "{hangs_up}");
    }
    assert_eq!(delivered(oops, true).await, Err(Failure::Reset));
    assert_eq!(delivered(oops, false).await, Err(Failure::Timeout));
    assert_eq!(delivered("HTTP/1.1 200", true).await, Err(Failure::Reset));
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_the_limit() {
    let address = server(|mut stream| async move {
        drop(stream.write_all(b"HTTP/1.1 500 Oops\r\n\r\n").await);
        let chunk = vec![b'x'; 64 * 1024];
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    let reply = get(address, LONG).await.expect("an answer");
    assert_eq!((reply.status, reply.body.len()), (500, REPLY_BYTES_MAX));
}

#[tokio::test]
async fn a_broken_connection_and_a_closed_port_are_told_apart() {
    let address =
        server(|stream| write(stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")).await;
    assert_eq!(
        get(address, LONG).await.expect_err("cut short"),
        Failure::Reset
    );

    let closed = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = closed.local_addr().expect("bound");
    drop(closed);
    assert_eq!(
        get(address, LONG).await.expect_err("nobody there"),
        Failure::Refused
    );
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_asked_about() {
    let no_http = |question: &str| Failure::Other(format!("what answers speaks no HTTP{question}"));
    let no_tls = "the address speaks no TLS: is it http:// instead of https://?";
    // What a server of TLS says to what is none: an alert.
    let alert: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
    let plain = no_http(": is it https:// instead of http://, or another port?");
    for (scheme, said, expected) in [
        (
            "https",
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            Failure::Tls(no_tls.to_owned()),
        ),
        ("http", alert, plain.clone()),
        (
            "http",
            b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
            Failure::Other("invalid HTTP header parsed".to_owned()),
        ),
        ("http", b"SSH-2.0-OpenSSH_9.2\r\n", plain),
    ] {
        let address = server(move |stream| write(stream, said)).await;
        let failure = get_by(scheme, address, LONG).await.expect_err("no answer");
        assert_eq!(failure, expected, "{scheme}");
    }
}

#[tokio::test]
async fn wh_12_a_failure_never_names_the_address_it_was_sent_to() {
    let client = Client::new(None).expect("a client");
    let request = http::Request::get("http://no-such-host.invalid/hook?token=s3cret")
        .body(Bytes::new())
        .expect("a request");
    let failure = client
        .send(request, LONG, Reach::Guarded)
        .await
        .expect_err("no such host");
    assert_eq!(failure, Failure::Dns);
    assert!(!format!("{failure} {failure:?}").contains("s3cret"));
}

#[tokio::test]
async fn metadata_addresses_are_refused_before_anything_is_sent() {
    let client = Client::new(None).expect("a client");
    for host in ["169.254.169.254", "0xa9fea9fe", "[::ffff:a9fe:a9fe]"] {
        let request = http::Request::get(format!("http://{host}/latest/meta-data"))
            .body(Bytes::new())
            .expect("a request");
        let failure = client
            .send(request, LONG, Reach::Guarded)
            .await
            .expect_err("refused");
        assert!(
            matches!(&failure, Failure::Blocked(why) if why.contains("allow_link_local")),
            "{host}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_has_come_to_mean_a_metadata_address_is_not_dialled() {
    let address = server(|stream| {
        write(
            stream,
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        )
    })
    .await;
    let ask = async |host: &str, reach| {
        let request = http::Request::get(format!("http://{host}:{}/", address.port()))
            .body(Bytes::new())
            .expect("a request");
        let client = Client::new(None).expect("a client");
        let answer = client.send(request, LONG, reach).await;
        answer.map(|reply| reply.status)
    };
    let blocked = |remedy| {
        let words = format!("169.254.169.254 is a link-local or metadata address; {remedy}");
        Err(Failure::Blocked(words))
    };
    let bad = "169-254-169-254.resolved.test";
    assert_eq!(
        ask(bad, Reach::Guarded).await,
        blocked("`allow_link_local = true` lifts this")
    );
    let remedy = "where it is meant, write it in place of the name";
    assert_eq!(ask(bad, Reach::AsWritten).await, blocked(remedy));
    assert_eq!(
        ask("127-0-0-1.resolved.test", Reach::AsWritten).await,
        Ok(204)
    );
}
