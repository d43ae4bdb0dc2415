//! Wording at its edges: what is missing, foreign or hostile, and what templates change.

use serde_json::json;

use super::super::samples::{event, hostile, recorded, recorded_with_id};
use super::*;
use crate::model::DataAt;

mod bundle;

fn of(payload: &str) -> Wording {
    Wording::of(&event(payload))
}

#[test]
fn whatever_is_missing_is_left_out() {
    for kind in [
        "tp_hit",
        "position_closed",
        "position_update",
        "order_fill",
        "trade_executed",
        "trade_finalized",
        "breakeven_set",
        "breakeven_failed",
        "whatever",
        "bellwire.gap",
        "bellwire.delivery_dead",
    ] {
        for data in [
            "",
            r#","data":null"#,
            r#","data":{}"#,
            r#","data":[]"#,
            r#","data":"""#,
        ] {
            let wording = of(&format!(r#"{{"type":"{kind}"{data}}}"#));
            let whole = wording.whole();
            assert!(!wording.title.trim().is_empty());
            assert!(
                !whole.contains(" ·  · ") && !whole.ends_with([' ', '·', '\n']),
                "{whole:?}"
            );
        }
        let nulls = json!({ "type": kind, "data": {
            "symbol": null, "direction": null, "realized_pl": null, "currency": null, "tp_level": null,
            "trade_id": null, "account_label": null, "close_reason": null, "status": null,
            "take_profits": [null, null], "tp_hits": null, "error": null, "volume": null, "event": null,
        }});
        let whole = of(&nulls.to_string()).whole();
        assert!(
            !whole.contains("null") && !whole.contains("undefined"),
            "{whole}"
        );
    }
    for event in recorded() {
        let whole = Wording::of(&event).whole();
        assert!(!whole.contains("null"), "{whole}");
    }
}

#[test]
fn numbers_keep_their_digits_and_money_has_two_decimals() {
    let wording = of(
        r#"{"type":"position_closed","data":{"symbol":"X","direction":"BUY","volume":0.10,"entry_price":1.084190000000000000001,"close_price":3347.0,"realized_pl":12345678901234567890.125,"currency":"USD"}}"#,
    );
    assert_eq!(
        wording.title,
        "Position closed · X buy · +12345678901234567890.13 USD"
    );
    assert_eq!(
        wording.message,
        "0.10 lots · 1.084190000000000000001 → 3347.0"
    );
}

#[test]
fn the_tone_follows_the_money() {
    for (amount, expected) in [
        ("1", Tone::Gain),
        ("-1", Tone::Loss),
        ("0", Tone::Neutral),
        ("-0.001", Tone::Neutral),
        ("null", Tone::Neutral),
        ("\"-5\"", Tone::Loss),
    ] {
        let payload = format!(r#"{{"type":"position_closed","data":{{"realized_pl":{amount}}}}}"#);
        assert_eq!(of(&payload).tone, expected, "{amount}");
    }
}

#[test]
fn ids_may_be_spelled_in_camel_case() {
    let wording = of(
        r#"{"type":"tp_hit","data":{"tpLevel":2,"tradeId":"7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640","accountLabel":"Main"}}"#,
    );
    assert_eq!(wording.whole(), "TP2 hit\nMain · trade 7c4f9e12");
}

#[test]
fn an_account_is_named_only_where_it_could_be_another() {
    let mut subject = recorded_with_id("215");
    for (about, expected) in [
        (None, "Main Live · trade 7c4f9e12"),
        (Some(r#"{"trade":{}}"#), "Main Live · trade 7c4f9e12"),
        (Some(r#"{"sole_account":true}"#), "trade 7c4f9e12"),
        (
            Some(r#"{"trade":{},"sole_account":true}"#),
            "trade 7c4f9e12",
        ),
    ] {
        subject.about = about.map(bytes::Bytes::from);
        let wording = Wording::of(&subject);
        let last = wording.message.lines().last();
        assert_eq!(last, Some(expected), "{about:?}");
        let field = wording.fields.iter().any(|field| field.label == "Account");
        assert_eq!(field, expected.starts_with("Main"), "{about:?}");
    }
}

#[test]
fn a_backfilled_event_says_so() {
    let mut late = recorded_with_id("215");
    late.backfilled = true;
    assert_eq!(
        Wording::of(&late).title,
        "TP1 hit · XAUUSD buy · +19.84 USD (backfilled)"
    );
}

#[test]
fn hostile_text_stays_in_its_line() {
    for (event, wording) in hostile() {
        let built_in = Wording::of(&event);
        assert!(
            built_in.title.chars().count() < 500,
            "{}",
            built_in.title.chars().count()
        );
        for text in [&built_in.title, &wording.title] {
            assert!(!text.contains(char::is_control), "{text:?}");
            assert!(
                !text.contains(['\u{202e}', '\u{200f}', '\u{200b}']),
                "{text:?}"
            );
        }
        assert!(built_in.message.chars().count() < 4000);
        assert!(wording.message.chars().count() <= text::BLOCK_MAX);
        for field in &built_in.fields {
            assert!(!field.value.contains(char::is_control), "{field:?}");
        }
    }
}

#[test]
fn any_feed_reads_well() {
    let mut plain = event("{}");
    plain.payload = bytes::Bytes::from_static("Door\u{7} open\nsince 5".as_bytes());
    plain.data = DataAt::Text;
    let wording = Wording::of(&plain);
    assert_eq!(wording.whole(), "Message · ttmt\nDoor open since 5");
    let deploy = of(
        r#"{"type":"deploy_done","data":{"service":"api","ok":true,"took":1.50,"hosts":["a","b"],"more":{"x":1},"id":"7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640"}}"#,
    );
    assert_eq!(
        deploy.whole(),
        "Deploy done · ttmt\nService: api\nOk: true\nTook: 1.50\nHosts: a, b\nId: 7c4f9e12"
    );
}

#[test]
fn templates_replace_what_they_write_and_nothing_else() {
    let built_in = Wording::of(&recorded_with_id("215"));
    let titled = built_in
        .clone()
        .with(Some(" news\nof today ".to_owned()), None, None);
    assert_eq!(
        (titled.title.as_str(), titled.title_by),
        ("news of today", Author::Template)
    );
    assert_eq!(titled.fields, built_in.fields);
    let blank = built_in
        .clone()
        .with(Some("\u{200b} \n".to_owned()), Some(String::new()), None);
    assert_eq!(blank.title, built_in.title, "no message is without a title");
    assert_eq!((blank.message.as_str(), blank.fields.len()), ("", 0));
    let failed = built_in
        .clone()
        .with(None, None, Some("`title` failed:\nline 1".to_owned()));
    assert_eq!(
        failed.details(),
        format!("{}\n`title` failed: line 1", built_in.message)
    );
}

#[test]
fn what_was_suppressed_is_one_line_and_one_field() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let suppressed = |count, since| {
        let since = at(since);
        Some(Suppressed { count, since })
    };
    let bare = of(r#"{"type":"tp_hit","data":{"symbol":"XAUUSD","account_label":"Main"}}"#);
    let now = at("2026-06-11T14:30:00Z");
    assert_eq!(bare.clone().telling(None, now), bare);
    let told = bare
        .clone()
        .telling(suppressed(3, "2026-06-11T14:05:59Z"), now);
    let line = "and 3 more since 14:05 UTC";
    assert_eq!(told.message, format!("{}\n{line}", bare.message));
    assert_eq!(told.title, bare.title);
    let field = told.fields.last().expect("a field");
    assert_eq!(
        (&*field.label, &*field.value),
        ("Throttled", "3 more since 14:05 UTC")
    );
    let yesterday = bare.telling(suppressed(1, "2026-06-10T23:59:00Z"), now);
    assert!(
        yesterday
            .message
            .ends_with("\nand 1 more since 2026-06-10 23:59 UTC")
    );
}
