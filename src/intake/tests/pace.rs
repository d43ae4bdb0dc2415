//! How fast attempts follow each other, seen from the upstream.

use super::feed::REQUESTS_LEFT;
use super::*;
use crate::model::Failure;

const MINUTE: Duration = Duration::from_mins(1);

fn unreachable() -> Act {
    refuse(End::Unreachable(Failure::Refused))
}

#[tokio::test(start_paused = true)]
async fn feed_t1_an_end_leads_to_a_new_connection_after_the_servers_wish() {
    let wish = beat(What::Retry(Duration::from_secs(7)));
    let script = vec![
        open([wish, told(1, 1), told(2, 2), Beat::End(End::Eof)]),
        open([told(3, 3), Beat::End(End::Eof)]),
    ];
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(3).await;
    assert_eq!(world.waits(), [7, 7], "the wish outlives the connection");
}

#[tokio::test(start_paused = true)]
async fn feed_t2_waits_grow_up_to_a_cap_while_nothing_is_gained() {
    let script = (0..9).map(|_| unreachable()).collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(10).await;
    assert_eq!(world.waits(), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn err_5_undocumented_failures_are_retried_with_bounded_backoff() {
    let script = vec![
        unreachable(),
        refuse(status(500)),
        refuse(status(502)),
        refuse(End::NoHead),
        refuse(End::Unreachable(Failure::Reset)),
        refuse(status(504)),
        refuse(status(500)),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(8).await;
    assert_eq!(world.waits(), [1, 2, 4, 8, 16, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn feed_t3_a_connection_that_delivers_keeps_the_waits_small() {
    let script = (0..10)
        .map(|round| {
            open([
                told(2 * round + 1, 1),
                told(2 * round + 2, 1),
                Beat::End(End::Eof),
            ])
        })
        .collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(11).await;
    assert_eq!(world.waits(), [1; 10]);
}

#[tokio::test(start_paused = true)]
async fn feed_t3_a_connection_that_lived_a_minute_starts_the_waits_over() {
    let mut script: Vec<_> = (0..5).map(|_| unreachable()).collect();
    script.push(open([Beat::Pause(MINUTE), Beat::End(End::Eof)]));
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(7).await;
    assert_eq!(world.waits(), [1, 2, 4, 8, 16, 61]);
}

#[tokio::test(start_paused = true)]
async fn feed_t3_a_replay_is_no_progress() {
    let script = (0..5)
        .map(|_| open([told(1, 1), Beat::End(End::Eof)]))
        .collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(6).await;
    assert_eq!(world.waits(), [1, 2, 4, 8, 16]);
}

#[tokio::test(start_paused = true)]
async fn feed_t4_closing_right_after_200_is_a_failure() {
    let script = (0..9).map(|_| open([Beat::End(End::Eof)])).collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(10).await;
    assert_eq!(world.waits(), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn feed_t5_retry_after_is_a_lower_bound() {
    let script = vec![
        refuse(status_after(429, 7)),
        refuse(status_after(503, 90)),
        refuse(status_after(503, 100_000)),
    ];
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(4).await;
    assert_eq!(world.waits(), [7, 90, 3600]);
}

#[tokio::test(start_paused = true)]
async fn rate_2_after_a_429_of_the_stream_the_whole_key_rests() {
    let script = vec![refuse(status_after(429, 20)), refuse(status(429))];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(1).await;
    let asked = Instant::now();
    world.budget.permit().await.expect("the key is good");
    let rest = asked.elapsed();
    assert!(rest >= Duration::from_secs(19), "{rest:?}");
    world.attempts(3).await;
    assert!(world.waits()[0] >= 20, "{:?}", world.waits());
    assert!(world.waits()[1] >= 60, "{:?}", world.waits());
}

#[tokio::test(start_paused = true)]
async fn rate_3_what_the_stream_says_is_left_counts_for_the_whole_key() {
    let spent = End::Status(Refusal {
        status: 409,
        retry_after: None,
        problem: None,
        remaining: Some(0),
        body: String::new(),
    });
    let mut world = Setup::new(Kind::Ttmt, vec![refuse(spent)]).start();
    world.attempts(1).await;
    assert_eq!(world.budget.left(), Some(0));
    world.attempts(2).await;
    assert!(world.waits()[0] >= 61, "{:?}", world.waits());
    assert_eq!(world.budget.left(), Some(REQUESTS_LEFT));
}

#[tokio::test(start_paused = true)]
async fn rate_1_rate_4_connects_and_polls_together_stay_within_the_allowance() {
    let mut script: Vec<_> = (0..40).map(|_| open([recycle()])).collect();
    script.extend((0..40).map(|_| refuse(status(503))));
    script.extend((0..60).map(|_| refuse(status(409))));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(130).await;
    let connects = world.feed.attempts().into_iter().map(|attempt| attempt.at);
    let polls = world.account.asked().into_iter().map(|asked| asked.0);
    let mut requests: Vec<_> = connects.chain(polls).collect();
    requests.sort();
    for span in requests.windows(31) {
        assert!(span[30] - span[0] > MINUTE, "{span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn feed_t7_a_failed_connect_is_visible_at_once_and_while_retrying() {
    let script = (0..9).map(|_| unreachable()).collect();
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(1).await;
    for _ in 0..200 {
        let source = world.source();
        assert!(!source.connected);
        assert_eq!(source.last_end.as_deref(), Some("connection refused"));
        world.pass(Duration::from_millis(10)).await;
    }
    let activity = world.source().activity;
    assert_eq!(activity, "waiting 2.0 s: connection refused");
}

#[tokio::test(start_paused = true)]
async fn feed_t11_connects_to_one_host_are_limited_and_spread() {
    let gate = Gate::default();
    let mute = || vec![Act::Mute(Duration::from_secs(30))];
    let setups: Vec<_> = (0..5)
        .map(|_| Setup {
            gate: gate.clone(),
            ..Setup::new(Kind::Sse, mute())
        })
        .collect();
    let others: Vec<_> = (0..5).map(|_| gate.dial("feed.example")).collect();
    let mut worlds: Vec<_> = setups.into_iter().map(Setup::start).collect();
    drop(others);
    worlds[0].attempts(1).await;
    assert!(
        worlds[0].start.elapsed() >= Duration::from_millis(500),
        "the first connects are spread"
    );
    for _ in 0..100 {
        let dialling: usize = worlds.iter().map(|world| world.feed.open()).sum();
        assert!(dialling <= 2, "{dialling} at once");
        worlds[0].pass(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn feed_t11_a_source_that_is_alone_on_its_host_dials_at_once() {
    let mut world = Setup::new(Kind::Sse, vec![]).start();
    world.attempts(1).await;
    assert_eq!(world.feed.attempts()[0].at, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn feed_t12_a_stream_that_always_breaks_at_one_place_is_tried_slowly_and_reported() {
    let mut script = vec![open([told(1, 1), Beat::End(End::EofInEvent)])];
    script.extend((0..5).map(|_| open([Beat::End(End::EofInEvent)])));
    let mut world = Setup::new(Kind::Sse, script).start();
    world.attempts(7).await;
    assert_eq!(world.waits(), [1, 2, 60, 60, 60, 60]);
    let said = world.said("bellwire.source_lost");
    assert_eq!(said.len(), 1);
    assert!(said[0]["reason"].to_string().contains("same place"));
}

#[tokio::test(start_paused = true)]
async fn feed_r4_a_204_rests_the_source_with_that_reason() {
    for code in [204, 410] {
        let mut world = Setup::new(Kind::Sse, vec![refuse(status(code))]).start();
        world.pass(Duration::from_hours(24)).await;
        assert_eq!(world.feed.attempts().len(), 1);
        let fault = world.source().fault.expect("a fault");
        assert!(fault.contains(&code.to_string()), "{fault}");
    }
}
