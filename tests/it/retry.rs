//! Receivers that are down, slow or lying: only their own lane waits, and what they say is obeyed.

use std::time::Duration;

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::{Answer, Manner};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"XAUUSD"}}"#;

/// Two webhook sinks on paths of their own, the first with more settings, and a rule for both.
async fn two_sinks(first: &str) -> (Upstream, Phones, Bridge) {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let url = phones.handle.url(Kind::Webhook);
    let sink = |name: &str, more: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}/{name}\"\nsignature = \"none\"\n{more}\n"
        )
    };
    let config = format!(
        "http.listen = \"off\"\n{}{}{}{}",
        upstream.source(),
        sink("first", first),
        sink("second", ""),
        r#"
[[rules]]
name = "hits"
events = ["tp_hit"]
to = ["first", "second"]

[[rules]]
name = "watch-the-watcher"
from = ["bellwire"]
events = ["bellwire.delivery_dead", "bellwire.sink_*"]
to = ["second"]
"#
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

fn arrived(phones: &Phones, path: &str) -> Vec<bellwire::simulator::receivers::Received> {
    let mut received = phones.handle.received();
    received.retain(|one| one.path.ends_with(path));
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_2_every_attempt_has_the_same_id_and_a_new_time_stamp() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink(
            "automation",
            Kind::Webhook,
            "retry = { initial = \"1s\", factor = 1.0 }"
        ),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for status in [500, 503, 429] {
        phones.handle.answer(
            "/webhook",
            Answer::status(status).header("Retry-After", "1"),
        );
    }
    upstream.send(HIT).await;
    let received = soon("four attempts", phones.handle.arrivals(Kind::Webhook, 4)).await;
    let ids: Vec<&str> = received
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert!(
        ids.iter()
            .all(|id| *id == ids[0] && !id.contains('.') && !id.is_empty()),
        "{ids:?}"
    );
    let stamps: Vec<&str> = received
        .iter()
        .map(|one| one.header("webhook-timestamp"))
        .collect();
    assert!(
        stamps.windows(2).all(|pair| pair[0] < pair[1]),
        "{stamps:?}"
    );
    let signatures: Vec<&str> = received
        .iter()
        .map(|one| one.header("webhook-signature"))
        .collect();
    assert!(signatures.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(received.iter().all(|one| &*one.body == HIT.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_hangs_or_resets_holds_up_nobody_else() {
    let (upstream, phones, _bridge) = two_sinks("concurrency = 1").await;
    phones.handle.answer_by("/webhook/first", |_| {
        Some(Answer::status(200).sent(Manner::Hang))
    });
    for number in 1..=200 {
        upstream
            .send(HIT.replace("\"eventId\":1", &format!("\"eventId\":{number}")))
            .await;
    }
    until("the second sink to have all", || {
        arrived(&phones, "/second").len() == 200
    })
    .await;
    assert_eq!(
        arrived(&phones, "/first").len(),
        1,
        "the first still waits for its answer"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_8_gone_suspends_the_sink_and_says_so() {
    let (upstream, phones, _bridge) = two_sinks("concurrency = 1").await;
    phones.handle.answer("/webhook/first", Answer::status(410));
    upstream.send(HIT).await;
    until("the notice", || arrived(&phones, "/second").len() == 2).await;
    for number in 2..=5 {
        upstream
            .send(HIT.replace("\"eventId\":1", &format!("\"eventId\":{number}")))
            .await;
    }
    until("the second sink to have all", || {
        arrived(&phones, "/second").len() == 6
    })
    .await;
    assert_eq!(
        arrived(&phones, "/first").len(),
        1,
        "a suspended sink is left alone"
    );
    let bodies: Vec<Value> = arrived(&phones, "/second")
        .iter()
        .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
        .collect();
    let notice = bodies
        .iter()
        .find(|body| body["type"] == "bellwire.sink_suspended")
        .expect("a notice");
    assert_eq!(notice["data"]["sink"], "first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_sink_keeps_its_deliveries_and_a_restart_resumes_it() {
    let (upstream, phones, mut bridge) = two_sinks("").await;
    phones.handle.answer("/webhook/first", Answer::status(410));
    upstream.send(HIT).await;
    until("the notice", || arrived(&phones, "/second").len() == 2).await;
    bridge.kill();
    bridge.start();
    until("the delivery after the restart", || {
        arrived(&phones, "/first").len() == 2
    })
    .await;
    let ids: Vec<String> = arrived(&phones, "/first")
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_rings_elsewhere_with_its_reason_and_the_start_of_the_answer() {
    let (upstream, phones, _bridge) = two_sinks("").await;
    phones
        .handle
        .answer("/webhook/first", Answer::status(422).body("no such field"));
    upstream.send(HIT).await;
    until("the notice", || arrived(&phones, "/second").len() == 2).await;
    let bodies: Vec<Value> = arrived(&phones, "/second")
        .iter()
        .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
        .collect();
    let notice = bodies
        .iter()
        .find(|body| body["type"] == "bellwire.delivery_dead")
        .expect("a notice");
    assert_eq!(notice["data"]["sink"], "first");
    assert_eq!(notice["data"]["last"]["answer"], "no such field");
    assert_eq!(notice["data"]["last"]["status"], 422);
    assert_eq!(notice["data"]["state"], "dead");
    assert_eq!(notice["data"]["attempts"], 1);
    assert_eq!(notice["data"]["event"]["type"], "tp_hit");
    assert_eq!(notice["data"]["count"], 1);
    assert!(
        notice["data"]["reason"]
            .as_str()
            .expect("a reason")
            .contains("422"),
        "{notice}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_9_retry_after_rests_the_whole_sink_and_no_other() {
    let (upstream, phones, _bridge) = two_sinks("concurrency = 1").await;
    phones.handle.answer(
        "/webhook/first",
        Answer::status(429).header("Retry-After", "2"),
    );
    upstream.send(HIT).await;
    until("the first attempt", || {
        arrived(&phones, "/first").len() == 1
    })
    .await;
    upstream
        .send(HIT.replace("\"eventId\":1", "\"eventId\":2"))
        .await;
    until("both at the first sink", || {
        arrived(&phones, "/first").len() == 3
    })
    .await;
    let first = arrived(&phones, "/first");
    let rested = first[1].at.duration_since(first[0].at);
    assert!(rested >= Duration::from_secs(2), "rested only {rested:?}");
    let second = arrived(&phones, "/second");
    assert_eq!(second.len(), 2);
    assert!(second[1].at < first[1].at, "the second sink did not wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_gets_everything_once_it_is_back() {
    let (upstream, phones, _bridge) = two_sinks("retry = { initial = \"1s\", factor = 1.0 }").await;
    for _ in 0..3 {
        phones
            .handle
            .answer("/webhook/first", Answer::status(200).sent(Manner::Reset));
    }
    for number in 1..=3 {
        upstream
            .send(HIT.replace("\"eventId\":1", &format!("\"eventId\":{number}")))
            .await;
    }
    until("all three at the second try", || {
        arrived(&phones, "/first").len() == 6
    })
    .await;
}

/// An event of this number.
fn numbered(number: u32) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:0{number}.000Z","data":{{"number":{number}}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_8_a_404_that_has_passed_is_sent_again_as_soon_as_the_sink_accepts_another() {
    let (upstream, phones, _bridge) = two_sinks("").await;
    phones.handle.answer("/webhook/first", Answer::status(404));
    upstream.send(numbered(1)).await;
    soon("the refusal", phones.handle.arrivals(Kind::Webhook, 2)).await;
    upstream.send(numbered(2)).await;
    // Its own wait would be five minutes.
    until("both at the sink that refused one", || {
        let arrived = arrived(&phones, "/first");
        let first = arrived.iter().filter(|one| one.body == numbered(1));
        first.count() == 2 && arrived.len() == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_always_refuses_is_not_sent_again_beside_each_of_the_others() {
    let (upstream, phones, _bridge) = two_sinks("").await;
    phones.handle.answer_by("/webhook/first", |received| {
        (received.body == numbered(1)).then(|| Answer::status(404))
    });
    for number in 1..=5 {
        upstream.send(numbered(number)).await;
        until("the event at the sink", || {
            arrived(&phones, "/first")
                .iter()
                .any(|one| one.body == numbered(number))
        })
        .await;
    }
    let all = arrived(&phones, "/first");
    let refused = all.iter().filter(|one| one.body == numbered(1)).count();
    assert_eq!(
        refused, 2,
        "once by itself and once after the first success"
    );
}
