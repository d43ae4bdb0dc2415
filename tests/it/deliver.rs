//! From the upstream's bytes to each kind of sink.

use bellwire::simulator::receivers::{Kind, Received};
use bellwire::simulator::{Answer, Manner};
use standardwebhooks::Webhook;

use crate::harness::{Bridge, Phones, SECRET, Upstream, recorded, soon, type_of};

/// A rule that sends every event of every upstream to one sink.
const EVERYTHING: &str = "[[rules]]\nname = \"everything\"\nto = [\"automation\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tol_8_every_recorded_line_arrives_byte_for_byte_and_signed() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}{EVERYTHING}",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, "concurrency = 1"),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    // Control events speak about the connection and are nobody's alert.
    let lines: Vec<&str> = recorded()
        .into_iter()
        .filter(|line| !["recycle", "auth_revoked"].contains(&type_of(line).as_str()))
        .collect();
    for line in &lines {
        upstream.send(*line).await;
    }
    let received = soon(
        "every event",
        phones.handle.arrivals(Kind::Webhook, lines.len()),
    )
    .await;

    let bodies: Vec<&str> = received
        .iter()
        .map(|one| std::str::from_utf8(&one.body).expect("text"))
        .collect();
    assert_eq!(bodies, lines);
    let verifier = Webhook::new(SECRET).expect("a secret");
    for one in &received {
        assert_eq!(one.header("content-type"), "application/json");
        verifier
            .verify(&one.body, &one.headers)
            .expect("a genuine signature");
        let mut changed = one.body.to_vec();
        changed[0] ^= 1;
        assert!(
            verifier.verify(&changed, &one.headers).is_err(),
            "one byte changed is noticed"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hit_rings_all_four_kinds_with_the_rules_wording() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        r#"http.listen = "off"
{}{}{}{}{}
[[rules]]
name = "losses"
when = "data.realized_pl < 0"
to = ["phone", "team"]

[[rules]]
name = "hits"
events = ["tp_*"]
when = 'data.symbol == "XAUUSD" and data.missing.part != 3 or data.realized_pl > 0'
to = ["phone", "team", "desk", "automation"]
title = "Gold {{{{ data.realized_pl }}}} {{{{ data.currency }}}}"
"#,
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
        phones.sink("team", Kind::Discord, ""),
        phones.sink("desk", Kind::Slack, ""),
        phones.sink("phone", Kind::Ntfy, ""),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let hit = recorded()
        .into_iter()
        .find(|line| type_of(line) == "tp_hit")
        .expect("a hit");
    upstream.send(hit).await;
    for kind in [Kind::Webhook, Kind::Discord, Kind::Slack, Kind::Ntfy] {
        let received = soon(kind.name(), phones.handle.arrivals(kind, 1)).await;
        let body = String::from_utf8_lossy(&received[0].body);
        let expected = if kind == Kind::Webhook {
            hit
        } else {
            "Gold 19.84 USD"
        };
        assert!(body.contains(expected), "{}: {body}", kind.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_goes_to_a_sink_once_however_many_rules_match() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}{EVERYTHING}[[rules]]\nname = \"again\"\nevents = [\"tp_hit\"]\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, "concurrency = 1"),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for line in recorded().iter().filter(|line| type_of(line) == "tp_hit") {
        upstream.send(*line).await;
    }
    upstream.send(r#"{"type":"last"}"#).await;
    let received = soon("the last event", phones.handle.arrivals(Kind::Webhook, 5)).await;
    assert_eq!(received.len(), 5);
    assert_eq!(
        &*received[4].body, br#"{"type":"last"}"#,
        "the last one, so nothing came twice before it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_fails_does_not_swallow_the_alert() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"broken\"\nto = [\"phone\"]\ntitle = \"{{{{ 1 // data.zero }}}}\"\n",
        upstream.source(),
        phones.sink("phone", Kind::Ntfy, ""),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"zero":0,"symbol":"XAUUSD","tp_level":2,"direction":"buy","realized_pl":41.20,"currency":"USD"}}"#)
        .await;
    let received = soon("the ring", phones.handle.arrivals(Kind::Ntfy, 1)).await;
    let body: serde_json::Value = serde_json::from_slice(&received[0].body).expect("JSON");
    assert_eq!(body["title"], "TP2 hit · XAUUSD buy · +41.20 USD");
    assert!(
        body["message"]
            .as_str()
            .expect("a message")
            .contains("template of the title failed"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_written_down_while_another_is_still_awaited() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let slow = br#"{"type":"slow"}"#;
    phones.handle.answer_by("/webhook", move |one: &Received| {
        (*one.body == *slow).then(|| Answer::status(200).sent(Manner::Hang))
    });
    let more = "concurrency = 2\ntimeout = \"5m\"";
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}{EVERYTHING}",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, more),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let delivered = async |count: u32| {
        let metric = r#"bellwire_deliveries_total{sink="automation",outcome="delivered"}"#;
        bridge
            .shows("/metrics", &format!("{metric} {count}\n"))
            .await
    };
    // The first success has the lane look into the queue, and that has it write down what there is.
    upstream.send(r#"{"type":"first"}"#).await;
    delivered(1).await;
    upstream.send(&slow[..]).await;
    soon("the slow one", phones.handle.arrivals(Kind::Webhook, 2)).await;
    upstream.send(r#"{"type":"quick"}"#).await;
    delivered(2).await;
}
