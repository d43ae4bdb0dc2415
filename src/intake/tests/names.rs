//! Events that name what they are about by an id alone.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::account::Asked;
use super::trades::{about, opening, trade};
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn breakeven(id: u64, position: &str) -> Beat {
    about(
        id,
        60,
        "breakeven_set",
        &json!({ "position_id": position, "signal": null }),
    )
}

fn symbols(world: &World) -> Vec<Value> {
    let events = world.disk.rung().into_iter();
    events
        .filter(|event| &*event.kind == "breakeven_set")
        .map(|event| event.data_named().expect("data")["symbol"].clone())
        .collect()
}

fn asked_for_positions(world: &World) -> usize {
    let asked = world.account.questions().into_iter();
    asked.filter(|asked| *asked == Asked::Positions).count()
}

#[tokio::test(start_paused = true)]
async fn res_11_a_position_that_the_stream_told_of_lends_its_names() {
    let mut beats = vec![Beat::Pause(MINUTE)];
    beats.extend(opening(1, 50, "t"));
    beats.push(breakeven(3, "t-p"));
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world
        .until("all", |world| world.disk.ids() == [1, 2, 3])
        .await;
    assert_eq!(symbols(&world), ["XAUUSD"]);
    assert_eq!(asked_for_positions(&world), 1, "by the first look");
    let event = world.disk.events().pop().expect("the last");
    let data = event.data_json().expect("data");
    assert_eq!(data.get("symbol"), None, "the payload stays as it was");
    assert_eq!(event.about_json()["trade"]["id"], "t");
}

#[tokio::test(start_paused = true)]
async fn res_11_an_unknown_position_is_asked_for_before_its_event_is_routed() {
    let beats = [
        Beat::Pause(MINUTE),
        told(1, 40),
        breakeven(2, "new-p"),
        told(3, 70),
    ];
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(Duration::from_secs(30)).await;
    world.account.set(vec![trade("new", 30, "active", &[])]);
    world
        .until("all", |world| world.disk.ids() == [1, 2, 3])
        .await;
    assert_eq!(symbols(&world), ["XAUUSD"]);
    assert_eq!(asked_for_positions(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn res_11_a_trade_that_is_named_is_asked_for_itself() {
    let data = json!({ "position_id": "new-p", "trade_id": "new" });
    let beats = [Beat::Pause(MINUTE), about(1, 60, "breakeven_set", &data)];
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(Duration::from_secs(30)).await;
    world.account.set(vec![trade("new", 30, "active", &[])]);
    world.until("it", |world| world.disk.ids() == [1]).await;
    assert_eq!(symbols(&world), ["XAUUSD"]);
    let asked = world.account.questions();
    assert!(asked.contains(&Asked::Trade("new".to_owned())), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn res_11_what_nobody_knows_is_delivered_without_names_and_asked_for_once() {
    let beats = [
        Beat::Pause(MINUTE),
        breakeven(1, "unknown"),
        breakeven(2, "unknown"),
    ];
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world
        .until("both", |world| world.disk.ids() == [1, 2])
        .await;
    assert_eq!(symbols(&world), [Value::Null, Value::Null]);
    assert_eq!(asked_for_positions(&world), 2, "one look-up");
}

#[tokio::test(start_paused = true)]
async fn res_11_an_event_does_not_wait_for_names_for_long() {
    let beats = [Beat::Pause(MINUTE), breakeven(1, "slow"), told(2, 70)];
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(Duration::from_secs(30)).await;
    world.account.delay.store(3_600_000, Ordering::SeqCst);
    let before = Instant::now();
    world
        .until("both", |world| world.disk.ids() == [1, 2])
        .await;
    assert!(
        before.elapsed() < Duration::from_secs(40),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn names_are_looked_up_without_a_word_about_what_happened() {
    let data = json!({ "position_id": "new-p", "trade_id": "new" });
    let beats = [Beat::Pause(MINUTE), about(1, 60, "breakeven_set", &data)];
    let mut world = Setup::new(Kind::Ttmt, vec![open(beats)]).start();
    world.pass(Duration::from_secs(30)).await;
    world
        .account
        .set(vec![trade("new", 30, "active", &[("new-p", Some(50))])]);
    world.until("it", |world| world.disk.ids() == [1]).await;
    assert_eq!(world.disk.rung().len(), 1);
}
