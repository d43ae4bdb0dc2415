//! An event that is nested ten thousand deep, and one with numbers of ten thousand digits, through everything that
//! reads events: nothing falls over, nothing is lost, and what cannot be read is told.

use std::fs;

use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use crate::harness::{Bridge, Page, Phones, Server, until};

const LEVELS: usize = 10_000;

/// Payloads of the types `deep` and `long`.
fn payloads() -> [(&'static str, String); 2] {
    let (open, close) = ("{\"a\":".repeat(LEVELS), "}".repeat(LEVELS));
    let digits = "7".repeat(LEVELS);
    [
        (
            "deep",
            format!("{{\"type\":\"deep\",\"data\":{open}1{close}}}"),
        ),
        (
            "long",
            format!(
                "{{\"type\":\"long\",\"data\":{{\"n\":{digits},\"m\":0.{digits},\"e\":1e999999,\"s\":-1e-999999}}}}"
            ),
        ),
    ]
}

fn config(server: &Server, phones: &Phones) -> String {
    let sinks = ["plain", "asking"].map(|name| {
        let sink = phones.sink(name, Kind::Webhook, "");
        sink.replace("/webhook\"", &format!("/webhook/{name}\""))
    });
    format!(
        r#"http.listen = "127.0.0.1:0"
{}{}{}
[[rules]]
name = "plain"
to = ["plain", "phone"]
message = "{{{{ data.n|default('none') }}}} {{{{ data }}}}"

[[rules]]
name = "asking"
when = "data.n > 1 and data.e > 1"
to = ["asking"]
throttle = {{ limit = 100, per = "1m", key = "data.n" }}
"#,
        server.source("type = \"/type\"\ndata = \"/data\""),
        sinks.concat(),
        phones.sink("phone", Kind::Ntfy, ""),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_such_an_event_goes_on_and_says_what_it_could_not_read() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&server, &phones));
    bridge.start();
    let mut visit = server.stream().await;
    let heard = |ready: &Value| ready["ready"] == true;
    bridge.ready("the connection", heard).await;
    let tail = bridge.begin(&["tail"]).await;
    tail.says("feed: connected since ").await;
    for (_, payload) in payloads() {
        visit.send(format!("data: {payload}\n\n")).await;
    }
    let at = |name: &str| -> Vec<String> {
        let all = phones.handle.received_by(Kind::Webhook).into_iter();
        all.filter(|one| one.path.ends_with(name))
            .map(|one| String::from_utf8(one.body.to_vec()).expect("text"))
            .collect()
    };
    until("both events", || at("plain").len() == 2).await;
    until("both rings", || {
        phones.handle.received_by(Kind::Ntfy).len() == 2
    })
    .await;
    for (name, payload) in payloads() {
        assert!(at("plain").contains(&payload), "{name} came byte for byte");
    }
    // What asks for the deep one fails and is told; the long one can be read and is large.
    let [_, (_, long)] = payloads();
    until("the one that can be read", || {
        at("asking") == [long.as_str()]
    })
    .await;
    let metrics = bridge.page("/metrics").await.body;
    // The condition for the deep one, and the key of the throttle for the long one, which is too long for a key.
    let counted = "bellwire_expression_failures_total{rule=\"asking\"} 2\n";
    assert!(metrics.contains(counted), "{metrics}");
    let words = "the data has too many levels or values to be read";
    assert!(bridge.log().contains(words), "{}", bridge.log());
    let rings = phones.handle.received_by(Kind::Ntfy);
    let told = |ring: &&Received| String::from_utf8_lossy(&ring.body).contains(words);
    assert_eq!(rings.iter().filter(told).count(), 1, "{rings:?}");

    for path in [
        "/",
        "/events",
        "/events/1",
        "/events/2",
        "/replay",
        "/dead-letters",
    ] {
        assert_eq!(bridge.page(path).await.status, 200, "{path}");
    }
    for path in ["events", "deliveries", "sinks", "rules", "sources"] {
        let page = bridge.page(&format!("/api/v1/{path}")).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.json()["data"].is_array(), "{path}");
    }
    let lines = tail.has_lines(2).await;
    for (line, name) in lines.iter().zip(["deep", "long"]) {
        assert!(line.contains(&format!("  feed  {name}  ")), "{lines:?}");
    }
    for (path, body) in payloads().map(|(_, payload)| ("/api/v1/replay", payload)) {
        let json = ["Content-Type: application/json".to_owned()];
        let page = Page::post(bridge.address().await, path, &json, &body).await;
        assert_eq!(page.status, 400, "{page:?}");
    }
    for arguments in [
        &["queue", "--json"][..],
        &["queue"],
        &["replay", "--since", "1h", "--yes"],
    ] {
        let told = bridge.tool(arguments).await;
        assert_eq!(told.status, Some(0), "{arguments:?}: {told:?}");
    }
    until("both once more", || at("plain").len() == 4).await;
    for (name, payload) in payloads() {
        let file = bridge.folder().join(name);
        fs::write(&file, payload).expect("written");
        let told = bridge.told("explain", &[name, "--source", "feed"]).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        assert_eq!(told.out.contains(words), name == "deep", "{told:?}");
    }
}
