//! How alerts read on the phone: what the whole way knows about an event, and not the event alone.

use bellwire::simulator::receivers::Kind;
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon};

fn hit(id: u32, account: &str) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{id},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"XAUUSD","tp_level":1,"account_id":"{account}","account_label":"Account {account}"}}}}"#
    )
}

/// A bridge to a phone, and the messages that it shows for some events.
async fn messages(source: &str, events: &[String]) -> Vec<String> {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let sink = phones.sink("phone", Kind::Ntfy, "concurrency = 1");
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{source}{sink}[[rules]]\nname = \"all\"\nto = [\"phone\"]\n",
        upstream.source(),
    ));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for event in events {
        upstream.send(event.clone()).await;
    }
    let arrived = phones.handle.arrivals(Kind::Ntfy, events.len());
    let arrived = soon("all of them", arrived).await;
    let bodies = arrived.iter().map(|one| &one.body);
    let read = bodies.map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
    read.map(|body| body["message"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_named_from_when_there_is_a_second_one() {
    let told = messages("", &[hit(1, "a"), hit(2, "a"), hit(3, "b"), hit(4, "a")]).await;
    let named: Vec<_> = told.iter().map(|text| text.contains("Account")).collect();
    assert_eq!(named, [false, false, true, true], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_one_account_never_reads_its_name() {
    let source = "account_id = \"a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10\"\n";
    // Without an id the upstream's own filter lets both through.
    let nameless = |id, label| hit(id, label).replace("account_id", "other");
    let told = messages(source, &[nameless(1, "a"), nameless(2, "b")]).await;
    assert!(
        told.iter().all(|text| !text.contains("Account")),
        "{told:?}"
    );
}
