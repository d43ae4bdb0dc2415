//! A picture does not grow with the age of the stream, nor with what a hostile one says.

use super::super::bounds::{FINISHED_KEPT, SINGLES_MAX, TRADES_MAX};
use super::*;

fn finished(number: usize) -> Value {
    json!({
        "id": format!("t{number}"), "status": "closed_loss",
        "created_at": "2026-06-11T09:00:00Z", "positions": [],
    })
}

#[test]
fn finished_trades_are_forgotten_in_time_and_on_disk_too() {
    let mut picture = followed();
    let mut stored = BTreeSet::new();
    for number in 0..2_000 {
        picture.see_trade(&finished(number), None, &gap());
        for row in picture.take_changes() {
            match row.body {
                Some(_) => stored.insert(row.key),
                None => stored.remove(&row.key),
            };
        }
    }
    assert!(
        picture.trades.len() <= FINISHED_KEPT * 5 / 4,
        "{}",
        picture.trades.len()
    );
    assert_eq!(
        stored.len(),
        picture.trades.len() + 1,
        "and the one about the whole"
    );
    assert!(picture.index.is_empty());
}

#[test]
fn open_trades_have_a_limit() {
    let mut picture = followed();
    for number in 0..TRADES_MAX + 100 {
        let trade = json!({ "id": format!("t{number}"), "status": "active", "positions": [] });
        picture.see_trade(&trade, None, &gap());
    }
    assert!(picture.trades.len() <= TRADES_MAX);
}

#[test]
fn positions_levels_ends_and_members_of_one_trade_have_limits() {
    let mut picture = followed();
    for number in 0..1_000 {
        let text = "x".repeat(10_000);
        picture.hear(&event(&format!(
            r#"{{"type":"tp_hit","data":{{"trade_id":"t","position_id":"p{number}","tp_level":{number},"symbol":"{text}"}}}}"#
        )));
        picture.hear(&event(&format!(
            r#"{{"type":"trade_finalized","data":{{"trade_id":"t","status":"closed_{number}"}}}}"#
        )));
    }
    let row = picture
        .take_changes()
        .into_iter()
        .find(|row| row.key == "t:t");
    let bytes = row.and_then(|row| row.body).expect("a row").len();
    assert!(bytes < 64 << 10, "{bytes}");
}

#[test]
fn a_row_that_cannot_be_read_is_left_out_and_rest_has_to_be_read_again() {
    let mut picture = followed();
    picture.see_trade(&finished(1), None, &gap());
    let mut rows = picture.take_changes();
    rows.push(PictureRow {
        key: "t:broken".to_owned(),
        body: Some(b"{".to_vec()),
    });
    let picture = Picture::load(source(), &rows);
    assert!(!picture.is_complete());
    assert_eq!(picture.trades.len(), 1);
}

#[test]
fn a_flood_of_single_positions_costs_no_trade_its_past() {
    let mut picture = followed();
    for event in recorded(|id| (201..=232).contains(&id)) {
        picture.hear(&event);
    }
    for number in 0..5_000 {
        picture.hear(&event(&format!(
            r#"{{"type":"position_update","timestamp":"2026-06-11T10:00:00Z","data":{{"id":"s{number}","metaapi_position_id":"b{number}","trade_id":null}}}}"#
        )));
    }
    assert!(
        picture.trades.len() <= SINGLES_MAX + 5,
        "{}",
        picture.trades.len()
    );
    assert!(picture.see_trade(&gold(), None, &gap()).is_empty());
}

#[test]
fn a_trade_that_was_forgotten_does_not_ring_again() {
    let mut picture = followed();
    for event in recorded(|id| (201..=232).contains(&id)) {
        picture.hear(&event);
    }
    for number in 0..TRADES_MAX + 10 {
        picture.hear(&event(&format!(
            r#"{{"type":"trade_executed","timestamp":"2026-06-11T10:00:00Z","data":{{"trade_id":"t{number}","status":"active"}}}}"#
        )));
    }
    assert!(!picture.trades.contains_key(&trade_key(GOLD)));
    let late = Reading {
        since: Since::Moment(time("2026-06-11T10:00:00Z")),
        ..gap()
    };
    let rows = picture.take_changes();
    assert!(picture.see_trade(&gold(), None, &late).is_empty());
    let mut picture = Picture::load(source(), &rows);
    assert!(
        picture.see_trade(&gold(), None, &late).is_empty(),
        "nor after a restart"
    );
}
