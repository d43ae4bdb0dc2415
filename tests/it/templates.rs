//! Templates on the way through the real program: what fails is counted, told and shown, what is not
//! shown is not even tried, and `check` knows beforehand.

use std::fs;

use bellwire::simulator::receivers::Kind;
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon};

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"GER40","tp_level":1}}"#;

const FAILING: &str = "title = \"{{ data.symbol|local(data.symbol) }}\"";

const BODY: &str = "body = '{\"symbol\": {{ data.symbol }}}'";

const NO_JSON: &str =
    "the template of the body failed: its result is no JSON: expected value at line 1 column 12";

/// A bridge with a sink that never shows its title, one whose body is no JSON, and one whose link is none.
async fn bridge() -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}{}{}[[rules]]\nname = \"all\"\nto = [\"plain\", \"own\", \"phone\"]\n",
        upstream.source(),
        phones.sink("plain", Kind::Webhook, FAILING),
        phones.sink("own", Kind::Webhook, BODY),
        phones.sink("phone", Kind::Ntfy, "click = \"{{ data.symbol }}\"\nicon = \"https://example.org/{{ data.symbol|urlencode }}\""),
    ));
    (upstream, phones, bridge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_whose_result_is_unfit_is_counted_and_told_and_the_alert_goes_out() {
    let (upstream, phones, mut bridge) = bridge().await;
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    let hooks = soon("both hooks", phones.handle.arrivals(Kind::Webhook, 2)).await;
    let rings = soon("the ring", phones.handle.arrivals(Kind::Ntfy, 1)).await;
    let ring: Value = serde_json::from_slice(&rings[0].body).expect("JSON");
    assert_eq!(ring.get("click"), None, "{ring}");
    assert_eq!(ring["icon"], "https://example.org/GER40");
    let message = ring["message"].as_str().unwrap_or_default();
    let no_address =
        "the template of the click failed: its result is no address that can be opened";
    assert!(message.ends_with(no_address), "{ring}");
    let upstreams = hooks
        .iter()
        .filter(|hook| &*hook.body == HIT.as_bytes())
        .count();
    assert_eq!(upstreams, 1, "{hooks:?}");
    let own = hooks
        .iter()
        .find(|hook| &*hook.body != HIT.as_bytes())
        .expect("the other one");
    let own: Value = serde_json::from_slice(&own.body).expect("JSON");
    assert!(
        own["message"]
            .as_str()
            .unwrap_or_default()
            .ends_with(NO_JSON),
        "{own}"
    );
    assert!(
        own["webhook_id"].is_string() && own["title"].is_string(),
        "{own}"
    );
    let page = bridge
        .ready("all three", |page| {
            ["plain", "own", "phone"]
                .iter()
                .all(|sink| page["sinks"][sink]["delivered"] == 1)
        })
        .await
        .json();
    for (sink, count) in [("plain", 0), ("own", 1), ("phone", 1)] {
        assert_eq!(
            page["sinks"][sink]["template_failures"], count,
            "{sink}: {page}"
        );
    }
    let log = bridge.log();
    assert_eq!(log.matches("template of the").count(), 2, "{log}");
    assert!(log.contains(NO_JSON) && log.contains(no_address), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_and_explain_know_it_beforehand() {
    let (_upstream, _phones, bridge) = bridge().await;
    let told = bridge.tool(&["check"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    for line in [
        "warning: `title` of sink `plain`: no effect, since its `body` shows no wording",
        "warning: `body` of sink `own` fails for a sample `",
        "warning: `click` of sink `phone` fails for a sample `",
    ] {
        let found = told
            .complaint
            .lines()
            .filter(|said| said.starts_with(line))
            .count();
        assert_eq!(found, 1, "{line}: {told:?}");
    }
    assert_eq!(
        told.complaint
            .lines()
            .filter(|line| line.starts_with("warning: `"))
            .count(),
        3
    );
    fs::write(bridge.folder().join("events.jsonl"), HIT).expect("written");
    let file = bridge.folder().join("events.jsonl").display().to_string();
    let told = bridge.told("explain", &[&file, "--json"]).await;
    let explained = told.json();
    let deliveries = explained[0]["deliveries"].as_array().expect("a list");
    let body = |index: usize| {
        deliveries[index]["request"]["body"]
            .as_str()
            .unwrap_or_default()
    };
    assert_eq!(body(0), HIT);
    assert!(body(1).contains(NO_JSON), "{told:?}");
    assert!(
        body(2).contains("the template of the click failed"),
        "{told:?}"
    );
}
