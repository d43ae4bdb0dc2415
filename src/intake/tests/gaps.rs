//! When REST is read: after everything that may have swallowed events, and at no other time.

use std::sync::atomic::Ordering;

use super::account::Asked;
use super::trades::{WHOLE, backfilled, opening, over, trade};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// So many readings were begun.
fn readings(world: &World) -> usize {
    let asked = world.account.questions().into_iter();
    asked.filter(|asked| *asked == Asked::Positions).count()
}

/// A source whose first look is over, before something else happens on its stream.
fn looked() -> Beat {
    Beat::Pause(MINUTE)
}

fn away(times: usize) -> impl Iterator<Item = Act> {
    (0..times).map(|_| refuse(End::NoHead))
}

/// A trade that came and went while the line was down.
fn missed() -> serde_json::Value {
    over(trade("t", 100, "active", &[("t-p", Some(110))]), 111)
}

async fn found(world: &mut World) {
    world
        .until("what was missed", |world| !backfilled(world).is_empty())
        .await;
    assert_eq!(backfilled(world), WHOLE);
}

#[tokio::test(start_paused = true)]
async fn the_first_look_is_silent_and_comes_once() {
    let account = FakeAccount::with(vec![missed(), trade("old", 1, "active", &[])]);
    let mut world = Setup::new(Kind::Ttmt, vec![]).account(account).start();
    world.pass(9 * MINUTE).await;
    assert_eq!(readings(&world), 1);
    assert!(world.disk.rung().is_empty());
    assert!(world.notices.is_empty(), "{:?}", world.notices);
    world.task.abort();
    let mut world = Setup::new(Kind::Ttmt, vec![])
        .disk(world.disk.survivor())
        .start();
    world.pass(MINUTE).await;
    let rest = world.account.questions();
    let first_looks = rest
        .iter()
        .filter(|asked| **asked == Asked::Trades(None, false, 0));
    assert_eq!(first_looks.count(), 0, "it is stored that it was made");
    assert_eq!(readings(&world), 1, "only what happened since is read");
    assert!(world.disk.rung().is_empty());
}

#[tokio::test(start_paused = true)]
async fn res_6_a_first_id_above_n_plus_1_is_a_gap_that_is_closed_and_told_once() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200), Beat::Pause(MINUTE), told(25, 210)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world.account.set(vec![missed()]);
    found(&mut world).await;
    world.pass(10 * MINUTE).await;
    let said = world.said("bellwire.gap");
    assert_eq!(said.len(), 1, "a hole in mid-stream is none: {said:?}");
    assert_eq!(
        (&said[0]["after"], &said[0]["first"]),
        (&"5".into(), &"20".into())
    );
    assert_eq!(said[0]["missing_ids"], 14);
    assert_eq!(said[0]["recovered"], 5);
    assert_eq!(said[0]["not_recovered"], 9);
    assert_eq!(said[0]["closed"], true);
    assert_eq!(said[0]["source"], "ttmt");
}

#[tokio::test(start_paused = true)]
async fn res_6_under_an_account_filter_ids_alone_raise_no_alarm() {
    let script = || {
        vec![
            open([looked(), told(5, 50), Beat::End(End::Eof)]),
            open([told(20, 200)]),
        ]
    };
    let mut setup = Setup::new(Kind::Ttmt, script());
    setup.filtered = true;
    let mut world = setup.start();
    world.pass(5 * MINUTE).await;
    assert_eq!(readings(&world), 2, "it is looked into");
    assert!(world.notices.is_empty(), "{:?}", world.notices);

    let mut setup = Setup::new(Kind::Ttmt, script());
    setup.filtered = true;
    let mut world = setup.start();
    world.attempts(2).await;
    world.account.set(vec![missed()]);
    found(&mut world).await;
    world.pass(MINUTE).await;
    assert_eq!(world.said("bellwire.gap").len(), 1, "something was missed");
}

#[tokio::test(start_paused = true)]
async fn res_7_an_outage_after_which_nothing_arrives_is_closed_within_a_minute() {
    let mut script = vec![open([looked(), told(5, 50), Beat::End(End::Eof)])];
    script.extend(away(6));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(8).await;
    world.account.set(vec![missed()]);
    let reconnected = Instant::now();
    found(&mut world).await;
    assert!(
        reconnected.elapsed() < MINUTE,
        "{:?}",
        reconnected.elapsed()
    );
    world.pass(10 * MINUTE).await;
    let said = world.said("bellwire.gap");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["missing_ids"], serde_json::Value::Null);
    assert!(said[0]["away_seconds"].as_u64() >= Some(20), "{}", said[0]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_was_replayed_whole_is_no_gap() {
    let mut script = vec![open([looked(), told(5, 50), Beat::End(End::Eof)])];
    script.extend(away(6));
    script.push(open([told(6, 60), told(7, 70)]));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.pass(9 * MINUTE).await;
    assert_eq!(world.disk.ids(), [5, 6, 7]);
    assert_eq!(readings(&world), 1, "the first look");
    assert!(world.said("bellwire.gap").is_empty());
}

#[tokio::test(start_paused = true)]
async fn ctrl_1_a_recycled_stream_is_no_gap_however_often_and_however_quiet() {
    let mut script = vec![open([looked(), told(5, 50), recycle()])];
    script.extend((0..30).map(|_| open([Beat::Pause(5 * MINUTE), recycle()])));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(30).await;
    assert_eq!(readings(&world), 1, "the first look");
    assert!(world.notices.is_empty());
}

#[tokio::test(start_paused = true)]
async fn res_4_ids_that_start_over_are_a_gap() {
    let script = vec![
        open([looked(), told(70, 50), Beat::End(End::Eof)]),
        open([told(1, 200)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world.account.set(vec![missed()]);
    found(&mut world).await;
    world.pass(MINUTE).await;
    assert_eq!(world.said("bellwire.epoch").len(), 1);
    assert_eq!(world.said("bellwire.gap").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ctrl_4_a_line_that_was_dead_until_its_age_gave_it_away_is_a_gap() {
    let script = vec![open([
        looked(),
        told(5, 50),
        Beat::Pause(4 * MINUTE),
        Beat::End(End::TooOld),
    ])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world.account.set(vec![missed()]);
    found(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_while_something_is_open_is_looked_into_once() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "t"));
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(2 * MINUTE).await;
    world.account.set(vec![over(
        trade("t", 50, "active", &[("t-p", Some(110))]),
        111,
    )]);
    world.pass(12 * MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
    let before = readings(&world);
    world.pass(180 * MINUTE).await;
    assert_eq!(readings(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_with_nothing_open_is_a_quiet_market() {
    let mut world = Setup::new(Kind::Ttmt, vec![]).start();
    world.pass(180 * MINUTE).await;
    assert_eq!(readings(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_from_cold_finds_what_happened_since_the_last_event() {
    let script = vec![open([looked(), told(5, 50)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .until("the event", |world| world.disk.ids() == [5])
        .await;
    world.task.abort();
    let disk = world.disk.survivor();
    let account = FakeAccount::with(vec![missed()]);
    let setup = Setup::new(Kind::Ttmt, vec![open([told(306, 400)])]);
    let mut world = setup.disk(disk).account(account).start();
    found(&mut world).await;
    world.pass(MINUTE).await;
    assert_eq!(world.said("bellwire.gap")[0]["missing_ids"], 300);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_without_a_picture_tells_only_what_is_known_to_be_newer() {
    // As after an update from a version that kept none.
    let disk = Disk::at(Cursor::At("5".to_owned()));
    disk.set_time(at(105));
    let older = over(trade("older", 1, "active", &[("older-p", Some(20))]), 21);
    let running = over(
        trade("running", 50, "active", &[("running-p", Some(110))]),
        111,
    );
    let account = FakeAccount::with(vec![running, older]);
    let script = vec![open([told(6, 120)])];
    let setup = Setup::new(Kind::Ttmt, script).disk(disk);
    let mut world = setup.account(account).start();
    world.pass(MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
}

#[tokio::test(start_paused = true)]
async fn feed_l9_a_cursor_that_is_refused_is_a_gap_and_told_with_what_was_found() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        refuse(status(400)),
        open([told(90, 200)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(3).await;
    world.account.set(vec![missed()]);
    found(&mut world).await;
    world.pass(MINUTE).await;
    let said = world.said("bellwire.gap");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["after"], "5");
}

#[tokio::test(start_paused = true)]
async fn without_backfill_nothing_is_asked_and_a_gap_is_told_as_open() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200)]),
    ];
    let mut setup = Setup::new(Kind::Ttmt, script);
    setup.backfill = false;
    let mut world = setup.start();
    world.pass(60 * MINUTE).await;
    assert!(world.account.questions().is_empty());
    let said = world.said("bellwire.gap");
    assert_eq!(said.len(), 1);
    assert_eq!(
        (&said[0]["missing_ids"], &said[0]["closed"]),
        (&14.into(), &false.into())
    );
}

#[tokio::test(start_paused = true)]
async fn while_rest_keeps_failing_the_gap_is_told_within_two_minutes_and_closed_later() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let noticed = Instant::now();
    world.account.status.store(500, Ordering::SeqCst);
    world.account.set(vec![missed()]);
    world
        .until("the notice", |world| !world.said("bellwire.gap").is_empty())
        .await;
    assert!(noticed.elapsed() <= 2 * MINUTE, "{:?}", noticed.elapsed());
    let said = world.said("bellwire.gap")[0].clone();
    assert_eq!(said["closed"], false);
    assert!(
        said["reason"].to_string().contains("answered 500"),
        "{said}"
    );
    world.pass(20 * MINUTE).await;
    world.account.status.store(200, Ordering::SeqCst);
    found(&mut world).await;
    world.pass(20 * MINUTE).await;
    assert_eq!(world.said("bellwire.gap").len(), 1, "once for each gap");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_does_not_keep_the_gap_from_being_told() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let noticed = Instant::now();
    world.account.delay.store(3_600_000, Ordering::SeqCst);
    world
        .until("the notice", |world| !world.said("bellwire.gap").is_empty())
        .await;
    assert!(noticed.elapsed() <= 2 * MINUTE, "{:?}", noticed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn auth_4_a_401_to_a_reading_stops_the_open_stream_too() {
    let script = vec![open([looked(), told(5, 50)])];
    let account = FakeAccount::refusing([401]);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.feed.attempts().len(), 1);
    assert_eq!(world.feed.open(), 0);
    assert_eq!(world.account.questions().len(), 1);
    assert_eq!(world.said("bellwire.auth_revoked").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn auth_5_a_403_to_a_reading_pauses_it_until_access_is_back() {
    let account = FakeAccount::refusing([403]);
    account.set(vec![missed()]);
    let mut world = Setup::new(Kind::Ttmt, vec![]).account(account).start();
    world.pass(10 * MINUTE).await;
    assert_eq!(
        world.said("bellwire.auth_revoked").len(),
        0,
        "the one probe was good"
    );
    assert!(world.source().connected);
    assert_eq!(readings(&world), 2, "the first look was made again");
}
