//! The ledger over the recorded events, and over single ones that bend the rules.
//!
//! Its own file because what is expected here was derived by hand from the recorded lines.

use serde_json::json;

use super::*;

const RECORDED: &str = include_str!("../../../tests/fixtures/events.jsonl");

const GOLD: &str = "7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640";
const EURO: &str = "d81b5a36-0e74-4c29-b9f3-68a2e7c1054d";

fn fold<'a>(lines: impl IntoIterator<Item = &'a str>) -> Ledger {
    let now = "2026-06-12T00:00:00Z".parse().expect("a time");
    let mut ledger = Ledger::default();
    for line in lines {
        ledger.fold(line.as_bytes(), now);
    }
    ledger
}

/// The recorded lines up to this event id.
fn until(last: u64) -> Ledger {
    let id = |line: &&str| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        event["eventId"].as_u64().is_none_or(|id| id <= last)
    };
    fold(RECORDED.lines().take_while(id))
}

fn trade(ledger: &Ledger, id: &str) -> Value {
    ledger.show(ledger.trade(id).expect("a trade"), Include::ALL)
}

/// What an object says under these paths, with every digit.
fn said(object: &Value, paths: &[&str]) -> Vec<String> {
    let found = paths.iter().map(|path| object.pointer(path));
    found
        .map(|it| it.map_or("missing".to_owned(), Value::to_string))
        .collect()
}

fn check(object: &Value, expected: &[(&str, &str)]) {
    let (paths, values): (Vec<&str>, Vec<&str>) = expected.iter().copied().unzip();
    assert_eq!(said(object, &paths), values, "{paths:?}");
}

#[test]
fn the_recorded_gold_trade_is_won_to_the_digit() {
    let ledger = until(259);
    let gold = trade(&ledger, GOLD);
    check(
        &gold,
        &[
            ("/symbol", r#""XAUUSD""#),
            ("/status", r#""closed_profit""#),
            ("/volume", "0.12"),
            ("/entry_price", "3342.13"),
            ("/stop_loss", "3332.0"),
            ("/take_profits", "[3347.0,3352.0,3360.0]"),
            ("/realized_pl", "116.86"),
            ("/orders_placed", "12"),
            ("/orders_filled", "4"),
            ("/error_code", "null"),
            ("/created_at", r#""2026-06-11T07:58:03.612Z""#),
            ("/updated_at", r#""2026-06-11T08:07:30.822Z""#),
            ("/closed_at", r#""2026-06-11T08:07:30.822Z""#),
            ("/signal/id", r#""5f0c2a7e-8b1d-4e39-9a64-c7d3f1b20e85""#),
            ("/account_label", r#""Main Live""#),
            ("/currency", r#""USD""#),
        ],
    );
    let hits =
        json!({"tp1": true, "tp2": true, "tp3": false, "tp4": false, "tp5": false, "tp6": false});
    assert_eq!(gold["tp_hits"], hits);
    // Filled for the third target, moved to the first, and closed there.
    check(
        &gold["positions"][2],
        &[
            ("/id", r#""a83c5d19-e7b0-4f24-b6a8-1d90c4e2f657""#),
            ("/status", r#""closed""#),
            ("/entry_price", "3342.18"),
            ("/take_profit", "3347.0"),
            ("/tp_level", "1"),
            ("/opened_at", r#""2026-06-11T07:58:03.702Z""#),
            ("/closed_at", r#""2026-06-11T08:05:13.002Z""#),
            ("/close_price", "3347.04"),
            ("/realized_pl", "19.44"),
            ("/close_reason", r#""tp""#),
            ("/signal/telegram_message_id", "18342"),
        ],
    );
    // Its stop went to the entry; the fourth one's event said no price.
    check(&gold["positions"][1], &[("/stop_loss", "3342.3")]);
    check(&gold["positions"][3], &[("/stop_loss", "3332.0")]);
    check(
        &gold["orders"][4],
        &[
            ("/id", r#""e6d37b92-0c4a-4815-bf6e-a950c7d1834f""#),
            ("/status", r#""cancelled""#),
            ("/layer", "3"),
            ("/position_id", "null"),
            ("/filled_at", "null"),
        ],
    );
}

#[test]
fn the_other_recorded_trades_end_as_they_were_told() {
    let ledger = until(259);
    let euro = trade(&ledger, EURO);
    check(
        &euro,
        &[
            ("/status", r#""closed_loss""#),
            ("/realized_pl", "-26.01"),
            ("/entry_price", "1.084195"),
            ("/positions/1/volume", "0.05"),
            ("/positions/1/realized_pl", "-9.3"),
            ("/account_label", r#""Prop 50K – Phase 2""#),
        ],
    );
    let by_hand = trade(&ledger, "3e69c0d7-f25b-4817-a4ce-b70d91e8f236");
    check(
        &by_hand,
        &[
            ("/stop_loss", "null"),
            ("/take_profits", "[]"),
            ("/signal", "null"),
            ("/orders", "[]"),
            (
                "/positions/0/id",
                r#""9ae1f653-7d0c-4b28-a94f-5c62b8e3d107""#,
            ),
            ("/positions/0/direction", r#""BUY""#),
            ("/positions/0/close_price", "196.73"),
        ],
    );
    let failed = trade(&ledger, "96a2f7b8-41dc-4e60-83b5-d5c8e20f17a9");
    check(
        &failed,
        &[
            ("/status", r#""failed""#),
            ("/realized_pl", "0"),
            ("/error_code", r#""MARKET_CLOSED""#),
            ("/entry_price", "null"),
            ("/signal/telegram_message_id", "2147483713"),
            ("/closed_at", r#""2026-06-11T08:18:21.002Z""#),
        ],
    );
    let runner = "b05d3c81-7f9a-4264-9ed1-14e6a8f7c2d3";
    check(
        &trade(&until(256), runner),
        &[
            ("/status", r#""needs_recovery""#),
            ("/realized_pl", "null"),
            ("/closed_at", "null"),
        ],
    );
    check(
        &trade(&ledger, runner),
        &[
            ("/status", r#""closed_timeout_cleanup""#),
            ("/realized_pl", "25.69"),
            ("/closed_at", r#""2026-06-11T08:38:44.402Z""#),
            ("/take_profits", "[3345.0,3340.0,null]"),
            ("/stop_loss", "3358"),
            ("/positions/0/stop_loss", "3347.5"),
            ("/positions/0/tp_level", "null"),
        ],
    );
    assert_eq!(ledger.trades.len(), 5);
    assert!(ledger.open_positions().is_empty());
}

#[test]
fn open_positions_are_as_they_were_last_told() {
    let ledger = until(241);
    let open: Vec<Value> = ledger.open_positions().iter().map(|it| it.json()).collect();
    let expected = r#"[{"id":"9ae1f653-7d0c-4b28-a94f-5c62b8e3d107","metaapi_position_id":"512911840","symbol":"GBPJPY","direction":"BUY","volume":0.05,"entry_price":196.42,"current_price":196.58,"unrealized_pl":5.09,"status":"open","trade_id":null,"signal":null,"account_id":"a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10","account_label":"Main Live","currency":"USD"}]"#;
    assert_eq!(Value::from(open).to_string(), expected);
    let ledger = until(237);
    let open = ledger.open_positions();
    assert_eq!(open.len(), 2);
    check(
        &open[1].json(),
        &[
            ("/status", r#""partial_closed""#),
            ("/volume", "0.05"),
            ("/unrealized_pl", "-5.76"),
        ],
    );
    check(
        &until(201).open_positions()[0].json(),
        &[("/current_price", "3342.1"), ("/unrealized_pl", "0")],
    );
}

#[test]
fn a_signal_waits_is_traded_and_is_over() {
    let check = |last: u64, id: &str, status: &str, over: bool| {
        let ledger = until(last);
        let signal = ledger.signal(id).expect("a signal");
        assert_eq!(signal.text("status"), Some(status), "{last}");
        assert_eq!(ledger.is_over(signal), over, "{last}");
    };
    let nasdaq = "84c1d7e9-30b6-4f5a-a8d2-67e09b3f15ca";
    check(245, nasdaq, "pending", false);
    check(246, nasdaq, "processed", true);
    let runner = "1b8e63f4-2a97-4d0c-b5e8-93a7c04d62fb";
    check(250, runner, "processed", false);
    check(256, runner, "processed", false);
    check(257, runner, "processed", true);
    let ledger = until(259);
    let fat = ledger.signal(runner).expect("a signal").fat_json();
    assert_eq!(fat["entry"].to_string(), "3350.4");
    let text = "🔔 XAUUSD SELL @ 3350.4\nSL 3358.0\nTP1 3345.0\nTP2 3340.0";
    assert_eq!(fat["text"], text);
    assert_eq!(ledger.signals.len(), 4);
}

#[test]
fn repeats_and_stale_updates_change_nothing() {
    let all = || RECORDED.lines();
    let (once, twice) = (fold(all()), fold(all().chain(all())));
    for id in once.trades.keys() {
        assert_eq!(trade(&once, id), trade(&twice, id));
    }
    assert!(twice.open_positions().is_empty(), "nothing is reopened");
}

#[test]
fn what_cannot_be_placed_is_left_out() {
    let ledger = fold([
        "not json",
        "[]",
        r#"{"type":"recycle"}"#,
        r#"{"type":"trade_executed"}"#,
        r#"{"type":"trade_executed","data":null}"#,
        r#"{"type":"trade_executed","data":{"account_id":"a"}}"#,
        r#"{"type":"trade_executed","data":{"account_id":"a","trade_id":7}}"#,
        r#"{"type":"trade_executed","data":{"trade_id":"t"}}"#,
        r#"{"type":"position_closed","data":{"account_id":"a","metaapi_position_id":"1"}}"#,
        r#"{"type":"position_update","data":{"id":"p"}}"#,
        r#"{"type":"tp_hit","data":{"account_id":"a","position_id":"p","tp_level":1}}"#,
        r#"{"type":"signal_received","data":{"account_id":"a"}}"#,
        r#"{"type":"engine_status","data":{"account_id":"a","trade_id":"t"}}"#,
    ]);
    assert_eq!((ledger.trades.len(), ledger.signals.len()), (0, 0));
    assert!(ledger.open_positions().is_empty());
    let bare = fold([r#"{"type":"trade_executed","data":{"account_id":"a","trade_id":"t"}}"#]);
    let created = trade(&bare, "t")["created_at"].clone();
    assert_eq!(created, "2026-06-12T00:00:00.000Z", "the time of arrival");
}

#[test]
fn the_oldest_that_are_over_go_first() {
    let event = |kind: &str, trade: usize| {
        format!(
            r#"{{"type":"{kind}","timestamp":"2026-06-11T08:00:00.{trade:06}Z","data":{{"trade_id":"{trade}","status":"failed","signal":{{"signal_id":"{trade}"}},"account_id":"a"}}}}"#
        )
    };
    let opened = event("trade_executed", 0);
    let closed: Vec<String> = (1..=KEPT_MAX + 2)
        .map(|it| event("trade_finalized", it))
        .collect();
    let ledger = fold(std::iter::once(opened.as_str()).chain(closed.iter().map(String::as_str)));
    assert_eq!(ledger.trades.len(), KEPT_MAX);
    assert_eq!(ledger.signals.len(), KEPT_MAX);
    let kept = |id: &str| (ledger.trade(id).is_some(), ledger.signal(id).is_some());
    assert_eq!(kept("0"), (true, true), "what is open stays");
    assert_eq!(kept("3"), (false, false));
    assert_eq!(kept("4"), (true, true));
}
