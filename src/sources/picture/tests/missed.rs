//! What nobody told is found, once, in order, and in the stream's shape.

use super::*;

#[test]
fn res_8_a_trade_that_came_and_went_unheard_is_told_from_beginning_to_end() {
    let mut picture = followed();
    let found = picture.see_trade(&gold(), None, &gap());
    assert_eq!(kinds(&found), PROVEN);
    let order: Vec<&str> = found.iter().map(Found::kind).collect();
    assert_eq!(order.first(), Some(&"trade_executed"));
    assert_eq!(order.last(), Some(&"trade_finalized"));
    let again = picture.see_trade(&gold(), None, &gap());
    assert!(again.is_empty(), "found once: {again:?}");
    assert!(picture.open_trades(gap().at).is_empty());
}

#[test]
fn res_8_what_the_stream_told_is_not_found() {
    let mut picture = followed();
    for event in recorded(|id| (201..=232).contains(&id)) {
        assert!(!picture.hear(&event).copy, "{event:?}");
    }
    let found = picture.see_trade(&gold(), None, &gap());
    assert_eq!(kinds(&found), []);
}

#[test]
fn res_8_of_a_trade_that_was_heard_in_part_the_rest_is_found() {
    // Heard until the first update; the second layer, targets, breakevens and the end were missed.
    let mut picture = followed();
    for event in recorded(|id| (201..=207).contains(&id)) {
        picture.hear(&event);
    }
    assert_eq!(picture.open_trades(gap().at), [GOLD]);
    let found = picture.see_trade(&gold(), None, &gap());
    let expected = [
        ("breakeven_set", 2),
        ("order_fill", 1),
        ("position_closed", 4),
        ("tp_hit", 4),
        ("trade_finalized", 1),
    ];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn the_events_have_the_streams_shape_with_exact_figures_and_real_times() {
    let mut picture = followed();
    let found = picture.see_trade(&gold(), None, &gap());
    let events: Vec<Event> = found
        .into_iter()
        .map(|one| one.event(&source(), gap().at))
        .collect();
    for recorded in recorded(|id| matches!(id, 201 | 204 | 215 | 216 | 219 | 232)) {
        let data = recorded.data_json().expect("data");
        let position = data.get("position_id").or(data.get("id"));
        let twin = events.iter().find(|event| {
            let data = event.data_json().expect("data");
            event.kind == recorded.kind && data.get("position_id").or(data.get("id")) == position
        });
        let twin = twin.unwrap_or_else(|| panic!("no twin of {recorded:?}"));
        assert!(twin.backfilled && twin.id.is_none());
        let shape = json_of(twin);
        assert_eq!(shape["backfilled"], true);
        assert_eq!(twin.data_json().as_ref(), shape.get("data"));
        for (key, value) in shape["data"].as_object().expect("members") {
            match data.get(key) {
                Some(told) if key != "signal" => assert_eq!(value, told, "{key} of {shape}"),
                _ => {}
            }
        }
        let missing: Vec<&String> = data
            .as_object()
            .expect("members")
            .keys()
            .filter(|key| shape["data"].get(*key).is_none())
            .collect();
        let unproven = [
            "order_id",
            "metaapi_order_id",
            "order_type",
            "layer",
            "orders_placed",
            "orders_filled",
            "orders_cancelled",
        ];
        assert!(
            missing.iter().all(|key| unproven.contains(&key.as_str())),
            "{missing:?} of {shape}"
        );
        let late = recorded.time.zip(twin.time);
        let late = late.map(|(told, found)| told.duration_since(found));
        assert!(late.is_none_or(|late| late.as_secs() < 1), "{shape}");
    }
}

#[test]
fn tol_6_figures_keep_their_digits() {
    let mut picture = followed();
    let found = picture.see_trade(&gold(), None, &gap());
    let texts: Vec<String> = found
        .into_iter()
        .map(|one| json_of(&one.event(&source(), gap().at)).to_string())
        .collect();
    assert!(
        texts.iter().any(|text| text.contains("3342.30")),
        "{texts:#?}"
    );
}

#[test]
fn what_rest_tells_only_in_part_is_marked() {
    // Flags without positions: the levels are proven, nothing else about them is.
    let mut bare = gold();
    bare["positions"] = json!([]);
    let mut picture = followed();
    let found = picture.see_trade(&bare, None, &gap());
    let expected = [("tp_hit", 2), ("trade_executed", 1), ("trade_finalized", 1)];
    assert_eq!(kinds(&found), expected);
    let hit = found.into_iter().find(|one| one.kind() == "tp_hit");
    let hit = hit.expect("a hit").event(&source(), gap().at);
    let json = json_of(&hit);
    let partial = json!(["timestamp", "position_id", "close_price", "realized_pl"]);
    assert_eq!(json["partial"], partial);
    assert_eq!(hit.about_json()["partial"], partial);
    assert_eq!(hit.time, None);
    assert_eq!(json["data"]["tp_price"].to_string(), "3347.0");
}

#[test]
fn the_first_look_is_silent_about_the_past() {
    let mut picture = empty();
    let mut open = gold();
    open["status"] = "active".into();
    let found = picture.see_trade(&open, None, &reading(Since::Now));
    assert_eq!(kinds(&found), []);
    picture.complete(Timestamp::UNIX_EPOCH);
    let found = picture.see_trade(&gold(), None, &gap());
    assert_eq!(kinds(&found), [("trade_finalized", 1)], "only what is new");
}

#[test]
fn of_a_trade_that_is_older_than_the_gap_only_what_has_a_later_time_is_new() {
    let mut picture = followed();
    let since = Since::Moment(time("2026-06-11T08:07:00Z"));
    let mut late = gold();
    late["closed_at"] = "2026-06-11T08:20:00Z".into();
    for at in [1, 3] {
        late["positions"][at]["closed_at"] = "2026-06-11T08:20:00Z".into();
    }
    let found = picture.see_trade(&late, None, &reading(since));
    let expected = [
        ("position_closed", 2),
        ("tp_hit", 2),
        ("trade_finalized", 1),
    ];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn where_no_time_is_told_a_trade_is_new_only_if_all_that_was_open_is_known() {
    let mut timeless = gold();
    timeless
        .as_object_mut()
        .expect("members")
        .remove("created_at");
    timeless
        .as_object_mut()
        .expect("members")
        .remove("closed_at");
    timeless["positions"] = json!([]);
    let found = empty().see_trade(&timeless, None, &gap());
    assert_eq!(kinds(&found), []);
    let found = followed().see_trade(&timeless, None, &gap());
    assert!(!found.is_empty());
}

#[test]
fn res_12_an_end_after_a_needed_recovery_is_another_end_and_the_later_one_stays() {
    let mut picture = followed();
    let mut broken = gold();
    broken["status"] = "needs_recovery".into();
    broken["realized_pl"] = Value::Null;
    let ends = |found: Vec<Found>| {
        let ends = found
            .into_iter()
            .filter(|one| one.kind() == "trade_finalized");
        ends.count()
    };
    assert_eq!(ends(picture.see_trade(&broken, None, &gap())), 1);
    assert_eq!(picture.open_trades(gap().at), [GOLD], "it may still change");
    assert_eq!(ends(picture.see_trade(&gold(), None, &gap())), 1);
    assert_eq!(ends(picture.see_trade(&gold(), None, &gap())), 0);
    let about = picture
        .hear(&recorded(|id| id == 219)[0])
        .about
        .expect("names");
    let about: Value = serde_json::from_slice(&about).expect("JSON");
    assert_eq!(about["trade"]["status"], "closed_profit");
}

#[test]
fn res_5_an_older_account_of_a_trade_does_not_replace_a_newer_one() {
    let mut picture = followed();
    let ends = recorded(|id| matches!(id, 256 | 257));
    picture.hear(&ends[1]);
    picture.hear(&ends[0]);
    let about = picture
        .hear(&recorded(|id| id == 253)[0])
        .about
        .expect("names");
    let about: Value = serde_json::from_slice(&about).expect("JSON");
    assert_eq!(about["trade"]["status"], "closed_timeout_cleanup");
}

#[test]
fn a_trade_that_failed_before_any_order_was_not_placed() {
    let failed = json!({
        "id": "t", "status": "failed", "symbol": "NAS100", "error_code": "MARKET_CLOSED",
        "created_at": "2026-06-11T08:18:20Z", "positions": [],
    });
    let found = followed().see_trade(&failed, None, &gap());
    assert_eq!(kinds(&found), [("trade_finalized", 1)]);
}

#[test]
fn a_position_that_left_the_list_has_its_trade_read_and_a_single_one_is_told_as_closed() {
    let mut picture = followed();
    for event in recorded(|id| (201..=207).contains(&id) || id == 241) {
        picture.hear(&event);
    }
    let open: Vec<Value> = (0..3)
        .map(|number| position(number, 1, "3342.1", "2026-06-11T07:58:03Z", None))
        .collect();
    let single = recorded(|id| id == 241)[0].data_json().expect("data");
    let all: Vec<Value> = open.iter().cloned().chain([single]).collect();
    assert_eq!(picture.see_positions(&all, &gap()), (vec![], vec![]));

    let (found, unread) = picture.see_positions(&open[1..], &gap());
    assert_eq!(unread, [GOLD]);
    assert_eq!(kinds(&found), [("position_closed", 1)]);
    let event = found[0].clone().event(&source(), gap().at);
    let json = json_of(&event);
    assert_eq!(json["data"]["symbol"], "GBPJPY");
    assert_eq!(json["data"]["trade_id"], Value::Null);
    let partial = json!(["timestamp", "close_price", "realized_pl", "close_reason"]);
    assert_eq!(json["partial"], partial);
    let (found, _) = picture.see_positions(&open[1..], &gap());
    assert!(found.is_empty(), "told once");
}

#[test]
fn res_5_a_position_that_was_heard_after_the_request_left_is_not_gone() {
    let mut picture = followed();
    picture.hear(&recorded(|id| id == 241)[0]);
    let early = Reading {
        begun: time("2026-06-11T08:11:00Z"),
        ..gap()
    };
    assert_eq!(picture.see_positions(&[], &early), (vec![], vec![]));
}

#[test]
fn a_position_of_a_trade_that_is_not_known_has_the_trade_read() {
    let mut picture = followed();
    let row = position(0, 1, "3342.1", "2026-06-11T07:58:03Z", None);
    let (found, unread) = picture.see_positions(&[row], &gap());
    assert!(found.is_empty());
    assert_eq!(unread, [GOLD]);
}
