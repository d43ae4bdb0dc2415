//! What the upstream does to a source: keys that end, connections that end, ids that start over,
//! events that cannot be read.

use std::net::TcpListener;
use std::time::Duration;

use bellwire::simulator::Answer;
use bellwire::simulator::ttmt::{Message, MessageId};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Server, Upstream, soon, until};

/// An event with this id, of the second `second`.
fn hit(id: u64, second: u64) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{id},"timestamp":"2026-06-11T08:00:{second:02}.000Z","data":{{"price":1.10}}}}"#
    )
}

/// A connected bridge that can be heard.
async fn connected() -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

/// Kills a bridge that has written down that so many events arrived; else the last would come twice.
async fn kill_settled(upstream: &Upstream, bridge: &mut Bridge, delivered: usize) {
    let settled = |ready: &Value| ready["sinks"]["events"]["delivered"] == delivered;
    bridge
        .ready("the answers to be written down", settled)
        .await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
}

/// Sends an event and waits until it has arrived as the last of `count`.
async fn arrive(upstream: &Upstream, phones: &Phones, payload: &str, count: usize) {
    upstream.send(payload.to_owned()).await;
    until("the event to arrive", || phones.events().len() >= count).await;
    assert_eq!(phones.events().last().map(String::as_str), Some(payload));
}

fn last_ids(upstream: &Upstream) -> Vec<Option<String>> {
    let requests = upstream.stream_requests().into_iter();
    requests.map(|request| request.last_event_id).collect()
}

/// Waits for something that takes some seconds: two waits of a source that is refused.
async fn some_seconds(refusing: &Server) {
    for _ in 0..3 {
        refusing.refuse("500 Internal Server Error").await;
    }
}

fn fault(ready: &Value) -> &str {
    ready["sources"]["ttmt"]["fault"].as_str().unwrap_or("")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_4_a_refused_key_is_never_shown_again_and_readiness_names_it() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let refusing = Server::start().await;
    let wrong = upstream
        .source()
        .replace("no-real-key-no", "a-wrong-key-no");
    let sources = format!("{wrong}{}", refusing.source(""));
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    let ready = bridge
        .ready("the fault", |ready| !fault(ready).is_empty())
        .await;
    assert_eq!(ready.status, 503);
    assert!(fault(&ready.json()).contains("`api_key`"), "{ready:?}");
    let reasons = ready.json()["reasons"].to_string();
    assert!(reasons.contains("source `ttmt`: the key is"), "{reasons}");
    some_seconds(&refusing).await;
    let requests = upstream.handle.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    assert_eq!(requests[0].status, Some(401));
    let (kind, data) = &phones.own()[0];
    assert_eq!(kind, "bellwire.auth_revoked");
    assert_eq!(
        (&data["source"], &data["cause"]),
        (&"ttmt".into(), &"revoked".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_5_suspended_access_is_not_hammered_and_the_key_is_kept() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let refusing = Server::start().await;
    upstream.handle.suspend().await;
    let sources = format!("{}{}", upstream.source(), refusing.source(""));
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    let ready = bridge
        .ready("the fault", |ready| !fault(ready).is_empty())
        .await;
    assert_eq!(ready.status, 503);
    let told = fault(&ready.json()).to_owned();
    assert!(told.contains("the same key works again"), "{told}");
    some_seconds(&refusing).await;
    let requests = upstream.handle.requests();
    assert!(requests.len() <= 2, "at most one probe: {requests:#?}");
    let (kind, data) = &phones.own()[0];
    assert_eq!(kind, "bellwire.auth_revoked");
    assert_eq!(data["cause"], "access_disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_6_the_key_does_not_follow_a_redirect_to_another_origin() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("http://{}/stream", other.local_addr().expect("an address"));
    for status in [301, 307, 308] {
        let answer = Answer::status(status).header("Location", &target);
        upstream.handle.answer("/api/v1", answer);
    }
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    let ready = bridge
        .ready("the fault", |ready| !fault(ready).is_empty())
        .await;
    assert_eq!(ready.status, 503);
    let told = fault(&ready.json()).to_owned();
    assert!(
        told.contains("redirect not followed: to another origin"),
        "{told}"
    );
    other.set_nonblocking(true).expect("a setting");
    let dialled = other.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(dialled, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sse_7_a_page_is_no_stream_whatever_its_status_and_text() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let page = Answer::status(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .body(format!("id: 1\ndata: {}\n\n", hit(1, 1)));
    upstream.handle.answer("/api/v1/stream", page);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    let ready = bridge
        .ready("the fault", |ready| !fault(ready).is_empty())
        .await;
    assert_eq!(ready.status, 503);
    assert!(fault(&ready.json()).contains("text/html"), "{ready:?}");
    assert_eq!(ready.json()["sources"]["ttmt"]["events"], 0);
    assert_eq!(phones.events(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_1_a_recycle_is_answered_at_once_from_the_last_id_and_rings_nobody() {
    const RECYCLES: usize = 12;
    let (upstream, phones, _bridge) = connected().await;
    arrive(&upstream, &phones, &hit(41, 1), 1).await;
    for count in 1..=RECYCLES {
        upstream.handle.recycle().await;
        upstream.streams(count + 1).await;
    }
    arrive(&upstream, &phones, &hit(42, 2), 2).await;
    let requests = upstream.admitted();
    let last_ids: Vec<_> = requests[1..]
        .iter()
        .map(|request| request.last_event_id.as_deref())
        .collect();
    assert_eq!(last_ids, vec![Some("41"); RECYCLES]);
    // The shortest backoff there is takes half a second. One pause a busy machine may stretch, but not half of them.
    let mut pauses: Vec<Duration> = requests
        .windows(2)
        .map(|pair| pair[1].at - pair[0].closed.expect("it is over"))
        .collect();
    pauses.sort();
    assert!(
        pauses[RECYCLES / 2] < Duration::from_millis(450),
        "{pauses:?}"
    );
    assert_eq!(phones.own(), Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_7_one_connection_is_over_before_the_next_one_is_opened() {
    let (upstream, phones, _bridge) = connected().await;
    for round in 1..=6 {
        arrive(&upstream, &phones, &hit(round, round), round as usize).await;
        match round % 4 {
            0 => upstream.handle.recycle().await,
            1 => upstream.handle.drop_stream().await,
            2 => upstream.handle.reset_stream().await,
            _ => upstream.handle.close_stream().await,
        }
        upstream.streams(round as usize + 1).await;
    }
    let mut requests = upstream.stream_requests();
    until("every answer to be noted", || {
        requests = upstream.stream_requests();
        requests.iter().all(|request| request.status.is_some())
    })
    .await;
    assert_eq!(requests.len(), 7, "{requests:#?}");
    for pair in requests.windows(2) {
        let closed = pair[0].closed.expect("it is over");
        assert!(closed <= pair[1].at, "{pair:#?}");
        assert_eq!(pair[1].status, Some(200), "{pair:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_a_killed_bridge_resumes_from_what_was_committed() {
    let (upstream, phones, mut bridge) = connected().await;
    for id in 1..=5 {
        arrive(&upstream, &phones, &hit(id, id), id as usize).await;
    }
    kill_settled(&upstream, &mut bridge, 5).await;
    upstream.send(hit(6, 6)).await;
    bridge.start();
    until("what came meanwhile", || phones.events().len() >= 6).await;
    assert_eq!(last_ids(&upstream), [None, Some("5".to_owned())]);
    assert_eq!(phones.events()[5], hit(6, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_3_a_replay_has_no_second_effect_not_even_after_a_restart() {
    let (upstream, phones, mut bridge) = connected().await;
    arrive(&upstream, &phones, &hit(1, 1), 1).await;
    upstream.send(hit(1, 1)).await;
    arrive(&upstream, &phones, &hit(2, 2), 2).await;
    kill_settled(&upstream, &mut bridge, 2).await;
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for id in [1, 2] {
        upstream.send(hit(id, id)).await;
    }
    arrive(&upstream, &phones, &hit(3, 3), 3).await;
    assert_eq!(phones.events(), [hit(1, 1), hit(2, 2), hit(3, 3)]);
    let ready = bridge.page("/readyz").await.json();
    assert_eq!(ready["sources"]["ttmt"]["repeated"], 2, "since the restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_4_ids_that_start_over_are_new_events() {
    let (upstream, phones, _bridge) = connected().await;
    for id in 1..=3 {
        arrive(&upstream, &phones, &hit(id, id), id as usize).await;
    }
    upstream.handle.restart().await;
    upstream.streams(2).await;
    for id in 1..=4 {
        let new = hit(id, 10 + id);
        arrive(&upstream, &phones, &new, 3 + id as usize).await;
    }
    until("word of it", || !phones.own().is_empty()).await;
    let (kind, data) = &phones.own()[0];
    assert_eq!(
        (kind.as_str(), &data["id"]),
        ("bellwire.epoch", &"1".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sse_5_feed_b2_an_oversized_event_is_skipped_with_a_word_and_the_stream_goes_on() {
    const BYTES: usize = 5 << 20;
    let (upstream, phones, mut bridge) = connected().await;
    arrive(&upstream, &phones, &hit(1, 1), 1).await;
    let id = upstream.handle.next_id().to_string();
    upstream.handle.oversized(BYTES).await;
    until("word of it", || !phones.own().is_empty()).await;
    let (kind, data) = &phones.own()[0];
    assert_eq!(kind, "bellwire.event_skipped");
    assert_eq!(data["id"], id.as_str());
    assert!(data["bytes"].as_u64() >= Some(BYTES as u64), "{data}");
    let next = upstream.handle.next_id();
    arrive(&upstream, &phones, &hit(next, 3), 2).await;
    assert_eq!(
        upstream.stream_requests().len(),
        1,
        "on the same connection"
    );

    upstream.handle.oversized(BYTES).await;
    let skipped = |ready: &Value| ready["sources"]["ttmt"]["skipped"] == 2;
    bridge.ready("the second one", skipped).await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let past = Some((next + 1).to_string());
    assert_eq!(last_ids(&upstream)[1], past, "it does not come again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sse_6_an_event_that_cannot_be_read_is_skipped_with_a_word_and_the_cursor_moves_on() {
    let (upstream, phones, mut bridge) = connected().await;
    let message = Message {
        id: MessageId::Text("7".to_owned()),
        ..Message::new(bytes::Bytes::from_static(
            b"{\"type\":\"tp_hit\",\"eventId\":7",
        ))
    };
    upstream.message(message).await;
    until("word of it", || !phones.own().is_empty()).await;
    let (kind, data) = &phones.own()[0];
    assert_eq!(
        (kind.as_str(), &data["id"]),
        ("bellwire.event_skipped", &"7".into())
    );
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    assert_eq!(last_ids(&upstream), [None, Some("7".to_owned())]);
    arrive(&upstream, &phones, &hit(8, 8), 1).await;
    assert_eq!(upstream.stream_requests().len(), 2);
}
