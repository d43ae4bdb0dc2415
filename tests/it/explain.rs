//! What would become of events: which rules match and why others do not, and the requests that would
//! go out, which are those that do go out.

mod buttons;
mod curl;
mod forms;
mod lines;
mod stream;
mod update;

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use bellwire::simulator::receivers::{Kind, Received};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Bridge, Phones, Ran, SECRET, Upstream, recorded, soon, type_of};

const HIT: &str = r#"{ "type":"tp_hit","eventId":1, "timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"XAUUSD","realized_pl":-3.20} }"#;

/// Explains some lines.
async fn explained(bridge: &Bridge, lines: &str, options: &[&str]) -> Ran {
    fs::write(bridge.folder().join("events.jsonl"), lines).expect("written");
    let file = bridge.folder().join("events.jsonl").display().to_string();
    bridge
        .told("explain", &[&[file.as_str()], options].concat())
        .await
}

/// A listener at which nobody is to come.
fn lonely() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a setting");
    listener
}

/// A sink of every kind at one address, and a rule that sends everything to all.
fn every_kind(address: &str, ran: &str) -> String {
    format!(
        r#"
[sources.ttmt]
kind = "ttmt"
base_url = "http://{address}/api/v1"
api_key = "ttmt_live_x"

[sources.feed]
kind = "sse"
url = "http://{address}/events"
type = "/type"

[sinks.webhook]
kind = "webhook"
url = "http://{address}/hook/me"
secret = "{SECRET}"
[sinks.discord]
kind = "discord"
url = "http://{address}/api/webhooks/1/token"
[sinks.slack]
kind = "slack"
url = "http://{address}/services/T/B/X"
[sinks.ntfy]
kind = "ntfy"
server = "http://{address}"
topic = "alerts"
[sinks.telegram]
kind = "telegram"
server = "http://{address}"
token = "1:abcdefghijklmnopqrstuvwxyz"
chat_id = -5
[sinks.mqtt]
kind = "mqtt"
url = "mqtt://{address}"
topic = "bellwire/phone"
[sinks.exec]
kind = "exec"
allow_exec = true
command = ["/bin/sh", "-c", "touch {ran}"]

[[rules]]
name = "everything"
to = ["webhook", "discord", "slack", "ntfy", "telegram", "mqtt", "exec"]
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_line_has_a_request_for_every_kind_and_nobody_is_connected_to() {
    let listener = lonely();
    let address = listener.local_addr().expect("an address").to_string();
    let bridge = Bridge::new("");
    let mark = bridge.folder().join("ran");
    bridge.configure(&every_kind(&address, &mark.display().to_string()));
    let told = explained(
        &bridge,
        &recorded().join("\n\n"),
        &["--json", "--source", "ttmt"],
    )
    .await;
    assert_eq!(
        (told.status, told.complaint.as_str()),
        (Some(0), ""),
        "{told:?}"
    );
    let events = told.json();
    let events = events.as_array().expect("an array");
    assert_eq!(events.len(), recorded().len());
    for (line, event) in recorded().into_iter().zip(events) {
        assert_eq!(event["type"], type_of(line).as_str());
        if ["recycle", "auth_revoked"].contains(&&*type_of(line)) {
            assert_eq!(
                (&event["control"], &event["deliveries"]),
                (&json!(true), &json!([]))
            );
            continue;
        }
        let deliveries = event["deliveries"].as_array().expect("a list");
        let kinds: Vec<&str> = deliveries
            .iter()
            .filter_map(|one| one["kind"].as_str())
            .collect();
        let all = [
            "webhook", "discord", "slack", "ntfy", "telegram", "mqtt", "exec",
        ];
        assert_eq!(kinds, all, "{event}");
        for delivery in deliveries {
            let body = delivery["request"]["body"].as_str().expect("a body");
            serde_json::from_str::<Value>(body).expect("JSON");
        }
        assert_eq!(deliveries[0]["request"]["body"], line);
        let mqtt = &deliveries[5]["request"];
        assert_eq!(mqtt["broker"], format!("mqtt://{address}"));
        assert_eq!(mqtt["topic"], "bellwire/phone");
        assert_eq!(mqtt["properties"]["webhook-id"], "msg_example");
        let exec = &deliveries[6]["request"];
        assert_eq!(
            (&exec["program"], &exec["arguments"]),
            (&json!("/bin/sh"), &json!(["…", "…"]))
        );
    }
    let text = explained(&bridge, &recorded().join("\n"), &["--source", "feed"]).await;
    assert_eq!(text.status, Some(0), "{text:?}");
    assert_eq!(
        text.out.matches("worded by everything").count(),
        7 * events.len()
    );
    assert!(
        !text.out.contains('\u{1b}'),
        "no colour where no terminal is"
    );
    let came = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock), "somebody connected");
    assert!(!mark.exists(), "a program was run");
    assert!(!bridge.folder().join("data").exists(), "a queue was made");
}

/// The request that is shown for a sink, with its body as the receiver is to get it.
fn shown<'a>(event: &'a Value, sink: &str) -> (&'a Value, String) {
    let deliveries = event["deliveries"].as_array().expect("a list");
    let delivery = deliveries
        .iter()
        .find(|one| one["sink"] == sink)
        .expect("goes there");
    let request = &delivery["request"];
    (
        request,
        request["body"].as_str().expect("a body").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_is_what_a_receiver_gets() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}{}{}{}\n[[rules]]\nname = \"hits\"\nto = [\"automation\", \"team\", \"desk\", \"phone\"]\n\
         title = \"Gold {{{{ data.realized_pl }}}}\"\npriority = 2\n",
        upstream.source(),
        phones.sink(
            "automation",
            Kind::Webhook,
            "body = \"canonical\"\nheaders = { X-Own = \"own\" }"
        ),
        phones.sink("team", Kind::Discord, "username = \"Gold\""),
        phones.sink("desk", Kind::Slack, ""),
        phones.sink("phone", Kind::Ntfy, "token = \"tk_1\""),
    ));
    let told = explained(&bridge, HIT, &["--json"]).await.json();
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    for (sink, kind) in [
        ("automation", Kind::Webhook),
        ("team", Kind::Discord),
        ("desk", Kind::Slack),
        ("phone", Kind::Ntfy),
    ] {
        let (request, body) = shown(&told[0], sink);
        let got: Received = soon(sink, phones.handle.arrivals(kind, 1)).await.remove(0);
        let body = body
            .replace("msg_example", got.header("webhook-id"))
            .replace("\"topic\":\"…\"", "\"topic\":\"alerts\"");
        assert_eq!(body, String::from_utf8_lossy(&got.body), "{sink}");
        assert_eq!(request["method"], got.method.as_str());
        let headers = request["headers"].as_object().expect("headers");
        for (name, value) in headers {
            let got = got.header(name);
            match name.as_str() {
                "traceparent" | "webhook-id" | "webhook-timestamp" | "webhook-signature" => {
                    assert!(!got.is_empty())
                }
                "authorization" | "x-own" => {
                    assert_eq!((value, got.is_empty()), (&json!("…"), false))
                }
                _ => assert_eq!(value, got, "{name}"),
            }
        }
        // The others are the connection's.
        for name in got
            .headers
            .keys()
            .filter(|name| !headers.contains_key(name.as_str()))
        {
            assert!(
                ["accept", "content-length", "host"].contains(&name.as_str()),
                "{name}"
            );
        }
    }
    let (request, body) = shown(&told[0], "automation");
    let secret = request["signed_with"].as_str().expect("says so");
    let headers = request["headers"].as_object().expect("headers").iter();
    let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.as_str()));
    let headers = headers.map(|(name, value): (http::HeaderName, Option<&str>)| {
        let value = value.unwrap_or_default().replace('…', "hidden");
        (name, value.parse().expect("a value"))
    });
    let headers: http::HeaderMap = headers.collect();
    let genuine = |secret: &str| {
        Webhook::new(secret)
            .expect("a secret")
            .verify(body.as_bytes(), &headers)
    };
    genuine(secret).expect("signed with the example");
    assert!(genuine(SECRET).is_err(), "and never with the real one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_does_not_match_says_why() {
    let rule =
        |name: &str, more: &str| format!("[[rules]]\nname = \"{name}\"\nto = [\"ntfy\"]\n{more}\n");
    let rules = [
        rule("other", "from = [\"feed\"]"),
        rule("own", "from = [\"bellwire\"]"),
        rule("types", "events = [\"sl_hit\", \"trade_*\"]"),
        rule("live", "events = [\"tp_hit\"]\nbackfilled = \"skip\""),
        rule(
            "gold",
            "when = 'data.symbol == \"XAUUSD\" and data.realized_pl > 0'",
        ),
        rule("either", "when = 'data.missing > 1 or not data.symbol'"),
        rule("fault", "when = 'data.symbol * 2.5 > 1'"),
        rule(
            "losses",
            "when = 'data.realized_pl < 0'\npriority = 5\nexpires = \"10m\"\n\
             throttle = { limit = 2, per = \"5m\", key = \"data.symbol\" }",
        ),
    ];
    let config =
        every_kind("127.0.0.1:9", "nothing").replace("alerts\"", "alerts\"\nordered = true");
    let config = config
        .split("[[rules]]")
        .next()
        .expect("a start")
        .to_owned();
    let bridge = Bridge::new(&format!("{config}{}", rules.concat()));
    let fetched = HIT.replacen('{', "{\"backfilled\":true,\"partial\":[\"tp_price\"],", 1);
    let own = r#"{"type":"bellwire.gap","data":{}}"#;
    let lines = format!("{HIT}\n\n{fetched}\n{own}\n{}", r#"{"type":"recycle"}"#);
    let assumed = explained(&bridge, &lines, &["--json"]).await;
    assert_eq!(assumed.status, Some(0), "{assumed:?}");
    let assumed = assumed.json();
    let named = explained(&bridge, &lines, &["--json", "--source", "ttmt"])
        .await
        .json();
    let told = [&named[0], &named[1], &assumed[2], &named[3]];
    let why = |line: usize, rule: &str| {
        let rules = told[line]["rules"].as_array().expect("a list").iter();
        let told = rules
            .clone()
            .find(|told| told["rule"] == rule)
            .expect("is told");
        (
            told["why_not"].as_str().unwrap_or("matches").to_owned(),
            told["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    for (line, rule, word, reason) in [
        (0, "other", "source", "it listens to `feed`"),
        (0, "own", "source", "it listens to `bellwire`"),
        (
            0,
            "types",
            "type",
            "the type fits none of `sl_hit`, `trade_*`",
        ),
        (0, "live", "matches", ""),
        (
            0,
            "gold",
            "when",
            "`data.realized_pl > 0` is false: `data.realized_pl` is -3.20",
        ),
        (
            0,
            "either",
            "when",
            "`data.missing > 1` is false: `data.missing` is missing; `not data.symbol` is false: `data.symbol` is \"XAUUSD\"",
        ),
        (
            0,
            "fault",
            "fault",
            "`when` cannot be worked out: this cannot be done with these values: `data.symbol * 2.5`",
        ),
        (0, "losses", "matches", ""),
        (
            1,
            "live",
            "backfilled",
            "it skips events that were fetched after a gap",
        ),
        (2, "own", "matches", ""),
        (
            2,
            "losses",
            "source",
            "it listens to every source but `bellwire`",
        ),
    ] {
        assert_eq!(
            why(line, rule),
            (word.to_owned(), reason.to_owned()),
            "{line} {rule}"
        );
    }
    let gold = &told[0]["rules"][4]["causes"];
    let seen = json!([{ "name": "data.realized_pl", "value": "-3.20" }]);
    assert_eq!(
        gold,
        &json!([{ "part": "data.realized_pl > 0", "is": false, "values": seen }])
    );
    let origin = |line: usize| {
        (
            told[line]["source"].as_str(),
            told[line]["source_assumed"].as_bool(),
        )
    };
    assert_eq!(origin(0), (Some("ttmt"), Some(false)));
    assert_eq!(origin(2), (Some("bellwire"), Some(true)));
    assert_eq!(
        (&told[3]["line"], &told[3]["control"]),
        (&json!(5), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_sources_that_a_rule_listens_to_one_is_assumed() {
    let config = every_kind("127.0.0.1:9", "nothing");
    let bridge = Bridge::new(&config);
    let origin = async |options: &[&str]| {
        let told = explained(&bridge, HIT, &[&["--json"], options].concat())
            .await
            .json();
        let source = told[0]["source"].as_str().expect("a source").to_owned();
        (source, told[0]["source_assumed"] == true)
    };
    assert_eq!(origin(&[]).await, ("ttmt".to_owned(), true));
    assert_eq!(
        origin(&["--source", "feed"]).await,
        ("feed".to_owned(), false)
    );
    assert_eq!(
        origin(&["--source", "ttmt"]).await,
        ("ttmt".to_owned(), false)
    );
    assert_eq!(
        origin(&["--source", "bellwire"]).await,
        ("bellwire".to_owned(), false)
    );
    let told = explained(&bridge, HIT, &[]).await;
    assert!(
        told.out
            .starts_with("line 1: tp_hit of ttmt (assumed), 2026"),
        "{told:?}"
    );
    bridge.configure(&config.replace("name = \"everything\"", "name = \"x\"\nfrom = [\"feed\"]"));
    assert_eq!(origin(&[]).await, ("feed".to_owned(), true));
}
