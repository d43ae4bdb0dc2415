//! The requests that `explain` shows hold no secret, whatever kind of sink and whatever form is asked for.

use std::fs;

use super::marks::{HUSH, HUSH_SIGNS, WHISPER, check_hushed};
use super::troubled;
use crate::harness::{Phones, Server, Upstream};

/// The kinds of sink, and the signatures, that no bridge in trouble needs.
fn more() -> String {
    format!(
        r#"
[sinks.bot]
kind = "telegram"
server = "https://{HUSH}:{HUSH}@api.example/{HUSH}"
token = "1:{HUSH}{HUSH}{HUSH}"
chat_id = -1

[sinks.broker]
kind = "mqtt"
url = "mqtt://broker.example"
topic = "bellwire/phone"
username = "me"
password = "{HUSH_SIGNS}"

[sinks.ring]
kind = "exec"
allow_exec = true
command = ["/usr/local/bin/ring", "{HUSH}", "--key={HUSH_SIGNS}"]

[sinks.hub]
kind = "webhook"
url = "https://hub.example/hooks/v1/{HUSH}/?wait={HUSH}"
signature = "github"
secret = "{HUSH_SIGNS}"
body = "canonical"

[sinks.till]
kind = "webhook"
url = "https://till.example/{HUSH}"
signature = "stripe"
secret = {{ env = "OTHER" }}
body = "{{{{ data.text|tojson }}}}"

[[rules]]
name = "more"
to = ["bot", "broker", "ring", "hub", "till"]

[[rules]]
name = "more-of-its-own"
from = ["bellwire"]
to = ["team", "phone", "bot"]
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_sent_is_shown_without_a_secret() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let server = Server::start().await;
    let bridge = troubled(&upstream, &server, &phones);
    let file = bridge.folder().join("config.toml");
    let config = fs::read_to_string(&file).expect("text");
    bridge.configure(&config.replacen("[heartbeat]", &format!("{}\n[heartbeat]", more()), 1));
    let lines = [
        format!(r#"{{"type":"tp_hit","data":{{"text":"{WHISPER}","symbol":"XAUUSD"}}}}"#),
        format!(r#"{{"type":"bellwire.gap","data":{{"source":"{WHISPER}"}}}}"#),
        format!("{WHISPER} is no JSON"),
    ];
    fs::write(bridge.folder().join("events"), lines.join("\n")).expect("written");
    let events = bridge.folder().join("events").display().to_string();
    for (form, sinks) in [
        (&["--source", "ttmt"][..], 16),
        (&["--source", "feed", "--json"], 16),
        (&["--json"], 16 + 6),
        (&["--curl"], 16 + 6),
        (&[], 16 + 6),
    ] {
        let told = bridge
            .told("explain", &[&[events.as_str()], form].concat())
            .await;
        let said = format!("{}{}", told.out, told.complaint);
        check_hushed(&format!("explain {form:?}"), said.as_bytes());
        assert_eq!(told.status, Some(1), "{told:?}");
        assert!(told.complaint.contains("line 3 is no JSON"), "{told:?}");
        assert!(told.out.contains(WHISPER), "{told:?}");
        let shown = match form.last() {
            Some(&"--json") => told.out.matches("\"place\":").count(),
            Some(&"--curl") => told.out.matches(", worded by ").count(),
            _ => told.out.matches("), worded by ").count(),
        };
        assert!(shown >= sinks, "{shown} of {sinks}: {form:?} {told:?}");
    }
}
