//! Accounts that do not fit together: bare ids, numbers that two brokers share, words in other cases.

use super::*;

fn since(moment: &str, begun: &str) -> Reading {
    Reading {
        begun: time(begun),
        at: time(begun),
        since: Since::Moment(time(moment)),
    }
}

/// The first recorded trade before anything of it has closed.
fn open_gold() -> Value {
    let mut open = gold();
    open["status"] = "active".into();
    open["tp_hits"] = json!({});
    open["closed_at"] = Value::Null;
    for row in open["positions"].as_array_mut().expect("rows") {
        let row = row.as_object_mut().expect("members");
        for key in ["closed_at", "close_price", "realized_pl", "close_reason"] {
            row.remove(key);
        }
        row.insert("status".to_owned(), "open".into());
    }
    open
}

#[test]
fn a_bare_id_of_a_position_that_is_gone_is_not_told_as_closed_before_its_trade_is_read() {
    let mut picture = followed();
    picture.hear(&event(&format!(
        r#"{{"type":"breakeven_set","timestamp":"2026-06-11T08:06:00Z","data":{{"position_id":"{}","signal":null}}}}"#,
        POSITIONS[1]
    )));
    assert_eq!(picture.see_positions(&[], &gap()), (vec![], vec![]));
    assert!(!picture.has_open());
    let found = picture.see_trade(&gold(), None, &gap());
    let expected = [
        ("breakeven_set", 1),
        ("order_fill", 4),
        ("position_closed", 4),
        ("tp_hit", 4),
        ("trade_executed", 1),
        ("trade_finalized", 1),
    ];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn a_number_that_two_brokers_share_costs_no_trade_its_past() {
    let mut picture = followed();
    for (trade, position, broker) in [("X", "x1", "77"), ("X", "x2", "78"), ("Y", "y1", "77")] {
        picture.hear(&event(&format!(
            r#"{{"type":"trade_executed","timestamp":"2026-06-11T08:00:00Z","data":{{"trade_id":"{trade}","symbol":"A","status":"active"}}}}"#
        )));
        picture.hear(&event(&format!(
            r#"{{"type":"order_fill","timestamp":"2026-06-11T08:00:00Z","data":{{"trade_id":"{trade}","position_id":"{position}","metaapi_position_id":"{broker}"}}}}"#
        )));
    }
    let shown: Vec<_> = picture
        .trades
        .values()
        .map(|trade| (trade.id.as_deref(), trade.positions.len(), trade.followed))
        .collect();
    assert_eq!(shown, [(Some("X"), 2, true), (Some("Y"), 1, true)]);
}

#[test]
fn two_halves_of_a_position_are_one_as_soon_as_both_ids_are_known() {
    let mut picture = followed();
    for payload in [
        format!(
            r#"{{"type":"trade_executed","timestamp":"2026-06-11T07:59:00Z","data":{{"trade_id":"{GOLD}","symbol":"XAUUSD","status":"active"}}}}"#
        ),
        format!(
            r#"{{"type":"tp_hit","timestamp":"2026-06-11T08:05:12.900Z","data":{{"trade_id":"{GOLD}","metaapi_position_id":"{}","tp_level":2}}}}"#,
            BROKER[1]
        ),
        format!(
            r#"{{"type":"breakeven_set","timestamp":"2026-06-11T08:05:13Z","data":{{"position_id":"{}","trade_id":"{GOLD}"}}}}"#,
            POSITIONS[1]
        ),
    ] {
        picture.hear(&event(&payload));
    }
    let found = picture.see_trade(&gold(), None, &gap());
    let counts: BTreeMap<_, _> = kinds(&found).into_iter().collect();
    assert_eq!((counts["breakeven_set"], counts["tp_hit"]), (1, 3));
    assert!(picture.open_trades(gap().at).is_empty());
}

#[test]
fn an_update_teaches_the_brokers_id() {
    let mut picture = followed();
    for payload in [
        format!(
            r#"{{"type":"breakeven_set","timestamp":"2026-06-11T08:05:13Z","data":{{"position_id":"{}","trade_id":"{GOLD}"}}}}"#,
            POSITIONS[1]
        ),
        format!(
            r#"{{"type":"position_update","timestamp":"2026-06-11T08:05:14Z","data":{{"id":"{}","metaapi_position_id":"{}","trade_id":"{GOLD}"}}}}"#,
            POSITIONS[1], BROKER[1]
        ),
        format!(
            r#"{{"type":"position_closed","timestamp":"2026-06-11T08:07:28.7Z","data":{{"metaapi_position_id":"{}","trade_id":"{GOLD}"}}}}"#,
            BROKER[1]
        ),
    ] {
        picture.hear(&event(&payload));
    }
    let found = picture.see_trade(&gold(), None, &gap());
    let counts: BTreeMap<_, _> = kinds(&found).into_iter().collect();
    assert_eq!(counts["position_closed"], 3);
}

#[test]
fn of_a_followed_trade_nothing_is_too_old_to_be_told() {
    let mut picture = followed();
    let early = since("2026-06-11T07:50:00Z", "2026-06-11T08:00:00Z");
    picture.see_trade(&open_gold(), None, &early);
    // All of it ended unheard, and was found only after a gap much later.
    let late = since("2026-06-11T08:30:00Z", "2026-06-11T08:31:00Z");
    let found = picture.see_trade(&gold(), None, &late);
    let expected = [
        ("position_closed", 4),
        ("tp_hit", 4),
        ("trade_finalized", 1),
    ];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn where_the_stream_tells_one_hit_for_a_level_rest_does_not_add_to_it() {
    let mut picture = followed();
    for event in recorded(|id| (201..=232).contains(&id) && id != 217) {
        picture.hear(&event);
    }
    let late = since("2026-06-11T08:30:00Z", "2026-06-11T08:31:00Z");
    assert_eq!(kinds(&picture.see_trade(&gold(), None, &late)), []);
}

#[test]
fn an_end_in_other_words_is_a_copy_all_the_same() {
    let mut picture = followed();
    picture.see_trade(&gold(), None, &gap());
    for status in ["", r#","status":"CLOSED_PROFIT""#] {
        let end = event(&format!(
            r#"{{"type":"trade_finalized","timestamp":"2026-06-11T08:07:30.8Z","data":{{"trade_id":"{GOLD}"{status}}}}}"#
        ));
        assert!(picture.hear(&end).copy, "{status}");
    }
}

#[test]
fn a_position_that_is_partly_closed_is_open_in_every_spelling() {
    for status in [
        "partial_closed",
        "PARTIAL_CLOSED",
        "Partially closed",
        "OPEN",
    ] {
        let mut trade = open_gold();
        let mut row = gold()["positions"][0].clone();
        row["status"] = status.into();
        row.as_object_mut().expect("members").remove("closed_at");
        trade["positions"] = json!([row]);
        let found = followed().see_trade(&trade, None, &gap());
        assert_eq!(
            kinds(&found),
            [("order_fill", 1), ("trade_executed", 1)],
            "{status}"
        );
    }
}

#[test]
fn a_trade_that_waits_was_not_placed_and_one_that_was_cancelled_is_over() {
    let waiting = json!({ "id": "n", "status": "pending", "created_at": "2026-06-11T08:00:00Z", "positions": [] });
    assert_eq!(kinds(&followed().see_trade(&waiting, None, &gap())), []);
    let mut cancelled = waiting;
    cancelled["status"] = "cancelled".into();
    cancelled["closed_at"] = "2026-06-11T08:01:00Z".into();
    let mut picture = followed();
    let found = picture.see_trade(&cancelled, None, &gap());
    assert_eq!(kinds(&found), [("trade_finalized", 1)]);
    assert!(picture.open_trades(gap().at).is_empty());
}

#[test]
fn a_trade_in_a_state_that_nobody_knows_is_not_asked_for_for_ever() {
    let mut picture = followed();
    let odd = json!({ "id": "odd", "status": "limbo", "created_at": "2026-06-11T08:00:00Z", "positions": [] });
    picture.see_trade(&odd, None, &gap());
    assert_eq!(picture.open_trades(gap().at), ["odd"]);
    let later = gap().at + SignedDuration::from_hours(8 * 24);
    assert!(picture.open_trades(later).is_empty());
}

#[test]
fn a_trade_that_is_over_leaves_no_position_open_that_it_does_not_list() {
    let mut picture = followed();
    for event in recorded(|id| (201..=207).contains(&id)) {
        picture.hear(&event);
    }
    let mut short = gold();
    short["positions"] = json!([]);
    picture.see_trade(&short, None, &gap());
    assert!(picture.open_trades(gap().at).is_empty());
}
