//! What the running instance shows: whether an alert would get through, why not, and what happened.

use bellwire::simulator::Answer;
use serde_json::{Value, json};

use crate::harness::{Bridge, Page, Phones, Upstream, soon, until};

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"XAUUSD"}}"#;

/// A running bridge, with more lines before its sources.
async fn running(more: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let sources = format!("{more}\n{}", upstream.source());
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    (upstream, phones, bridge)
}

fn is_ready(ready: &Value) -> bool {
    ready["ready"] == json!(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_200_when_all_is_well_and_names_the_sink_that_fails() {
    let (upstream, phones, bridge) = running("").await;
    let ready = bridge.ready("readiness", is_ready).await;
    assert_eq!(ready.status, 200);
    assert!(ready.head.contains("application/json"), "{}", ready.head);
    assert_eq!(ready.json()["reasons"], json!([]));
    assert_eq!(ready.json()["store"]["writable"], true);
    assert_eq!(bridge.page("/healthz").await.status, 200);

    phones
        .handle
        .answer_by("/webhook/events", |_| Some(Answer::status(500)));
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    let failing = |ready: &Value| ready["sinks"]["events"]["failed_in_a_row"].as_u64() >= Some(3);
    let ready = bridge.ready("three failures", failing).await;
    assert_eq!(ready.status, 503);
    let reasons = ready.json()["reasons"].to_string();
    assert!(
        reasons.contains("sink `events` is failing: 500"),
        "{reasons}"
    );
    assert_eq!(
        bridge.page("/healthz").await.status,
        200,
        "alive all the same"
    );

    phones.handle.answer_as_ever("/webhook/events");
    assert_eq!(bridge.ready("recovery", is_ready).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_events_and_deliveries_and_nothing_foreign_as_markup() {
    const MARKUP: &str = "<script>alert('x')</script>";
    let (upstream, phones, bridge) = running("").await;
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    upstream
        .send(format!(
            r#"{{"type":"{MARKUP}","eventId":2,"data":{{"symbol":"{MARKUP}"}}}}"#
        ))
        .await;
    until("both", || phones.events().len() == 2).await;
    // While the container is down, the page shows the newest row of the REST API.
    let rows = json!({ "data": [{ "id": "t1", "symbol": MARKUP }], "has_more": false });
    upstream
        .handle
        .answer_by("/api/v1/trades", move |_| Some(Answer::json(200, &rows)));
    let refusal = |_: &_| Some(Answer::status(503).body(MARKUP));
    upstream.handle.answer_by("/api/v1/stream", refusal);
    upstream.handle.drop_stream().await;
    let polled = |ready: &Value| {
        let shown = ready["sources"]["ttmt"]["poll"].as_str();
        shown.is_some_and(|shown| shown.contains(MARKUP))
    };
    bridge.ready("a poll", polled).await;
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 2;
    bridge.ready("the deliveries", delivered).await;

    let escaped = MARKUP.replace('<', "&lt;").replace('>', "&gt;");
    // The first page has the type, and the symbol of the trade; the event's own page has the type as
    // its name and on its button, and both in the payload.
    for (path, times) in [("/", 2), ("/events", 1), ("/events/3", 4)] {
        let page = bridge.page(path).await;
        assert_eq!(page.status, 200);
        let shown = page.body.matches(&escaped).count();
        assert_eq!(shown, times, "{path}\n{}", page.body);
        assert!(!page.body.contains(MARKUP), "{}", page.body);
        assert!(page.body.contains("delivered"), "{}", page.body);
    }
    let page = bridge.page("/").await;
    assert!(page.body.contains(">tp_hit</a>"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_only_the_bare_state_is_open() {
    let (_upstream, _phones, bridge) = running("http.token = \"a-t0ken\"").await;
    let bridge = bridge.token("a-t0ken");
    let ready = bridge.ready("readiness", is_ready).await;
    assert!(ready.json()["sources"]["ttmt"].is_object());
    let address = bridge.address().await;
    let wrong = [
        vec![],
        vec!["Authorization: Bearer a-t0keN".to_owned()],
        vec!["Authorization: Basic a-t0ken".to_owned()],
        vec!["Cookie: token=a-t0ken".to_owned()],
    ];
    for headers in &wrong {
        for path in ["/", "/events/1", "/?token=a-t0ken"] {
            let page = Page::get(address, path, headers).await;
            assert_eq!(page.status, 401, "{path} {headers:?}");
            assert!(page.head.contains("application/problem+json"), "{page:?}");
            assert_eq!(page.json()["status"], 401);
        }
        let bare = Page::get(address, "/readyz", headers).await;
        assert_eq!((bare.status, bare.json()), (200, json!({ "ready": true })));
        assert_eq!(Page::get(address, "/healthz", headers).await.status, 200);
    }
    assert_eq!(bridge.page("/").await.status, 200);
    let nothing = bridge.page("/nothing").await;
    assert_eq!(
        (nothing.status, nothing.json()["status"].as_u64()),
        (404, Some(404))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_exits_0_when_ready_1_when_not_and_2_for_a_wrong_configuration() {
    let (upstream, phones, mut bridge) = running("").await;
    bridge.ready("readiness", is_ready).await;
    let address = bridge.address().await.to_string();
    let here = [("BELLWIRE_HTTP__LISTEN", address.as_str())];
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.out, "ready\n");
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(0), &json!(true))
    );

    phones
        .handle
        .answer_by("/webhook/events", |_| Some(Answer::status(500)));
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    let failing = |ready: &Value| !is_ready(ready);
    bridge.ready("trouble", failing).await;
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    let (head, reason) = told.out.split_once('\n').expect("more than a line");
    assert_eq!(head, "not ready");
    assert!(reason.starts_with("sink `events` is failing"), "{told:?}");
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &json!(false))
    );
    assert_eq!(told.json()["reasons"][0], reason.trim_end());

    bridge.kill();
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.complaint.contains("nothing answers"), "{told:?}");
    assert_eq!(told.out, "");
    let told = bridge.told("health", &["--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &json!(false))
    );
    let off = [("BELLWIRE_HTTP__LISTEN", "off")];
    let told = bridge.output("health", &off).await;
    assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
    bridge.configure(&format!("http.listen = \"off\"\n{}", upstream.source()));
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &Value::Null)
    );
    assert_eq!(told.json()["reasons"][0], told.complaint.trim_end());
    let told = bridge
        .output("health", &[("BELLWIRE_HTTP__LISTEN", "nowhere")])
        .await;
    assert_eq!(told.status, Some(2), "{told:?}");
}
