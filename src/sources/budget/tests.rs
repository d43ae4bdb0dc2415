//! Who may send when, on the paused clock.
//!
//! A file of its own because the promises of the budget are about many callers at once.

use std::sync::Arc;

use futures_util::FutureExt;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// Takes permits for a while and says when each was granted.
async fn grants(budget: &Budget, wanted: usize) -> Vec<Duration> {
    let start = Instant::now();
    let mut grants = Vec::new();
    for _ in 0..wanted {
        budget.permit().await.expect("the key is good");
        grants.push(start.elapsed());
    }
    grants
}

/// Lets callers of these shares ask at odd times, and says when each request left and for whom.
async fn crowd(shares: [Share; 4]) -> Vec<(Duration, Share)> {
    let budget = Arc::new(Budget::new());
    let start = Instant::now();
    let callers: Vec<_> = (0..)
        .zip(shares)
        .map(|(pause, share)| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move {
                let mut grants = Vec::new();
                for _ in 0..25 {
                    tokio::time::sleep(Duration::from_millis(700 * pause)).await;
                    budget.permit_for(share).await.expect("the key is good");
                    grants.push((start.elapsed(), share));
                }
                grants
            })
        })
        .collect();
    let mut grants = Vec::new();
    for caller in callers {
        grants.extend(caller.await.expect("no panic"));
    }
    grants.sort_by_key(|(at, _)| *at);
    grants
}

#[tokio::test(start_paused = true)]
async fn rate_1_no_more_than_thirty_requests_leave_in_any_minute_whoever_asks() {
    use Share::{Bulk, Urgent};
    for shares in [[Urgent; 4], [Bulk; 4], [Urgent, Bulk, Urgent, Bulk]] {
        let grants = crowd(shares).await;
        assert_eq!(grants.len(), 100);
        for span in grants.windows(REQUESTS + 1) {
            assert!(span[REQUESTS].0 - span[0].0 > MINUTE, "{span:?}");
        }
        let bulk: Vec<_> = grants.iter().filter(|grant| grant.1 == Bulk).collect();
        for span in bulk.windows(REQUESTS - RESERVE + 1) {
            let taken = span[REQUESTS - RESERVE].0 - span[0].0;
            assert!(taken > MINUTE, "{span:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rate_4_a_long_line_of_backfill_leaves_room_for_a_stream_connect() {
    let budget = Arc::new(Budget::new());
    let line: Vec<_> = (0..200)
        .map(|_| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.permit_for(Share::Bulk).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(grants(&budget, RESERVE).await, [Duration::ZERO; RESERVE]);
    let next = grants(&budget, 1).await;
    assert_eq!(next, [SPAN - Duration::from_secs(1)], "ahead of the line");
    line.into_iter().for_each(|caller| caller.abort());
}

#[tokio::test(start_paused = true)]
async fn rate_2_after_a_429_everybody_rests() {
    let budget = Budget::new();
    budget.permit().await.expect("the key is good");
    budget.rest(Duration::from_secs(7));
    budget.rest(Duration::from_secs(2));
    assert_eq!(grants(&budget, 1).await, [Duration::from_secs(7)]);
    assert_eq!(grants(&budget, 1).await, [Duration::ZERO], "only once");
}

#[tokio::test(start_paused = true)]
async fn rate_2_a_rest_that_begins_while_a_caller_waits_holds_for_it_too() {
    let budget = Budget::new();
    budget.rest(Duration::from_secs(5));
    let (grants, ()) = tokio::join!(grants(&budget, 1), async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        budget.rest(Duration::from_secs(10));
    });
    assert_eq!(grants, [Duration::from_secs(14)]);
}

#[tokio::test(start_paused = true)]
async fn rate_2_the_longest_rest_is_an_hour() {
    let budget = Budget::new();
    budget.rest(Duration::MAX);
    assert_eq!(grants(&budget, 1).await, [REST_MAX]);
}

#[tokio::test(start_paused = true)]
async fn rate_3_nothing_remaining_pauses_until_the_minute_of_the_first_request_is_over() {
    let budget = Budget::new();
    budget.permit().await.expect("the key is good");
    tokio::time::sleep(Duration::from_secs(20)).await;
    budget.permit().await.expect("the key is good");
    budget.remaining(12);
    assert_eq!(grants(&budget, 1).await, [Duration::ZERO]);
    budget.remaining(0);
    assert_eq!(budget.left(), Some(0));
    let pause = SPAN - Duration::from_secs(20);
    assert_eq!(grants(&budget, 1).await, [pause]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    budget.remaining(0);
    let pause = SPAN - Duration::from_secs(5);
    assert_eq!(grants(&budget, 1).await, [pause], "a new minute began");
}

#[tokio::test(start_paused = true)]
async fn rate_3_the_servers_last_requests_are_not_for_what_can_wait() {
    for (told, waits) in [(7, 0), (6, 61), (1, 61)] {
        let budget = Budget::new();
        budget.permit().await.expect("the key is good");
        budget.remaining(told);
        assert_eq!(grants(&budget, 1).await, [Duration::ZERO], "{told}");
        let asked = Instant::now();
        let granted = budget.permit_for(Share::Bulk).await;
        assert_eq!(granted, Ok(()));
        assert_eq!(asked.elapsed().as_secs(), waits, "{told}");
    }
}

#[test]
fn rate_3_only_a_plain_number_says_what_is_left() {
    for (value, left) in [
        ("0", Some(0)),
        (" 29 ", Some(29)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("28, 28", None),
        ("many", None),
        ("99999999999", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(REMAINING, value.parse().expect("a header value"));
        assert_eq!(told(&headers), left, "{value}");
    }
    assert_eq!(told(&HeaderMap::new()), None);
}

#[tokio::test(start_paused = true)]
async fn rate_5_two_keys_have_two_budgets() {
    let (one, two) = (Budget::new(), Budget::new());
    grants(&one, REQUESTS).await;
    one.rest(MINUTE);
    let granted = grants(&two, REQUESTS).await;
    assert_eq!(granted.last(), Some(&Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_has_used_nothing() {
    let budget = Budget::new();
    grants(&budget, REQUESTS - 1).await;
    budget.rest(Duration::from_secs(3));
    assert_eq!(budget.permit().now_or_never(), None);
    budget.ready().await.expect("the key is good");
    assert_eq!(budget.take(), Ok(()));
    assert!(budget.take().is_err(), "that was the last one");
}

#[tokio::test(start_paused = true)]
async fn auth_4_a_key_that_was_refused_sends_nothing_more() {
    let budget = Budget::new();
    budget.rest(MINUTE);
    let (waiting, ()) = tokio::join!(budget.permit(), async { budget.close() });
    assert_eq!(waiting, Err(Closed));
    assert_eq!(budget.ready().await, Err(Closed));
    assert!(budget.is_closed());
}
