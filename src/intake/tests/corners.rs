//! Gaps in odd places: before the first event, across connections that die young, behind a poll, behind
//! one request that fails.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::account::Asked;
use super::trades::{WHOLE, about, backfilled, opening, over, trade};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn looked() -> Beat {
    Beat::Pause(MINUTE)
}

fn missed() -> Vec<serde_json::Value> {
    vec![over(
        trade("t", 1_000, "active", &[("t-p", Some(1_010))]),
        1_011,
    )]
}

fn dies_young() -> Act {
    open([Beat::Pause(Duration::from_secs(3)), Beat::End(End::Eof)])
}

#[tokio::test(start_paused = true)]
async fn res_7_an_outage_is_cleared_up_although_the_next_streams_die_young() {
    let mut script = vec![open([looked(), told(5, 50), Beat::End(End::Eof)])];
    script.extend((0..6).map(|_| refuse(End::NoHead)));
    script.extend([dies_young(), dies_young()]);
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(8).await;
    world.account.set(missed());
    world.pass(30 * MINUTE).await;
    assert_eq!(backfilled(&world), WHOLE);
}

/// What is on disk when a process ends behind a gap that it has not closed.
async fn left_open() -> Disk {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 5_000)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world
        .until("the event", |world| world.disk.ids() == [5, 20])
        .await;
    world.task.abort();
    world.disk.survivor()
}

/// Everything is found by a process that goes on from there and fares so at first.
async fn is_closed_after(first: Act) {
    let script = vec![first, open([told(21, 5_001)])];
    let account = FakeAccount::with(missed());
    let setup = Setup::new(Kind::Ttmt, script).disk(left_open().await);
    let mut world = setup.account(account).start();
    world.pass(30 * MINUTE).await;
    assert_eq!(backfilled(&world), WHOLE);
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_was_left_open_is_closed_although_the_first_stream_dies_young() {
    is_closed_after(dies_young()).await;
}

#[tokio::test(start_paused = true)]
async fn polls_know_of_a_gap_that_was_left_open() {
    is_closed_after(refuse(status(503))).await;
}

#[tokio::test(start_paused = true)]
async fn res_7_an_outage_before_the_first_event_is_a_gap_too() {
    let mut script = vec![open([looked(), Beat::End(End::Eof)])];
    script.extend((0..10).map(|_| refuse(End::NoHead)));
    let account = FakeAccount::with(vec![trade("t", -50, "active", &[("t-p", None)])]);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.attempts(5).await;
    let ended = over(trade("t", -50, "active", &[("t-p", Some(110))]), 111);
    world.account.set(vec![ended]);
    world.pass(30 * MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_found_is_committed_although_the_stream_comes_back_meanwhile() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "t"));
    beats.push(Beat::End(End::Eof));
    let mut script = vec![open(beats)];
    script.extend((0..4).map(|_| refuse(status(503))));
    let data = json!({ "trade_id": "t", "position_id": "t-p", "tp_level": 1 });
    let copy = about(21, 110, "tp_hit", &data);
    script.push(open([Beat::Pause(Duration::from_secs(1)), copy]));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .account
        .set(vec![trade("t", 50, "active", &[("t-p", None)])]);
    world.attempts(4).await;
    world.pass(Duration::from_secs(15)).await;
    world.disk.refusals.store(60, Ordering::SeqCst);
    world.account.set(vec![over(
        trade("t", 50, "active", &[("t-p", Some(110))]),
        111,
    )]);
    world.pass(60 * MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
}

#[tokio::test(start_paused = true)]
async fn backfill_that_is_turned_on_later_does_not_ring_the_past() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200), looked(), told(21, 900_000)]),
    ];
    let mut setup = Setup::new(Kind::Ttmt, script);
    setup.backfill = false;
    let mut world = setup.start();
    world
        .until("all events", |world| world.disk.ids() == [5, 20, 21])
        .await;
    world.task.abort();
    let old = (0..20).rev().map(|number| {
        let begin = 1_000 * number + 300;
        let position = format!("p{number}");
        let row = trade(
            &format!("t{number}"),
            begin,
            "active",
            &[(&position, Some(begin + 100))],
        );
        over(row, begin + 200)
    });
    let account = FakeAccount::with(old.collect());
    let setup = Setup::new(Kind::Ttmt, vec![open([told(22, 900_001)])]);
    let mut world = setup.disk(world.disk.survivor()).account(account).start();
    world.pass(10 * MINUTE).await;
    assert!(backfilled(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn err_5_the_first_look_is_whole_although_a_request_of_it_fails() {
    let account = FakeAccount::with(missed());
    account
        .refusals
        .lock()
        .expect("no panic")
        .extend([200, 500]);
    let mut world = Setup::new(Kind::Ttmt, vec![]).account(account).start();
    world.pass(9 * MINUTE).await;
    let newest = Asked::Trades(None, false, 0);
    let asked = world.account.questions();
    assert_eq!(asked.iter().filter(|asked| **asked == newest).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn err_5_a_trade_that_cannot_be_read_keeps_no_other_from_being_read() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "a"));
    beats.extend(opening(3, 51, "b"));
    beats.push(Beat::End(End::Eof));
    let script = vec![open(beats), open([told(90, 500)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let ended = |id: &str| {
        let position = format!("{id}-p");
        over(trade(id, 50, "active", &[(&position, Some(320))]), 321)
    };
    world.account.set(vec![ended("a"), ended("b")]);
    world.account.only_single_trades();
    world.account.broken("a");
    world
        .until("the end of the other", |world| backfilled(world).len() == 3)
        .await;
    world.pass(10 * MINUTE).await;
    let said = world.said("bellwire.gap");
    assert_eq!((said.len(), &said[0]["closed"]), (1, &false.into()));
    assert!(
        said[0]["reason"].to_string().contains("trade a"),
        "{}",
        said[0]
    );
    let asked = world.account.questions();
    let lists = asked.iter().filter(|asked| **asked == Asked::Positions);
    assert!(lists.count() <= 4, "only what failed is asked for again");
    world.account.broken("");
    world
        .until("the end of both", |world| backfilled(world).len() == 6)
        .await;
}

#[tokio::test(start_paused = true)]
async fn res_11_a_burst_of_unknown_ids_does_not_hold_up_what_comes_behind_it() {
    let mut beats = vec![looked()];
    for number in 0..40 {
        let data = json!({ "position_id": format!("u{number}"), "signal": null });
        beats.push(about(1 + number, 60, "breakeven_set", &data));
    }
    beats.push(told(100, 70));
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(MINUTE).await;
    let burst = Instant::now();
    world
        .until("the last", |world| world.disk.ids().contains(&100))
        .await;
    assert!(
        burst.elapsed() < Duration::from_secs(2),
        "{:?}",
        burst.elapsed()
    );
    let asked = world.account.questions().len();
    assert!(asked <= 4, "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_looked_for_over_rest() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "t"));
    beats.push(Beat::Item(Item {
        cursor: cursor(3),
        what: What::Skipped {
            bytes: 5 << 20,
            id: Some("3".to_owned()),
        },
    }));
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(Duration::from_secs(30)).await;
    world.account.set(vec![over(
        trade("t", 50, "active", &[("t-p", Some(60))]),
        61,
    )]);
    world.pass(5 * MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
}
