//! What stands in a webhook's body, by each choice of it.

use bytes::Bytes;

use super::super::super::samples;
use super::*;
use crate::expr::Template;

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
    let template = sink.body.as_ref().map(Template::source);
    assert_eq!(template, Some("{\"x\": {{ data.volume }} }"));
    let event = recorded_with_id("215");
    let id = id();
    let failed = Wording::of(&event).with(None, None, Some("`body` failed".to_owned()));
    let rendered = failed.clone().with_body(Some("{\"x\": 0.04 }".to_owned()));
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
