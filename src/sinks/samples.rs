//! Events, wordings and sinks for the tests of this room.
//!
//! A file of its own because every sink is tested with the same events: the recorded ones, and hostile
//! ones made of whatever breaks a limit or an escape.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Collected, Facts, KINDS, Message, Sink, Wording, build, collected};
use crate::config::{Problem, SinkConfig, sample};
use crate::model::{DataAt, DeliveryId, Event, Name, Reply, Trace, mended};
use crate::transport::Outgoing;

/// The recorded payloads, one on each line.
pub(super) const RECORDED: &str = include_str!("../../tests/fixtures/events.jsonl");

/// A signing secret of 24 bytes.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a proxy answers with 400 in the name of whoever is behind it.
pub(super) const PROXY_PAGE: &str = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port\
</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>";

/// The time of every attempt in these tests.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_781_165_130).expect("in range")
}

/// An event of a payload with the envelope that TTMT and bellwire use.
pub(super) fn event(payload: &str) -> Event {
    let json: Value =
        serde_json::from_slice(&mended(payload.as_bytes())).expect("a payload is JSON");
    let kind = json["type"].as_str().unwrap_or("message");
    let source = if kind.starts_with("bellwire.") {
        "bellwire"
    } else {
        "ttmt"
    };
    let data = match payload.find("\"data\":") {
        Some(at) => DataAt::Json {
            start: at + 7,
            end: payload.len() - 1,
        },
        None => DataAt::Missing,
    };
    let time = json["timestamp"]
        .as_str()
        .and_then(|text| text.parse().ok());
    Event {
        source: Name::new(source).expect("a name"),
        id: json.get("eventId").map(|id| Arc::from(id.to_string())),
        kind: kind.into(),
        time,
        received: now(),
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        data,
    }
}

/// Every recorded event.
pub(super) fn recorded() -> Vec<Event> {
    RECORDED.lines().map(event).collect()
}

/// The recorded event with this id.
pub(super) fn recorded_with_id(id: &str) -> Event {
    recorded()
        .into_iter()
        .find(|event| event.id.as_deref() == Some(id))
        .expect("a recorded event")
}

/// Text that has broken somebody's limits or escapes before, each ten times as long as any field.
pub(super) fn hostile_texts() -> Vec<String> {
    [
        "x",
        "&",
        "<",
        "\"",
        "\\",
        "_*~`|>#[",
        "😀",
        "👨‍👩‍👧‍👦",
        "e\u{301}\u{302}\u{303}",
        "\u{202e}\u{200f}evil",
        "@everyone <@1> <@&1> ",
        "<!channel> & <@U1> <http://x|y> ",
        "line\nbreak\r\n",
        "nul\0\u{1}\u{7f}",
        "\u{200b}",
        "=?UTF-8?B?eA==?= ",
    ]
    .into_iter()
    .map(|text| text.repeat(40_000 / text.len() + 1))
    .collect()
}

/// Events with hostile text wherever text can stand, and the text alone as a template's output.
pub(super) fn hostile() -> Vec<(Event, Wording)> {
    let mut cases = Vec::new();
    for text in hostile_texts() {
        let short = &text[..text.ceil_char_boundary(4000)];
        for kind in ["tp_hit", "breakeven_failed", "bellwire.gap", "other"] {
            let mut data = json!({
                "symbol": short, "direction": short, "trade_id": short, "account_label": short,
                "currency": short, "error": short, "error_code": short, "status": "failed",
                "realized_pl": short, "tp_level": short, "reason": short, "source": short,
            });
            for index in 0..12 {
                data[format!("{index}{short}")] = json!(short);
            }
            let event = event(&json!({ "type": kind, "data": data }).to_string());
            cases.push((event.clone(), Wording::of(&event)));
        }
        let event = recorded_with_id("215");
        let [title, message, note] = [(); 3].map(|()| Some(text.clone()));
        let templated = Wording::of(&event).with(title, message, note);
        cases.push((event, templated));
    }
    let all: Vec<Event> = cases.iter().map(|(event, _)| event.clone()).collect();
    let event = collected(&all, Collected::Digest).expect("some events");
    let wording = Wording::of_all(&all, Collected::Digest, &TimeZone::UTC);
    cases.push((event, wording));
    cases
}

/// A delivery's id.
pub(super) fn id() -> DeliveryId {
    DeliveryId::new("msg_2mF9qXvT8bKc4LrWnZ0pYd")
}

/// A message about an event.
pub(super) fn message<'a>(
    id: &'a DeliveryId,
    event: &'a Event,
    wording: &'a Wording,
) -> Message<'a> {
    Message {
        id,
        now: now(),
        event,
        wording,
        priority: None,
        quiet: false,
        instead: None,
        living: None,
        plain: false,
        trace: Trace::EXAMPLE,
    }
}

/// The smallest options that each kind builds with.
pub(super) fn minimal(kind: &str) -> Value {
    match kind {
        "webhook" => json!({ "url": "https://example.org/hook/s3cret", "secret": SECRET }),
        "discord" => json!({ "url": "https://discord.com/api/webhooks/112233/s3cret" }),
        "slack" => json!({ "url": "https://hooks.slack.com/services/T0/B0/s3cret" }),
        "ntfy" => json!({ "topic": "s3cret", "token": "tk_s3cret" }),
        "telegram" => {
            json!({ "token": "110201543:s3cret_AAHdqTcvCH1vGWJxfSeo", "chat_id": -1_001_234 })
        }
        "mqtt" => json!({ "url": "mqtt://broker.example", "topic": "bellwire/phone",
            "username": "bridge", "password": "s3cret" }),
        "exec" => json!({ "command": ["/usr/local/bin/ring", "s3cret"], "allow_exec": true }),
        other => panic!("no options for `{other}`"),
    }
}

/// The smallest options of a kind and these on top.
pub(super) fn with(kind: &str, more: &Value) -> Value {
    let mut options = minimal(kind);
    for (key, value) in more.as_object().expect("options are an object") {
        options[key] = value.clone();
    }
    options
}

/// Builds a sink, or tells what is wrong.
pub(super) fn try_sink(kind: &str, options: &Value) -> Result<Sink, Vec<Problem>> {
    let options = sample::table("sinks.it", options);
    let problems = options.problems().clone();
    let config = SinkConfig {
        name: Name::new("it").expect("a name"),
        kind: kind.to_owned(),
        print: options.print(),
        options,
    };
    let sink = build(&config);
    assert_eq!(
        sink.is_some(),
        problems.is_empty(),
        "a sink or a problem, never both: {:?}",
        problems.list()
    );
    sink.ok_or_else(|| problems.list())
}

/// Builds a sink of options that are right.
pub(super) fn sink(kind: &str, options: &Value) -> Sink {
    try_sink(kind, options).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Asserts that options are refused for one reason, at this key.
pub(super) fn refused(kind: &str, options: &Value, key: &str) {
    let problems = try_sink(kind, options).expect_err("options that are wrong");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].path, key, "{problems:?}");
    let told = format!("{problems:?}");
    assert!(!told.contains("s3cret"), "{told}");
}

/// Every kind's smallest sink.
pub(super) fn every_sink() -> Vec<Sink> {
    KINDS
        .iter()
        .map(|kind| sink(kind.name, &minimal(kind.name)))
        .collect()
}

/// The same for those whose receivers speak HTTP.
pub(super) fn every_http_sink() -> Vec<Sink> {
    let mut sinks = every_sink();
    sinks.retain(|sink| !matches!(sink.kind, "mqtt" | "exec"));
    sinks
}

/// The HTTP request that carries a message.
pub(super) fn request(sink: &Sink, message: &Message<'_>) -> http::Request<Bytes> {
    match sink.translator.encode(message).expect("it can be sent") {
        Outgoing::Http(request) => request,
        other => panic!("no HTTP request: {other:?}"),
    }
}

/// The bytes that reach the receiver, whatever carries them.
pub(super) fn body(sink: &Sink, message: &Message<'_>) -> Bytes {
    match sink.translator.encode(message).expect("it can be sent") {
        Outgoing::Http(request) => request.into_body(),
        Outgoing::Mqtt(publication) => publication.messages[0].payload.clone(),
        Outgoing::Program(call) => call.input,
    }
}

/// The JSON that a sink sends.
pub(super) fn sent(sink: &Sink, message: &Message<'_>) -> Value {
    serde_json::from_slice(&body(sink, message)).expect("a body is JSON")
}

/// An answer.
pub(super) fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().expect("a header value"));
    }
    Reply {
        status,
        headers: map,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// What an answer is judged by in most tests.
pub(super) fn facts() -> Facts {
    Facts {
        now: now(),
        attempt: 1,
        plain: false,
        edit: false,
        dead_in_row: 0,
    }
}

/// A verdict in one word, with its wait where it has one.
pub(super) fn verdict(sink: &Sink, reply: &Reply, facts: &Facts) -> String {
    use crate::model::Verdict;
    let verdict = sink.translator.judge(reply, facts);
    if let Some(reason) = verdict.reason() {
        assert!(!reason.contains("s3cret"), "{reason}");
        assert!(reason.len() < 200, "{reason}");
    }
    match verdict {
        Verdict::Delivered => "delivered".to_owned(),
        Verdict::Retry { slow: false, .. } => "retry".to_owned(),
        Verdict::Retry { slow: true, .. } => "slow".to_owned(),
        Verdict::RetryPlain { .. } => "plain".to_owned(),
        Verdict::RetryAnew { .. } => "anew".to_owned(),
        Verdict::Dead { .. } => "dead".to_owned(),
        Verdict::Suspend { .. } => "suspend".to_owned(),
        Verdict::RetryAfter {
            wait, kind_wide, ..
        } => {
            let wait = wait.map_or("?".to_owned(), |wait| wait.as_secs_f64().to_string());
            let whom = if kind_wide { "all" } else { "it" };
            format!("rest {whom} {wait}")
        }
    }
}
