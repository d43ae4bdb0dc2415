//! One living notification for each key: Discord's message is edited, ntfy's is replaced, and a sink that
//! can do neither gets each event apart.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// An event about a trade.
fn event(number: u32, kind: &str, trade: &str) -> String {
    format!(
        r#"{{"type":"{kind}","eventId":{number},"timestamp":"2026-06-11T08:00:{number:02}.000Z","data":{{"trade_id":"{trade}","tp_level":{number}}}}}"#
    )
}

/// A bridge whose one rule keeps a living notification for each trade.
async fn bridge(kind: Kind) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"living\"\nto = [\"phone\"]\nupdate = \"data.trade_id\"\n",
        upstream.source(),
        phones.sink("phone", kind, "retry = { initial = \"1s\" }"),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

fn lines(received: &[Received]) -> Vec<String> {
    let line = |one: &Received| {
        let place = one.path.rsplit("/token").next().unwrap_or_default();
        format!("{} {place}", one.method)
    };
    received.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_10_the_first_one_posts_and_the_next_ones_edit_it_over_a_kill_too() {
    let (upstream, phones, mut bridge) = bridge(Kind::Discord).await;
    // All at once: what changes a message waits for the message.
    for (number, trade) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
        upstream.send(event(number, "tp_hit", trade)).await;
    }
    soon("four requests", phones.handle.arrivals(Kind::Discord, 4)).await;
    bridge
        .ready("four deliveries", |page| {
            page["sinks"]["phone"]["delivered"] == 4
        })
        .await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(event(5, "position_closed", "a")).await;
    let received = soon("the fifth", phones.handle.arrivals(Kind::Discord, 5)).await;
    let of = |trade: &str| -> Vec<String> {
        let needle = format!(r#""value":"{trade}""#);
        let mut of = received.clone();
        of.retain(|one| String::from_utf8_lossy(&one.body).contains(&needle));
        lines(&of)
    };
    let first = &of("a")[1];
    assert!(first.starts_with("PATCH /messages/11"), "{first}");
    assert_eq!(of("a"), ["POST ", first, first, first]);
    assert_eq!(of("b"), ["POST "]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_10_a_message_that_was_deleted_is_posted_anew() {
    let (upstream, phones, bridge) = bridge(Kind::Discord).await;
    upstream.send(event(1, "tp_hit", "a")).await;
    bridge
        .ready("the first", |page| page["sinks"]["phone"]["delivered"] == 1)
        .await;
    let gone = Answer::status(404).body(r#"{"message":"Unknown Message","code":10008}"#);
    phones.handle.answer(
        "/discord/api/webhooks/1/token/messages/1100000000000000001",
        gone,
    );
    upstream.send(event(2, "tp_hit", "a")).await;
    upstream.send(event(3, "tp_hit", "a")).await;
    let received = soon("all", phones.handle.arrivals(Kind::Discord, 4)).await;
    assert_eq!(
        lines(&received),
        [
            "POST ",
            "PATCH /messages/1100000000000000001",
            "POST ",
            "PATCH /messages/1100000000000000002",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nt_6_all_of_one_key_have_one_sequence_id() {
    let (upstream, phones, _bridge) = bridge(Kind::Ntfy).await;
    for (number, trade) in [(1, "a-1"), (2, "ü/b"), (3, "a-1"), (4, "ü/b")] {
        upstream.send(event(number, "tp_hit", trade)).await;
    }
    let received = soon("four", phones.handle.arrivals(Kind::Ntfy, 4)).await;
    let mut ids: Vec<(String, String)> = received
        .iter()
        .map(|one| {
            let body: Value = serde_json::from_slice(&one.body).expect("JSON");
            let title = body["title"].as_str().expect("a title").to_owned();
            (
                title,
                body["sequence_id"].as_str().expect("an id").to_owned(),
            )
        })
        .collect();
    ids.sort();
    let ids: Vec<&str> = ids.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!((ids[0], ids[2]), ("a-1", "a-1"));
    assert_eq!(ids[1], ids[3]);
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(
        (1..=64).contains(&ids[1].len()) && ids[1].bytes().all(letters),
        "{ids:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_10_a_change_waits_for_the_message_that_it_changes_however_often_that_is_tried() {
    let (upstream, phones, bridge) = bridge(Kind::Discord).await;
    phones.handle.answer("/discord", Answer::status(500));
    for number in 1..=2 {
        upstream.send(event(number, "tp_hit", "a")).await;
    }
    let received = soon("three requests", phones.handle.arrivals(Kind::Discord, 3)).await;
    let posted = "POST ";
    let lines = lines(&received);
    assert_eq!(lines[..2], [posted, posted], "{lines:?}");
    assert!(lines[2].starts_with("PATCH /messages/"), "{lines:?}");
    let same = |one: usize, other: usize| {
        received[one].header("webhook-id") == received[other].header("webhook-id")
    };
    assert!(same(0, 1) && !same(1, 2), "the first one was tried again");
    drop(bridge);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_cannot_change_anything_gets_each_event_and_check_says_so() {
    let (upstream, phones, bridge) = bridge(Kind::Slack).await;
    let told = bridge.tool(&["check"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let warning = "`update` of rule `living` changes nothing at sink `phone`";
    assert!(format!("{told:?}").contains(warning), "{told:?}");
    for number in 1..=3 {
        upstream.send(event(number, "tp_hit", "a")).await;
    }
    until("all three", || {
        phones.handle.received_by(Kind::Slack).len() == 3
    })
    .await;
}
