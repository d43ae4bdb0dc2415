//! Conversations with a broker, its side written down byte for byte from the standard.

use proptest::prelude::*;

use super::*;
use crate::transport::Outgoing;

fn post(payload: &'static [u8], optional: bool) -> Post {
    Post {
        topic: "bellwire/phone".to_owned(),
        payload: Bytes::from_static(payload),
        retain: false,
        optional,
        properties: vec![("webhook-id", "msg_1".to_owned())],
    }
}

fn publication(messages: Vec<Post>) -> Publication {
    Publication {
        broker: Broker {
            host: "broker.example".to_owned(),
            port: 1883,
            tls: None,
            username: Some("bridge".to_owned()),
            password: Some(Secret::new("pw".to_owned())),
        },
        client_id: "bellwire-1".to_owned(),
        messages,
    }
}

/// What a publish comes to with a broker that says these bytes, and what we said.
async fn talked(messages: Vec<Post>, said: &[u8]) -> (Result<Reply, Failure>, Vec<u8>) {
    let mut incoming = FramedRead::new(said, MqttDecoder::new());
    let mut ours = Vec::new();
    let publication = publication(messages);
    send(&mut ours, &hello(&publication))
        .await
        .expect("written");
    let outcome = talk(&publication, &mut incoming, &mut ours).await;
    (outcome, ours)
}

/// The status of the answer, and the broker's words.
async fn told(messages: Vec<Post>, said: &[u8]) -> (u16, String) {
    let reply = talked(messages, said).await.0.expect("an answer");
    (
        reply.status,
        String::from_utf8_lossy(&reply.body).into_owned(),
    )
}

const WELCOME: &[u8] = &[0x20, 3, 0, 0, 0];

fn after_welcome(more: &[u8]) -> Vec<u8> {
    [WELCOME, more].concat()
}

#[tokio::test]
async fn a_message_that_is_acknowledged_is_delivered() {
    let said = after_welcome(&[0x40, 2, 0, 1]);
    let (outcome, ours) = talked(vec![post(b"{}", false)], &said).await;
    assert_eq!(outcome.expect("an answer").status, 0);
    // CONNECT: protocol `MQTT` 5, clean start, user name and password.
    assert_eq!(ours[0], 0x10);
    assert_eq!(ours[2..10], [0, 4, b'M', b'Q', b'T', b'T', 5, 0xc2]);
    // PUBLISH with quality of service 1 and not retained.
    let publish = &ours[2 + usize::from(ours[1])..];
    assert_eq!(publish[0], 0x32);
    assert!(publish.ends_with(b"{}"));
    for part in ["bellwire/phone", "webhook-id", "msg_1", "application/json"] {
        let there = publish
            .windows(part.len())
            .any(|window| window == part.as_bytes());
        assert!(there, "{part}");
    }
}

#[tokio::test]
async fn every_refusal_comes_back_as_its_code() {
    assert_eq!(told(vec![], WELCOME).await, (0, String::new()));
    let refused = [0x20, 3, 0, 0x86, 0];
    assert_eq!(told(vec![post(b"{}", false)], &refused).await.0, 134);
    let reason = [0x20, 8, 0, 0x87, 5, 0x1f, 0, 2, b'n', b'o'];
    assert_eq!(told(vec![], &reason).await, (135, "no".to_owned()));
    let forbidden = after_welcome(&[0x40, 3, 0, 1, 0x87]);
    assert_eq!(told(vec![post(b"{}", false)], &forbidden).await.0, 135);
    let nobody_listens = after_welcome(&[0x40, 3, 0, 1, 0x10]);
    assert_eq!(told(vec![post(b"{}", false)], &nobody_listens).await.0, 0);
    let goodbye = after_welcome(&[0xe0, 1, 0x8b]);
    assert_eq!(told(vec![post(b"{}", false)], &goodbye).await.0, 139);
}

#[tokio::test]
async fn a_refused_announcement_keeps_no_event_back() {
    let said = after_welcome(&[0x40, 3, 0, 1, 0x87, 0x40, 2, 0, 2]);
    let messages = vec![post(b"announcement", true), post(b"event", false)];
    assert_eq!(told(messages, &said).await.0, 0);
}

#[tokio::test]
async fn a_broker_that_talks_without_an_end_is_not_listened_to_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("binds");
    let mut publication = publication(Vec::new());
    "127.0.0.1".clone_into(&mut publication.broker.host);
    publication.broker.port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // The longest packet that there can be.
        drop(stream.write_all(&[0x20, 0xff, 0xff, 0xff, 0x7f]).await);
        while stream.write_all(&[0; 4096]).await.is_ok() {}
    });
    let heard = publish(publication, Reach::Guarded);
    let outcome = tokio::time::timeout(std::time::Duration::from_secs(20), heard).await;
    assert!(outcome.expect("an end").is_err());
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_broker_is_not_even_sent() {
    // Maximum Packet Size: 100.
    let said = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 100];
    let long: &'static [u8] = &[b'x'; 200];
    let (outcome, ours) = talked(vec![post(long, false)], &said).await;
    assert_eq!(outcome.expect("an answer").status, PACKET_TOO_LARGE);
    assert!(!ours.ends_with(b"x"));
}

#[tokio::test]
async fn a_broker_that_hangs_up_or_speaks_another_language_is_a_failure() {
    for said in [&b""[..], WELCOME] {
        let (outcome, _) = talked(vec![post(b"{}", false)], said).await;
        assert_eq!(outcome.expect_err("no answer"), Failure::Reset, "{said:?}");
    }
    // One that hangs up in mid-word, one of version 3.1.1 that refuses version 5, and one that is none.
    for said in [
        &[0x20][..],
        &[0x20, 2, 0, 1],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let (outcome, _) = talked(vec![post(b"{}", false)], said).await;
        assert!(
            outcome.map_or(true, |reply| reply.status >= 128),
            "{said:?}"
        );
    }
}

/// What a publish comes to at a port that says these bytes to whatever it hears, and hangs up.
async fn published(tls: Option<Trust>, said: &'static [u8]) -> Result<Reply, Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("binds");
    let mut publication = publication(Vec::new());
    "127.0.0.1".clone_into(&mut publication.broker.host);
    publication.broker.port = listener.local_addr().expect("bound").port();
    publication.broker.tls = tls;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut heard = [0; 4096];
        assert!(stream.read(&mut heard).await.expect("words") > 0);
        drop(stream.write_all(said).await);
        drop(stream.shutdown().await);
    });
    publish(publication, Reach::Guarded).await
}

#[tokio::test]
async fn a_port_of_another_language_is_asked_about() {
    let other = |words: &str| Failure::Other(words.to_owned());
    let alert = &[21, 3, 3, 0, 2, 2, 70];
    let tls = other("the port speaks TLS: is it mqtts:// instead of mqtt://?");
    assert_eq!(published(None, alert).await.expect_err("no broker"), tls);
    let http =
        other("the port speaks HTTP and is no broker's; MQTT over WebSocket is not spoken here");
    let page = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_eq!(published(None, page).await.expect_err("no broker"), http);
    for (said, word) in [
        (&b""[..], "the broker hung up"),
        (WELCOME, "the address speaks no TLS"),
    ] {
        let words = format!("{word}: is it mqtt:// instead of mqtts://?");
        let failure = published(Some(Trust::System), said)
            .await
            .expect_err("no TLS");
        assert_eq!(failure, Failure::Tls(words));
    }
    assert_eq!(published(None, WELCOME).await.expect("a broker").status, 0);
    let none = published(None, b"").await.expect_err("no answer");
    assert_eq!(none, Failure::Reset);
}

#[tokio::test]
async fn the_same_addresses_are_shut_as_for_every_other_request() {
    // Of the second the system's resolver makes an address without asking anybody.
    for host in ["169.254.169.254", "0xa9fea9fe"] {
        is_shut(host).await;
    }
}

async fn is_shut(host: &str) {
    let mut publication = publication(Vec::new());
    publication.broker.host = host.to_owned();
    assert!(Outgoing::Mqtt(publication.clone()).is_blocked(), "{host}");
    let failure = publish(publication, Reach::Guarded)
        .await
        .expect_err("shut");
    assert!(matches!(failure, Failure::Blocked(_)), "{failure:?}");
}

proptest! {
    #[test]
    fn no_bytes_of_a_broker_end_more_than_the_attempt(
        said in proptest::collection::vec(any::<u8>(), 0..64),
        welcome in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let said = if welcome { after_welcome(&said) } else { said };
        let (outcome, _) = runtime.block_on(talked(vec![post(b"{}", false)], &said));
        prop_assert!(outcome.is_ok() || outcome.is_err());
    }
}
