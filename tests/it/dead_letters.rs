//! Dead letters over a power cut: the hour in which a sink's are told together goes on, and none of
//! them is told twice or never.

use bellwire::simulator::Answer;
use bellwire::status::Status;
use bellwire::store::{Standing, Store};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

async fn send(upstream: &Upstream, number: usize) {
    let payload = format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:0{number}.000Z","data":{{}}}}"#
    );
    upstream.send(payload).await;
}

/// What has been told of dead letters: of how many, and which event the last was about.
fn told(phones: &Phones) -> Vec<(u64, Value)> {
    let own = phones.own().into_iter();
    own.filter(|(kind, _)| kind == "bellwire.delivery_dead")
        .map(|(_, data)| {
            let count = data["count"].as_u64().expect("a count");
            (count, data["event"]["id"].clone())
        })
        .collect()
}

/// Starts it and waits until it listens to its source.
async fn start(bridge: &mut Bridge, upstream: &Upstream) {
    bridge.start();
    soon("a connection", upstream.handle.heard()).await;
}

/// Stops it in order, so that all it had to say is in its queue; answers how often that was about dead
/// letters.
async fn said(bridge: &mut Bridge) -> usize {
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    let folder = bridge.folder().join("data");
    let store = Store::open(&folder, Status::new().0, Timestamp::now()).expect("opens");
    let events = store.events(Standing::default(), None, 100).await;
    store.close().await;
    let heads = events.expect("reads").into_iter().map(|event| event.head);
    heads
        .filter(|head| head.kind == "bellwire.delivery_dead")
        .count()
}

/// Lets more than an hour go by since dead letters were last told.
fn an_hour_later(bridge: &Bridge) {
    let file = bridge.folder().join("data").join("bellwire.db");
    let file = Connection::open(file).expect("opens");
    let moved = file.execute("UPDATE sinks SET told_at = told_at - 3601000000", []);
    assert_eq!(moved.expect("writes"), 1, "one sink has dead letters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_neither_ends_the_hour_nor_forgets_a_dead_letter() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    let refuse = |_: &_| Some(Answer::status(422));
    phones.handle.answer_by("/webhook/events", refuse);
    start(&mut bridge, &upstream).await;
    send(&upstream, 1).await;
    until("the first to be told", || told(&phones).len() == 1).await;
    assert_eq!(told(&phones), [(1, "1".into())]);
    for number in 2..=4 {
        send(&upstream, number).await;
    }
    let dead = |bridge: &Bridge| bridge.log().matches("the delivery is dead now").count();
    until("four dead letters", || dead(&bridge) >= 4).await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;

    start(&mut bridge, &upstream).await;
    send(&upstream, 5).await;
    let is_fifth = |event: &String| event.contains("\"eventId\":5");
    until("the fifth", || phones.events().iter().any(is_fifth)).await;
    assert_eq!(said(&mut bridge).await, 1, "the hour is not over");

    an_hour_later(&bridge);
    start(&mut bridge, &upstream).await;
    until("the others to be told", || told(&phones).len() == 2).await;
    assert_eq!(told(&phones)[1], (4, "5".into()));
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    start(&mut bridge, &upstream).await;
    assert_eq!(said(&mut bridge).await, 2, "each is told once");
}
