//! What the upstream says about the connection and the key: recycling, withdrawal, conflict, absence.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::account::Asked;
use super::trades::trade;
use super::*;
use crate::sources::ttmt_rest::Probe;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn ctrl_1_after_recycle_the_client_reconnects_at_once_from_the_last_id_without_alarm() {
    let script = (1..=5)
        .map(|id| open([Beat::Pause(5 * MINUTE), told(id, 1), recycle()]))
        .collect();
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(6).await;
    assert_eq!(world.waits(), [300; 5], "no wait beyond the stream's life");
    assert_eq!(world.feed.cursors()[5], Cursor::At("5".to_owned()));
    assert_eq!(world.disk.ids(), [1, 2, 3, 4, 5]);
    world.pass(3 * MINUTE).await;
    assert!(world.notices.is_empty(), "{:?}", world.notices);
    assert_eq!(world.feed.most_open(), 1);
}

#[tokio::test(start_paused = true)]
async fn ctrl_1_events_before_the_end_are_committed_before_the_next_connection() {
    let script = vec![open([told(1, 1), told(2, 2), recycle(), told(3, 3)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    assert_eq!(world.feed.cursors()[1], Cursor::At("3".to_owned()));
    let all = [1, 2, 3];
    assert_eq!(
        world.disk.ids(),
        all,
        "what comes before the server closes is heard"
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_2_a_control_event_without_an_id_leaves_the_cursor() {
    let script = vec![open([told(7, 1), recycle()]), open([recycle()])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(3).await;
    assert_eq!(
        world.feed.cursors()[1..],
        [Cursor::At("7".to_owned()), Cursor::At("7".to_owned())]
    );
}

/// After `auth_revoked` the probe answers like this; the world as it is an hour later.
async fn after_auth_revoked(answer: Probe) -> World {
    let script = vec![open([told(1, 1), auth_revoked()])];
    let account = FakeAccount::probed([answer]);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world
        .until("the probe", |world| !world.account.probes().is_empty())
        .await;
    world.pass(Duration::from_secs(50)).await;
    assert_eq!(world.account.probes().len(), 1, "exactly one probe decides");
    world
}

#[tokio::test(start_paused = true)]
async fn ctrl_3_auth_revoked_and_401_stops_everything() {
    let mut world = after_auth_revoked(Probe::Revoked).await;
    world.pass(24 * 60 * MINUTE).await;
    assert_eq!(world.feed.attempts().len(), 1);
    assert_eq!(world.account.probes().len(), 1);
    assert!(world.budget.is_closed());
    let said = world.said("bellwire.auth_revoked");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["cause"], "revoked");
    assert_eq!(said[0]["source"], "ttmt");
}

#[tokio::test(start_paused = true)]
async fn ctrl_3_auth_revoked_and_403_waits_for_access() {
    let mut world = after_auth_revoked(Probe::Suspended).await;
    assert_eq!(world.feed.attempts().len(), 1);
    assert_eq!(
        world.said("bellwire.auth_revoked")[0]["cause"],
        "access_disabled"
    );
    world.attempts(2).await;
    assert_eq!(world.account.probes().len(), 2, "the first 200 resumes");
    world
        .until("no fault", |world| world.source().fault.is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn ctrl_3_auth_revoked_and_200_is_a_normal_reconnect() {
    let world = after_auth_revoked(Probe::Valid).await;
    assert_eq!(world.feed.attempts().len(), 2);
    assert!(world.source().connected);
    assert!(world.notices.is_empty(), "{:?}", world.notices);
}

#[tokio::test(start_paused = true)]
async fn ctrl_3_a_probe_that_cannot_tell_is_not_repeated() {
    let world = after_auth_revoked(Probe::Unknown("answered 502".to_owned())).await;
    assert_eq!(
        world.feed.attempts().len(),
        2,
        "the stream itself will tell"
    );
}

#[tokio::test(start_paused = true)]
async fn auth_4_after_a_401_nothing_is_sent_until_the_configuration_changes() {
    let mut world = Setup::new(Kind::Ttmt, vec![refuse(status(401))]).start();
    world.pass(24 * 60 * MINUTE).await;
    assert_eq!(world.feed.attempts().len(), 1);
    assert!(world.account.probes().is_empty());
    assert!(world.budget.is_closed(), "no other caller uses the key");
    let fault = world.source().fault.expect("a fault");
    assert!(fault.contains("`api_key`"), "{fault}");
    assert_eq!(world.said("bellwire.auth_revoked").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn auth_5_after_a_403_probes_are_slow_and_the_first_200_resumes() {
    let account = FakeAccount::probed(vec![Probe::Suspended; 6]);
    let script = vec![refuse(status(403))];
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.attempts(2).await;
    let probes = world.account.probes();
    assert_eq!(probes.len(), 7);
    assert!(probes[0] >= MINUTE);
    let pauses: Vec<_> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= MINUTE), "{pauses:?}");
    assert!(pauses.last() >= Some(&(5 * MINUTE)), "{pauses:?}");
    assert!(!world.budget.is_closed(), "the key is kept");
    world
        .until("the stream", |world| world.source().connected)
        .await;
    assert_eq!(world.said("bellwire.auth_revoked").len(), 1, "said once");
}

#[tokio::test(start_paused = true)]
async fn auth_5_a_key_that_is_revoked_while_suspended_is_given_up() {
    let account = FakeAccount::probed([Probe::Suspended, Probe::Revoked]);
    let script = vec![refuse(status(403))];
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.account.probes().len(), 2);
    assert!(world.budget.is_closed());
    let causes: Vec<_> = world.said("bellwire.auth_revoked");
    let causes: Vec<_> = causes.iter().map(|data| &data["cause"]).collect();
    assert_eq!(causes, ["access_disabled", "revoked"]);
}

#[tokio::test(start_paused = true)]
async fn ctrl_6_an_end_without_control_event_reconnects_at_once_and_then_with_backoff() {
    let script = (0..8).map(|_| open([Beat::End(End::Eof)])).collect();
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(9).await;
    assert_eq!(world.waits(), [0, 1, 2, 4, 8, 16, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn ctrl_7_feed_t10_at_most_one_connection_exists_at_any_moment() {
    let script = vec![
        open([told(1, 1), recycle()]),
        open([told(2, 2), auth_revoked()]),
        open([told(3, 3), Beat::End(End::Eof)]),
        refuse(status(503)),
        Act::Mute(Duration::from_secs(30)),
        open([Beat::End(End::EofInEvent)]),
        refuse(status(409)),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(8).await;
    assert_eq!(world.feed.most_open(), 1);
}

#[tokio::test(start_paused = true)]
async fn ctrl_8_a_taken_slot_is_asked_for_again_and_reported_after_five_minutes() {
    let script = (0..80).map(|_| refuse(status(409))).collect();
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.pass(5 * MINUTE - Duration::from_secs(1)).await;
    let elsewhere = |world: &World| {
        let lost = world.said("bellwire.source_lost");
        let reasons = lost.iter().map(|data| data["reason"].to_string());
        reasons
            .filter(|reason| reason.contains("key in use elsewhere"))
            .count()
    };
    assert_eq!(elsewhere(&world), 0);
    world.attempts(80).await;
    assert_eq!(elsewhere(&world), 1);
    assert!(world.waits().iter().all(|wait| (3..=5).contains(wait)));
}

#[tokio::test(start_paused = true)]
async fn ctrl_9_while_the_container_is_down_the_rest_api_is_polled_within_the_budget() {
    let script = (0..20).map(|_| refuse(status(503))).collect();
    let account = FakeAccount::with(vec![trade("trd_1", 1, "active", &[])]);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.attempts(10).await;
    assert_eq!(world.waits(), [5, 10, 20, 40, 60, 60, 60, 60, 60]);
    let asked = world.account.asked();
    let newest = Asked::Trades(None, false, 0);
    for (what, every) in [(Asked::Positions, 10), (newest, 10), (Asked::Signals, 20)] {
        let times = asked.iter().filter(|asked| asked.1 == what);
        let times: Vec<_> = times.map(|asked| asked.0.as_secs()).collect();
        // The first look at the account comes before the polls and asks for some of the same.
        let steady = times[2..].windows(2).all(|pair| {
            // A poll may wait a moment for the key's allowance.
            (every..=every + 1).contains(&(pair[1] - pair[0]))
        });
        assert!(steady && times.len() > 10, "{what:?} at {times:?}");
    }
    let shown = world.source().poll.expect("shown");
    assert_eq!(
        shown,
        "1 open position, newest trade trd_1 XAUUSD active, newest signal sig_1 pending"
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_9_polling_stops_when_the_stream_is_back() {
    let mut script = vec![refuse(status(503)), refuse(status(503))];
    script.push(open([Beat::Pause(10 * MINUTE), Beat::End(End::Eof)]));
    script.extend((0..9).map(|_| refuse(End::NoHead)));
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world
        .until("the stream", |world| world.source().connected)
        .await;
    assert_eq!(world.source().poll, None);
    let signals = |world: &World| {
        let asked = world.account.questions().into_iter();
        asked.filter(|asked| *asked == Asked::Signals).count()
    };
    let polls = signals(&world);
    assert!(polls > 0);
    world.attempts(12).await;
    assert_eq!(
        signals(&world),
        polls,
        "another loss is none of the container"
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_9_a_poll_that_meets_a_401_or_403_is_heeded() {
    let down = || vec![refuse(status(503)), refuse(status(503))];
    let revoked = FakeAccount::refusing([401]);
    let mut world = Setup::new(Kind::Ttmt, down()).account(revoked).start();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.feed.attempts().len(), 1);
    assert!(world.budget.is_closed());

    let suspended = FakeAccount::refusing([403]);
    let mut world = Setup::new(Kind::Ttmt, down()).account(suspended).start();
    world.attempts(2).await;
    assert!(world.waits()[0] >= 60);
    assert_eq!(world.account.probes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn err_4_a_poll_that_is_refused_as_it_is_is_not_repeated() {
    let script = (0..20).map(|_| refuse(status(503))).collect();
    let account = FakeAccount::default();
    account.positions_status.store(404, Ordering::SeqCst);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.attempts(8).await;
    let asked = world.account.questions();
    let positions = asked.iter().filter(|asked| **asked == Asked::Positions);
    assert_eq!(positions.count(), 2, "by the first look and by one poll");
    assert!(asked.len() > 20, "the others go on");
}

#[tokio::test(start_paused = true)]
async fn ctrl_10_on_shutdown_the_stream_is_closed_at_once() {
    let mut world = Setup::new(Kind::Ttmt, vec![open([told(1, 1)])]).start();
    world
        .until("an event", |world| !world.disk.ids().is_empty())
        .await;
    assert_eq!(world.feed.open(), 1);
    let before = Instant::now();
    world.stop.cancel();
    (&mut world.task).await.expect("no panic");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(world.feed.open(), 0);
    assert_eq!(world.source().activity, "stopped");
}

#[tokio::test(start_paused = true)]
async fn a_plain_feed_that_refuses_its_credentials_says_so_once_until_it_is_open_again() {
    let refused = |code| refuse(status(code));
    let mut script: Vec<_> = [401, 403, 401, 503, 403].map(refused).into();
    script.push(open([told(1, 1), Beat::End(End::Eof)]));
    script.extend([401, 401].map(refused));
    let mut world = Setup::new(Kind::Sse, script).start();
    for (attempts, times) in [(1, 0), (3, 1), (7, 1), (9, 2)] {
        world.attempts(attempts).await;
        let said = world.said("bellwire.auth_revoked");
        assert_eq!(said.len(), times, "after {attempts} attempts");
        for said in said {
            assert_eq!(said["cause"], "refused");
            let reason = said["reason"].as_str().expect("a text");
            assert!(
                reason.ends_with("check the credentials in `headers`"),
                "{reason}"
            );
        }
    }
}
