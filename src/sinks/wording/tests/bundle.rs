//! What a message says of several events: what is counted together, and what counts once.

use jiff::tz::TimeZone;

use super::*;

/// An event of a type and a minute, with these members of its data.
fn told(kind: &str, minute: u8, data: &str) -> Event {
    event(&format!(
        r#"{{"type":"{kind}","timestamp":"2026-06-11T08:{minute:02}:00Z","data":{{{data}}}}}"#
    ))
}

fn hit(minute: u8, trade: &str, symbol: &str, amount: &str, currency: &str) -> Event {
    told(
        "tp_hit",
        minute,
        &format!(
            r#""trade_id":"{trade}","symbol":"{symbol}","realized_pl":{amount},"currency":"{currency}""#
        ),
    )
}

fn coalesced(events: &[Event]) -> Wording {
    Wording::of_all(events, Collected::Coalesced, &TimeZone::UTC)
}

#[test]
fn one_type_and_symbol_is_told_in_the_title() {
    let wording = coalesced(&[
        hit(1, "a", "XAUUSD", "19.84", "USD"),
        hit(2, "b", "XAUUSD", "0.1", "USD"),
        hit(3, "c", "XAUUSD", "-0.04", "USD"),
    ]);
    assert_eq!(wording.title, "3 × TP hit · XAUUSD · +19.90 USD");
    assert_eq!(
        wording.message,
        "TP hit XAUUSD: 3, together +19.90 USD\nFrom: 08:01 UTC to 08:03 UTC"
    );
    assert_eq!((wording.tone, wording.priority), (Tone::Gain, 4));
    assert_eq!(wording.fields[0].label, "TP hit XAUUSD");
}

#[test]
fn currencies_are_never_added_up_together() {
    let wording = coalesced(&[
        hit(1, "a", "XAUUSD", "10", "USD"),
        hit(2, "b", "DAX", "-3.5", "EUR"),
        hit(3, "c", "DAX", "1", "EUR"),
    ]);
    assert_eq!(wording.title, "3 events · -2.50 EUR, +10.00 USD");
    assert_eq!(
        wording.message.lines().next(),
        Some("TP hit DAX: 2, together -2.50 EUR"),
        "those of which there are most come first"
    );
    assert_eq!(wording.tone, Tone::Neutral, "some of each");
}

#[test]
fn res_12_what_a_trade_came_to_counts_once() {
    let of = |kind, minute, place: &str, amount: &str| {
        let data = format!(r#""trade_id":"a",{place}"realized_pl":{amount},"currency":"USD""#);
        told(kind, minute, &data)
    };
    let mut events = vec![
        of(
            "tp_hit",
            1,
            r#""position_id":"x","metaapi_position_id":"1","#,
            "10",
        ),
        of(
            "tp_hit",
            1,
            r#""position_id":"y","metaapi_position_id":"2","#,
            "7",
        ),
        of(
            "position_closed",
            2,
            r#""id":"x","metaapi_position_id":"1","#,
            "9.5",
        ),
    ];
    let net = |events: &[Event]| {
        coalesced(events)
            .title
            .split(" · ")
            .last()
            .map(str::to_owned)
    };
    assert_eq!(
        net(&events).as_deref(),
        Some("+16.50 USD"),
        "each position once"
    );
    events.push(of("trade_finalized", 3, "", "15"));
    events.push(of("trade_finalized", 4, "", "15.25"));
    assert_eq!(
        net(&events).as_deref(),
        Some("+15.25 USD"),
        "the later word of two"
    );
    let wording = coalesced(&events);
    assert!(
        wording
            .message
            .contains("Trade finalized: 2, together +15.25 USD"),
        "{}",
        wording.message
    );
    events.push(hit(5, "b", "XAUUSD", "1", "USD"));
    assert_eq!(net(&events).as_deref(), Some("+16.25 USD"), "another trade");
    let nameless = told("tp_hit", 6, r#""realized_pl":2,"currency":"USD""#);
    events.extend([nameless.clone(), nameless]);
    assert_eq!(
        net(&events).as_deref(),
        Some("+20.25 USD"),
        "each for itself"
    );
}

#[test]
fn what_is_not_final_is_no_result() {
    let running = r#""symbol":"XAUUSD","realized_pl":1,"unrealized_pl":40,"currency":"USD""#;
    let events = [
        told("position_update", 1, running),
        told("order_fill", 2, running),
    ];
    let wording = coalesced(&events);
    assert_eq!(wording.title, "2 events · XAUUSD");
    assert_eq!(
        wording.message,
        "Position update XAUUSD: 1\nOrder filled XAUUSD: 1\nFrom: 08:01 UTC to 08:02 UTC"
    );
}

#[test]
fn a_digest_says_that_it_is_one_and_what_was_backfilled() {
    let mut events = [
        hit(1, "a", "XAUUSD", "1", "USD"),
        hit(2, "b", "XAUUSD", "1", "USD"),
    ];
    events[1].backfilled = true;
    let wording = Wording::of_all(&events, Collected::Digest, &TimeZone::UTC);
    assert_eq!(wording.title, "Digest: 2 events · XAUUSD · +2.00 USD");
    assert!(
        wording.message.contains("\nBackfilled: 1\n"),
        "{}",
        wording.message
    );
}

#[test]
fn many_kinds_are_a_few_lines() {
    let events: Vec<Event> = (0..40)
        .map(|number| told(&format!("kind_{number}"), 1, ""))
        .collect();
    let wording = coalesced(&events);
    assert_eq!(wording.message.lines().count(), 14);
    assert!(wording.message.starts_with("Kind 0: 1\n"));
    assert!(wording.message.contains("\nand 28 more kinds\n"));
}

#[test]
fn hostile_events_make_a_clean_message() {
    let events: Vec<Event> = hostile().into_iter().map(|(event, _)| event).collect();
    let wording = coalesced(&events);
    assert!(!wording.title.contains('\n') && !wording.title.is_empty());
    let whole = wording.whole();
    assert!(
        !whole.chars().any(|it| it.is_control() && it != '\n'),
        "{whole:?}"
    );
    let beyond = hit(1, "a", "XAUUSD", "1e40", "USD");
    let many = vec![beyond; 3];
    assert!(coalesced(&many).title.starts_with("3 × TP hit · XAUUSD"));
}

#[test]
fn who_steps_in_says_why() {
    let why = Some("phone has given it up: status 422");
    let wording = of(r#"{"type":"tp_hit","data":{"symbol":"XAUUSD"}}"#).standing_in(why);
    assert_eq!(
        wording.message,
        "fallback: phone has given it up: status 422"
    );
    assert_eq!(wording.fields[0].label, "Fallback");
    let own = of(r#"{"type":"tp_hit"}"#).with(None, Some("mine".to_owned()), None);
    let own = own.standing_in(why);
    assert_eq!(
        own.message,
        "mine\nfallback: phone has given it up: status 422"
    );
    assert!(own.fields.is_empty());
}
