//! REST leaves most spellings open, so several are understood.

use super::*;

#[test]
fn levels_that_were_hit_are_read_in_every_spelling() {
    for flags in [
        json!({ "tp1": true, "tp2": false }),
        json!({ "tp1_hit": true }),
        json!({ "1": true, "2": null }),
        json!({ "TP1": true, "other": true, "tp999": true }),
    ] {
        let trade = json!({ "id": "t", "status": "active", "tp_hits": flags, "created_at": "2026-06-11T09:00:00Z" });
        let found = followed().see_trade(&trade, Some(&[]), &gap());
        let expected = [("tp_hit", 1), ("trade_executed", 1)];
        assert_eq!(kinds(&found), expected, "{trade}");
    }
}

#[test]
fn camel_case_and_upper_case_and_other_names_are_understood() {
    let trade = json!({
        "tradeId": "t", "status": "active", "createdAt": "2026-06-11T09:00:00Z",
        "takeProfits": [1.5, 2.5],
        "positions": [{
            "positionId": "p", "metaapiPositionId": "1", "direction": "SELL",
            "entryPrice": 3.0, "stopLoss": 3.0, "takeProfit": 2.5,
            "closeTime": "2026-06-11T09:10:00Z", "closePrice": 2.5, "closeReason": "Take Profit",
        }],
    });
    let found = followed().see_trade(&trade, None, &gap());
    let expected = [
        ("breakeven_set", 1),
        ("order_fill", 1),
        ("position_closed", 1),
        ("tp_hit", 1),
        ("trade_executed", 1),
    ];
    assert_eq!(kinds(&found), expected);
    let hit = found.into_iter().find(|one| one.kind() == "tp_hit");
    let data = json_of(&hit.expect("a hit").event(&source(), gap().at))["data"].clone();
    assert_eq!(data["tp_level"], 2, "by its price among the targets");
}

#[test]
fn a_signal_is_its_summary_however_much_of_it_is_shown() {
    let trade = json!({
        "id": "t", "status": "active", "created_at": "2026-06-11T09:00:00Z",
        "signal": { "id": "s", "telegram_message_id": 4294967297_u64, "text": "buy gold\n🚀".repeat(100) },
    });
    let found = followed().see_trade(&trade, Some(&[]), &gap()).remove(0);
    let data = json_of(&found.event(&source(), gap().at))["data"].clone();
    let summary = json!({ "signal_id": "s", "telegram_message_id": 4294967297_u64 });
    assert_eq!(data["signal"], summary);
}

#[test]
fn tol_5_words_that_nobody_knows_prove_nothing() {
    let trade = json!({
        "id": "t", "status": "pausing", "created_at": "2026-06-11T09:00:00Z",
        "positions": [{ "id": "p", "status": "sleeping", "direction": "sideways", "stop_loss": 1, "entry_price": 1 }],
    });
    let found = followed().see_trade(&trade, None, &gap());
    assert_eq!(kinds(&found), [("order_fill", 1), ("trade_executed", 1)]);
}

#[test]
fn a_stop_short_of_the_entry_is_no_breakeven() {
    for (direction, stop, set) in [
        ("buy", 3332.0, 0),
        ("buy", 3342.1, 1),
        ("sell", 3350.0, 0),
        ("sell", 3342.1, 1),
    ] {
        let mut row = position(0, 1, "3342.1", "2026-06-11T08:00:00Z", None);
        row["direction"] = direction.into();
        row["stop_loss"] = stop.into();
        let trade = json!({ "id": GOLD, "status": "active", "created_at": "2026-06-11T08:00:00Z", "positions": [row] });
        let found = followed().see_trade(&trade, None, &gap());
        let breakevens = found.iter().filter(|one| one.kind() == "breakeven_set");
        assert_eq!(breakevens.count(), set, "{direction} {stop}");
    }
}

#[test]
fn nonsense_in_place_of_a_trade_is_nothing() {
    let mut picture = followed();
    for nonsense in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "id": "" }),
        json!({ "id": {} }),
        json!({ "id": "x".repeat(1_000) }),
    ] {
        assert!(picture.see_trade(&nonsense, None, &gap()).is_empty());
        let rows = [nonsense.clone()];
        assert_eq!(picture.see_positions(&rows, &gap()), (vec![], vec![]));
    }
    let odd = json!({ "id": 7, "positions": [null, 3, {}], "tp_hits": [1], "take_profits": "x" });
    let found = picture.see_trade(&odd, None, &gap());
    assert_eq!(kinds(&found), [("trade_executed", 1)]);
}
