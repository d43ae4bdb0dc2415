//! Messages that are edited: where the edit goes, what it says, and what the answers mean.

use serde_json::json;

use super::super::Wording;
use super::super::samples::{
    self, facts, id, message, recorded_with_id, reply, sink, verdict, with,
};
use super::*;
use crate::model::Living;

fn discord(more: &Value) -> super::super::Sink {
    sink("discord", &with("discord", more))
}

#[test]
fn dc_10_an_edit_goes_to_the_message_and_replaces_all_of_it() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let living = Living {
        key: "a".into(),
        message: Some("1100".into()),
    };
    let sink = discord(&json!({
        "url": "https://discord.com/api/webhooks/1/t?thread_id=4", "username": "Bell", "silent": true,
    }));
    let of = |living, plain| {
        let message = Message {
            living,
            plain,
            ..message(&id, &event, &wording)
        };
        samples::request(&sink, &message)
    };
    let posted = of(None, false);
    assert_eq!(posted.method(), "POST");
    let edited = of(Some(&living), false);
    assert_eq!(edited.method(), "PATCH");
    assert_eq!(
        edited.uri(),
        "https://discord.com/api/v10/webhooks/1/t/messages/1100?thread_id=4"
    );
    let elsewhere = discord(&json!({ "url": "https://proxy.example/x/webhooks/1/t/" }));
    let message = Message {
        living: Some(&living),
        ..message(&id, &event, &wording)
    };
    assert_eq!(
        samples::request(&elsewhere, &message).uri(),
        "https://proxy.example/x/webhooks/1/t/messages/1100"
    );
    let body: Value = serde_json::from_slice(edited.body()).expect("JSON");
    assert_eq!(body["content"], "", "a plain form before it goes");
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    for key in ["username", "avatar_url", "flags"] {
        assert!(body.get(key).is_none(), "{key} belongs to a new message");
    }
    let body: Value = serde_json::from_slice(of(Some(&living), true).body()).expect("JSON");
    assert_eq!(body["embeds"], json!([]));
    let unposted = Living {
        key: "a".into(),
        message: None,
    };
    assert_eq!(of(Some(&unposted), false).method(), "POST");
}

#[test]
fn dc_10_only_an_id_of_digits_becomes_a_part_of_an_address() {
    let sink = discord(&json!({}));
    for (body, expected) in [
        (r#"{"id":"1100"}"#, Some("1100")),
        (r#"{"id":"../x"}"#, None),
        (r#"{"id":1100}"#, None),
        (r#"{"id":""}"#, None),
        ("<html>", None),
    ] {
        let id = sink.translator.posted(&reply(200, &[], body));
        assert_eq!(id.as_deref(), expected, "{body}");
    }
    let gone = reply(404, &[], r#"{"code":10008}"#);
    let edit = Facts {
        edit: true,
        ..facts()
    };
    assert_eq!(verdict(&sink, &gone, &edit), "anew");
    assert_eq!(
        verdict(&sink, &gone, &facts()),
        "suspend",
        "nothing was to be changed"
    );
}
