//! A payload that nobody ought to send, through all that an event meets: decoding, rules, words, and the request of
//! each kind of sink. Nothing breaks, what claims to be JSON is, and no platform gets more than it takes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use bellwire::app::Plan;
use bellwire::config;
use bellwire::model::{DataAt, DeliveryId, Event, Living, Secret, mended};
use bellwire::sinks::verify::{Captured, Finding, TOLERANCE, verify};
use bellwire::sinks::{Message, Sink, Wording};
use bellwire::sources::{Frame, What};
use bellwire::transport::Outgoing;
use bytes::Bytes;
use serde_json::Value;

use super::now;

const CONFIG: &str = r#"
[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_fuzz"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:9/"
type = "/kind"
time = "/at"
data = "/data"
[sinks.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "whsec_YmVsbHdpcmUgZnV6eiB0YXJnZXRzIHNpZ24gd2l0aCB0aGlzIQ=="
signature = ["standard", "github", "stripe"]
[sinks.canonical]
kind = "webhook"
url = "http://127.0.0.1:9/"
signature = "none"
body = "canonical"
[sinks.clouds]
kind = "webhook"
url = "http://127.0.0.1:9/"
signature = "none"
body = "cloudevents"
[sinks.discord]
kind = "discord"
url = "https://discord.com/api/webhooks/1/fuzz"
[sinks.slack]
kind = "slack"
url = "https://hooks.slack.com/services/T0/B0/fuzz"
[sinks.ntfy]
kind = "ntfy"
topic = "fuzz"
[sinks.telegram]
kind = "telegram"
token = "123456789:AAFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuz"
chat_id = 1
[sinks.broker]
kind = "mqtt"
url = "mqtt://127.0.0.1:9"
topic = "fuzz"
[sinks.program]
kind = "exec"
command = ["ring"]
allow_exec = true
[[rules]]
name = "all"
from = ["ttmt", "feed"]
to = ["hook", "discord", "slack", "ntfy", "telegram"]
title = "{{ event.type }} {{ data.symbol }}"
message = "{{ data.realized_pl|money(data.currency) }} {{ data }}"
when = "data.volume > 0 or data.symbol != 'x'"
"#;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let loaded = config::load_text(Path::new("c.toml"), CONFIG.to_owned(), BTreeMap::new());
    Plan::make(loaded, false).unwrap_or_else(|refused| panic!("{refused}"))
});

/// The secret of the first of them.
const SIGNING: &str = "whsec_YmVsbHdpcmUgZnV6eiB0YXJnZXRzIHNpZ24gd2l0aCB0aGlzIQ==";

/// A byte that says how the message is to be, the type and the id of the stream on a line each, and the payload.
pub fn event(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let (Some(head), Some(id), Some(payload)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let Some((manner, kind)) = head.split_first() else {
        return;
    };
    let frame = Frame {
        own_id: (!id.is_empty()).then(|| String::from_utf8_lossy(id).into_owned()),
        ..Frame::bare(
            Some(&String::from_utf8_lossy(kind)),
            payload.to_vec().into(),
            now(),
        )
    };
    for source in &PLAN.sources {
        let told = source.connector.read(&frame);
        assert_eq!(told, source.connector.read(&frame), "twice the same");
        if let What::Event(event) = told {
            assert_eq!(event.payload, payload, "byte for byte");
            meets(&event, *manner);
        }
    }
}

fn meets(event: &Event, manner: u8) {
    let is = |bit: u8| manner & (1 << bit) != 0;
    let routed = PLAN.rules.routes_at(event, Some(now()));
    let routes: Vec<_> = routed
        .routes
        .iter()
        .map(|route| route.sink.clone())
        .collect();
    assert!(routes.is_empty() || routes.len() == 5, "{routes:?}");
    let wording = Wording::of(event).standing_in(is(0).then_some("the first is away"));
    assert!(!wording.title.trim().is_empty(), "a title says something");
    let living = Living {
        key: "7".into(),
        message: is(1).then(|| "7".into()),
    };
    let id = DeliveryId::new("dlv_fuzz_1");
    let message = Message {
        priority: is(2).then_some(5),
        quiet: is(3),
        instead: is(0).then_some("the first is away"),
        living: is(4).then_some(&living),
        plain: is(5),
        ..super::message(&id, event, &wording)
    };
    for sink in &PLAN.sinks {
        match sink.translator.encode(&message) {
            Ok(Outgoing::Http(request)) => {
                http(sink, &request, event);
                match sink.name.as_str() {
                    "hook" => genuine(&request),
                    "canonical" => settled(sink, request.body(), &message),
                    _ => {}
                }
            }
            Ok(Outgoing::Program(call)) => {
                serde_json::from_slice::<Value>(&call.input).expect("JSON");
            }
            Ok(Outgoing::Mqtt(_)) => {}
            Err(error) => panic!("{}: {error}", sink.name),
        }
    }
}

fn http(sink: &Sink, request: &http::Request<Bytes>, event: &Event) {
    let kind = request.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = kind.split(';').any(|part| part.ends_with("json"));
    // An upstream's own bytes may hold half a character, which not everybody takes for JSON.
    let body = mended(request.body());
    let json = is_json.then(|| serde_json::from_slice::<Value>(&body).expect("JSON"));
    let json = json.unwrap_or_default();
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    let utf16 = |text: &str| text.encode_utf16().count();
    match sink.name.as_str() {
        "hook" => assert_eq!(request.body(), &event.payload, "byte for byte"),
        "canonical" if json.is_object() => assert_eq!(text("webhook_id"), "dlv_fuzz_1"),
        "clouds" => assert_eq!(
            (text("specversion"), text("type").is_empty()),
            ("1.0", false)
        ),
        "discord" => {
            assert!(utf16(text("content")) <= 2_000, "{json}");
            let embeds = json["embeds"].as_array().map_or(&[][..], Vec::as_slice);
            let length: usize = embeds.iter().map(|embed| texts(embed, &utf16)).sum();
            assert!(length <= 6_000, "{length} in {json}");
            let says = !text("content").trim().is_empty() || !embeds.is_empty();
            assert!(says, "an empty message is refused: {json}");
        }
        "slack" => {
            let blocks = json["blocks"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(blocks.len() <= 50, "{json}");
            assert!(!text("text").trim().is_empty(), "{json}");
            for block in blocks {
                let most = if block["type"] == "header" {
                    150
                } else {
                    3_000
                };
                let length = block["text"]["text"].as_str().map_or(0, utf16);
                assert!(length <= most, "{length} in {json}");
            }
        }
        "ntfy" => assert!(text("message").len() <= 4_096, "{json}"),
        "telegram" => {
            let length = utf16(text("text"));
            assert!((1..=4_096).contains(&length), "{length} in {json}");
        }
        _ => {}
    }
}

/// A receiver that checks any of the signatures believes the request.
fn genuine(request: &http::Request<Bytes>) {
    let mut captured = Vec::new();
    for (name, value) in request.headers() {
        captured.extend_from_slice(name.as_str().as_bytes());
        captured.extend_from_slice(b": ");
        captured.extend_from_slice(value.as_bytes());
        captured.push(b'\n');
    }
    captured.push(b'\n');
    captured.extend_from_slice(request.body());
    let captured = Captured::read(&captured).expect("a request");
    let secrets = [Secret::new(SIGNING.to_owned())];
    let findings = verify(&captured, &secrets, now(), TOLERANCE);
    assert_eq!(findings.len(), 3, "one for each scheme");
    assert!(findings.iter().all(Finding::is_genuine), "{findings:?}");
}

/// What was printed as JavaScript prints it, and is printed so again, stays as it is.
fn settled(sink: &Sink, body: &Bytes, message: &Message<'_>) {
    let event = Event {
        payload: body.clone(),
        data: DataAt::Missing,
        ..message.event.clone()
    };
    let again = Message {
        event: &event,
        ..*message
    };
    match sink.translator.encode(&again) {
        Ok(Outgoing::Http(request)) => assert_eq!(request.body(), body),
        other => panic!("{other:?}"),
    }
}

/// The length of all that people read of an embed.
fn texts(embed: &Value, length: &impl Fn(&str) -> usize) -> usize {
    let of = |value: &Value| value.as_str().map_or(0, length);
    let fields = embed["fields"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(fields.len() <= 25, "{embed}");
    let fields = fields
        .iter()
        .map(|field| of(&field["name"]) + of(&field["value"]));
    of(&embed["title"])
        + of(&embed["description"])
        + of(&embed["footer"]["text"])
        + of(&embed["author"]["name"])
        + fields.sum::<usize>()
}
