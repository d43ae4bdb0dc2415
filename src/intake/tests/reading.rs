//! What a reading asks for, so that nothing which may have changed is left out.

use std::collections::BTreeSet;

use serde_json::json;

use super::account::Asked;
use super::trades::{WHOLE, about, backfilled, opening, over, trade};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn looked() -> Beat {
    Beat::Pause(MINUTE)
}

/// The trades that were told to have ended.
fn ends(world: &World) -> BTreeSet<String> {
    let rung = world.disk.rung().into_iter();
    rung.filter(|event| &*event.kind == "trade_finalized")
        .map(|event| event.data_json().expect("data")["trade_id"].to_string())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn page_6_catching_up_also_reads_trades_that_were_open_when_contact_was_lost() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "t"));
    beats.push(Beat::End(End::Eof));
    let script = vec![open(beats), open([told(90, 500)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    // It is old by now, and a page has room for one: only who asks for it finds it.
    let newer = over(
        trade("newer", 300, "active", &[("newer-p", Some(310))]),
        311,
    );
    let mut more = over(trade("more", 60, "active", &[("more-p", Some(65))]), 66);
    more["created_at"] = at(40).to_string().into();
    world.account.set(vec![
        newer,
        more,
        over(trade("t", 50, "active", &[("t-p", Some(320))]), 321),
    ]);
    world.account.pages_of(1);
    world
        .until("the end of the open one", |world| {
            backfilled(world)
                .iter()
                .filter(|kind| *kind == "trade_finalized")
                .count()
                >= 2
        })
        .await;
    let ends: BTreeSet<String> = world
        .disk
        .rung()
        .iter()
        .filter(|event| &*event.kind == "trade_finalized")
        .map(|event| event.data_json().expect("data")["trade_id"].to_string())
        .collect();
    assert!(
        ends.contains("\"t\"") && ends.contains("\"newer\""),
        "{ends:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trade_that_is_not_there_any_more_is_asked_for_once() {
    let mut beats = vec![looked()];
    beats.extend(opening(1, 50, "gone"));
    beats.push(Beat::End(End::Eof));
    let script = vec![
        open(beats),
        open([told(90, 500), Beat::End(End::Eof)]),
        open([told(190, 600)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.pass(9 * MINUTE).await;
    let asked = world.account.questions();
    let count = asked
        .iter()
        .filter(|asked| **asked == Asked::Trade("gone".to_owned()))
        .count();
    assert_eq!(count, 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn rows_without_positions_have_them_asked_for() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 200)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let mut bare = over(trade("t", 100, "active", &[("t-p", Some(110))]), 111);
    let rows = bare["positions"].take();
    world.account.set(vec![bare]);
    *world.account.rows_of_trades.lock().expect("no panic") = rows;
    world
        .until("what was missed", |world| !backfilled(world).is_empty())
        .await;
    assert_eq!(backfilled(&world), WHOLE);
    let asked = world.account.questions();
    assert!(
        asked.contains(&Asked::TradePositions("t".to_owned())),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn page_6_an_open_trade_without_positions_is_read_as_well() {
    let placed = json!({ "trade_id": "t", "symbol": "XAUUSD", "status": "active" });
    let beats = [
        looked(),
        about(1, 50, "trade_executed", &placed),
        Beat::End(End::Eof),
    ];
    let script = vec![open(beats), open([told(90, 500)])];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    let mut failed = over(trade("t", 50, "active", &[]), 321);
    failed["status"] = "failed".into();
    failed["positions"] = json!([]);
    let newer = trade("newer", 300, "active", &[]);
    let older = trade("older", 20, "active", &[]);
    world.account.set(vec![newer, older, failed]);
    world.account.pages_of(1);
    world
        .until("its end", |world| ends(world).contains("\"t\""))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_position_whose_trade_no_list_shows_leads_to_it() {
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 500)]),
    ];
    let mut world = Setup::new(Kind::Ttmt, script).start();
    world.attempts(2).await;
    // A status that nobody knows is in no list of active ones, and the newest page is full.
    let hidden = trade("hidden", 60, "resting", &[]);
    let older = trade("older", 20, "active", &[]);
    world.account.set(vec![older, hidden]);
    world.account.pages_of(1);
    world.account.no_more_pages();
    world
        .until("its opening", |world| {
            let rung = world.disk.rung().into_iter();
            rung.filter(|event| event.backfilled)
                .any(|event| event.data_json().expect("data")["trade_id"] == "hidden")
        })
        .await;
    let asked = world.account.questions();
    assert!(
        asked.contains(&Asked::Trade("hidden".to_owned())),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn page_2_a_list_is_read_back_to_the_first_trade_that_was_known_and_no_further() {
    let old: Vec<_> = (0..50)
        .rev()
        .map(|number| trade(&format!("old{number}"), number, "closed_loss", &[]))
        .collect();
    let script = vec![
        open([looked(), told(5, 50), Beat::End(End::Eof)]),
        open([told(20, 500)]),
    ];
    let account = FakeAccount::with(old.clone());
    let mut world = Setup::new(Kind::Ttmt, script).account(account).start();
    world.attempts(2).await;
    let new = trade("new", 300, "active", &[]);
    world.account.set([vec![new], old].concat());
    world.account.pages_of(1);
    world.pass(5 * MINUTE).await;
    let asked = world.account.questions();
    let pages = asked
        .iter()
        .filter(|asked| matches!(asked, Asked::Trades(None, true, _)));
    assert_eq!(pages.count(), 2, "{asked:?}");
    assert_eq!(backfilled(&world), ["order_fill", "trade_executed"]);
}
