//! What is kept, what is asked again, and what is not asked at all.

use std::time::Duration;

use serde_json::json;

use super::*;

const CLOSED: &str = r#"{"id":"trd_1", "status":"closed_profit", "pl":12.50}"#;
const FINAL: [(&str, &str); 2] = [("etag", "\"v1\""), ("cache-control", "max-age=300")];

/// A trade in its final state.
fn closed() -> Told {
    reply(200, &FINAL, CLOSED)
}

fn unchanged() -> Told {
    reply(304, &[], "")
}

fn found() -> Answer<Value> {
    Answer::Found(serde_json::from_str(CLOSED).expect("JSON"))
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn cache_1_a_strong_etag_is_sent_back_and_304_brings_the_stored_body() {
    let (rest, script) = rest(None, [closed(), unchanged(), unchanged()]);
    for _ in 0..3 {
        let answer = rest.trade("trd_1").await;
        assert_eq!(answer, found());
        if let Answer::Found(trade) = answer {
            let digits = trade["pl"].to_string();
            assert_eq!(digits, "12.50", "unchanged to the digit");
        }
        pass(300).await;
    }
    let etag = Some("\"v1\"".to_owned());
    assert_eq!(script.headers("if-none-match"), [None, etag.clone(), etag]);
}

#[tokio::test(start_paused = true)]
async fn cache_1_signals_are_kept_like_trades_and_apart_from_them() {
    let signal = reply(200, &FINAL, r#"{"id":"trd_1","text":"BUY"}"#);
    let (rest, script) = rest(None, [closed(), signal]);
    for _ in 0..2 {
        assert_eq!(rest.trade("trd_1").await, found());
        let answer = rest.signal("trd_1").await;
        assert_eq!(answer, Answer::Found(json!({"id": "trd_1", "text": "BUY"})));
    }
    assert_eq!(script.asked(), ["/trades/trd_1", "/signals/trd_1"]);
}

#[tokio::test(start_paused = true)]
async fn cache_2_within_max_age_no_request_is_made() {
    let (rest, script) = rest(None, [closed(), unchanged()]);
    let urgent = rest.urgent();
    for _ in 0..3 {
        assert_eq!(rest.trade("trd_1").await, found());
        assert_eq!(urgent.trade("trd_1").await, found());
        pass(99).await;
    }
    assert_eq!(script.asked().len(), 1);
    pass(3).await;
    assert_eq!(rest.trade("trd_1").await, found());
    assert_eq!(script.asked().len(), 2);
    pass(299).await;
    assert_eq!(rest.trade("trd_1").await, found());
    assert_eq!(script.asked().len(), 2, "confirmed, so fresh again");
}

#[tokio::test(start_paused = true)]
async fn cache_2_what_was_sent_no_cache_is_never_used_without_asking() {
    let active = |cache: &'static str, etag: &'static str| {
        let headers = [("cache-control", cache), ("etag", etag)];
        reply(200, &headers, CLOSED)
    };
    let etag = || Some("\"a\"".to_owned());
    for (answer, second) in [
        (active("no-cache", "\"a\""), etag()),
        (active("No-Cache, max-age=300", "\"a\""), etag()),
        (active("max-age=0", "\"a\""), etag()),
        (active("no-store, max-age=300", "\"a\""), None),
        (active("max-age=300", "W/\"a\""), None),
        (reply(200, &FINAL[1..], CLOSED), None),
    ] {
        let (rest, script) = rest(None, [answer, closed()]);
        for _ in 0..2 {
            assert_eq!(rest.trade("trd_1").await, found());
        }
        assert_eq!(script.headers("if-none-match"), [None, second]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_that_refers_to_nothing_is_asked_again_once() {
    let (first, script) = rest(None, [unchanged(), closed()]);
    assert_eq!(first.trade("trd_1").await, found());
    assert_eq!(script.headers("if-none-match"), [None, None]);

    let (second, script) = rest(None, [unchanged(), unchanged(), closed()]);
    let nothing = Answer::Unreadable(Unreadable::Unchanged);
    assert_eq!(second.trade("trd_1").await, nothing);
    assert_eq!(script.asked().len(), 2);
    let list = rest(None, [unchanged()]).0.accounts().await;
    assert_eq!(list, Answer::Unreadable(Unreadable::Unchanged));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_has_changed_is_not_shown_again() {
    let gone = reply(404, &[], "");
    let (first, script) = rest(None, [closed(), gone, unchanged()]);
    first.trade("trd_1").await;
    pass(300).await;
    assert_eq!(
        first.trade("trd_1").await,
        Answer::Refused(Refused::of(404))
    );
    first.trade("trd_1").await;
    let etags = script.headers("if-none-match");
    assert_eq!(etags[1..3], [Some("\"v1\"".to_owned()), None]);

    let reopened = reply(200, &[("cache-control", "no-cache")], r#"{"id":"trd_1"}"#);
    let (second, script) = rest(None, [closed(), reopened]);
    second.trade("trd_1").await;
    pass(300).await;
    let answer = second.trade("trd_1").await;
    assert_eq!(answer, Answer::Found(json!({"id": "trd_1"})));
    second.trade("trd_1").await;
    assert_eq!(script.headers("if-none-match")[2], None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_leaves_what_is_known() {
    let down = reply(500, &[], "");
    let (rest, script) = rest(None, [closed(), down, Err(Failure::Timeout), unchanged()]);
    rest.trade("trd_1").await;
    pass(300).await;
    assert!(rest.trade("trd_1").await.is_passing());
    assert!(rest.trade("trd_1").await.is_passing());
    assert_eq!(rest.trade("trd_1").await, found());
    assert_eq!(script.asked().len(), 4);
}
