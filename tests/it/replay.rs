//! Past events, sent again by the rules of today.

use bellwire::simulator::receivers::Kind;
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Upstream, soon};

fn event(number: u32, kind: &str) -> String {
    format!(
        r#"{{"type":"{kind}","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"XAUUSD"}}}}"#
    )
}

/// A sink that does not ring for old events, and rules for take-profits, for fills (twice), and for what
/// bellwire says about itself.
fn config(upstream: &Upstream, phones: &Phones, hits: &str) -> String {
    format!(
        r#"http.listen = "127.0.0.1:0"
{}{}
[[rules]]
name = "hits"
events = ["{hits}"]
to = ["automation"]

[[rules]]
name = "fills"
events = ["order_fill"]
to = ["automation"]

[[rules]]
name = "also-fills"
events = ["order_*"]
to = ["automation", "second"]

[[rules]]
name = "own"
from = ["bellwire"]
events = ["bellwire.started"]
to = ["second"]
"#,
        upstream.source(),
        [
            phones.sink("automation", Kind::Webhook, "expires = \"1m\""),
            phones.sink("second", Kind::Ntfy, "")
        ]
        .concat()
    )
}

async fn lists(bridge: &Bridge, path: &str) -> Vec<Value> {
    let page = bridge.page(path).await.json();
    page["data"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_matched_nothing_before_is_sent_once_its_rule_is_mended() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&upstream, &phones, "tp_hti"));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(event(1, "tp_hit")).await;
    bridge
        .ready("the event", |ready| ready["sources"]["ttmt"]["events"] == 1)
        .await;
    let events = lists(&bridge, "/api/v1/events").await;
    let event = events.iter().find(|one| one["type"] == "tp_hit");
    assert_eq!(event.expect("is listed")["deliveries"], json!([]));

    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    bridge.configure(&config(&upstream, &phones, "tp_hit"));
    let told = bridge.tool(&["replay", "--since", "1h"]).await;
    assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
    for words in ["1 delivery of 1 event", "--yes"] {
        assert!(told.complaint.contains(words), "{told:?}");
    }
    let told = bridge
        .tool(&["replay", "--since", "1h", "--yes", "--json"])
        .await;
    let expected = json!({ "events": 1, "deliveries": 1, "dry_run": false });
    assert_eq!((told.status, told.json()), (Some(0), expected));
    let told = bridge.tool(&["replay", "--since", "1h", "--yes"]).await;
    assert!(
        told.out.contains("0 deliveries"),
        "it still waits: {told:?}"
    );

    bridge.start();
    let first = soon("the ring", phones.handle.arrivals(Kind::Webhook, 1)).await;
    assert!(first[0].body.starts_with(br#"{"type":"tp_hit""#));
    let delivered = |ready: &Value| ready["sinks"]["automation"]["delivered"] == 1;
    bridge.ready("the delivery", delivered).await;
    let told = bridge.tool(&["replay", "--since", "1h", "--yes"]).await;
    assert!(
        told.out.contains("1 delivery of 1 event, due now"),
        "{told:?}"
    );
    let again = soon("another ring", phones.handle.arrivals(Kind::Webhook, 2)).await;
    let ids = [&again[0], &again[1]].map(|one| one.header("webhook-id").to_owned());
    assert_ne!(ids[0], ids[1], "a replay is another delivery");
    let deliveries = lists(&bridge, "/api/v1/deliveries?sink=automation").await;
    assert_eq!(deliveries[0]["id"], json!(ids[1]));
    assert_eq!(deliveries[0]["replayed_from"], json!(ids[0]));
    assert_eq!(deliveries[1].get("replayed_from"), None);
    let delivered = |ready: &Value| ready["sinks"]["automation"]["delivered"] == 2;
    bridge.ready("the delivery", delivered).await;
    bridge.tool(&["replay", "--since", "1h", "--yes"]).await;
    soon("one more ring", phones.handle.arrivals(Kind::Webhook, 3)).await;
    let deliveries = lists(&bridge, "/api/v1/deliveries?sink=automation").await;
    assert_eq!(
        deliveries[0]["replayed_from"],
        json!(ids[0]),
        "the first one, however often it is replayed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_can_be_of_one_rule_and_to_one_sink() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&upstream, &phones, "tp_hit"));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(event(1, "tp_hit")).await;
    upstream.send(event(2, "order_fill")).await;
    let counted = async |more: &[&str]| {
        let arguments = [&["replay", "--since", "1h"], more].concat();
        let told = bridge.tool(&arguments).await;
        assert_eq!(told.status, Some(1), "{told:?}");
        told.complaint.lines().next().unwrap_or_default().to_owned()
    };
    let ended = |ready: &Value| {
        ready["sources"]["ttmt"]["events"] == 2 && ready["sinks"]["second"]["delivered"] == 2
    };
    bridge.ready("the deliveries", ended).await;
    until_expired(&bridge).await;
    for expired in lists(&bridge, "/api/v1/deliveries?state=expired").await {
        assert_eq!(expired["attempts"], 0, "nothing was sent: {expired}");
    }
    for (more, expected) in [
        (&[][..], "3 deliveries of 2 events"),
        (&["--rule", "hits"], "1 delivery of 1 event"),
        (&["--rule", "also-fills"], "2 deliveries of 1 event"),
        (&["--sink", "second"], "1 delivery of 1 event"),
        (
            &["--rule", "hits", "--sink", "second"],
            "0 deliveries of 0 events",
        ),
        (&["--rule", "own"], "1 delivery of 1 event"),
        (&["--rule", "fills"], "1 delivery of 1 event"),
    ] {
        let told = counted(more).await;
        assert!(told.starts_with(expected), "{more:?}: {told}");
    }
    let told = bridge
        .tool(&["replay", "--since", "1h", "--rule", "hits", "--yes"])
        .await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let rings = soon("a ring", phones.handle.arrivals(Kind::Webhook, 1)).await;
    assert!(
        rings[0].body.starts_with(br#"{"type":"tp_hit""#),
        "old, but asked for"
    );
    for wrong in [
        &["replay", "--since", "1h", "--yes", "--rule", "htis"][..],
        &["replay", "--since", "1h", "--yes", "--sink", "nobody"],
        &["replay", "--since", "yesterday", "--yes"],
        &["replay", "--yes"],
    ] {
        let told = bridge.tool(wrong).await;
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

/// Waits until the two events of the past were too old for the first sink.
async fn until_expired(bridge: &Bridge) {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    soon("the expiry", async {
        while lists(bridge, "/api/v1/deliveries?state=expired")
            .await
            .len()
            < 2
        {
            look.tick().await;
        }
    })
    .await;
}
