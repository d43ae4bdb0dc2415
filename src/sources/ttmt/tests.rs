//! How TTMT's events are read, odd ones and broken ones included.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::{Envelope, Patience, RestAccess, Secret, Url, envelope, patience};
use crate::model::{Cursor, DataAt, Event};
use crate::sources::canned::{Canned, connector, read, run};
use crate::sources::decode::{Decode, Frame};
use crate::sources::{Control, End, What};

const SAMPLES: &str = include_str!("../../../tests/fixtures/events.jsonl");

fn frame(payload: &str, own_id: Option<&str>) -> Frame {
    Frame {
        kind: "message".to_owned(),
        own_id: own_id.map(str::to_owned),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        received: Timestamp::from_second(1_764_000_000).expect("in range"),
    }
}

fn decode(payload: &str, own_id: Option<&str>) -> What {
    envelope().decode(&frame(payload, own_id))
}

fn event(payload: &str, own_id: Option<&str>) -> Event {
    match decode(payload, own_id) {
        What::Event(event) => event,
        other => panic!("{payload}: {other:?}"),
    }
}

/// What becomes of a whole stream of these bytes.
fn check(stream: &str) -> crate::sources::canned::Read {
    let canned = Canned::chunks([stream.as_bytes()]);
    let connector = connector(canned, std::sync::Arc::new(envelope()));
    run(read(&connector, Cursor::Unknown))
}

#[test]
fn tol_8_every_sample_is_read_and_stays_as_it_is() {
    let mut events = 0;
    for line in SAMPLES.lines() {
        let json: Value = serde_json::from_str(line).expect("JSON");
        let kind = json["type"].as_str().expect("a type");
        match decode(
            line,
            json["eventId"].as_u64().map(|id| id.to_string()).as_deref(),
        ) {
            What::Control(Control::Recycle { reason }) => {
                assert_eq!(
                    (kind, reason.as_deref()),
                    ("recycle", json["reason"].as_str())
                );
            }
            What::Control(Control::AuthRevoked { reason }) => {
                assert_eq!(
                    (kind, reason.as_deref()),
                    ("auth_revoked", json["reason"].as_str())
                );
            }
            What::Event(event) => {
                events += 1;
                assert_eq!(event.payload, line.as_bytes());
                assert_eq!(&*event.kind, kind);
                assert_eq!(
                    event.id.as_deref(),
                    Some(json["eventId"].to_string().as_str())
                );
                assert_eq!(
                    event.time.map(|time| format!("{time:.3}")).as_deref(),
                    json["timestamp"].as_str()
                );
                assert_eq!(event.data_json().as_ref(), json.get("data"));
                assert!(event.identity.is_some());
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    assert_eq!(
        events,
        SAMPLES
            .lines()
            .filter(|line| line.contains("eventId"))
            .count()
    );
}

#[test]
fn tol_8_the_samples_as_a_stream_lose_nothing() {
    let stream: String = SAMPLES
        .lines()
        .enumerate()
        .map(|(id, line)| format!("id: {id}\ndata: {line}\n\n"))
        .collect();
    let read = check(&stream);
    assert_eq!(
        read.events.len() + read.controls.len(),
        SAMPLES.lines().count()
    );
    assert_eq!(
        (read.undecodable.len(), read.cursor),
        (0, Cursor::At("63".to_owned()))
    );
}

#[test]
fn sse_1_the_type_is_read_from_the_json() {
    let json = r#"{"type":"tp_hit","eventId":1}"#;
    for stream in [
        format!("data: {json}\n\n"),
        format!("event: other\ndata: {json}\n\n"),
    ] {
        assert_eq!(check(&stream).events, [format!("tp_hit|{json}|")]);
    }
    assert_eq!(check("event: other\ndata: {}\n\n").events, ["other|{}|"]);
    assert_eq!(check("data: {}\n\n").events, ["unknown|{}|"]);
    assert_eq!(
        check("data: {\"type\":null}\n\n").events,
        ["unknown|{\"type\":null}|"]
    );
}

#[test]
fn sse_3_the_json_may_be_spread_over_lines() {
    let read = check("retry: 1000\n:c\nx: y\ndata: {\"type\":\ndata: \"tp_hit\"}\n\n");
    assert_eq!(read.events, ["tp_hit|{\"type\":\n\"tp_hit\"}|"]);
}

#[test]
fn sse_6_an_event_that_cannot_be_read_is_skipped_and_the_cursor_moves() {
    for bad in [
        "not json",
        "{\"type\":\"tp_hit\"",
        "[1]",
        "7",
        "\"x\"",
        "null",
        "{\"type\":1} x",
        "",
    ] {
        let read = check(&format!(
            "id: 1\ndata: {bad}\n\nid: 2\ndata: {{\"type\":\"ok\"}}\n\n"
        ));
        assert_eq!(read.events, ["ok|{\"type\":\"ok\"}|2"], "{bad}");
        assert_eq!(read.undecodable.len(), 1, "{bad}");
        assert!(
            !read.undecodable[0].contains("tp_hit"),
            "no payload in a reason"
        );
        assert_eq!(
            (read.cursor, read.end),
            (Cursor::At("2".to_owned()), End::Eof)
        );
    }
    assert_eq!(
        check("id: 1\ndata: x\n\n").cursor,
        Cursor::At("1".to_owned())
    );
}

#[test]
fn tol_1_an_unknown_type_is_an_event_like_any_other() {
    assert_eq!(
        &*event(r#"{"type":"brand_new","eventId":1}"#, None).kind,
        "brand_new"
    );
    assert_eq!(&*event(r#"{"type":7}"#, None).kind, "7");
}

#[test]
fn tol_2_unknown_fields_stay_in_the_payload() {
    let json = r#"{"type":"tp_hit","extra":{"a":[1]},"data":{"new":true}}"#;
    let event = event(json, None);
    assert_eq!(event.payload, json.as_bytes());
    assert_eq!(event.data_bytes(), Some(br#"{"new":true}"#.as_slice()));
}

#[test]
fn tol_3_missing_parts_do_not_fail() {
    for json in [
        r#"{"type":"x"}"#,
        r#"{"type":"x","data":null}"#,
        r#"{"type":"x","eventId":null,"timestamp":null}"#,
        r#"{"type":"x","eventId":[],"timestamp":7}"#,
    ] {
        let event = event(json, None);
        assert_eq!(
            (event.id.clone(), event.time, event.data),
            (None, None, DataAt::Missing),
            "{json}"
        );
        assert_eq!(event.identity, None, "without an id it can be no replay");
    }
    let garbage = event(r#"{"type":"x","eventId":1,"timestamp":"soon"}"#, None);
    assert_eq!((garbage.time, garbage.identity.is_some()), (None, true));
    let snake = event(r#"{"type":"x","event_id":12}"#, None);
    assert_eq!(snake.id.as_deref(), Some("12"));
    let text = event(r#"{"type":"x","eventId":"ab"}"#, None);
    assert_eq!(text.id.as_deref(), Some("ab"));
}

#[test]
fn tol_4_tol_5_odd_values_inside_data_are_kept() {
    let json =
        r#"{"type":"tp_hit","data":{"signal":null,"status":"brand_new","direction":"SIDEWAYS"}}"#;
    let data = event(json, None).data_json().expect("data");
    assert_eq!(data["signal"], Value::Null);
    assert_eq!(
        (&data["status"], &data["direction"]),
        (&"brand_new".into(), &"SIDEWAYS".into())
    );
}

#[test]
fn tol_6_tol_7_numbers_keep_their_digits() {
    let json = r#"{"type":"x","data":{"a":1.10,"b":0,"c":null,"d":98765432109876543210,"e":0.1000000000000000055511151231257827}}"#;
    let data = event(json, None).data_json().expect("data").to_string();
    assert_eq!(
        data,
        r#"{"a":1.10,"b":0,"c":null,"d":98765432109876543210,"e":0.1000000000000000055511151231257827}"#
    );
}

#[test]
fn res_2_the_id_of_the_frame_is_used_and_a_difference_counted() {
    let envelope = envelope();
    let different = frame(r#"{"type":"x","eventId":41}"#, Some("42"));
    for count in 1..=3 {
        let What::Event(event) = envelope.decode(&different) else {
            panic!("an event");
        };
        assert_eq!(event.id.as_deref(), Some("42"));
        assert_eq!(mismatches(&envelope), count);
    }
    envelope.decode(&frame(r#"{"type":"x","eventId":42}"#, Some("42")));
    envelope.decode(&frame(r#"{"type":"x"}"#, Some("42")));
    envelope.decode(&frame(r#"{"type":"x","eventId":42}"#, None));
    assert_eq!(mismatches(&envelope), 3);
    let read = check("id: 42\ndata: {\"type\":\"x\",\"eventId\":41}\n\n");
    assert_eq!(read.cursor, Cursor::At("42".to_owned()));
}

fn mismatches(envelope: &Envelope) -> u64 {
    envelope
        .mismatches
        .load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn res_3_res_4_a_replay_looks_the_same_and_a_restarted_id_does_not() {
    let json =
        |id: u64, time: &str| format!(r#"{{"type":"tp_hit","eventId":{id},"timestamp":"{time}"}}"#);
    let identity = |payload: String| event(&payload, None).identity;
    let first = identity(json(1, "2026-06-11T07:58:03.612Z"));
    assert_eq!(first, identity(json(1, "2026-06-11T07:58:03.612Z")));
    assert_ne!(first, identity(json(1, "2026-06-12T07:58:03.612Z")));
    assert_ne!(first, identity(json(2, "2026-06-11T07:58:03.612Z")));
    let with_own_id = event(&json(1, "2026-06-11T07:58:03.612Z"), Some("1"));
    assert_eq!(first, with_own_id.identity, "wherever the id was read");
}

#[test]
fn feed_b7_hostile_nesting_is_harmless() {
    let depth = 10_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let json = format!(r#"{{"x":{nested},"type":"deep","data":{nested}}}"#);
        let event = event(&json, None);
        assert_eq!(&*event.kind, "deep");
        assert_eq!(event.data_bytes().map(<[u8]>::len), Some(nested.len()));
        assert_eq!(
            event.data_json(),
            None,
            "too deep for a value, and no crash"
        );
    }
    let open = "{\"data\":".repeat(depth);
    assert!(matches!(decode(&open, None), What::Undecodable { .. }));
}

#[test]
fn ctrl_4_ctrl_5_a_connection_ends_by_age_and_by_silence_only_if_configured() {
    let seconds = std::time::Duration::from_secs;
    let age = Some(seconds(330));
    assert_eq!(patience(None), Patience { idle: None, age });
    let idle = Some(seconds(60));
    assert_eq!(patience(idle), Patience { idle, age });
}

#[test]
fn auth_6_what_the_upstream_repeats_of_key_and_address_is_hidden_and_nothing_else() {
    let access = RestAccess {
        base_url: Url::parse("https://me:pass-word@ttmt.example").expect("a URL"),
        api_key: Secret::new("ttmt_live_4f9c2b7e".to_owned()),
        account_id: None,
        backfill: true,
        proxy: None,
    };
    for (said, kept) in [
        ("no trade with this id", "no trade with this id"),
        ("ttmt_live_4f9c2b7e is unknown", " is unknown"),
        (
            "4f9c2b7e is unknown to ttmt_live_",
            " is unknown to ttmt_live_",
        ),
        ("pass-word does not fit", " does not fit"),
    ] {
        let hidden = access.without_credentials(said);
        for secret in ["4f9c2b7e", "pass-word"] {
            assert!(!hidden.contains(secret), "{said}: {hidden}");
        }
        assert!(hidden.contains(kept), "{said}: {hidden}");
    }
}
