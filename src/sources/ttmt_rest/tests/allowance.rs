//! What answers do to the key's allowance, and who may use how much of it.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::*;

/// How long the key's next request waits after this answer.
async fn rest_after(answer: Result<Reply, Failure>) -> u64 {
    let (rest, _) = rest(None, [answer]);
    rest.probe().await;
    let asked = Instant::now();
    rest.api.budget.permit().await.expect("the key is good");
    asked.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn rate_2_a_429_rests_the_key_as_long_as_it_says_or_a_minute() {
    for (value, seconds) in [
        ("7", 7),
        ("7.0", 7),
        ("0", 1),
        ("86400", 3_600),
        ("Mon, 23 Nov 2026 12:00:09 GMT", 9),
        ("Monday, 23-Nov-26 12:00:09 GMT", 9),
    ] {
        let headers = [("retry-after", value)];
        assert_eq!(
            rest_after(reply(429, &headers, "")).await,
            seconds,
            "{value}"
        );
    }
    for headers in [
        &[][..],
        &[("retry-after", "soon")],
        &[("retry-after", "-1")],
        &[("retry-after", "Mon, 23 Nov 2026 11:00:00 GMT")],
    ] {
        assert_eq!(rest_after(reply(429, headers, "")).await, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn rate_3_nothing_remaining_pauses_and_an_unreadable_header_changes_nothing() {
    let remaining = |value| reply(200, &[("x-ratelimit-remaining", value)], "{}");
    assert_eq!(rest_after(remaining("0")).await, 61);
    for value in ["1", "many", "-1", ""] {
        assert_eq!(rest_after(remaining(value)).await, 0, "{value}");
    }
    assert_eq!(rest_after(reply(200, &[], "{}")).await, 0);
}

#[tokio::test(start_paused = true)]
async fn rate_2_one_answer_rests_every_caller() {
    let (rest, script) = rest(None, [reply(429, &[("retry-after", "20")], ""), good("{}")]);
    let urgent = rest.urgent();
    let start = Instant::now();
    assert_eq!(
        rest.positions().await,
        Answer::Refused(Refused {
            retry_after: Some(Duration::from_secs(20)),
            ..Refused::of(429)
        })
    );
    assert_eq!(urgent.trade("1").now_or_never(), None);
    assert_eq!(rest.probe().now_or_never(), None);
    assert_eq!(script.asked().len(), 1);
    urgent.trade("1").await;
    assert_eq!(start.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn rate_1_rate_4_what_can_wait_leaves_room_for_what_cannot() {
    let (rest, script) = rest(None, []);
    let urgent = rest.urgent();
    for _ in 0..24 {
        rest.positions().await;
    }
    assert_eq!(rest.positions().now_or_never(), None);
    assert_eq!(rest.accounts().now_or_never(), None);
    for _ in 0..3 {
        urgent.trade("1").now_or_never().expect("an answer");
        rest.probe().now_or_never().expect("an answer");
    }
    assert_eq!(urgent.trade("1").now_or_never(), None);
    assert_eq!(rest.probe().now_or_never(), None);
    assert_eq!(script.asked().len(), 30);
}

#[tokio::test]
async fn rate_5_two_keys_have_two_budgets() {
    let (one, _) = rest(None, [reply(429, &[], "")]);
    let (two, script) = rest(None, []);
    one.probe().await;
    two.probe().now_or_never().expect("an answer");
    assert_eq!(script.asked().len(), 1);
}
