//! The contract that every kind of sink keeps, and the requests of every sink for every documented
//! event type, kept as text that a reviewer reads.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use super::samples::{
    self, facts, message, minimal, refused, reply, sink, try_sink, verdict, with,
};
use super::*;
use crate::model::Secret;

mod collected;
mod cuts;

/// One event of each documented type, and each shape of it that reads differently.
const SHOWN: &[&str] = &[
    "215", "216", "219", "220", "227", "205", "233", "208", "201", "204", "242", "232", "240",
    "244", "246", "256", "257", "234", "235", "238", "243", "255", "229", "209", "231", "245",
    "258", "259",
];

const INTERNAL: &[&str] = &[
    r#"{"type":"bellwire.source_lost","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"connection refused","since":"2026-06-11T07:58:00.000Z"}}"#,
    r#"{"type":"bellwire.source_recovered","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"connected again after 7380 s","away_seconds":7380}}"#,
    r#"{"type":"bellwire.auth_revoked","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","cause":"revoked","reason":"the key is unknown or was revoked; configure a new `api_key`, or send SIGHUP to try this one again"}}"#,
    r#"{"type":"bellwire.auth_revoked","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","cause":"access_disabled","reason":"access is disabled for the account; the same key works again once access returns"}}"#,
    r#"{"type":"bellwire.gap","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"the stream goes on with a later id, 250 ids are missing: 7 events were found over REST; position updates, failed breakevens and types that only the stream knows cannot be","cause":"ids","away_seconds":600,"after":"41","first":"292","missing_ids":250,"recovered":7,"recovered_types":{"tp_hit":7},"not_recovered":243,"left_out":[],"closed":true}}"#,
    r#"{"type":"bellwire.gap","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"the stream was away: 3 events were found over REST","cause":"away","away_seconds":45,"after":null,"first":null,"missing_ids":null,"recovered":3,"recovered_types":{"tp_hit":3},"not_recovered":null,"left_out":[],"closed":true}}"#,
    r#"{"type":"bellwire.event_skipped","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"an event of 2097152 bytes is over the limit","bytes":2097152,"id":"41","count":1}}"#,
    r#"{"type":"bellwire.event_skipped","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"an event cannot be read: no JSON","id":null,"count":3}}"#,
    r#"{"type":"bellwire.epoch","timestamp":"2026-06-11T08:00:00.000Z","data":{"source":"ttmt","reason":"the upstream's ids started over, as after a restart","epoch":2,"id":"1","count":1}}"#,
    r#"{"type":"bellwire.silence","timestamp":"2026-06-11T08:00:00.000Z","data":{"watch":"no-updates","silent_for":"2h","since":"2026-06-11T06:00:00.000Z"}}"#,
    r#"{"type":"bellwire.silence_over","timestamp":"2026-06-11T08:00:00.000Z","data":{"watch":"no-updates","silent_for":"3h"}}"#,
    r#"{"type":"bellwire.sink_failing","timestamp":"2026-06-11T08:00:00.000Z","data":{"sink":"team","reason":"connection refused","since":"2026-06-11T07:58:00.000Z","waiting":12}}"#,
    r#"{"type":"bellwire.sink_suspended","timestamp":"2026-06-11T08:00:00.000Z","data":{"sink":"team","reason":"404 Not Found (code 10015)","since":"2026-06-11T07:58:00.000Z","held":4}}"#,
    r#"{"type":"bellwire.sink_recovered","timestamp":"2026-06-11T08:00:00.000Z","data":{"sink":"team","reason":"503 Service Unavailable","since":"2026-06-10T23:58:00.000Z","waiting":0}}"#,
    r#"{"type":"bellwire.delivery_dead","timestamp":"2026-06-11T08:00:00.000Z","data":{"id":"msg_1","event":{"source":"ttmt","id":"215","type":"tp_hit","time":null,"backfilled":false},"sink":"phone","rule":"gold-tp","state":"dead","attempts":3,"reason":"400 Bad Request","next_attempt":null,"count":1}}"#,
    r#"{"type":"bellwire.delivery_dead","timestamp":"2026-06-11T08:00:00.000Z","data":{"id":"msg_1","event":{"source":"ttmt","id":"215","type":"tp_hit","time":null,"backfilled":false},"sink":"phone","rule":"gold-tp","state":"dead","attempts":3,"reason":"400 Bad Request","next_attempt":null,"count":12}}"#,
    r#"{"type":"bellwire.disk_full","timestamp":"2026-06-11T08:00:00.000Z","data":{"reason":"the queue is full: it takes 1.0 GiB of the 1.0 GiB of `retention.max_disk`, nothing is left in it that could be removed, and the next 0.1 MiB of events do not fit; raise `retention.max_disk`, or see why deliveries wait"}}"#,
    r#"{"type":"bellwire.reload_failed","timestamp":"2026-06-11T08:00:00.000Z","data":{"reason":"the changed configuration is refused, and the one before stays in force: line 12: unknown key `topc`; line 20: no sink is called `phne`"}}"#,
    r#"{"type":"bellwire.started","timestamp":"2026-06-11T08:00:00.000Z","data":{"version":"0.1.0"}}"#,
    r#"{"type":"bellwire.test","timestamp":"2026-06-11T08:00:00.000Z","data":{"sink":"phone","message":"This is a test. Nothing has happened."}}"#,
    r#"{"type":"bellwire.some_news","timestamp":"2026-06-11T08:00:00.000Z","data":{"name":"x","answer":42}}"#,
];

fn shown() -> Vec<Event> {
    SHOWN
        .iter()
        .map(|id| samples::recorded_with_id(id))
        .chain(INTERNAL.iter().map(|payload| samples::event(payload)))
        .collect()
}

#[test]
fn every_event_type_reads_well() {
    let mut page = String::new();
    for event in shown() {
        let wording = Wording::of(&event);
        let _ = writeln!(
            page,
            "[{:?} {} {}]\n{}\n",
            wording.tone,
            wording.priority,
            wording.tags.join(" "),
            wording.whole()
        );
    }
    insta::assert_snapshot!("wordings", page);
}

#[test]
fn every_internal_type_is_among_those_that_are_reviewed() {
    let mut told = Vec::new();
    for event in shown().iter().filter(|event| event.is_internal()) {
        let wording = Wording::of(event);
        let title = &wording.title;
        assert!(title.chars().count() <= 60, "too long a line: {title}");
        assert!(
            !wording.whole().contains("T07:58:00"),
            "{}",
            wording.whole()
        );
        told.push(event.kind.to_string());
    }
    let collected = Collected::ALL.map(Collected::kind);
    let internal = wording::types().filter(|kind| kind.starts_with("bellwire."));
    for kind in internal.filter(|kind| !collected.contains(kind)) {
        assert!(told.iter().any(|told| told == kind), "{kind} is not shown");
    }
}

#[test]
fn the_bodies_of_every_sink_are_as_reviewed() {
    for kind in KINDS {
        let options = match kind.name {
            // The upstream's own bytes are in the fixture already.
            "webhook" => with("webhook", &json!({ "body": "canonical" })),
            name => minimal(name),
        };
        let sink = sink(kind.name, &options);
        let mut page = String::new();
        for event in shown() {
            let wording = Wording::of(&event);
            let id = samples::id();
            let body = samples::body(&sink, &message(&id, &event, &wording));
            let body = std::str::from_utf8(&body).expect("UTF-8");
            let _ = writeln!(page, "{}\n{body}\n", event.kind);
        }
        insta::assert_snapshot!(format!("bodies_{}", kind.name), page);
    }
}

#[test]
fn the_heads_of_every_sink_are_as_reviewed() {
    let event = samples::recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = samples::id();
    let mut page = String::new();
    for sink in samples::every_http_sink() {
        let request = samples::request(&sink, &message(&id, &event, &wording));
        let _ = writeln!(page, "{} {}", request.method(), request.uri());
        for (name, value) in request.headers() {
            let value = value.to_str().expect("visible");
            let value = value.replace(env!("CARGO_PKG_VERSION"), "VERSION");
            let _ = writeln!(page, "{name}: {value}");
        }
        page.push('\n');
    }
    insta::assert_snapshot!("heads", page);
}

#[test]
fn every_kind_builds_from_little_and_hides_its_secrets() {
    for sink in samples::every_sink() {
        let told = format!("{sink:?}");
        for secret in ["s3cret", SECRET_TAIL] {
            assert!(!told.contains(secret), "{told}");
        }
        let hash = sink.display.split_once(" #").map(|(_, hash)| hash.len());
        assert_eq!(hash, Some(4), "{}", sink.display);
        assert_eq!(sink.timeout, Duration::from_secs(15));
        assert_eq!(sink.concurrency, 4);
        assert_eq!(sink.retry, Ladder::default());
        assert!(matches!(sink.ordered, Ordered::No));
    }
}

const SECRET_TAIL: &str = "MfKQ9r8GKYqr";

#[test]
fn every_kind_refuses_unknown_keys_and_tells_everything_at_once() {
    for kind in KINDS {
        refused(
            kind.name,
            &with(kind.name, &json!({ "timout": "5s" })),
            "sinks.it.timout",
        );
        let wrong = json!({
            "timeout": "1ms", "concurrency": 0, "rate_limit": "fast", "ordered": 3,
            "retry": { "initial": "2h", "max": "1h", "factr": 2 }, "nonsense": true,
        });
        let problems = try_sink(kind.name, &wrong).expect_err("all of it is wrong");
        for key in [
            "timeout",
            "concurrency",
            "rate_limit",
            "ordered",
            "retry.initial",
            "retry.factr",
            "nonsense",
        ] {
            let path = format!("sinks.it.{key}");
            assert!(
                problems.iter().any(|problem| problem.path == path),
                "{key}: {problems:?}"
            );
        }
        let missing = problems
            .iter()
            .any(|problem| problem.message.ends_with("is missing"));
        assert!(missing, "{problems:?}");
    }
}

#[test]
fn an_unknown_kind_is_refused_with_a_suggestion() {
    let problems = try_sink("nfty", &json!({})).expect_err("no such kind");
    let help = problems[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("did you mean `ntfy`"), "{help}");
    assert_eq!(problems[0].path, "sinks.it.kind");
}

#[test]
fn common_options_are_read() {
    let sink = sink(
        "slack",
        &with(
            "slack",
            &json!({
                "timeout": "1m", "concurrency": 64, "rate_limit": "30/min", "ordered": "data.trade_id",
                "expires": "10m", "title": "{{ event.type }}", "message": "x", "allow_link_local": true,
                "retry": { "initial": "50ms", "factor": 2, "max": "1s", "max_age": "1m", "max_attempts": 5 },
            }),
        ),
    );
    assert_eq!(sink.timeout, Duration::from_secs(60));
    assert_eq!(
        sink.rate_limit
            .map(|limit| (limit.burst, limit.interval().as_secs())),
        Some((30, 2))
    );
    let Ordered::By(key) = &sink.ordered else {
        panic!("ordered by a key: {:?}", sink.ordered);
    };
    assert_eq!(key.source(), "data.trade_id");
    assert!(sink.title.is_some());
    assert_eq!(sink.retry.max_attempts, Some(5));
    assert!(sink.allow_link_local);
    let off = samples::sink(
        "slack",
        &with("slack", &json!({ "rate_limit": "off", "ordered": true })),
    );
    assert_eq!(off.rate_limit, None);
    assert!(matches!(off.ordered, Ordered::All));
}

#[test]
fn every_request_carries_the_deliverys_id() {
    let event = samples::recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = samples::id();
    for sink in samples::every_sink() {
        let message = message(&id, &event, &wording);
        let carried = match sink.translator.encode(&message).expect("it can be sent") {
            Outgoing::Http(request) => request.headers()["webhook-id"] == id.as_str(),
            Outgoing::Mqtt(publication) => publication.messages[0]
                .properties
                .contains(&("webhook-id", id.to_string())),
            Outgoing::Program(call) => call
                .environment
                .contains(&("BELLWIRE_DELIVERY_ID", id.to_string())),
        };
        assert!(carried, "{}", sink.kind);
    }
}

#[test]
fn every_kind_keeps_the_five_outcomes_apart() {
    let wait = [("retry-after", "7")];
    for sink in samples::every_http_sink() {
        for (status, headers, expected) in [
            (200, &[][..], "delivered"),
            (204, &[], "delivered"),
            (302, &[], "retry"),
            (408, &[], "retry"),
            (425, &[], "retry"),
            (500, &[], "retry"),
            (502, &[], "retry"),
            (504, &[], "retry"),
            (521, &[], "retry"),
            (503, &wait, "rest it 7"),
            (410, &[], "suspend"),
            (415, &[], "dead"),
            (422, &[], "dead"),
        ] {
            // What a Bot API server says with its yes.
            let answer = reply(status, headers, r#"{"ok":true}"#);
            assert_eq!(
                verdict(&sink, &answer, &facts()),
                expected,
                "{} {status}",
                sink.kind
            );
        }
        let limited = verdict(&sink, &reply(429, &[("retry-after", "70")], ""), &facts());
        assert!(limited.ends_with(" 70"), "{} {limited}", sink.kind);
        let gateway = sink.translator.rest_after(&reply(502, &[], ""));
        assert!(gateway.is_some(), "a struggling gateway gets a rest");
        assert_eq!(sink.translator.rest_after(&reply(200, &[], "ok")), None);
    }
}

#[test]
fn every_kind_sends_something_for_every_event() {
    let id = samples::id();
    for event in samples::recorded() {
        let wording = Wording::of(&event);
        for sink in samples::every_sink() {
            for plain in [false, true] {
                let message = Message {
                    plain,
                    ..message(&id, &event, &wording)
                };
                let request = sink.translator.encode(&message);
                assert!(request.is_ok(), "{} {}", sink.kind, event.kind);
            }
        }
    }
}

#[test]
fn wh_9_retry_after_is_read_in_every_form() {
    let now = samples::now(); // Thu, 11 Jun 2026 08:05:30 GMT
    for (text, expected) in [
        ("120", Some(120.0)),
        ("1.5", Some(1.5)),
        ("0", Some(1.0)),
        ("99999999999999999999999", Some(3600.0)),
        ("Thu, 11 Jun 2026 08:06:00 GMT", Some(30.0)),
        ("Thursday, 11-Jun-26 08:06:00 GMT", Some(30.0)),
        ("Thu Jun 11 08:06:00 2026", Some(30.0)),
        ("Fri, 12 Jun 2026 08:06:00 GMT", Some(3600.0)),
        ("Thu, 11 Jun 2026 08:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("inf", None),
        ("NaN", None),
        ("1e3", None),
        ("1.2.3", None),
        ("", None),
    ] {
        let answer = reply(503, &[("retry-after", text)], "");
        let wait = judge::retry_after(&answer.headers, now).map(|wait| wait.as_secs_f64());
        assert_eq!(wait, expected, "{text:?}");
    }
}

#[test]
fn no_answer_is_always_tried_again() {
    for sink in samples::every_sink() {
        for (failure, expected) in [
            (Failure::Refused, false),
            (Failure::Dns, false),
            (Failure::Timeout, false),
            (Failure::Reset, false),
            (Failure::Tls("handshake".to_owned()), false),
            (Failure::Certificate("expired".to_owned()), true),
        ] {
            let reason = match failure {
                Failure::Timeout => "no answer within the limit (`timeout = \"15s\"`)".to_owned(),
                _ => failure.to_string(),
            };
            assert_eq!(
                sink.judge_failure(&failure),
                Verdict::Retry {
                    reason,
                    slow: expected
                }
            );
        }
    }
}

#[test]
fn wh_12_sl_8_no_problem_and_no_hash_tells_an_address() {
    for (kind, url) in [
        ("discord", "https://discord.com/s3cret"),
        ("slack", "htps://hooks.slack.com/services/s3cret"),
        ("webhook", "http://s3cret:s3cret@"),
    ] {
        refused(kind, &with(kind, &json!({ "url": url })), "sinks.it.url");
    }
    let one = Secret::new("a".to_owned()).short_hash();
    assert_eq!(one.len(), 4);
}

#[test]
fn half_an_emoji_costs_neither_the_wording_nor_the_data() {
    let event = samples::event(
        r#"{"type":"tp_hit","data":{"symbol":"XAUUSD","realized_pl":19.840,"currency":"USD","account_label":"Main \ud83d"}}"#,
    );
    let wording = Wording::of(&event);
    assert_eq!(wording.title, "TP hit · XAUUSD · +19.84 USD");
    let id = samples::id();
    let cloud = sink(
        "webhook",
        &with("webhook", &json!({ "body": "cloudevents" })),
    );
    let mut told = samples::every_sink();
    told.retain(|sink| matches!(sink.kind, "mqtt" | "exec"));
    for one in told.iter().chain([&cloud]) {
        let body = samples::body(one, &message(&id, &event, &wording));
        let json: serde_json::Value =
            serde_json::from_slice(&body).expect("a strict parser takes it");
        assert_eq!(
            json["data"]["account_label"], "Main \u{fffd}",
            "{}",
            one.kind
        );
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains("19.840"), "digit for digit: {text}");
    }
}
