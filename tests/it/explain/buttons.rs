//! Buttons of an ntfy message in what is shown.

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
