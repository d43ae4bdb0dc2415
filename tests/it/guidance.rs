//! What commands say when they cannot do what they were asked for: what is wrong, and what there is
//! instead, or what helps.

use bellwire::simulator::receivers::Kind;
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Ran, Upstream, shut, until};

const HIT: &str =
    r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"price":1.10}}"#;

/// A running bridge whose sink `events` is suspended, and what it holds.
async fn suspended() -> (Upstream, Phones, Bridge, Vec<Value>) {
    let (upstream, phones, bridge) = shut().await;
    for number in 1..=3 {
        let id = format!("\"eventId\":{number}");
        upstream.send(HIT.replace("\"eventId\":1", &id)).await;
    }
    let is_suspended = |ready: &Value| {
        ready["sinks"]["events"]["suspended"].is_string() && ready["sources"]["ttmt"]["events"] == 3
    };
    bridge.ready("the suspension", is_suspended).await;
    let held = bridge.tool(&["queue", "--state", "held", "--json"]).await;
    let held = held.json().as_array().expect("an array").clone();
    assert_eq!(held.len(), 3, "{held:?}");
    (upstream, phones, bridge, held)
}

fn refused(told: &Ran, status: i32, words: &[&str]) {
    assert_eq!(told.status, Some(status), "{told:?}");
    // Where JSON was asked for there is a document, and it says the same.
    let error = (!told.out.is_empty()).then(|| told.json()["error"].to_string());
    assert!(
        error.is_none_or(|error| error.contains(words[0])),
        "{told:?}"
    );
    for words in words {
        assert!(told.complaint.contains(words), "lacks {words}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_queue_is_none_is_made() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::watched(&upstream.source(), &phones);
    let data = bridge.folder().join("data");
    let path = data.display().to_string();
    for folder_is_there in [false, true] {
        if folder_is_there {
            std::fs::create_dir(&data).expect("a folder");
        }
        for line in [
            &["queue"][..],
            &["queue", "list", "--json"],
            &["queue", "show", "msg_0_1"],
            &["queue", "retry", "msg_0_1"],
            &["queue", "drop", "msg_0_1"],
            &["replay", "--since", "1h"],
            &["replay", "--since", "1h", "--yes", "--json"],
        ] {
            let told = bridge.tool(line).await;
            refused(&told, 1, &["no queue", &path, "`data_dir`"]);
        }
        let made = std::fs::read_dir(&data).map(Iterator::count);
        assert_eq!(made.ok(), folder_is_there.then_some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_nothing_has_is_refused_with_those_there_are() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    bridge
        .ready("the start", |ready| ready["ready"] == true)
        .await;
    let page = bridge.page("/api/v1/deliveries?sink=evnets").await;
    assert_eq!(page.status, 404, "{page:?}");
    assert!(page.head.contains("application/problem+json"), "{page:?}");
    for running in [true, false] {
        if !running {
            bridge.signal("TERM");
            assert!(bridge.ended().await.success());
        }
        for line in [
            &["queue", "--sink", "evnets"][..],
            &["queue", "list", "--sink", "evnets", "--json"],
            &["replay", "--since", "1h", "--yes", "--sink", "evnets"],
            &["replay", "--since", "1h", "--yes", "--rule", "evnets"],
            &["send", "evnets"],
        ] {
            let told = bridge.tool(line).await;
            refused(&told, 2, &["`evnets`", "did you mean `events`?", "`own`"]);
        }
        let told = bridge.tool(&["queue", "--sink", "own", "--json"]).await;
        assert_eq!(told.status, Some(0), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_says_what_a_held_delivery_waits_for() {
    let (_upstream, phones, bridge, held) = suspended().await;
    let id = held[0]["id"].as_str().expect("an id");
    let told = bridge.tool(&["queue", "retry", id]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    for words in [id, "suspended", "`bellwire send events`", "reload"] {
        assert!(told.out.contains(words), "lacks {words}: {told:?}");
    }
    let told = bridge.tool(&["queue", "retry", id, "--json"]).await;
    assert_eq!(told.json()[0]["state"], "held");

    phones.handle.answer_as_ever("/webhook/events");
    assert_eq!(bridge.tool(&["send", "events"]).await.status, Some(0));
    let back = || {
        let own = phones.own().into_iter();
        own.filter(|(kind, _)| kind == "bellwire.sink_recovered")
    };
    until("word of its return", || back().next().is_some()).await;
    let (_, told) = back().next().expect("it is there");
    assert_eq!(told["waiting"], 3, "all that was held: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_from_a_file_has_a_type_and_data() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::watched(&upstream.source(), &phones);
    let send = async |text: &str| {
        std::fs::write(bridge.folder().join("event.json"), text).expect("writes");
        bridge
            .tool(&["send", "events", "--event", "event.json"])
            .await
    };
    for (text, words) in [
        (r#"{"symbol":"XAUUSD"}"#, &["no `type` and no `data`"][..]),
        (r#"{"type":"tp_hit"}"#, &["no `data`", "`type`"]),
        (r#"{"type":"tp_hit","data":null}"#, &["no `data`"]),
        (r#"{"data":{}}"#, &["no `type`"]),
        (r#"{"type":7,"data":{}}"#, &["`type`"]),
        (
            r#"["tp_hit",null,{}]"#,
            &["an object with `type` and `data`"],
        ),
        ("7", &["an object with `type` and `data`"]),
        ("", &["event.json", "no JSON"]),
        ("tp_hit", &["event.json", "no JSON"]),
        (&format!("{HIT}\n{HIT}\n"), &["event.json", "one event"]),
        (&format!("{HIT},\"event\":{HIT}"), &["event.json"]),
    ] {
        refused(&send(text).await, 1, words);
    }
    assert!(phones.handle.received_by(Kind::Webhook).is_empty());
    for text in [HIT, r#"{"type":"bellwire.x","data":[]}"#] {
        let told = send(text).await;
        assert_eq!(told.status, Some(0), "{told:?}");
    }
    assert_eq!(phones.events().len(), 2);
    assert_eq!(phones.events()[0], HIT);
    assert_eq!(json!(phones.own()), json!([]));
}
