//! Promise 6: where an order is asked for, a sink sees deliveries in the order of their events, through
//! failures, rests and power cuts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use bellwire::simulator::ttmt::Options;
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{Bridge, DEADLINE, Page, Phones, Upstream, feed, soon, until};

/// An upstream, receivers, and a bridge with one webhook sink that has these settings.
async fn bridge(more: &str) -> (Upstream, Phones, Bridge) {
    let upstream = Upstream::with(Options {
        buffer: 1_000,
        ..Options::default()
    })
    .await;
    let phones = Phones::start().await;
    let retry = "retry = { initial = \"20ms\", max = \"100ms\" }";
    let config = format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"all\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, &format!("{retry}\n{more}")),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

async fn send(upstream: &Upstream, number: usize, data: &str) {
    let payload = format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.{number:03}Z","data":{{{data}}}}}"#
    );
    upstream.send(payload).await;
}

fn number(received: &Received) -> u64 {
    let value: Value = serde_json::from_slice(&received.body).expect("JSON");
    value["eventId"].as_u64().expect("a number")
}

fn numbers(phones: &Phones) -> Vec<u64> {
    let received = phones.handle.received();
    received.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_6_ordered_holds_through_failures_rests_and_sigkill() {
    const EVENTS: usize = 60;
    let (upstream, phones, mut bridge) = bridge("ordered = true\nconcurrency = 8").await;
    let tries = Mutex::new(BTreeMap::new());
    phones.handle.answer_by("/webhook", move |request| {
        let number = number(request);
        let mut tries = tries.lock().expect("nobody panics with it");
        let before = tries.entry(number).or_insert(0);
        *before += 1;
        match (number % 10, *before) {
            (3, 1..=2) => Some(Answer::status(503)),
            (6, 1) => Some(Answer::status(429).header("Retry-After", "1")),
            // Dead at once: the next one has its turn.
            (9, _) => Some(Answer::status(422)),
            _ => None,
        }
    });
    for number in 1..=EVENTS {
        send(&upstream, number, "").await;
    }
    for kill in 1..=3 {
        until("some more to arrive", || {
            numbers(&phones).last() >= Some(&(kill * 12))
        })
        .await;
        bridge.kill();
        bridge.start();
    }
    until("the last event", || {
        numbers(&phones).last() == Some(&(EVENTS as u64))
    })
    .await;
    let mut seen = numbers(&phones);
    assert!(
        seen.is_sorted(),
        "each waits for the one before it: {seen:?}"
    );
    seen.dedup();
    assert_eq!(seen.len(), EVENTS, "and none is left out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_6_a_key_waits_for_itself_and_others_pass() {
    let (upstream, phones, _bridge) = bridge("ordered = \"data.trade_id\"").await;
    // Trade 7 is refused until everything else is there.
    let refused = r#""trade_id":7"#;
    phones.handle.answer_by("/webhook", move |request| {
        let body = String::from_utf8_lossy(&request.body);
        body.contains(refused).then(|| Answer::status(400))
    });
    send(&upstream, 1, r#""trade_id":7"#).await;
    send(&upstream, 2, r#""trade_id":7"#).await;
    send(&upstream, 3, r#""trade_id":8"#).await;
    send(&upstream, 4, "").await;
    send(&upstream, 5, "").await;
    send(&upstream, 6, r#""trade_id":8"#).await;
    until("what has nothing to wait for", || {
        let seen = numbers(&phones);
        [1, 3, 4, 5, 6].iter().all(|number| seen.contains(number))
    })
    .await;
    let before = numbers(&phones);
    assert!(
        !before.contains(&2),
        "one trade's second event waits for its first: {before:?}"
    );
    phones.handle.answer_as_ever("/webhook");
    until("the trade that was refused", || {
        numbers(&phones).contains(&2)
    })
    .await;
    let mut trade = numbers(&phones);
    trade.retain(|number| [1, 2].contains(number));
    assert!(trade.is_sorted(), "{trade:?}");
    assert_eq!(trade.iter().filter(|number| **number == 2).count(), 1);
}

/// The same with the usual waits, strictly ordered, and with a page.
async fn patient(more: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"all\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink(
            "automation",
            Kind::Webhook,
            &format!("ordered = true\n{more}")
        ),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

/// An event that happens when it is sent.
fn present(number: usize) -> String {
    format!(r#"{{"type":"tp_hit","eventId":{number},"data":{{}}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_expires_while_it_waits_holds_the_others_no_longer() {
    let (upstream, phones, _bridge) = patient("expires = \"2s\"").await;
    // It would be tried again after many minutes.
    phones.handle.answer_by("/webhook", |one| {
        (number(one) == 1).then(|| Answer::status(400))
    });
    let pause = Duration::from_millis(200);
    let feeding = feed(&upstream, (1..=100).map(present).collect(), pause);
    let others = until("one behind it", || {
        numbers(&phones).iter().any(|number| *number > 1)
    });
    tokio::select! {
        () = feeding => panic!("the first one holds all the others"),
        () = others => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_dropped_by_hand_holds_the_others_no_longer() {
    let (upstream, phones, bridge) = patient("").await;
    phones.handle.answer_by("/webhook", |one| {
        (number(one) == 1).then(|| Answer::status(400))
    });
    for event in 1..=3 {
        upstream.send(present(event)).await;
    }
    let received = soon("the first", phones.handle.arrivals(Kind::Webhook, 1)).await;
    let id = received[0].header("webhook-id").to_owned();
    bridge
        .ready("it to be refused", |page| {
            page["sinks"]["automation"]["failed"] == 1
        })
        .await;
    let path = format!("/api/v1/deliveries/{id}/drop");
    let dropped = Page::post(bridge.address().await, &path, &[], "").await;
    assert_eq!(dropped.status, 200);
    // Once a minute a lane looks at its line anyway.
    let others = timeout(DEADLINE, phones.handle.arrivals(Kind::Webhook, 3)).await;
    assert!(others.is_ok(), "the others wait: {:?}", numbers(&phones));
}
