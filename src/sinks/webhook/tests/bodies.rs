//! What stands in a webhook's body, by each choice of it.

use bytes::Bytes;

use super::super::super::samples;
use super::*;

#[test]
fn every_body_carries_hostile_events() {
    for choice in ["event", "canonical", "cloudevents", "{{ event.type }}"] {
        let sink = webhook(&json!({ "body": choice }));
        for (event, _) in hostile() {
            let body = body(&sink, &event);
            assert!(
                serde_json::from_str::<serde_json::Value>(&body).is_ok(),
                "{choice}"
            );
        }
    }
}

#[test]
fn wh_11_the_unchanged_body_is_the_upstreams_bytes() {
    let sink = webhook(&json!({}));
    for event in recorded() {
        assert_eq!(request(&sink, &event).body(), &event.payload);
    }
}

#[test]
fn wh_11_the_canonical_body_is_stable_and_loses_no_field() {
    let sink = webhook(&json!({ "body": "canonical" }));
    for event in recorded() {
        let once = body(&sink, &event);
        let again = canonical::bytes(once.as_bytes(), id().as_str());
        assert_eq!(again, once);
        let mut printed: serde_json::Value = serde_json::from_str(&once).expect("JSON");
        let added = printed
            .as_object_mut()
            .and_then(|entries| entries.shift_remove("webhook_id"));
        assert_eq!(added, Some(json!(id().as_str())));
        let original: serde_json::Value = serde_json::from_slice(&event.payload).expect("JSON");
        assert_eq!(plain_numbers(&printed), plain_numbers(&original));
    }
}

/// A value with its numbers as doubles, so that `1.0` equals `1`.
fn plain_numbers(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Number(number) => format!("{:?}", number.as_f64()),
        Value::Array(items) => items
            .iter()
            .map(plain_numbers)
            .collect::<Vec<_>>()
            .join(","),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| format!("{key}={};", plain_numbers(value)))
            .collect(),
        other => other.to_string(),
    }
}

#[test]
fn wh_11_half_a_character_costs_no_body_its_shape() {
    let event = event(r#"{"type":"note","n":1.10,"data":{"text":"\ud83d x","n":1.10}}"#);
    let canonical = body(&webhook(&json!({ "body": "canonical" })), &event);
    let shape = "{\"type\":\"note\",\"n\":1.1,\"data\":{\"text\":\"\u{fffd} x\",\"n\":1.1},";
    assert!(canonical.starts_with(shape), "{canonical}");
    let again = canonical::bytes(canonical.as_bytes(), id().as_str());
    assert_eq!(again, canonical);
    let cloud = body(&webhook(&json!({ "body": "cloudevents" })), &event);
    let data = r#""datacontenttype":"application/json","data":{"text":"\ufffd x","n":1.10}}"#;
    assert!(cloud.ends_with(data), "{cloud}");
}

#[test]
fn a_cloud_event_holds_the_data_as_it_came() {
    let sink = webhook(&json!({ "body": "cloudevents" }));
    let event = recorded_with_id("215");
    let request = request(&sink, &event);
    assert_eq!(
        header(&request, "content-type"),
        "application/cloudevents+json; charset=utf-8"
    );
    let text = std::str::from_utf8(request.body()).expect("UTF-8");
    assert!(text.starts_with(
        r#"{"specversion":"1.0","id":"msg_2mF9qXvT8bKc4LrWnZ0pYd","source":"urn:bellwire:ttmt","type":"tp_hit","time":"2026-06-11T08:05:12.932Z","upstreamid":"215","datacontenttype":"application/json","data":{"trade_id":"#
    ), "{text}");
    assert!(
        text.contains(r#""tp_price":3347.0,"#),
        "digits are kept: {text}"
    );
    let bare = body(&sink, &recorded_with_id("259"));
    assert!(!bare.contains("data"), "{bare}");
}

#[test]
fn an_event_without_a_type_has_the_streams_own_word_for_it() {
    let event = event(r#"{"type":""}"#);
    let cloud = body(&webhook(&json!({ "body": "cloudevents" })), &event);
    assert!(cloud.contains(r#""type":"message""#), "{cloud}");
    let github = request(&webhook(&json!({ "signature": "github" })), &event);
    assert_eq!(header(&github, "x-github-event"), "message");
}

#[test]
fn a_template_is_carried_and_its_failure_swallows_nothing() {
    let options = with("webhook", &json!({ "body": "{\"x\": {{ data.volume }} }" }));
    let sink = sink("webhook", &options);
    let slots: Vec<_> = sink
        .slots
        .iter()
        .map(|slot| (slot.name.as_str(), slot.template.source()))
        .collect();
    assert_eq!(slots, [("body", "{\"x\": {{ data.volume }} }")]);
    let event = recorded_with_id("215");
    let id = id();
    let failed = Wording::of(&event).with(None, None, Some("`body` failed".to_owned()));
    let filled = Filled::from([("body".to_owned(), "{\"x\": 0.04 }".to_owned())]);
    let rendered = failed.clone().with_filled(filled);
    let of = |wording: &Wording| {
        let body = samples::body(&sink, &message(&id, &event, wording));
        String::from_utf8(body.to_vec()).expect("UTF-8")
    };
    assert_eq!(of(&rendered), "{\"x\": 0.04 }");
    let built_in = of(&failed);
    for part in ["TP1 hit", "`body` failed", id.as_str()] {
        assert!(built_in.contains(part), "{built_in}");
    }
}

#[test]
fn what_a_template_makes_has_to_be_json() {
    let sink = webhook(&json!({ "body": "{{ data }}" }));
    let take = |text: &str| sink.slots[0].take(Ok(text.to_owned()));
    for json in ["{}", " [1, 2.50]\n", "\"x\"", "null", "1e400"] {
        assert_eq!(take(json), Ok(Some(json.to_owned())));
    }
    for (text, told) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{} {}", "trailing characters at line 1 column 4"),
        ("{\"x\": s3cret}", "expected value at line 1 column 7"),
    ] {
        assert_eq!(take(text), Err(format!("its result is no JSON: {told}")));
    }
}

#[test]
fn only_a_body_of_its_own_that_failed_shows_title_and_message() {
    let filled = Filled::from([("body".to_owned(), "{}".to_owned())]);
    for (body, empty) in [
        ("event", false),
        ("canonical", false),
        ("cloudevents", false),
        ("{{ data|tojson }}", true),
    ] {
        let sink = webhook(&json!({ "body": body }));
        let shown = |filled| sink.translator.shows_wording(filled);
        assert_eq!(
            (shown(&Filled::new()), shown(&filled)),
            (empty, false),
            "{body}"
        );
    }
}

#[test]
fn what_is_no_json_is_not_called_json() {
    let mut event = event("{}");
    event.payload = Bytes::from_static(b"door open");
    event.data = crate::model::DataAt::Text;
    let request = request(&webhook(&json!({})), &event);
    assert_eq!(
        header(&request, "content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(request.body().as_ref(), b"door open");
}
