//! Buttons of an ntfy message in what is shown.

use serde_json::{Value, json};

use super::{HIT, explained};
use crate::harness::Bridge;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buttons_are_shown_without_their_secrets_and_keep_nothing_else_from_being_shown() {
    let bridge = Bridge::new(
        r#"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:1/events"
type = "/type"
[sinks.phone]
kind = "ntfy"
topic = "alerts"
actions = [
    { label = "Chart", url = "https://example.org/s3cret-chart" },
    { label = "App", url = "app://open/s3cret" },
    { label = "Mail", url = "mailto:s3cret@example.org" },
]
[sinks.lights]
kind = "ntfy"
topic = "alerts"
actions = [
    { label = "Lights", action = "http", url = "http://home.example/hook/s3cret", headers = { Authorization = "Bearer s3cret" }, body = "s3cret" },
    { label = "Search", url = "https://example.org/s3cret?s3cret={{ data.symbol|urlencode }}" },
    { label = "Post", action = "http", url = "http://{{ data.symbol }}.example/s3cret", body = "{{ 's3cret' ~ data.symbol }}" },
]
[[rules]]
name = "all"
to = ["phone", "lights"]
"#,
    );
    for options in [&[][..], &["--json"], &["--curl"]] {
        let told = explained(&bridge, HIT, options).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        for words in ["Chart", "App", "Mail", "Lights", "Search", "Post", "tp_hit"] {
            assert!(
                told.out.contains(words),
                "{words} with {options:?}: {told:?}"
            );
        }
        assert!(!told.out.contains("s3cret"), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_that_is_not_sent_is_not_shown_and_the_reason_is() {
    let bridge = Bridge::new(
        r#"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:1/events"
type = "/type"
[sinks.phone]
kind = "ntfy"
topic = "alerts"
actions = [
    { label = "Nothing", url = "{{ data.nothing and 's3cret' }}" },
    { label = "Script", url = "{{ 'javascript:s3cret' }}" },
    { label = "Chart", url = "https://example.org/s3cret/{{ data.symbol }}" },
]
[[rules]]
name = "all"
to = ["phone"]
"#,
    );
    let told = explained(&bridge, HIT, &["--json"]).await.json();
    let delivery = &told[0]["deliveries"][0];
    let body = delivery["request"]["body"].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        body["actions"],
        json!([{ "action": "view", "label": "Chart", "url": "https://example.org/…/…" }])
    );
    let fault = "its result is no address that can be opened";
    assert_eq!(
        delivery["left_out"],
        json!([
            { "button": "Nothing", "option": "actions[0].url", "fault": null },
            { "button": "Script", "option": "actions[1].url", "fault": fault },
        ])
    );
    let note = format!("the template of the actions[1].url failed: {fault}");
    assert!(body.to_string().contains(&note), "{body}");
    let told = explained(&bridge, HIT, &[]).await;
    for line in [
        "    without the button `Nothing`: the template of `actions[0].url` printed nothing",
        "    without the button `Script`: the template of `actions[1].url` failed (its result is no address that can be opened)",
    ] {
        assert!(told.out.lines().any(|told| told == line), "{told:?}");
    }
    assert!(!told.out.contains("s3cret"), "{told:?}");
}
