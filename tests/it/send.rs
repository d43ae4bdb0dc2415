//! One test message to one sink, and what its receiver says.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Upstream, shut};

const HIT: &str = r#"{ "type":"tp_hit","eventId":1, "timestamp":"2026-06-11T08:00:00.000Z","data":{"price":1.10} }"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_and_the_answer_is_shown() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    for running in [false, true] {
        if running {
            bridge.start();
            bridge
                .ready("the start", |ready| ready["ready"] == true)
                .await;
        }
        let before = phones.events().len();
        phones
            .handle
            .answer("/webhook/events", Answer::status(200).body("thanks\u{7}"));
        let told = bridge.tool(&["send", "events"]).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        assert!(
            told.out.starts_with("events: accepted (status 200"),
            "{told:?}"
        );
        assert!(told.out.ends_with("thanks\\u{7}\n"), "{told:?}");
        let own: Value = serde_json::from_str(&phones.events()[before]).expect("JSON");
        assert_eq!(own["type"], "bellwire.test");

        phones
            .handle
            .answer("/webhook/events", Answer::status(422).body("no"));
        std::fs::write(bridge.folder().join("hit.json"), format!("\u{feff}{HIT}\n"))
            .expect("writes");
        let told = bridge
            .tool(&["send", "events", "--event", "hit.json", "--json"])
            .await;
        assert_eq!(told.status, Some(1), "{told:?}");
        let answer = told.json();
        assert_eq!(
            (&answer["status"], &answer["answer"]),
            (&json!(422), &json!("no"))
        );
        assert_eq!(phones.events()[before + 1], HIT, "byte for byte");

        let told = bridge.tool(&["send", "nobody"]).await;
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
        let told = bridge
            .tool(&["send", "events", "--event", "none.json"])
            .await;
        assert_eq!(told.status, Some(2), "{told:?}");
        std::fs::write(bridge.folder().join("hit.json"), "no JSON").expect("writes");
        let told = bridge
            .tool(&["send", "events", "--event", "hit.json"])
            .await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        let told = bridge.tool(&["send", "events", "--event", "-"]).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        let empty = "bellwire: standard input is no JSON: it is empty\n";
        assert_eq!(told.complaint, empty);
        assert_eq!(phones.events().len(), before + 2);
    }
    let listed = bridge.tool(&["queue", "--sink", "events", "--json"]).await;
    assert_eq!(
        listed.json(),
        json!([]),
        "a test leaves nothing in the queue"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_message_ends_a_suspension_and_what_was_held_leaves() {
    let (upstream, phones, bridge) = shut().await;
    upstream.send(HIT).await;
    let suspended = |ready: &Value| ready["sinks"]["events"]["suspended"].is_string();
    bridge.ready("the suspension", suspended).await;
    let held = bridge
        .tool(&["queue", "--state", "held", "--json"])
        .await
        .json();
    assert_eq!(
        (held.as_array().map(Vec::len), &held[0]["state"]),
        (Some(1), &json!("held"))
    );
    let waiting = bridge
        .tool(&["queue", "--state", "waiting", "--json"])
        .await;
    assert_eq!(waiting.json(), json!([]));

    assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(1));
    assert!(
        suspended(&bridge.page("/readyz").await.json()),
        "a refusal ends nothing"
    );
    phones.handle.answer_as_ever("/webhook/events");
    assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(0));
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 1;
    let ready = bridge.ready("what was held", delivered).await;
    assert_eq!(ready.json()["sinks"]["events"]["suspended"], Value::Null);
    let id = held[0]["id"].as_str().expect("an id");
    let received = phones.handle.received_by(Kind::Webhook);
    let last = received.iter().rfind(|one| one.path.ends_with("/events"));
    assert_eq!(last.expect("arrived").header("webhook-id"), id);
    let kinds = || phones.own().into_iter().map(|(kind, _)| kind);
    crate::harness::until("the recovery", || {
        kinds().any(|kind| kind == "bellwire.sink_recovered")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_message_ends_a_rest_of_a_running_instance_and_of_a_stopped_one() {
    for is_stopped in [false, true] {
        let (upstream, phones, mut bridge) = shut().await;
        let busy = Answer::status(429).header("retry-after", "3600");
        phones.handle.answer("/webhook/events", busy);
        upstream.send(HIT).await;
        let rests = |ready: &Value| ready["sinks"]["events"]["resting_until"].is_string();
        bridge.ready("the rest", rests).await;
        if is_stopped {
            bridge.signal("TERM");
            assert!(bridge.ended().await.success());
        }
        assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(1));
        phones.handle.answer_as_ever("/webhook/events");
        if is_stopped {
            assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(0));
            bridge.start();
        } else {
            assert!(rests(&bridge.page("/readyz").await.json()), "as before");
            assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(0));
        }
        let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 1;
        let ready = bridge.ready("what has waited", delivered).await;
        assert!(!rests(&ready.json()));
    }
}
