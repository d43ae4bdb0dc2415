//! How alerts read on the phone: what the whole way knows about an event, and not the event alone.

use bellwire::simulator::Answer;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_fails_is_told_and_counted_and_the_alert_goes_out() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let template = "title = \"{{ data.tp_level|int }}: {{ event.time|local(data.zone) }}\"";
    let sink = phones.sink("phone", Kind::Ntfy, template);
    let whole = phones.sink(
        "fine",
        Kind::Slack,
        "title = \"{{ event.time|ago|upper }} ago\"",
    );
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{sink}{whole}[[rules]]\nname = \"all\"\nto = [\"phone\", \"fine\"]\n",
        upstream.source(),
    ));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    // A second try of the same message is no second failure of its template.
    phones.handle.answer("/ntfy", Answer::status(500));
    let zoned = |id, zone: &str| {
        hit(id, "a").replace("\"symbol\"", &format!("\"zone\":\"{zone}\",\"symbol\""))
    };
    upstream.send(zoned(1, "Europe/Atlantis")).await;
    upstream.send(zoned(2, "Europe/Berlin")).await;
    bridge
        .ready("both everywhere", |page| {
            page["sinks"]["phone"]["delivered"] == 2 && page["sinks"]["fine"]["delivered"] == 2
        })
        .await;
    let shown = bridge.page("/readyz").await.json();
    assert_eq!(shown["sinks"]["phone"]["template_failures"], 1, "{shown}");
    assert_eq!(shown["sinks"]["fine"]["template_failures"], 0, "{shown}");
    let arrived = phones.handle.arrivals(Kind::Ntfy, 3).await;
    let texts: Vec<_> = arrived
        .iter()
        .map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect();
    let failed = texts
        .iter()
        .find(|text| text.contains("TP1 hit"))
        .expect("the built-in title");
    assert!(
        failed.contains("the template of the title failed: "),
        "{failed}"
    );
    assert!(
        texts
            .iter()
            .any(|text| text.contains("1: 2026-06-11 10:00")),
        "{texts:?}"
    );
    let listed = bridge.page("/api/v1/sinks").await.json();
    let rows = listed["data"].as_array().expect("a list");
    let phone = rows
        .iter()
        .find(|row| row["name"] == "phone")
        .expect("it is listed");
    assert_eq!(phone["template_failures"], 1, "{phone}");
}
