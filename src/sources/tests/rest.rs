//! The REST client on a real socket: where the key goes, and how much of an answer is read.

use std::sync::Arc;

use super::server::{Act, Server};
use crate::clock::Clock;
use crate::model::Secret;
use crate::sources::budget::Budget;
use crate::sources::ttmt_rest::{Account, Answer, Refused, Rest, Unreadable};
use crate::transport::Client;

const KEY: &str = "ttmt_live_0123456789012345678901234567890123456789abc";

/// A client that reads up to a kibibyte.
fn rest_at(server: &Server) -> Rest {
    let base = format!("http://{}/api/v1", server.address);
    let client = Client::new(None).expect("a client").reading(1 << 10);
    Rest::new(
        client,
        &base.parse().expect("an address"),
        &Secret::new(KEY.to_owned()),
        None,
        Arc::new(Budget::new()),
        Clock::system(),
    )
    .expect("a key")
}

#[tokio::test]
async fn auth_6_a_redirect_of_the_rest_api_takes_the_key_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        let mut other = Server::say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        let redirect = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            other.url()
        );
        let mut server = Server::say(redirect).await;
        let answer = rest_at(&server).trade("1").await;
        assert_eq!(answer, Answer::Refused(Refused::of(status)));
        let head = server.head().await;
        assert!(head.starts_with("GET /api/v1/trades/1 HTTP/1.1"), "{head}");
        assert!(head.contains(KEY));
        assert!(server.has_heard_nothing() && other.has_heard_nothing());
    }
}

#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    let mut server = Server::say(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x01\x08\x00",
    )
    .await;
    let answer = rest_at(&server).positions().await;
    assert_eq!(answer, Answer::Unreadable(Unreadable::NotJson));
    assert!(
        !server
            .head()
            .await
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_the_limit_and_told_as_too_large() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":[1";
    let server = Server::start(vec![Act::Say(head.to_owned()), Act::Flood(",1")]).await;
    let answer = rest_at(&server).positions().await;
    assert_eq!(answer, Answer::Unreadable(Unreadable::TooLarge(1 << 10)));
}
