//! A receiver's answer that says anything: no sink takes a fault for success, none rests for ever, and what is
//! shown of an answer holds no credential.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use bellwire::app::Plan;
use bellwire::config;
use bellwire::model::{DeliveryId, Living, Reply, Secret, Verdict};
use bellwire::sinks::verify::{Captured, Finding, TOLERANCE, verify};
use bellwire::sinks::{Facts, Message, Sink, Wording};
use bellwire::sources::{Frame, What, read_internal};
use bellwire::transport::Outgoing;

use super::{answer, now};

/// What every sink has somewhere among its credentials, and Telegram with the number of the bot before it.
const SECRET: &str = "hunter2hunter2hunter2hunter2";
const TOKEN: &str = "1:hunter2hunter2hunter2hunter2";

const CONFIG: &str = r#"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:9/"
[sinks.hook]
kind = "webhook"
url = "https://a.example/hunter2hunter2hunter2hunter2"
signature = "none"
[sinks.discord]
kind = "discord"
url = "https://discord.com/api/webhooks/1/hunter2hunter2hunter2hunter2"
[sinks.slack]
kind = "slack"
url = "https://hooks.slack.com/services/T0/B0/hunter2hunter2hunter2hunter2"
[sinks.ntfy]
kind = "ntfy"
topic = "a"
token = "hunter2hunter2hunter2hunter2"
[sinks.open]
kind = "ntfy"
topic = "hunter2hunter2hunter2hunter2"
[sinks.telegram]
kind = "telegram"
token = "1:hunter2hunter2hunter2hunter2"
chat_id = 1
[sinks.broker]
kind = "mqtt"
url = "mqtt://127.0.0.1:9"
topic = "a"
username = "a"
password = "hunter2hunter2hunter2hunter2"
[sinks.program]
kind = "exec"
command = ["ring", "hunter2hunter2hunter2hunter2"]
allow_exec = true
[[rules]]
name = "all"
to = ["hook"]
"#;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let loaded = config::load_text(Path::new("c.toml"), CONFIG.to_owned(), BTreeMap::new());
    Plan::make(loaded, false).unwrap_or_else(|refused| panic!("{refused}"))
});

/// A byte that says what the request was, and an answer as [`answer::read`] has it. Taken for a request that
/// somebody captured, it is never genuine.
pub fn verdict(input: &[u8]) {
    let Some((asked, input)) = input.split_first() else {
        return;
    };
    if let Ok(captured) = Captured::read(input) {
        let secrets = [Secret::new(SECRET.to_owned())];
        let findings = verify(&captured, &secrets, now(), TOLERANCE);
        assert!(!findings.is_empty() && !findings.iter().any(Finding::is_genuine));
    }
    let Some(reply) = answer::read(input) else {
        return;
    };
    let facts = Facts {
        now: now(),
        attempt: 1 + u32::from(asked >> 4),
        plain: asked & 1 != 0,
        edit: asked & 2 != 0,
        dead_in_row: u32::from(asked >> 2 & 3),
    };
    for sink in &PLAN.sinks {
        of_sink(sink, &reply, &facts);
    }
}

fn of_sink(sink: &Sink, reply: &Reply, facts: &Facts) {
    let kind = sink.kind;
    let verdict = sink.translator.judge(reply, facts);
    let told = || format!("{kind} after {}: {verdict:?}", reply.status);
    let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
    if let Some(reason) = verdict.reason() {
        assert!(!reason.is_empty() && reason.len() <= 300, "{}", told());
        assert!(!reason.contains(char::is_control), "{}", told());
        assert!(!reason.contains("hunter2"), "{}", told());
    }
    match &verdict {
        Verdict::RetryAfter {
            wait: Some(wait), ..
        } => {
            assert!((second..=hour).contains(wait), "{}", told());
        }
        Verdict::RetryPlain { .. } => assert!(!facts.plain, "{}", told()),
        Verdict::RetryAnew { .. } => assert!(facts.edit, "{}", told()),
        _ => {}
    }
    let rest = sink.translator.rest_after(reply);
    assert!(rest.is_none_or(|rest| rest <= hour), "{rest:?}");
    // What a broker or a program answers is no status of HTTP.
    if !matches!(kind, "mqtt" | "exec") {
        over_http(kind, &verdict, reply, facts);
    }
    shown(sink, reply);
    if let Some(id) = sink.translator.posted(reply) {
        changed(sink, &id);
    }
}

fn over_http(kind: &str, verdict: &Verdict, reply: &Reply, facts: &Facts) {
    let told = || format!("{kind} after {}: {verdict:?}", reply.status);
    let is_delivered = *verdict == Verdict::Delivered;
    match reply.status {
        // A page of somebody in between is no message in a chat.
        200..=299 => assert!(is_delivered || kind == "telegram", "{}", told()),
        // The text that it was to have is the one it has.
        400 if kind == "telegram" && facts.edit => {}
        500..=599 => {
            let is_tried = matches!(verdict, Verdict::Retry { .. } | Verdict::RetryAfter { .. });
            let is_form = matches!(verdict, Verdict::RetryPlain { .. });
            // Slack has words that count more than its status.
            assert!(
                is_tried || (kind == "slack" && (is_form || !is_delivered)),
                "{}",
                told()
            );
        }
        _ => assert!(!is_delivered, "{}", told()),
    }
}

/// What people see of an answer holds no credential, whatever an answer to a question says.
fn shown(sink: &Sink, reply: &Reply) {
    let secret = if sink.kind == "telegram" {
        TOKEN
    } else {
        SECRET
    };
    let text = String::from_utf8_lossy(&reply.body);
    let shown = sink.without_credentials(&text);
    let again = sink.without_credentials(&shown);
    assert!(!shown.contains(secret), "{}: {shown}", sink.name);
    assert!(!again.contains(secret), "{}: {again}", sink.name);
    for question in sink.translator.questions() {
        let (Ok(told) | Err(told)) = (question.read)(reply);
        assert!(!told.is_empty(), "{}", sink.name);
        let told = sink.without_credentials(&told);
        assert!(!told.contains(secret), "{}: {told}", sink.name);
    }
}

/// What a platform calls a notification leads to no other place.
fn changed(sink: &Sink, message: &str) {
    assert!(message.len() <= 64, "{}: {message:?}", sink.name);
    let payload = r#"{"type":"tp_hit","eventId":7,"data":{}}"#;
    let What::Event(event) = read_internal(&Frame::bare(None, payload.into(), now())) else {
        panic!("an event");
    };
    let (id, wording) = (DeliveryId::new("dlv_fuzz_1"), Wording::of(&event));
    let requested = |message: Option<&str>| {
        let living = Living {
            key: "7".into(),
            message: message.map(Into::into),
        };
        let message = Message {
            living: Some(&living),
            ..super::message(&id, &event, &wording)
        };
        match sink.translator.encode(&message) {
            Ok(Outgoing::Http(request)) => request.uri().clone(),
            other => panic!("{other:?}"),
        }
    };
    let (new, change) = (requested(None), requested(Some(message)));
    assert_eq!(new.authority(), change.authority(), "{message:?}");
    let (new, change) = (new.path(), change.path());
    let below = new.rsplit_once('/').map_or(new, |(below, _)| below);
    assert!(change.starts_with(below), "{change} for {message:?}");
    assert!(!change.contains(".."), "{change} for {message:?}");
}
