//! ntfy against the contract: limits in bytes, options, answers.

use serde_json::json;

use super::super::samples;
use super::super::samples::{
    PROXY_PAGE, facts, hostile, id, message, now, recorded, recorded_with_id, refused, reply, sent,
    sink, verdict, with,
};
use super::super::{Facts, Sink, Wording};
use super::*;
use crate::model::{Event, Living};

mod actions;

fn ntfy(more: &Value) -> Sink {
    sink("ntfy", &with("ntfy", more))
}

/// So much of a message is shown with every other field at its maximum, in bytes of JSON.
const MESSAGE_FLOOR: usize = 1500;

fn check(body: &Value) {
    assert_eq!(
        body.get("markdown"),
        None,
        "foreign text is not to be formatted"
    );
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    assert!(text("message").len() <= MESSAGE_BYTES_MAX);
    assert!(!text("message").trim().is_empty());
    assert!(!text("title").trim().is_empty() && text("title").len() <= TITLE_BYTES_MAX);
    assert!(
        body["priority"]
            .as_u64()
            .is_some_and(|priority| (1..=5).contains(&priority))
    );
    assert!(
        body.to_string().len() < 7 * 1024,
        "{}",
        body.to_string().len()
    );
}

fn check_both_forms(sink: &Sink, event: &Event, wording: &Wording) {
    let id = id();
    let rich = message(&id, event, wording);
    let body = sent(sink, &rich);
    check(&body);
    let whole = wording.details();
    let shown = body["message"]
        .as_str()
        .map_or(0, |text| Unit::JsonBytes.of(text));
    let enough = Unit::JsonBytes.of(&whole).min(MESSAGE_FLOOR);
    assert!(
        shown + 40 >= enough,
        "{shown} bytes of the message are left"
    );
    let short = sent(
        sink,
        &Message {
            plain: true,
            ..rich
        },
    );
    check(&short);
    assert!(
        short["message"]
            .as_str()
            .is_some_and(|text| text.len() <= SHORT_MESSAGE_BYTES_MAX)
    );
}

#[test]
fn nt_3_every_event_fits_with_every_field_at_its_maximum() {
    let action = |more: usize| {
        json!({
            "action": "http", "label": "\"".repeat(64), "clear": true, "method": "DELETE",
            "url": format!("https://example.org/{}", "x".repeat(more)),
            "headers": { "A": "b" }, "body": "\n".repeat(60),
        })
    };
    let spare = 1536 - json!([action(0), action(0), action(0)]).to_string().len();
    let actions = |more: usize| json!([action(spare + more), action(0), action(0)]);
    let full = ntfy(&json!({
        "topic": "t".repeat(64),
        "tags": vec!["\"".repeat(64); 10],
        "click": format!("https://example.org/{}", "x".repeat(1000)),
        "icon": format!("https://example.org/{}", "x".repeat(1000)),
        "actions": actions(0),
    }));
    let longer = json!({ "actions": actions(1) });
    refused("ntfy", &with("ntfy", &longer), "sinks.it.actions");
    for key in ["click", "icon"] {
        let path = format!("sinks.it.{key}");
        let misspelt = json!({ key: "https://example.org/{{ data.x|urlencod }}" });
        refused("ntfy", &with("ntfy", &misspelt), &path);
    }
    // Quotes take two bytes each on the way, so it is not the text that has to fit.
    let quoted = format!("https://example.org/{}", "\"".repeat(1000));
    for key in ["click", "icon"] {
        let path = format!("sinks.it.{key}");
        refused("ntfy", &with("ntfy", &json!({ key: quoted })), &path);
    }
    for event in recorded() {
        check_both_forms(&full, &event, &Wording::of(&event));
    }
    for (event, wording) in hostile() {
        check_both_forms(&full, &event, &wording);
    }
}

#[test]
fn nt_2_the_longest_message_is_just_below_an_attachment() {
    let event = recorded_with_id("215");
    let id = id();
    let wording = Wording::of(&event).with(None, Some("x".repeat(10_000)), None);
    let body = sent(&ntfy(&json!({})), &message(&id, &event, &wording));
    assert_eq!(body["message"].as_str().map(str::len), Some(4095));
}

#[test]
fn a_message_without_details_repeats_its_news() {
    let event = recorded_with_id("259");
    let wording = Wording::of(&event);
    let id = id();
    let body = sent(&ntfy(&json!({})), &message(&id, &event, &wording));
    assert_eq!(
        (&body["title"], &body["message"]),
        (&json!("Heartbeat · ttmt"), &json!("Heartbeat · ttmt"))
    );
}

#[test]
fn priority_is_the_rules_then_the_sinks_then_the_events() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let living = Living {
        key: "trade".into(),
        message: None,
    };
    for (rule, sink, quiet, expected) in [
        (Some(5), Some(1), false, 5),
        (None, Some(1), false, 1),
        (None, None, false, 4),
        (None, None, true, 2),
        (Some(5), None, true, 2),
        (None, Some(5), true, 2),
        (Some(1), None, true, 1),
    ] {
        let options = sink.map_or(json!({}), |priority: u8| json!({ "priority": priority }));
        for living in [None, Some(&living)] {
            let message = Message {
                priority: rule,
                quiet,
                living,
                ..message(&id, &event, &wording)
            };
            let body = sent(&ntfy(&options), &message);
            assert_eq!(body["priority"], expected, "{rule:?} {sink:?} {quiet}");
        }
    }
}

#[test]
fn nt_8_what_the_server_would_refuse_is_refused_here() {
    for (options, key) in [
        (json!({ "topic": "" }), "topic"),
        (json!({ "topic": "a b" }), "topic"),
        (json!({ "topic": "ä" }), "topic"),
        (json!({ "topic": "x".repeat(65) }), "topic"),
        (json!({ "topic": "v1" }), "topic"),
        (json!({ "topic": "docs" }), "topic"),
        (json!({ "priority": 0 }), "priority"),
        (json!({ "priority": 6 }), "priority"),
        (json!({ "priority": "high" }), "priority"),
        (json!({ "tags": ["a,b"] }), "tags"),
        (json!({ "click": "javascript:alert(1)" }), "click"),
        (json!({ "icon": "not an address" }), "icon"),
        (json!({ "username": "me" }), "token"),
    ] {
        refused("ntfy", &with("ntfy", &options), &format!("sinks.it.{key}"));
    }
    refused(
        "ntfy",
        &json!({ "topic": "t", "username": "me" }),
        "sinks.it",
    );
    refused("ntfy", &json!({}), "sinks.it");
}

#[test]
fn nt_9_a_server_under_a_path_works_and_a_topic_in_it_is_refused() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    for (server, expected) in [
        ("https://ntfy.sh", "https://ntfy.sh/"),
        ("https://ntfy.sh/", "https://ntfy.sh/"),
        ("http://10.0.0.2:8080", "http://10.0.0.2:8080/"),
        ("https://example.org/ntfy", "https://example.org/ntfy/"),
        ("https://example.org/ntfy//", "https://example.org/ntfy/"),
    ] {
        let sink = ntfy(&json!({ "server": server }));
        let request = samples::request(&sink, &message(&id, &event, &wording));
        assert_eq!(request.uri(), expected);
    }
    for wrong in [
        "https://ntfy.sh/s3cret",
        "ntfy.sh",
        "https://ntfy.sh/?auth=s3cret",
        "https://me:s3cret@ntfy.sh",
    ] {
        refused(
            "ntfy",
            &with("ntfy", &json!({ "server": wrong })),
            "sinks.it.server",
        );
    }
}

#[test]
fn nt_4_whoever_has_an_account_shows_it() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    for (options, expected) in [
        (json!({ "topic": "t" }), None),
        (
            json!({ "topic": "t", "token": "tk_x" }),
            Some("Bearer tk_x"),
        ),
        (
            json!({ "topic": "t", "username": "me", "password": "p" }),
            Some("Basic bWU6cA=="),
        ),
    ] {
        let message = message(&id, &event, &wording);
        let request = samples::request(&sink("ntfy", &options), &message);
        let shown = request
            .headers()
            .get("authorization")
            .map(|value| value.as_bytes());
        assert_eq!(shown, expected.map(str::as_bytes));
    }
}

#[test]
fn answers_are_read_by_their_code() {
    let sink = ntfy(&json!({}));
    let plain = Facts {
        plain: true,
        ..facts()
    };
    let again = Facts {
        attempt: 2,
        ..facts()
    };
    for (status, code, facts, expected) in [
        (200, 0, facts(), "delivered"),
        (400, 40007, facts(), "dead"),
        (400, 40014, facts(), "plain"),
        (400, 40014, plain, "dead"),
        (401, 40101, facts(), "suspend"),
        (403, 40301, facts(), "retry"),
        (403, 40301, again, "suspend"),
        (404, 40401, facts(), "dead"),
        (413, 41303, facts(), "plain"),
        (413, 41303, plain, "dead"),
        (429, 42901, facts(), "rest it ?"),
        (429, 42911, facts(), "rest it ?"),
        (429, 42908, facts(), "rest it 3600"),
        (429, 42909, facts(), "suspend"),
        (429, 42902, facts(), "dead"),
        (500, 50001, facts(), "retry"),
        (507, 50701, facts(), "slow"),
    ] {
        let body = json!({ "code": code, "http": status, "error": "s3cret" }).to_string();
        let answer = reply(status, &[], &body);
        assert_eq!(verdict(&sink, &answer, &facts), expected, "{status} {code}");
    }
    let nobody = samples::sink("ntfy", &json!({ "topic": "alerts" }));
    let stranger = reply(403, &[], r#"{"code":40301}"#);
    assert_eq!(verdict(&nobody, &stranger, &facts()), "suspend");
    for (status, body) in [
        (404, "<html>"),
        (400, PROXY_PAGE),
        (400, ""),
        (400, r#"{"code":400,"error":"bad request"}"#),
        (400, r#"{"error":"bad request"}"#),
    ] {
        let proxy = reply(status, &[], body);
        for facts in [facts(), plain] {
            assert_eq!(verdict(&sink, &proxy, &facts), "slow", "{status} {body}");
        }
    }
    let hasty = reply(429, &[("retry-after", "2")], "");
    assert_eq!(
        verdict(&sink, &hasty, &facts()),
        "rest it 10",
        "ntfy bans who asks too soon"
    );
    let late = Facts {
        now: "2026-06-11T23:59:00Z".parse().expect("a time"),
        ..facts()
    };
    let daily = reply(429, &[], r#"{"code":42908}"#);
    assert_eq!(verdict(&sink, &daily, &late), "rest it 60");
    assert!(late.now > now());
}

#[test]
fn nt_6_every_key_becomes_an_id_that_ntfy_takes() {
    let long = "a".repeat(65);
    let mut ids = Vec::new();
    for key in [
        "trade-7_A",
        "7c4f9e12",
        "ü",
        "a b",
        "a/b",
        "",
        &long,
        &long[..64],
    ] {
        let id = sequence_id(key);
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!(
            (1..=64).contains(&id.len()) && id.bytes().all(letters),
            "{key:?}: {id:?}"
        );
        assert_eq!(id, sequence_id(key), "the same each time");
        ids.push(id);
    }
    assert_eq!(ids[0], "trade-7_A", "kept where it fits");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8, "and different for each");
}
