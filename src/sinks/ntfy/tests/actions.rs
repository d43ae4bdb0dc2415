//! Buttons: what reaches the server, what is a mistake, and what nobody sees.

use serde_json::json;

use super::super::super::Filled;
use super::*;

fn body(actions: &Value) -> Value {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    sent(
        &ntfy(&json!({ "actions": actions })),
        &message(&id, &event, &wording),
    )
}

#[test]
fn nt_1_actions_go_out_as_they_are_meant() {
    let configured = json!([
        { "label": " Open chart ", "url": "https://example.org/chart?a=1&b=2" },
        { "label": "Ring", "url": "tel:+491234", "action": "view", "clear": true },
        {
            "label": "Lights", "url": "http://homeassistant.local/api/webhook/x", "action": "http",
            "method": "PUT", "clear": false, "headers": { "Authorization": "Bearer t" }, "body": "{\"on\":1}",
        },
    ]);
    let expected = json!([
        { "action": "view", "label": "Open chart", "url": "https://example.org/chart?a=1&b=2" },
        { "action": "view", "clear": true, "label": "Ring", "url": "tel:+491234" },
        {
            "action": "http", "clear": false, "method": "PUT", "headers": { "Authorization": "Bearer t" },
            "body": "{\"on\":1}", "label": "Lights", "url": "http://homeassistant.local/api/webhook/x",
        },
    ]);
    assert_eq!(body(&configured)["actions"], expected);
    assert_eq!(body(&json!([])).get("actions"), None);
}

#[test]
fn wrong_actions_are_mistakes_where_they_stand() {
    let right = json!({ "label": "x", "url": "https://example.org/" });
    let with_one = |key: &str, value: Value| {
        let mut action = right.clone();
        action[key] = value;
        json!([right, action])
    };
    for (actions, key) in [
        (json!([right, right, right, right]), "actions"),
        (json!("open"), "actions"),
        (json!([{ "url": "https://example.org/" }]), "actions[0]"),
        (json!([{ "label": "x" }]), "actions[0]"),
        (with_one("label", json!(" ")), "actions[1].label"),
        (with_one("label", json!("x".repeat(65))), "actions[1].label"),
        (with_one("label", json!("a\nb")), "actions[1].label"),
        (
            with_one("url", json!("javascript:alert(1)")),
            "actions[1].url",
        ),
        (with_one("url", json!("chart")), "actions[1].url"),
        (with_one("action", json!("broadcast")), "actions[1].action"),
        (with_one("method", json!("POST")), "actions[1].method"),
        (with_one("body", json!("x")), "actions[1].body"),
        (
            with_one("headers", json!({ "A": "b" })),
            "actions[1].headers",
        ),
        (with_one("lable", json!("x")), "actions[1].lable"),
        (
            with_one("url", json!("https://s3cret/{{ data.x|urlencod }}")),
            "actions[1].url",
        ),
        (
            json!([{ "label": "x", "action": "http", "url": "http://x/", "body": "s3cret {{ nobody }}" }]),
            "actions[0].body",
        ),
        (
            json!([{ "label": "x", "action": "http", "url": "tel:1" }]),
            "actions[0].url",
        ),
        (
            json!([{ "label": "x", "action": "http", "url": "http://x/", "method": "LOOK" }]),
            "actions[0].method",
        ),
        (
            json!([{ "label": "x", "action": "http", "url": "http://x/", "headers": { "a": "b\nc" } }]),
            "actions[0].headers.a",
        ),
    ] {
        let options = with("ntfy", &json!({ "actions": actions }));
        refused("ntfy", &options, &format!("sinks.it.{key}"));
    }
}

#[test]
fn what_opens_a_receiver_is_shown_to_nobody() {
    let sink = ntfy(&json!({ "actions": [{
        "label": "Lights", "action": "http", "url": "http://home.local/hook/t0psecret-address",
        "headers": { "Authorization": "Bearer t0psecret-token" },
    }] }));
    assert!(!format!("{sink:?}").contains("t0psecret"));
    // ntfy answers with the message, and its buttons, as it has kept it.
    let echoed = r#"{"actions":[{"url":"http://home.local/hook/t0psecret-address"}]}"#;
    assert!(!sink.without_credentials(echoed).contains("t0psecret"));
}

#[test]
fn what_templates_write_into_buttons_leaves_room_for_the_message() {
    let action = json!({
        "label": "x".repeat(64), "action": "http", "url": "https://example.org/{{ data.x }}", "body": "{{ data.y }}",
    });
    let address = "https://example.org/{{ data.x }}";
    let sink = ntfy(&json!({
        "actions": [action, action, action], "click": address, "icon": address,
        "tags": vec!["\"".repeat(64); 10], "topic": "t".repeat(64),
    }));
    let names: Vec<&str> = sink.slots.iter().map(|slot| slot.name.as_str()).collect();
    assert_eq!(names[..3], ["click", "icon", "actions[0].url"]);
    assert_eq!(names.len(), 8);
    let mut filled = Filled::new();
    for slot in &sink.slots {
        let longest = |bytes: usize| format!("https://example.org/{}", "x".repeat(bytes - 20));
        let limit = slot.bytes_max;
        let over = slot.take(Ok(longest(limit + 1)));
        assert_eq!(
            over,
            Err(format!("its result is longer than {limit} bytes"))
        );
        let text = slot.take(Ok(longest(limit))).expect("it fits");
        filled.insert(slot.name.clone(), text.expect("a text"));
    }
    for (event, wording) in hostile() {
        check_both_forms(&sink, &event, &wording.with_filled(filled.clone()));
    }
    // More templates than there is room for are a mistake and not a surprise.
    let long = json!({ "label": "x", "action": "http", "url": "https://example.org/{{ data.x }}",
        "headers": { "A": "b".repeat(350) }, "body": "{{ data.y }}" });
    let options = with("ntfy", &json!({ "actions": [long, long, long] }));
    refused("ntfy", &options, "sinks.it.actions");
}

#[test]
fn a_receiver_that_repeats_what_a_template_wrote_repeats_no_secret() {
    let sink = ntfy(&json!({ "actions": [{
        "label": "Lights", "action": "http", "url": "http://home.local/hook/t0psecret?at={{ data.x }}",
        "body": "{\"key\":\"t0psecret-key\",\"x\":{{ data.x ~ 't0psecret-word' }}}",
    }] }));
    let echoed = r#"{"actions":[{"url":"http://home.local/hook/t0psecret?at=1","body":"{\"key\":\"t0psecret-key\",\"x\":1t0psecret-word}"}]}"#;
    let shown = sink.without_credentials(echoed);
    assert!(!shown.contains("t0psecret"), "{shown}");
    assert!(!format!("{sink:?}").contains("t0psecret"), "{sink:?}");
}
