//! How events of any stream are read.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Feed, Patience, Pointer, patience};
use crate::model::{DataAt, Event};
use crate::sources::What;
use crate::sources::canned::feed;
use crate::sources::decode::{Decode, Frame};

fn pointed(kind: &str, time: &str, data: &str) -> Feed {
    let mut feed = feed();
    feed.kind = Pointer::new(kind);
    feed.time = Pointer::new(time);
    feed.data = Pointer::new(data);
    feed
}

fn decode(feed: &Feed, kind: &str, own_id: Option<&str>, payload: &str) -> Event {
    let frame = Frame {
        kind: kind.to_owned(),
        own_id: own_id.map(str::to_owned),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        received: Timestamp::from_second(1_764_000_000).expect("in range"),
    };
    match feed.decode(&frame) {
        What::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_pointers_the_type_is_the_frames_and_data_the_whole_document() {
    let event = decode(&feed(), "price", None, r#" {"a":1.10} "#);
    assert_eq!((&*event.kind, event.time), ("price", None));
    assert_eq!(event.data_bytes(), Some(br#"{"a":1.10}"#.as_slice()));
    assert_eq!(event.payload, r#" {"a":1.10} "#);
}

#[test]
fn a_payload_that_is_no_json_is_a_string() {
    for payload in ["hello", "", "{\"a\":", "1 2"] {
        let pointed = pointed("/type", "/time", "/data");
        for feed in [feed(), pointed] {
            let event = decode(&feed, "message", None, payload);
            assert_eq!(event.data, DataAt::Text);
            assert_eq!(event.data_json(), Some(payload.into()));
        }
    }
}

#[test]
fn pointers_say_where_type_time_and_data_stand() {
    let feed = pointed("/meta/type", "/meta/at", "/items/1");
    let json = r#"{"items":[0,{"x":1.10}],"meta":{"type":"fill","at":"2026-06-11T07:58:03.612Z"}}"#;
    let event = decode(&feed, "message", None, json);
    assert_eq!(&*event.kind, "fill");
    assert_eq!(
        event.time.map(Timestamp::as_millisecond),
        Some(1_781_164_683_612)
    );
    assert_eq!(event.data_bytes(), Some(br#"{"x":1.10}"#.as_slice()));

    let bare = decode(&feed, "named", None, "{}");
    assert_eq!(
        (&*bare.kind, bare.time, bare.data),
        ("named", None, DataAt::Missing)
    );
}

#[test]
fn a_type_that_is_a_number_is_its_text_and_an_object_is_none() {
    for (json, kind) in [
        ("7", "7"),
        ("true", "true"),
        ("null", "named"),
        ("{}", "named"),
        ("[]", "named"),
    ] {
        let json = format!(r#"{{"type":{json}}}"#);
        assert_eq!(
            &*decode(&pointed("/type", "", ""), "named", None, &json).kind,
            kind
        );
    }
}

#[test]
fn a_time_is_iso_8601_or_seconds_or_milliseconds() {
    for (json, millisecond) in [
        (r#""2026-06-11T07:58:03Z""#, Some(1_781_164_683_000)),
        ("1781164683", Some(1_781_164_683_000)),
        ("1781164683.612", Some(1_781_164_683_612)),
        ("1781164683612", Some(1_781_164_683_612)),
        (r#""1781164683""#, Some(1_781_164_683_000)),
        ("-1", Some(-1_000)),
        ("1e300", None),
        (r#""inf""#, None),
        (r#""soon""#, None),
        ("null", None),
        ("true", None),
    ] {
        let feed = pointed("/none", "/at", "");
        let event = decode(&feed, "x", None, &format!(r#"{{"at":{json}}}"#));
        assert_eq!(
            event.time.map(Timestamp::as_millisecond),
            millisecond,
            "{json}"
        );
    }
}

#[test]
fn feed_l5_only_an_event_with_its_own_id_can_be_a_replay() {
    let identity = |id, json| decode(&pointed("/type", "/at", ""), "x", id, json).identity;
    assert_eq!(identity(None, "{}"), None);
    assert_eq!(identity(Some(""), "{}"), None);
    assert_eq!(
        identity(Some("1"), r#"{"at":5,"a":1}"#),
        identity(Some("1"), r#"{"at":5,"a":2}"#)
    );
    assert_ne!(
        identity(Some("1"), r#"{"at":5}"#),
        identity(Some("1"), r#"{"at":6}"#)
    );
    assert_ne!(
        identity(Some("1"), r#"{"a":1}"#),
        identity(Some("1"), r#"{"a":2}"#)
    );
    assert_ne!(identity(Some("1"), "{}"), identity(Some("2"), "{}"));
}

#[test]
fn feed_b7_hostile_nesting_is_harmless() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let event = decode(&pointed("/0/0/0", "/0", "/0/0"), "x", Some("1"), &deep);
    assert_eq!(event.data_bytes().map(<[u8]>::len), Some(deep.len() - 4));
}

#[test]
fn feed_t9_silence_ends_a_connection_after_five_minutes_or_as_configured() {
    let seconds = std::time::Duration::from_secs;
    for (configured, idle) in [(None, seconds(300)), (Some(seconds(7)), seconds(7))] {
        let idle = Some(idle);
        assert_eq!(patience(configured), Patience { idle, age: None });
    }
}
