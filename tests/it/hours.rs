//! The hours of rules from end to end: outside them nothing is sent, or silently.

use std::fs;

use bellwire::simulator::receivers::Kind;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Upstream, soon};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The day so many days from now, in UTC.
fn day(ahead: i64) -> &'static str {
    let then = Timestamp::now() + (24 * ahead).hours();
    let weekday: Weekday = TimeZone::UTC.to_datetime(then).weekday();
    DAYS[usize::try_from(weekday.to_monday_zero_offset()).expect("a day")]
}

fn rule(name: &str, events: &str, hours: &str) -> String {
    format!(
        "[[rules]]\nname = \"{name}\"\ntitle = \"{name}\"\nevents = [{events}]\nto = [\"{name}\"]\nhours = {{ {hours}, zone = \"UTC\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_its_hours_a_rule_sends_nothing_or_silently() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    // Far enough from today that no midnight changes anything.
    let (closed, open) = (
        format!("days = \"{}\"", day(3)),
        format!("days = \"{}-{}\"", day(-2), day(2)),
    );
    let both = "\"tp_hit\"";
    let rules = [
        rule("asleep", "\"tp_hit\", \"signal_parsed\"", &closed),
        rule("quiet", both, &format!("{closed}, quiet = true")),
        rule("awake", both, &format!("{open}, quiet = true")),
        rule("open", both, &open),
    ];
    let sinks = ["asleep", "quiet", "awake", "open"];
    let sinks = sinks.map(|name| phones.sink(name, Kind::Ntfy, "priority = 5"));
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}{}",
        upstream.source(),
        sinks.concat(),
        rules.concat()
    ));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for kind in ["signal_parsed", "tp_hit"] {
        upstream
            .send(format!(
                r#"{{"type":"{kind}","data":{{"symbol":"XAUUSD"}}}}"#
            ))
            .await;
    }
    let received = soon("three", phones.handle.arrivals(Kind::Ntfy, 3)).await;
    let mut told: Vec<(String, u64)> = received
        .iter()
        .map(|one| {
            let body: Value = serde_json::from_slice(&one.body).expect("JSON");
            let title = body["title"].as_str().expect("a title").to_owned();
            (title, body["priority"].as_u64().expect("a number"))
        })
        .collect();
    told.sort();
    let expected = [("awake", 5), ("open", 5), ("quiet", 2)];
    assert_eq!(
        told,
        expected.map(|(title, priority)| (title.to_owned(), priority))
    );
    let events = bridge.page("/api/v1/events").await.json();
    let sinks = |kind: &str| {
        let events = events["data"].as_array().expect("a list");
        let mut of_kind = events.iter().filter(|event| event["type"] == kind);
        let event = of_kind.next().expect("it is kept");
        let deliveries = event["deliveries"].as_array().expect("a list").iter();
        let mut sinks: Vec<Value> = deliveries.map(|it| it["sink"].clone()).collect();
        sinks.sort_by_key(ToString::to_string);
        sinks
    };
    assert_eq!(sinks("signal_parsed"), [json!(null); 0]);
    assert_eq!(sinks("tp_hit"), ["awake", "open", "quiet"]);
}

#[tokio::test]
async fn explain_takes_the_hours_at_the_events_own_time() {
    let hours = "days = \"Mon-Fri\", between = \"07:00-22:00\"";
    let sink =
        |name: &str| format!("[sinks.{name}]\nkind = \"ntfy\"\ntopic = \"alerts\"\npriority = 5\n");
    let bridge = Bridge::new(&format!(
        "[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"ttmt_live_x\"\n{}{}{}{}",
        sink("asleep"),
        sink("quiet"),
        rule("asleep", "\"tp_hit\"", hours),
        rule("quiet", "\"tp_hit\"", &format!("{hours}, quiet = true")),
    ));
    let file = bridge.folder().join("events.jsonl");
    // A Saturday, and a Friday.
    let line =
        |time: &str| format!("{{\"type\":\"tp_hit\",\"timestamp\":\"{time}\",\"data\":{{}}}}\n");
    let lines = [line("2026-06-13T03:12:00Z"), line("2026-06-12T12:00:00Z")];
    fs::write(&file, lines.concat()).expect("writes");
    let file = file.display().to_string();
    let told = bridge.told("explain", &[&file, "--json"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let told = told.json();
    assert_eq!(
        told[0]["rules"][0],
        json!({
            "rule": "asleep",
            "matches": false,
            "why_not": "hours",
            "reason": "it is outside its hours: Sat 03:12 in UTC, open Mon-Fri 07:00-22:00",
        })
    );
    let shown = |line: usize| {
        let deliveries = told[line]["deliveries"].as_array().expect("a list").iter();
        let shown = deliveries.map(|it| {
            let body = it["request"]["body"].as_str().expect("a body");
            let body: Value = serde_json::from_str(body).expect("JSON");
            json!([it["sink"], it["quiet"], body["priority"]])
        });
        shown.collect::<Vec<Value>>()
    };
    assert_eq!(shown(0), [json!(["quiet", true, 2])]);
    assert_eq!(
        shown(1),
        [json!(["asleep", false, 5]), json!(["quiet", false, 5])]
    );
    let text = bridge.told("explain", &[&file]).await.out;
    assert_eq!(text.matches("sent silently").count(), 1, "{text}");
}
