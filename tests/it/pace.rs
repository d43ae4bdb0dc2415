//! How fast a sink is sent to, and what makes it rest: its own pace, a platform's word, an age limit.

use std::time::Duration;

use bellwire::model::State;
use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::Timestamp;
use serde_json::json;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// A sink of each of these kinds, by name, with more settings, and a rule that sends all events to all.
async fn bridge(sinks: &[(&str, Kind, &str)]) -> (Upstream, Phones, Bridge) {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let tables: String = sinks
        .iter()
        .map(|(name, kind, more)| phones.sink(name, *kind, more))
        .collect();
    let names: Vec<&str> = sinks.iter().map(|(name, ..)| *name).collect();
    let config = format!(
        "http.listen = \"off\"\n{}{tables}[[rules]]\nname = \"all\"\nto = {names:?}\n",
        upstream.source()
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

async fn hit(upstream: &Upstream, number: u32) {
    let payload = format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"S{number}"}}}}"#
    );
    upstream.send(payload).await;
}

/// Waits until the webhook, which nothing holds up, has this many.
async fn marker(phones: &Phones, count: usize) {
    soon("the webhook", phones.handle.arrivals(Kind::Webhook, count)).await;
}

fn pause(received: &[Received]) -> Duration {
    received[1].at.duration_since(received[0].at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_5_the_bodys_retry_after_holds_the_whole_sink_and_no_other() {
    let (upstream, phones, _bridge) = bridge(&[
        ("team", Kind::Discord, "concurrency = 1"),
        ("automation", Kind::Webhook, ""),
    ])
    .await;
    let limited = Answer::json(
        429,
        &json!({ "message": "slow", "retry_after": 1.5, "global": false }),
    )
    .header("Retry-After", "2")
    .header("X-RateLimit-Scope", "user");
    phones.handle.answer("/discord", limited);
    hit(&upstream, 1).await;
    hit(&upstream, 2).await;
    marker(&phones, 2).await;
    assert!(
        phones.handle.received_by(Kind::Discord).len() <= 1,
        "the sink rests"
    );
    let received = soon("all", phones.handle.arrivals(Kind::Discord, 3)).await;
    assert!(
        pause(&received) >= Duration::from_millis(1_500),
        "{:?}",
        pause(&received)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_6_a_block_of_this_address_pauses_all_discord_sinks() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        r#"http.listen = "off"
{}{}{}{}
[[rules]]
name = "one"
events = ["order_fill"]
to = ["team"]

[[rules]]
name = "all"
events = ["tp_hit"]
to = ["team", "other_team", "automation"]
"#,
        upstream.source(),
        phones.sink("team", Kind::Discord, ""),
        phones.sink("other_team", Kind::Discord, ""),
        phones.sink("automation", Kind::Webhook, ""),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let blocked =
        json!({ "code": 0, "message": "You are being blocked from accessing our API temporarily" });
    phones
        .handle
        .answer("/discord", Answer::json(429, &blocked));
    upstream
        .send(r#"{"type":"order_fill","eventId":1,"data":{}}"#)
        .await;
    until("the answer to be taken in", || {
        bridge.log().contains("not accepted")
    })
    .await;
    for number in 2..=10 {
        hit(&upstream, number).await;
    }
    marker(&phones, 9).await;
    assert_eq!(
        phones.handle.received_by(Kind::Discord).len(),
        1,
        "no Discord sink sends for a minute"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_8_a_used_up_budget_delays_the_next_request_without_a_429() {
    let (upstream, phones, _bridge) = bridge(&[
        ("team", Kind::Discord, "concurrency = 1"),
        ("automation", Kind::Webhook, ""),
    ])
    .await;
    let last = Answer::json(200, &json!({ "id": "1" }))
        .header("X-RateLimit-Remaining", "0")
        .header("X-RateLimit-Reset-After", "1.5");
    phones.handle.answer("/discord", last);
    hit(&upstream, 1).await;
    hit(&upstream, 2).await;
    let received = soon("both", phones.handle.arrivals(Kind::Discord, 2)).await;
    assert!(
        pause(&received) >= Duration::from_millis(1_500),
        "{:?}",
        pause(&received)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sl_6_slacks_retry_after_holds_the_sink() {
    let (upstream, phones, _bridge) = bridge(&[("desk", Kind::Slack, "concurrency = 1")]).await;
    let limited = Answer::status(429)
        .header("Retry-After", "2")
        .body("rate_limited");
    phones.handle.answer("/slack", limited);
    hit(&upstream, 1).await;
    let received = soon("the second attempt", phones.handle.arrivals(Kind::Slack, 2)).await;
    assert!(
        pause(&received) >= Duration::from_secs(2),
        "{:?}",
        pause(&received)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_lets_one_units_worth_through_at_once() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}{}[[rules]]\nname = \"all\"\nto = [\"automation\", \"phone\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
        phones
            .sink("phone", Kind::Ntfy, "")
            .replace("rate_limit = \"off\"", "rate_limit = \"3/h\""),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=10 {
        hit(&upstream, number).await;
    }
    marker(&phones, 10).await;
    let received = soon("one unit's worth", phones.handle.arrivals(Kind::Ntfy, 3)).await;
    assert_eq!(received.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_expires_and_its_age_can_be_looked_up() {
    let (upstream, phones, mut bridge) = bridge(&[
        ("phone", Kind::Ntfy, "expires = \"10m\""),
        ("automation", Kind::Webhook, ""),
    ])
    .await;
    hit(&upstream, 1).await;
    let now = Timestamp::now();
    upstream
        .send(format!(
            r#"{{"type":"tp_hit","eventId":2,"timestamp":"{now:.3}","data":{{"symbol":"NEW"}}}}"#
        ))
        .await;
    marker(&phones, 2).await;
    let rings = soon("the fresh one", phones.handle.arrivals(Kind::Ntfy, 1)).await;
    assert!(
        String::from_utf8_lossy(&rings[0].body).contains("NEW"),
        "the old one did not ring"
    );
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    let store = Store::open(&bridge.folder().join("data"), Status::new().0, now).expect("opens");
    let deliveries = store.recent_deliveries(10).await.expect("reads");
    let expired: Vec<_> = deliveries
        .iter()
        .filter(|one| one.state == State::Expired)
        .collect();
    assert_eq!(expired.len(), 1);
    assert!(
        expired[0]
            .reason
            .as_deref()
            .expect("a reason")
            .contains("s old")
    );
    assert_eq!(
        deliveries
            .iter()
            .filter(|one| one.state == State::Delivered)
            .count(),
        3
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rich_form_that_is_refused_goes_out_once_more_as_plain_text() {
    let (upstream, phones, _bridge) =
        bridge(&[("team", Kind::Discord, ""), ("desk", Kind::Slack, "")]).await;
    phones.handle.answer(
        "/discord",
        Answer::json(
            400,
            &json!({ "code": 50035, "message": "Invalid Form Body" }),
        ),
    );
    phones
        .handle
        .answer("/slack", Answer::status(400).body("invalid_blocks"));
    hit(&upstream, 1).await;
    for (kind, rich) in [(Kind::Discord, "embeds"), (Kind::Slack, "blocks")] {
        let received = soon(kind.name(), phones.handle.arrivals(kind, 2)).await;
        let bodies: Vec<_> = received
            .iter()
            .map(|one| String::from_utf8_lossy(&one.body))
            .collect();
        assert!(
            bodies[0].contains(rich) && !bodies[1].contains(rich),
            "{bodies:?}"
        );
        assert!(
            bodies[1].contains("S1"),
            "the news is still in it: {}",
            bodies[1]
        );
    }
}
