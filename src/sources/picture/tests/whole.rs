//! What is known of a picture as a whole, and what it counts of its parts.

use super::*;
use crate::sources::picture::record::Told;

/// What it counts, held against what there is.
fn counts(picture: &Picture) -> (usize, usize) {
    let trades = picture.trades.values();
    let finished = trades.clone().filter(|trade| !trade.is_open()).count();
    let singles = trades.filter(|trade| trade.id.is_none()).count();
    assert_eq!((picture.finished, picture.singles), (finished, singles));
    (finished, singles)
}

/// The same picture after a restart.
fn restarted(picture: &mut Picture) -> Picture {
    Picture::load(source(), &picture.take_changes())
}

fn hear(picture: &mut Picture, kind: &str, data: &Value) {
    let told = json!({ "type": kind, "timestamp": "2026-06-11T08:00:00Z", "data": data });
    picture.hear(&event(&told.to_string()));
}

#[test]
fn what_is_known_of_the_whole_outlives_a_restart_and_is_written_when_it_changes() {
    let mut picture = empty();
    assert!(!picture.has_changed());
    let (early, late) = (time("2026-06-11T07:00:00Z"), time("2026-06-11T09:00:00Z"));
    picture.complete(late);
    picture.complete(early);
    picture.open_gap(late);
    picture.open_gap(early);
    picture.open_gap(late);
    let found = picture.see_trade(&gold(), None, &gap());
    picture.count(&found[0]);
    picture.count(&found[0]);
    let mut again = restarted(&mut picture);
    assert!(again.is_complete() && !again.has_changed());
    assert_eq!((again.looked(), again.gap()), (Some(late), Some(early)));
    let tally: Vec<_> = again.take_tally().into_iter().collect();
    assert_eq!(tally, [(found[0].kind().to_owned(), 2)]);
    assert!(again.has_changed(), "it is spoken of once");
    again.take_changes();
    assert!(again.take_tally().is_empty() && !again.has_changed());
    again.open_gap(late);
    assert!(!again.has_changed(), "it is as old as it was");
    again.neglect();
    assert!(!again.is_complete() && again.gap().is_none() && again.has_changed());
    again.take_changes();
    again.neglect();
    assert!(!again.has_changed());
    again.open_gap(late);
    again.take_changes();
    again.neglect();
    assert!(again.gap().is_none() && again.has_changed(), "a gap alone");
    again.open_gap(late);
    again.take_changes();
    again.close_gap();
    assert!(again.gap().is_none() && again.has_changed());
}

#[test]
fn finished_trades_and_single_positions_are_counted_as_they_come_and_go() {
    let mut picture = followed();
    picture.see_trade(&gold(), None, &gap());
    assert_eq!(counts(&picture), (1, 0));
    let open = json!({ "trade_id": "t", "symbol": "A", "status": "active" });
    hear(&mut picture, "trade_executed", &open);
    for number in 1..=3 {
        let single = json!({ "id": format!("p{number}"), "metaapi_position_id": format!("{number}"), "symbol": "A" });
        hear(&mut picture, "position_update", &single);
    }
    assert_eq!(counts(&picture), (1, 3));
    // A single position turns out to be one of a trade.
    let told = json!({ "trade_id": "t", "position_id": "p1", "metaapi_position_id": "1" });
    hear(&mut picture, "order_fill", &told);
    assert_eq!(counts(&picture), (1, 2));
    let over = json!({ "trade_id": "t", "symbol": "A", "status": "closed_loss" });
    hear(&mut picture, "position_closed", &told);
    hear(&mut picture, "trade_finalized", &over);
    assert_eq!(counts(&picture), (2, 2));
    let again = restarted(&mut picture);
    assert_eq!(counts(&again), (2, 2), "after a restart");
    // It goes on after all.
    hear(&mut picture, "trade_executed", &open);
    assert_eq!(counts(&picture), (1, 2));
    picture.forget(GOLD);
    assert_eq!(counts(&picture), (0, 2));
    picture.forget("t");
    assert_eq!(counts(&picture), (0, 2));
    let names = |place: &&String| place.starts_with("t:");
    assert_eq!(picture.index.values().filter(names).count(), 0);
    assert!(picture.take_changes().iter().any(|row| row.body.is_none()));
}

#[test]
fn a_trade_is_known_from_when_it_was_first_heard_of_until_it_is_forgotten() {
    let mut picture = followed();
    let (before, since) = (time("2026-06-11T07:59:59Z"), time("2026-06-11T08:00:00Z"));
    assert!(!picture.knew("t", since) && !picture.has_open());
    let open = json!({ "trade_id": "t", "symbol": "A", "status": "active" });
    hear(&mut picture, "trade_executed", &open);
    assert!(picture.knew("t", since) && !picture.knew("t", before));
    assert!(!picture.knew("u", since) && picture.has_open());
    assert!(picture.follows("t") && !picture.follows("u"));
    assert_eq!(picture.open_trades(since), ["t"]);
    picture.forget("t");
    assert!(!picture.knew("t", since) && !picture.follows("t") && !picture.has_open());
    assert!(picture.open_trades(since).is_empty());
}

#[test]
fn a_position_is_where_it_was_last_said_to_be_and_a_shared_number_where_it_was_first() {
    let mut picture = followed();
    let fill = |trade: &str, id: &str, broker: &str| json!({ "trade_id": trade, "position_id": id, "metaapi_position_id": broker });
    for (trade, id, broker) in [("X", "x1", "77"), ("X", "x2", "78"), ("Y", "y1", "77")] {
        hear(&mut picture, "order_fill", &fill(trade, id, broker));
    }
    let at = |picture: &Picture, name: &str| picture.index.get(name).cloned();
    assert_eq!(at(&picture, "b:77").as_deref(), Some("t:X"));
    assert_eq!(at(&picture, "i:y1").as_deref(), Some("t:Y"));
    // Every update of the same is passed over, and one that says otherwise is not.
    let update = |trade: &str| json!({ "id": "x2", "metaapi_position_id": "78", "trade_id": trade, "symbol": "A" });
    picture.take_changes();
    hear(&mut picture, "position_update", &update("X"));
    assert!(!picture.has_changed());
    hear(&mut picture, "position_update", &update("Z"));
    assert_eq!(at(&picture, "i:x2").as_deref(), Some("t:Z"));
    let positions = |key: &str| picture.trades[key].positions.len();
    assert_eq!(
        (positions("t:X"), positions("t:Y"), positions("t:Z")),
        (1, 1, 1)
    );
    let changed = picture.changed.iter().map(String::as_str);
    assert!(changed.eq(["t:X", "t:Z"]), "{:?}", picture.changed);
}

#[test]
fn who_has_told_is_stored_as_a_number_that_reads_back() {
    for told in [Told::No, Told::Before, Told::Stream, Told::Backfill] {
        assert_eq!(Told::from(u8::from(told)), told);
    }
    assert_eq!(Told::from(9), Told::Before, "of a later version");
}

#[test]
fn a_position_is_closed_by_its_status_else_by_what_only_a_closed_one_has() {
    for (row, is_closed) in [
        (json!({ "status": "closed_by_user" }), true),
        (json!({ "status": "open", "close_price": 1 }), false),
        (
            json!({ "status": "partially_closed", "closed_at": "2026-06-11T08:00:00Z" }),
            false,
        ),
        (json!({ "status": "odd", "close_price": 1 }), true),
        (json!({ "closed_at": "2026-06-11T08:00:00Z" }), true),
        (json!({ "status": "odd" }), false),
    ] {
        let members = row.as_object().expect("an object");
        assert_eq!(read::is_closed(members), is_closed, "{row}");
    }
}

#[test]
fn orders_that_were_filled_show_that_a_trade_was_placed_as_a_number_or_a_text() {
    for (filled, is_placed) in [
        (json!(1), true),
        (json!("2"), true),
        (json!(0), false),
        (json!("0"), false),
        (json!("none"), false),
        (Value::Null, false),
    ] {
        let shown = json!({ "id": "t", "status": "pending", "orders_filled": filled });
        let found = followed().see_trade(&shown, None, &gap());
        let placed = found.iter().any(|one| one.kind() == "trade_executed");
        assert_eq!(placed, is_placed, "{shown}");
    }
}

#[test]
fn what_was_found_tells_its_trade_and_its_own_position() {
    let found = followed().see_trade(&gold(), None, &gap());
    let closed = found
        .into_iter()
        .filter(|one| one.kind() == "position_closed");
    let mut told = Vec::new();
    for one in closed {
        let event = one.event(&source(), time("2026-06-11T12:00:01Z"));
        let about = event.about.as_ref().expect("it is known");
        let about: Value = serde_json::from_slice(about).expect("JSON");
        assert_eq!(about["trade"]["trade_id"], GOLD);
        let own = json_of(&event)["data"]["id"].clone();
        let position = about["position"].as_object().expect("its position");
        assert!(position.values().any(|value| *value == own), "{about}");
        told.extend(own.as_str().map(str::to_owned));
    }
    told.sort_unstable();
    assert_eq!(told, POSITIONS);
}
