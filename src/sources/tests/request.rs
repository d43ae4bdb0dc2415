//! What a server hears when it is connected to, and where credentials go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::header;
use serde_json::json;

use super::options::source;
use super::server::{Act, STREAM, Server};
use crate::model::{Cursor, Secret};
use crate::sources::canned::{connector, feed, read};
use crate::sources::{End, Source};
use crate::transport::{StreamLimits, StreamTransport};

const KEY: &str = "ttmt_live_0123456789012345678901234567890123456789012";

/// The request of a connect from this cursor, in lower case but for its first line and its values.
async fn heard(server: &mut Server, source: &Source, cursor: Cursor) -> Vec<String> {
    let _read = read(&*source.connector, cursor).await;
    lines(&server.head().await)
}

fn lines(head: &str) -> Vec<String> {
    let lines = head.lines().take_while(|line| !line.is_empty());
    let lower = lines.map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
        None => line.to_owned(),
    });
    lower.collect()
}

fn feed_at(url: &str) -> Source {
    source(
        "sse",
        json!({ "url": url, "headers": { "X-Api-Key": "hunter2" } }),
    )
}

fn ttmt_at(server: &Server) -> Source {
    let base = format!("http://{}/api/v1/", server.address);
    let account = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
    source(
        "ttmt",
        json!({ "api_key": KEY, "base_url": base, "account_id": account }),
    )
}

#[tokio::test]
async fn feed_q1_feed_q4_auth_3_the_request_asks_for_a_plain_uncached_stream() {
    let mut server = Server::say(STREAM).await;
    let source = feed_at(&format!("{}?a=1#part", server.url()));
    let heard = heard(&mut server, &source, Cursor::Unknown).await;
    assert_eq!(heard[0], "GET /events?a=1 HTTP/1.1");
    for line in [
        "accept: text/event-stream",
        "cache-control: no-cache",
        "accept-encoding: identity",
        "x-api-key: hunter2",
    ] {
        assert!(
            heard.iter().any(|heard| heard == line),
            "{line} in {heard:?}"
        );
    }
}

#[tokio::test]
async fn feed_q2_feed_q3_the_cursor_is_sent_unchanged_if_there_is_one() {
    let mut server = Server::say(STREAM).await;
    let source = feed_at(&server.url());
    let bytes = "last-event-id: \u{e2}\u{80}\u{a6}";
    for (cursor, line) in [
        (Cursor::Unknown, None),
        (Cursor::Cleared, None),
        (Cursor::At("7".to_owned()), Some("last-event-id: 7")),
        (Cursor::At("…".to_owned()), Some(bytes)),
        (Cursor::At("a\u{1}b".to_owned()), None),
    ] {
        let heard = heard(&mut server, &source, cursor.clone()).await;
        let id = heard.iter().find(|line| line.starts_with("last-event-id"));
        assert_eq!(id.map(String::as_str), line, "{cursor:?}");
    }
}

#[tokio::test]
async fn feed_l1_feed_l2_the_cursor_outlives_connections_without_ids() {
    let body = "id: 5\ndata: a\n\nid: 6\n\n";
    let mut server = Server::say(format!("{STREAM}{body}")).await;
    let source = feed_at(&server.url());
    let first = read(&*source.connector, Cursor::Unknown).await;
    assert_eq!(first.cursor, Cursor::At("6".to_owned()));
    server.head().await;

    let mut quiet = Server::say(format!("{STREAM}data: b\n\n")).await;
    let source = feed_at(&quiet.url());
    let mut cursor = first.cursor;
    for _ in 0..2 {
        cursor = read(&*source.connector, cursor).await.cursor;
        let heard = lines(&quiet.head().await);
        assert!(heard.contains(&"last-event-id: 6".to_owned()), "{heard:?}");
    }
}

#[tokio::test]
async fn feed_q5_credentials_are_read_anew_for_each_connection() {
    let mut server = Server::say(STREAM).await;
    let url = server.url().parse().expect("an address");
    let limits = StreamLimits::default();
    let transport = StreamTransport::new(&url, None, limits).expect("a transport");
    let mut connector = connector(transport, Arc::new(feed()));
    connector.address = Secret::new(url.into());
    let count = AtomicU32::new(0);
    connector.headers = Arc::new(move || {
        let token = format!("Bearer t{}", count.fetch_add(1, Ordering::Relaxed));
        vec![(header::AUTHORIZATION, Secret::new(token))]
    });
    for token in ["t0", "t1", "t2"] {
        let _read = read(&connector, Cursor::Unknown).await;
        let heard = lines(&server.head().await);
        assert!(
            heard.contains(&format!("authorization: Bearer {token}")),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn auth_1_the_key_is_in_the_header_and_never_in_the_address() {
    let mut server = Server::say(STREAM).await;
    let source = ttmt_at(&server);
    let heard = heard(&mut server, &source, Cursor::At("42".to_owned())).await;
    let path = "/api/v1/stream?account_id=a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
    assert_eq!(heard[0], format!("GET {path} HTTP/1.1"));
    assert!(heard.contains(&format!("authorization: Bearer {KEY}")));
    assert!(heard.contains(&"last-event-id: 42".to_owned()));
    assert_eq!(heard.iter().filter(|line| line.contains(KEY)).count(), 1);
}

#[tokio::test]
async fn user_info_in_the_address_becomes_a_header() {
    let mut server = Server::say(STREAM).await;
    let source = feed_at(&format!("http://me:pa%20ss@{}/events", server.address));
    let heard = heard(&mut server, &source, Cursor::Unknown).await;
    assert_eq!(heard[0], "GET /events HTTP/1.1");
    assert!(
        heard.contains(&"authorization: Basic bWU6cGEgc3M=".to_owned()),
        "{heard:?}"
    );
}

#[tokio::test]
async fn feed_s3_a_proxy_is_used_when_it_is_configured() {
    let mut proxy = Server::say(format!("{STREAM}data: a\n\n")).await;
    let way = format!("http://{}", proxy.address);
    let source = source(
        "sse",
        json!({ "url": "http://feed.test/events", "proxy": way }),
    );
    let read = read(&*source.connector, Cursor::Unknown).await;
    assert_eq!(read.events, ["message|a|"]);
    assert!(
        proxy
            .head()
            .await
            .starts_with("GET http://feed.test/events HTTP/1.1")
    );
}

#[tokio::test]
async fn feed_r7_auth_6_no_other_origin_is_asked() {
    for status in [301, 302, 303, 307, 308] {
        let mut other = Server::say(format!("{STREAM}data: a\n\n")).await;
        let to = format!("{}?token=hunter2", other.url());
        let redirect =
            format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let server = Server::say(redirect).await;
        for source in [feed_at(&server.url()), ttmt_at(&server)] {
            let read = read(&*source.connector, Cursor::Unknown).await;
            assert_eq!(read.events, [""; 0]);
            let End::Redirect(detail) = read.end else {
                panic!("{:?}", read.end);
            };
            assert!(detail.contains(&other.address.to_string()) && !detail.contains("hunter2"));
        }
        assert!(other.has_heard_nothing());
    }
}

#[tokio::test]
async fn feed_r7_within_the_origin_a_redirect_keeps_what_was_shown() {
    for location in ["elsewhere?x=1", "/elsewhere?x=1"] {
        let redirect =
            format!("HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let mut server = Server::say(redirect).await;
        let source = feed_at(&format!("http://me:secret@{}/events", server.address));
        let read = read(&*source.connector, Cursor::At("7".to_owned())).await;
        assert_eq!(read.end, End::Redirect("more than 5 in a row".to_owned()));
        let first = lines(&server.head().await);
        assert_eq!(first[0], "GET /events HTTP/1.1");
        for _ in 0..5 {
            let next = lines(&server.head().await);
            assert_eq!(next[0], "GET /elsewhere?x=1 HTTP/1.1");
            assert_eq!(
                next[1..],
                first[1..],
                "the same headers, credentials and cursor too"
            );
        }
        assert!(server.has_heard_nothing());
    }
}

#[tokio::test]
async fn feed_r7_a_redirect_without_a_target_is_a_refusal() {
    let server = Server::say("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
    let read = read(&*feed_at(&server.url()).connector, Cursor::Unknown).await;
    assert!(matches!(read.end, End::Status(refusal) if refusal.status == 302));
}

#[tokio::test]
async fn feed_c1_giving_up_closes_the_socket() {
    // While the head is awaited.
    let mut mute = Server::start(vec![Act::AwaitClose]).await;
    let source = feed_at(&mute.url());
    let connecting = source.connector.connect(&Cursor::Unknown);
    tokio::select! {
        _ = connecting => panic!("there is no answer"),
        _ = mute.head() => {}
    }
    mute.closed().await;

    // While the stream is open.
    let say = Act::Say(format!("{STREAM}data: a\n\n"));
    let mut server = Server::start(vec![say, Act::AwaitClose]).await;
    let source = feed_at(&server.url());
    let mut items = source
        .connector
        .connect(&Cursor::Unknown)
        .await
        .expect("connected");
    items.next().await.expect("an event");
    drop(items);
    server.closed().await;
}
