//! Messages for a broker, and the reading of its reason codes.

use base64::Engine as _;
use serde_json::{Value, json};

use super::super::samples::{
    event, facts, id, message, recorded, recorded_with_id, refused, reply, sink, verdict, with,
};
use super::super::{Sink, Wording};
use super::*;

fn mqtt(more: &Value) -> Sink {
    sink("mqtt", &with("mqtt", more))
}

fn publication(outgoing: Option<Outgoing>) -> Publication {
    match outgoing {
        Some(Outgoing::Mqtt(publication)) => publication,
        other => panic!("{other:?}"),
    }
}

fn json_of(post: &Post) -> Value {
    serde_json::from_slice(&post.payload).expect("JSON")
}

#[test]
fn every_event_has_a_type_that_was_announced() {
    let sink = mqtt(&json!({}));
    let greeting = publication(sink.translator.greeting());
    let [announcement] = &greeting.messages[..] else {
        panic!("{greeting:?}");
    };
    assert!(announcement.retain && announcement.optional);
    let told = json_of(announcement);
    let id = told["unique_id"].as_str().expect("an id");
    assert_eq!(
        announcement.topic,
        format!("homeassistant/event/{id}/config")
    );
    assert_eq!(told["state_topic"], "bellwire/phone");
    let types = told["event_types"].as_array().expect("a list");

    let other = event(r#"{"type":"news_of_another_feed","data":{"n":1.50}}"#);
    for event in recorded().iter().chain([&other]) {
        let wording = Wording::of(event);
        let delivery = super::super::samples::id();
        let sent = sink.translator.encode(&message(&delivery, event, &wording));
        let sent = publication(sent.ok());
        let [post] = &sent.messages[..] else {
            panic!("{sent:?}");
        };
        let body = json_of(post);
        assert!(types.contains(&body["event_type"]), "{body}");
        assert_eq!(body["type"], *event.kind);
        assert_eq!(body["webhook_id"], delivery.as_str());
        assert_eq!(post.topic, "bellwire/phone");
        assert!(!post.retain, "Home Assistant ignores what is replayed");
    }
    assert_eq!(
        json_of(&publication_of(&sink, &other).messages[0])["event_type"],
        "other"
    );
    let bytes = publication_of(&sink, &other).messages[0].payload.clone();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(
        text.contains(r#""data":{"n":1.50}"#),
        "digit for digit: {text}"
    );
}

fn publication_of(sink: &Sink, event: &crate::model::Event) -> Publication {
    let wording = Wording::of(event);
    publication(
        sink.translator
            .encode(&message(&id(), event, &wording))
            .ok(),
    )
}

#[test]
fn the_broker_is_where_the_address_says() {
    let of = |options: Value| publication_of(&mqtt(&options), &recorded_with_id("215")).broker;
    let plain = of(json!({}));
    assert_eq!((plain.host.as_str(), plain.port), ("broker.example", 1883));
    assert!(plain.tls.is_none());
    let safe = of(json!({ "url": "mqtts://[fd00::5]" }));
    assert_eq!((safe.host.as_str(), safe.port), ("fd00::5", 8883));
    assert!(matches!(safe.tls, Some(Trust::System)));
    assert_eq!(of(json!({ "url": "mqtts://broker.example:9" })).port, 9);
    let off = mqtt(&json!({ "discovery": false }));
    assert!(off.translator.greeting().is_none());
    let moved = publication(mqtt(&json!({ "discovery": "ha" })).translator.greeting());
    assert!(moved.messages[0].topic.starts_with("ha/event/"));
}

#[test]
fn two_connections_never_have_one_name() {
    let sink = mqtt(&json!({}));
    let one = publication_of(&sink, &recorded_with_id("215")).client_id;
    let greeting = publication(sink.translator.greeting()).client_id;
    let elsewhere =
        publication_of(&mqtt(&json!({ "topic": "x" })), &recorded_with_id("215")).client_id;
    assert!(
        one != greeting && one != elsewhere,
        "{one} {greeting} {elsewhere}"
    );
}

#[test]
fn reason_codes_are_told_apart() {
    let sink = mqtt(&json!({}));
    for (code, expected) in [
        (0, "delivered"),
        (16, "delivered"),
        (128, "retry"),
        (131, "retry"),
        (132, "slow"),
        (134, "suspend"),
        (135, "suspend"),
        (136, "retry"),
        (137, "rest it ?"),
        (139, "retry"),
        (144, "slow"),
        (149, "dead"),
        (151, "rest it ?"),
        (153, "dead"),
    ] {
        let answer = reply(code, &[], "s3cret words of the broker");
        assert_eq!(verdict(&sink, &answer, &facts()), expected, "{code}");
    }
    let question = &sink.translator.questions()[0];
    assert!((question.read)(&reply(0, &[], "")).is_ok());
    let told = (question.read)(&reply(134, &[], "")).expect_err("refused");
    assert!(told.contains("bad user name or password (134)"), "{told}");
}

#[test]
fn wrong_options_are_refused() {
    for (key, value) in [
        ("url", json!("http://broker.example")),
        ("url", json!("mqtt://")),
        ("url", json!("mqtt://me:s3cret@broker.example")),
        ("url", json!("mqtt://broker.example/s3cret")),
        ("topic", json!("bellwire/#")),
        ("topic", json!("")),
        ("topic", json!("$SYS/x")),
        ("discovery", json!("a/#")),
        ("discovery", json!(3)),
        ("ca", json!("s3cret")),
    ] {
        refused(
            "mqtt",
            &with("mqtt", &json!({ (key): value })),
            &format!("sinks.it.{key}"),
        );
    }
    let der = include_bytes!("../../../tests/fixtures/tls/self_signed.der");
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let ca = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    refused("mqtt", &with("mqtt", &json!({ "ca": ca })), "sinks.it.ca");
    let options = json!({ "url": "mqtts://broker.example", "ca": ca });
    let broker = publication_of(&mqtt(&options), &recorded_with_id("215")).broker;
    assert!(matches!(broker.tls, Some(Trust::Only(_))));
    let alone = json!({ "url": "mqtt://x", "topic": "t", "password": "s3cret" });
    refused("mqtt", &alone, "sinks.it");
}
