//! What a reading brings: everything that REST can prove, once, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::trades::{WHOLE, about, backfilled, opening, over, trade};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn looked() -> Beat {
    Beat::Pause(MINUTE)
}

#[tokio::test(start_paused = true)]
async fn res_8_after_a_gap_of_any_size_every_trade_has_its_end() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(2_000, 5_000)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let trades: Vec<_> = (0..250)
        .rev()
        .map(|number| {
            let born = 100 + number * 10;
            let row = trade(
                &format!("t{number}"),
                born,
                "active",
                &[("p", Some(born + 5))],
            );
            let mut row = over(row, born + 6);
            row["positions"][0]["id"] = format!("p{number}").into();
            row["positions"][0]["metaapi_position_id"] = format!("b{number}").into();
            row
        })
        .collect();
    world.account.set(trades);
    world.account.pages_of(30);
    world
        .until("all of it", |world| {
            backfilled(world).len() >= 250 * WHOLE.len()
        })
        .await;
    world.pass(10 * MINUTE).await;
    let rung = world.disk.rung();
    let ends: BTreeSet<String> = rung
        .iter()
        .filter(|event| &*event.kind == "trade_finalized")
        .map(|event| event.data_json().expect("data")["trade_id"].to_string())
        .collect();
    assert_eq!(ends.len(), 250);
    assert_eq!(backfilled(&world).len(), 250 * WHOLE.len(), "each once");
    let found = rung.iter().filter(|event| event.backfilled);
    let times: Vec<_> = found.filter_map(|event| event.time).collect();
    let page = &times[..30 * WHOLE.len()];
    assert!(page.is_sorted(), "in order on each page");
    assert_eq!(world.said("bellwire.gap")[0]["recovered"], 1_250);
}

#[tokio::test(start_paused = true)]
async fn res_9_events_that_arrive_during_the_first_reading_are_not_lost() {
    let mut beats: Vec<_> = opening(1, 10, "t").into();
    beats.push(Beat::Pause(Duration::from_secs(5)));
    beats.push(about(
        3,
        20,
        "tp_hit",
        &json!({ "trade_id": "t", "position_id": "t-p", "tp_level": 1 }),
    ));
    let account = FakeAccount::with(vec![over(
        trade("t", 10, "active", &[("t-p", Some(20))]),
        21,
    )]);
    account.delay.store(20_000, Ordering::SeqCst);
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)])
        .account(account)
        .start();
    world.pass(5 * MINUTE).await;
    let rung: Vec<_> = world
        .disk
        .rung()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        rung,
        [
            "order_fill".into(),
            "trade_executed".into(),
            "tp_hit".into()
        ] as [Arc<str>; 3]
    );
}

#[tokio::test(start_paused = true)]
async fn res_3_what_rest_told_first_is_not_rung_again_by_the_stream() {
    let copy = |id| {
        let data = json!({ "trade_id": "t", "position_id": "t-p", "tp_level": 1 });
        about(id, 110, "tp_hit", &data)
    };
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([
            told(20, 200),
            Beat::Pause(MINUTE),
            copy(21),
            copy(21),
            copy(22),
        ]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world.account.set(vec![over(
        trade("t", 100, "active", &[("t-p", Some(110))]),
        111,
    )]);
    world
        .until("the late copies", |world| {
            world.disk.checkpoint().high_id == Some(22)
        })
        .await;
    let hits: Vec<bool> = world
        .disk
        .rung()
        .iter()
        .filter(|event| &*event.kind == "tp_hit" && event.data != DataAt::Missing)
        .map(|event| event.backfilled)
        .collect();
    assert_eq!(hits, [true]);
    assert!(
        world.disk.ids().contains(&21),
        "a copy is stored all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_kill_interrupts_is_found_again_and_rung_once() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 5_000)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    world
        .until("the event", |world| world.disk.ids() == [5, 20])
        .await;
    let missed = vec![over(
        trade("t", 1_000, "active", &[("t-p", Some(1_010))]),
        1_011,
    )];
    world.account.set(missed.clone());
    world.disk.busy.send_replace(true);
    let before = world.disk.tries();
    world
        .until("the commit", |world| world.disk.tries() > before)
        .await;
    world.task.abort();
    let disk = world.disk.survivor();
    assert!(disk.rung().iter().all(|event| !event.backfilled));
    // The newest event that is known is long after the gap by now, and nothing more is missing.
    let account = FakeAccount::with(missed);
    let script = vec![open([told(21, 5_001), Beat::Pause(10 * MINUTE), recycle()])];
    let setup = Setup::new(Kind::Ttmt, script).disk(disk);
    let mut world = setup.account(account).start();
    world.pass(5 * MINUTE).await;
    assert_eq!(backfilled(&world), WHOLE);
    let disk = world.disk.survivor();
    world.task.abort();
    let mut world = Setup::new(Kind::Ttmt, vec![open([told(22, 5_002)])])
        .disk(disk)
        .start();
    world.pass(5 * MINUTE).await;
    assert!(
        world.account.questions().is_empty(),
        "the gap is closed for good"
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_9_what_happens_while_the_container_is_down_rings_within_seconds() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "t"));
    beats.push(Beat::End(End::Eof));
    let mut script = vec![open(beats)];
    script.extend((0..4).map(|_| refuse(status(503))));
    script.push(open([told(3, 500)]));
    let account = FakeAccount::with(vec![]);
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world
        .account
        .set(vec![trade("t", 50, "active", &[("t-p", None)])]);
    world.attempts(3).await;
    world.account.set(vec![over(
        trade("t", 50, "active", &[("t-p", Some(110))]),
        111,
    )]);
    let happened = Instant::now();
    world
        .until("the hit", |world| {
            backfilled(world).contains(&"tp_hit".to_owned())
        })
        .await;
    assert!(
        happened.elapsed() <= Duration::from_secs(12),
        "{:?}",
        happened.elapsed()
    );
    assert!(!world.source().connected, "the stream is still away");
    world
        .until("the stream", |world| world.source().connected)
        .await;
    world.pass(2 * MINUTE).await;
    let expected = ["tp_hit", "position_closed", "trade_finalized"];
    assert_eq!(backfilled(&world), expected);
    let said = world.said("bellwire.gap");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["recovered"], 3);
    assert!(
        said[0]["reason"].to_string().contains("container"),
        "{}",
        said[0]
    );
}

#[tokio::test(start_paused = true)]
async fn rate_1_catching_up_and_connecting_stay_within_the_allowance_together() {
    let mut script = vec![open([looked(), told(5, 50), Beat::End(End::Eof)])];
    for round in 0..20 {
        script.push(open([told(2_000 + round * 50, 5_000), Beat::End(End::Eof)]));
        script.push(refuse(status(409)));
        script.push(refuse(status(503)));
    }
    let mut world = Setup::new(Kind::Ttmt, script).start();
    let trades: Vec<_> = (0..400)
        .rev()
        .map(|number| trade(&format!("t{number}"), 100 + number, "active", &[]))
        .collect();
    world.account.set(trades);
    world.account.pages_of(10);
    world.attempts(50).await;
    let connects = world.feed.attempts().into_iter().map(|attempt| attempt.at);
    let asked = world.account.asked().into_iter().map(|asked| asked.0);
    let mut requests: Vec<_> = connects
        .chain(asked)
        .chain(world.account.probes())
        .collect();
    requests.sort();
    assert!(requests.len() > 100);
    for span in requests.windows(31) {
        assert!(span[30] - span[0] > MINUTE, "{span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn res_13_a_burst_in_a_gap_delays_no_control_event() {
    let mut beats: Vec<_> = (100..600).map(|id| told(id, 200)).collect();
    beats.push(recycle());
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open(beats),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.account.delay.store(10_000, Ordering::SeqCst);
    world.attempts(2).await;
    let opened = Instant::now();
    world.attempts(3).await;
    assert!(
        opened.elapsed() < Duration::from_secs(1),
        "{:?}",
        opened.elapsed()
    );
    assert_eq!(world.disk.ids().len(), 501);
}
