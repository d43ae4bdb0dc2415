//! The API: lists and their pages, what it refuses, and whom.

use bellwire::simulator::Answer;
use serde_json::{Value, json};

use crate::harness::{Bridge, Page, Phones, Upstream, soon, until};

const TOKEN: &str = "a-t0ken";

fn hit(number: u32) -> String {
    format!(r#"{{"type":"tp_hit","eventId":{number},"data":{{"symbol":"XAUUSD"}}}}"#)
}

/// A running bridge with so many events delivered.
async fn running(more: &str, count: u32) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&format!("{more}\n{}", upstream.source()), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=count {
        upstream.send(hit(number)).await;
    }
    until("all", || phones.events().len() == count as usize).await;
    (upstream, phones, bridge)
}

fn is_problem(page: &Page, status: u16) {
    assert_eq!(page.status, status, "{page:?}");
    assert!(page.head.contains("application/problem+json"), "{page:?}");
    assert_eq!(page.json()["status"], status, "{page:?}");
    assert!(page.json()["detail"].is_string(), "{page:?}");
}

/// Follows a list from page to page.
async fn followed(bridge: &Bridge, path: &str, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = bridge.page(&format!("{path}limit={limit}{after}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let names: Vec<_> = page.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["data", "has_more", "next_cursor"]);
        let data = page["data"].as_array().expect("a list");
        found.extend(data.iter().cloned());
        assert!(found.len() < 1_000, "the list never ends");
        if page["has_more"] == false {
            assert_eq!(page["next_cursor"], Value::Null);
            return found;
        }
        assert_eq!(data.len(), limit, "only the last page is short");
        after = format!("&after={}", page["next_cursor"].as_str().expect("a cursor"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_newest_first_and_each_item_comes_once() {
    let (upstream, phones, bridge) = running("", 5).await;
    let delivered = |ready: &Value| {
        ready["sinks"]["events"]["delivered"] == 5 && ready["sinks"]["own"]["delivered"] == 1
    };
    bridge.ready("all", delivered).await;
    let ids = |list: &[Value]| -> Vec<String> {
        let ids = list
            .iter()
            .map(|one| one["event"]["id"].as_str().unwrap_or("-"));
        ids.map(str::to_owned).collect()
    };
    let path = "/api/v1/deliveries?sink=events&state=delivered&since=1h&";
    for limit in [1, 2, 5, 100] {
        let found = followed(&bridge, path, limit).await;
        assert_eq!(ids(&found), ["5", "4", "3", "2", "1"], "{limit}");
    }
    // What arrives while somebody reads on moves nothing.
    let first = bridge.page(&format!("{path}limit=2")).await.json();
    upstream.send(hit(6)).await;
    until("the sixth", || phones.events().len() == 6).await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = bridge
        .page(&format!("{path}limit=2&after={cursor}"))
        .await
        .json();
    assert_eq!(ids(second["data"].as_array().expect("a list")), ["3", "2"]);

    let events = followed(&bridge, "/api/v1/events?", 2).await;
    assert_eq!(events.len(), 7, "six and the start");
    let newest = &events[0];
    assert_eq!(
        (&newest["source"], &newest["id"]),
        (&json!("ttmt"), &json!("6"))
    );
    assert_eq!(newest["deliveries"][0]["sink"], "events");
    for (list, names) in [
        ("sources", &["ttmt"][..]),
        ("sinks", &["events", "own"]),
        ("rules", &["events", "own"]),
    ] {
        let found = followed(&bridge, &format!("/api/v1/{list}?"), 1).await;
        let found: Vec<_> = found
            .iter()
            .map(|one| one["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(found, names);
    }
    let sinks = bridge.page("/api/v1/sinks").await.json();
    assert_eq!(sinks["data"][1]["deliveries"], json!({ "delivered": 1 }));
    assert_eq!(sinks["data"][0]["suspended"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_a_problem_document() {
    let (_upstream, phones, bridge) = running("", 1).await;
    for wrong in [
        "deliveries?limit=0",
        "deliveries?limit=101",
        "deliveries?after=x",
        "deliveries?state=ded",
        "deliveries?since=soon",
        "deliveries?sinks=events",
        "events?state=dead",
        "rules?limit=many",
    ] {
        is_problem(&bridge.page(&format!("/api/v1/{wrong}")).await, 400);
    }
    for unknown in ["sink=nobody", "sink=&after=1"] {
        is_problem(
            &bridge.page(&format!("/api/v1/deliveries?{unknown}")).await,
            404,
        );
    }
    for nothing in ["deliveries/msg_1_1", "nothing", "", "deliveries/%ff"] {
        let page = bridge.page(&format!("/api/v1/{nothing}")).await;
        is_problem(&page, if nothing.ends_with("%ff") { 400 } else { 404 });
    }
    let address = bridge.address().await;
    let post = async |path: &str, body: &str| {
        Page::post(address, &format!("/api/v1/{path}"), &[], body).await
    };
    is_problem(&bridge.page("/api/v1/replay").await, 405);
    is_problem(&post("deliveries", "").await, 405);
    is_problem(&post("deliveries/msg_1_1/retry", "").await, 404);
    is_problem(&post("sinks/nobody/test", "").await, 404);
    is_problem(
        &post("replay", r#"{"since":"1h","rule":"none"}"#).await,
        404,
    );
    for wrong in [
        "",
        "{}",
        "no",
        r#"{"since":"soon"}"#,
        r#"{"since":"1h","sinks":"x"}"#,
    ] {
        is_problem(&post("replay", wrong).await, 400);
    }
    for wrong in ["no", r#"{"evnt":{}}"#, r#"{"event":[]}"#, r#"{"event":7}"#] {
        is_problem(&post("sinks/events/test", wrong).await, 400);
    }
    let large = format!(r#"{{"event":{{"data":"{}"}}}}"#, "x".repeat(3 << 20));
    is_problem(&post("sinks/events/test", &large).await, 413);
    assert_eq!(phones.events().len(), 1, "nothing of this was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_answers_200_or_502_with_the_receivers_words() {
    let (_upstream, phones, bridge) = running("", 0).await;
    let address = bridge.address().await;
    let test = async || Page::post(address, "/api/v1/sinks/events/test", &[], "").await;
    phones
        .handle
        .answer("/webhook/events", Answer::status(202).body("yes"));
    let accepted = test().await;
    assert_eq!(accepted.status, 200);
    let told = accepted.json();
    assert_eq!(
        (&told["status"], &told["answer"]),
        (&json!(202), &json!("yes"))
    );
    phones
        .handle
        .answer("/webhook/events", Answer::status(503).body("later"));
    let refused = test().await;
    assert_eq!(refused.status, 502);
    let told = refused.json();
    assert_eq!(
        (&told["status"], &told["answer"]),
        (&json!(503), &json!("later"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_over_the_api_counts_and_sends() {
    let (_upstream, phones, bridge) = running("", 2).await;
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 2;
    bridge.ready("both", delivered).await;
    let address = bridge.address().await;
    let replay = async |body: &str| {
        Page::post(address, "/api/v1/replay", &[], body)
            .await
            .json()
    };
    let list = Page::post(address, "/api/v1/replay", &[], r#"["1h",null,null,false]"#);
    assert_eq!(list.await.status, 400, "the same values without names");
    let counted = replay(r#"{"since":"1h","sink":"events","dry_run":true}"#).await;
    assert_eq!(
        counted,
        json!({ "events": 2, "deliveries": 2, "dry_run": true })
    );
    assert_eq!(phones.events().len(), 2);
    let sent = replay(r#"{"since":"1h"}"#).await;
    assert_eq!(sent["deliveries"], 2);
    until("all again", || phones.events().len() == 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_the_token_and_no_page_of_another_origin_gets_through() {
    let (_upstream, phones, bridge) = running(&format!("http.token = \"{TOKEN}\""), 1).await;
    let bridge = bridge.token(TOKEN);
    bridge
        .ready("the delivery", |ready| {
            ready["sinks"]["events"]["delivered"] == 1
        })
        .await;
    let address = bridge.address().await;
    let shown = format!("Authorization: Bearer {TOKEN}");
    let replay = async |headers: &[String]| {
        Page::post(address, "/api/v1/replay", headers, r#"{"since":"1h"}"#).await
    };
    let wrong = "Authorization: Bearer a-t0keN".to_owned();
    for headers in [vec![], vec![wrong]] {
        for list in [
            "events",
            "deliveries",
            "deliveries/x",
            "sources",
            "sinks",
            "rules",
            "nothing",
        ] {
            let page = Page::get(address, &format!("/api/v1/{list}"), &headers).await;
            is_problem(&page, 401);
        }
        is_problem(&replay(&headers).await, 401);
        let test = Page::post(address, "/api/v1/sinks/events/test", &headers, "").await;
        is_problem(&test, 401);
    }
    let other = "Origin: https://example.org".to_owned();
    is_problem(&replay(&[shown.clone(), other.clone()]).await, 403);
    is_problem(&replay(&[other]).await, 403);
    assert_eq!(phones.events().len(), 1, "nothing of this was done");
    let same = format!("Origin: http://{address}");
    assert_eq!(replay(&[shown, same]).await.status, 200);
    until("the replay", || phones.events().len() == 2).await;

    let told = bridge.tool(&["queue", "--json"]).await;
    assert_eq!(
        told.status,
        Some(0),
        "the command knows the token: {told:?}"
    );
    let listen = address.to_string();
    let others = [
        ("BELLWIRE_HTTP__LISTEN", listen.as_str()),
        ("BELLWIRE_HTTP__TOKEN", "other"),
    ];
    let told = bridge.output("queue", &others).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.complaint.contains("http.token"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_origin_is_refused_without_a_token_too() {
    let (_upstream, phones, bridge) = running("", 1).await;
    let address = bridge.address().await;
    for origin in ["http://example.org", "http://127.0.0.1", "null"] {
        let headers = [format!("Origin: {origin}")];
        for (path, body) in [("replay", r#"{"since":"1h"}"#), ("sinks/events/test", "")] {
            let path = format!("/api/v1/{path}");
            is_problem(&Page::post(address, &path, &headers, body).await, 403);
        }
    }
    assert_eq!(phones.events().len(), 1);
}
