//! Any other event stream: where its parts stand is configured, and its server may do as it likes.

use bellwire::simulator::receivers::Kind;
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Server, soon, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn type_time_and_data_stand_where_the_configuration_says() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let source = server.source(
        r#"type = "/meta/kind"
time = "/at"
data = "/body"
headers = { X-Key = "a key" }"#,
    );
    let url = phones.handle.url(Kind::Webhook);
    let mut bridge = Bridge::new(&format!(
        r#"http.listen = "off"
{source}
[sinks.automation]
kind = "webhook"
url = "{url}"
signature = "none"
body = "cloudevents"

[[rules]]
name = "gold"
events = ["price.*"]
when = 'data.symbol == "XAUUSD" and data.bid > 4000'
to = ["automation"]
"#
    ));
    bridge.start();
    let mut visit = server.stream().await;
    assert_eq!(visit.header("x-key"), Some("a key"));
    assert_eq!(visit.header("accept"), Some("text/event-stream"));
    assert_eq!(visit.header("last-event-id"), None);
    for (kind, symbol, bid) in [
        ("price.tick", "EURUSD", "4444.0"),
        ("order.fill", "XAUUSD", "4001.0"),
        ("price.tick", "XAUUSD", "3999.0"),
        ("price.tick", "XAUUSD", "4001.10"),
    ] {
        visit
            .send(format!(
                "event: other\ndata: {{\"meta\":{{\"kind\":\"{kind}\"}},\"at\":1781164683612,\ndata: \"body\":{{\"symbol\":\"{symbol}\",\"bid\":{bid}}}}}\n\n"
            ))
            .await;
    }
    let received = soon("the alert", phones.handle.arrivals(Kind::Webhook, 1)).await;
    let body: Value = serde_json::from_slice(&received[0].body).expect("JSON");
    assert_eq!(body["type"], "price.tick");
    assert_eq!(body["source"], "urn:bellwire:feed");
    assert_eq!(body["time"], "2026-06-11T07:58:03.612Z");
    let digits = r#""data":{"symbol":"XAUUSD","bid":4001.10}"#;
    assert!(
        String::from_utf8_lossy(&received[0].body).contains(digits),
        "{body}"
    );
    assert_eq!(received.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_off_is_no_event_and_the_cursor_stays_before_it() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&server.source(""), &phones);
    bridge.start();
    let mut visit = server.stream().await;
    visit
        .send("retry: 250\n\nid: 1\ndata: one\n\nid: 2\ndata: tw")
        .await;
    drop(visit);
    let mut visit = server.stream().await;
    assert_eq!(visit.header("last-event-id"), Some("1"));
    visit.send("id: 2\ndata: two\n\nid: 3\n").await;
    drop(visit);
    let mut visit = server.stream().await;
    assert_eq!(visit.header("last-event-id"), Some("2"));
    visit.send("id: 3\ndata: three\n\n").await;
    until("three events", || phones.events().len() >= 3).await;
    assert_eq!(phones.events(), ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_r5_a_server_that_refuses_for_a_while_is_asked_again() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&server.source(""), &phones);
    bridge.start();
    server.refuse("503 Service Unavailable").await;
    let waiting = |ready: &Value| {
        let activity = ready["sources"]["feed"]["activity"].as_str();
        activity.is_some_and(|text| text.starts_with("waiting") && text.contains("503"))
    };
    let ready = bridge.ready("the wait", waiting).await;
    assert_eq!(ready.status, 503, "FEED-T7: visible at once");
    server.refuse("500 Internal Server Error").await;
    let mut visit = server.stream().await;
    visit.send("data: back\n\n").await;
    until("an event", || !phones.events().is_empty()).await;
    assert_eq!(phones.events(), ["back"]);
    assert_eq!(phones.own(), Vec::new(), "too short a time to ring anybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_r4_a_server_that_says_goodbye_is_left_alone() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let other = Server::start().await;
    let second = other
        .source("")
        .replace("[sources.feed]", "[sources.other]");
    let sources = format!("{}{second}", server.source(""));
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    server.refuse("204 No Content").await;
    for _ in 0..3 {
        other.refuse("500 Internal Server Error").await;
    }
    let ready = bridge.page("/readyz").await;
    let told = &ready.json()["sources"]["feed"];
    assert_eq!(ready.status, 503);
    assert_eq!(told["connects"], 0);
    let activity = told["activity"].as_str().expect("text");
    assert!(activity.starts_with("stopped: answered 204"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_b6_a_stream_that_stalls_holds_up_no_other_of_the_same_host() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let second = server
        .source("")
        .replace("[sources.feed]", "[sources.other]");
    let sources = format!("{}{second}", server.source(""));
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    let mut stalled = server.stream().await;
    let mut lively = server.stream().await;
    stalled.send("data: half an ev").await;
    lively.send("data: whole\n\n").await;
    until("the other one", || phones.events() == ["whole"]).await;
    let one = json!(true);
    let both = |ready: &Value| {
        ["feed", "other"]
            .iter()
            .all(|name| ready["sources"][name]["connected"] == one)
    };
    assert_eq!(bridge.ready("both streams", both).await.status, 200);
}
