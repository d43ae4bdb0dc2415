//! Lists, their pages and their parameters, as the client's obligations about them are judged.
//!
//! Its own file because each test tells a small history first and then reads it through filters.

use serde_json::json;

use super::*;

const TRADES: &str = "/api/v1/trades";
const SIGNALS: &str = "/api/v1/signals";
const MAIN: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
const PROP: &str = "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93";
const CHANNEL: &str = "6ba1e0f4-95c7-4d32-8e1b-0f7c24a9d863";

/// Sends an event of this second.
async fn tell(served: &Served, kind: &str, second: u32, data: Value) {
    let timestamp = format!("2026-06-11T08:00:{second:02}.000Z");
    let event = json!({ "type": kind, "timestamp": timestamp, "data": data });
    served.handle.send_raw(event.to_string()).await;
}

/// Opens a trade with its signal.
async fn open(served: &Served, id: &str, second: u32, account: &str, symbol: &str) {
    let data = json!({
        "trade_id": id,
        "symbol": symbol,
        "signal": { "signal_id": format!("s{id}"), "telegram_message_id": second },
        "account_id": account,
    });
    tell(served, "trade_executed", second, data).await;
}

async fn finish(served: &Served, id: &str, second: u32, status: &str) {
    let data = json!({ "trade_id": id, "status": status, "account_id": MAIN });
    tell(served, "trade_finalized", second, data).await;
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["id"].as_str()).collect()
}

/// Asks for a list and compares the ids that it has.
async fn check(served: &Served, path: &str, expected: &[&str]) {
    let reply = served.read(path).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    let page = reply.json();
    let rows = page["data"].as_array().expect("a list");
    assert_eq!(names(rows), expected, "{path}");
}

/// Asks with a parameter that is wrong, twice.
async fn refused(served: &Served, path: &str) {
    for _ in 0..2 {
        let reply = served.read(path).await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        let kind = reply.json()["type"].clone();
        let expected = "https://telegramtometatrader.com/problems/invalid-parameter";
        assert_eq!(kind, expected, "{path}");
    }
}

#[tokio::test]
async fn page_1_cursors_are_keysets_that_cannot_be_made_up() {
    let served = Served::quiet().await;
    for second in 0..5 {
        open(&served, &format!("t{second}"), second, MAIN, "XAUUSD").await;
    }
    let first = served.get(&format!("{TRADES}?limit=2")).await.json();
    assert_eq!(names(first["data"].as_array().expect("rows")), ["t4", "t3"]);
    let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
    let url_safe = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    assert!(cursor.chars().all(url_safe), "{cursor}");
    open(&served, "t9", 9, MAIN, "XAUUSD").await;
    finish(&served, "t2", 9, "closed_loss").await;
    let next = format!("{TRADES}?limit=2&after={cursor}");
    check(&served, &next, &["t2", "t1"]).await;
    check(&served, &next, &["t2", "t1"]).await;
    for wrong in ["0", "MjAyNg", &cursor[1..], &format!("{cursor}%3D")] {
        refused(&served, &format!("{TRADES}?after={wrong}")).await;
        refused(&served, &format!("{SIGNALS}?after={wrong}")).await;
    }
    served.finish().await;
}

#[tokio::test]
async fn page_2_the_last_page_says_so_also_when_it_is_full() {
    let served = Served::quiet().await;
    for count in 0..3 {
        for limit in 1..=3 {
            let path = format!("{TRADES}?limit={limit}");
            let page = served.read(&path).await.json();
            assert_eq!(page["has_more"], count > limit, "{limit} of {count}");
            assert_eq!(page["next_cursor"].is_string(), count > limit);
            assert_eq!(served.all(TRADES, limit).await.len(), count);
        }
        open(&served, &format!("t{count}"), 1, MAIN, "XAUUSD").await;
    }
    served.finish().await;
}

#[tokio::test]
async fn page_3_a_limit_outside_1_to_100_is_refused_and_50_is_usual() {
    let served = Served::quiet().await;
    for number in 0..120 {
        open(&served, &format!("t{number:03}"), 1, MAIN, "XAUUSD").await;
    }
    for list in [TRADES, SIGNALS] {
        for (query, count) in [("", 50), ("?limit=100", 100), ("?limit=1", 1)] {
            let page = served.read(&format!("{list}{query}")).await.json();
            assert_eq!(page["data"].as_array().map(Vec::len), Some(count));
        }
        for wrong in ["0", "101", "-1", "ten", ""] {
            refused(&served, &format!("{list}?limit={wrong}")).await;
        }
    }
    served.finish().await;
}

#[tokio::test]
async fn page_4_cursors_and_times_are_not_taken_for_each_other() {
    let served = Served::quiet().await;
    for second in 1..=4 {
        open(&served, &format!("t{second}"), second, MAIN, "XAUUSD").await;
    }
    let first = served.get(&format!("{TRADES}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
    for list in [TRADES, SIGNALS] {
        refused(&served, &format!("{list}?after=2026-06-11T08:00:02Z")).await;
        refused(&served, &format!("{list}?after_date={cursor}")).await;
        refused(&served, &format!("{list}?before_date=yesterday")).await;
    }
    let window = "after_date=2026-06-11T08:00:02Z&before_date=2026-06-11T10:00:03%2B02:00";
    check(&served, &format!("{TRADES}?{window}"), &["t3", "t2"]).await;
    check(&served, &format!("{SIGNALS}?{window}"), &["st3", "st2"]).await;
    check(&served, &format!("{TRADES}?after_date=2026-06-12"), &[]).await;
    served.finish().await;
}

#[tokio::test]
async fn page_5_filters_take_uuids_and_known_words_only() {
    let served = Served::quiet().await;
    let received = json!({ "signal_id": "st1", "channel_id": CHANNEL, "account_id": MAIN });
    tell(&served, "signal_received", 0, received).await;
    let waiting = json!({ "signal_id": "alone", "channel_id": CHANNEL, "account_id": PROP });
    tell(&served, "signal_received", 9, waiting).await;
    open(&served, "t1", 1, MAIN, "XAUUSD").await;
    open(&served, "t2", 2, PROP, "XAUUSD.r").await;
    finish(&served, "t1", 3, "closed_profit").await;
    for (query, trades, signals) in [
        (format!("account_id={MAIN}"), &["t1"][..], &["st1"][..]),
        (
            format!("account_id={}", PROP.to_uppercase()),
            &["t2"],
            &["alone", "st2"],
        ),
        (format!("account_id={CHANNEL}"), &[], &[]),
        (format!("channel_id={CHANNEL}"), &["t1"], &["alone", "st1"]),
        (format!("channel_id={MAIN}"), &[], &[]),
        ("status=failed".to_owned(), &[], &[]),
        (
            "nothing=asked".to_owned(),
            &["t2", "t1"],
            &["alone", "st2", "st1"],
        ),
    ] {
        check(&served, &format!("{TRADES}?{query}"), trades).await;
        check(&served, &format!("{SIGNALS}?{query}"), signals).await;
    }
    check(&served, &format!("{TRADES}?status=closed_profit"), &["t1"]).await;
    check(&served, &format!("{TRADES}?symbol=XAUUSD"), &["t1"]).await;
    check(&served, &format!("{SIGNALS}?status=pending"), &["alone"]).await;
    check(
        &served,
        &format!("{SIGNALS}?symbol=x&include=x"),
        &["alone", "st2", "st1"],
    )
    .await;
    for list in [TRADES, SIGNALS] {
        for wrong in [
            "account_id=512904471",
            "channel_id=18342",
            "status=won",
            "status=",
        ] {
            refused(&served, &format!("{list}?{wrong}")).await;
        }
    }
    refused(&served, &format!("{TRADES}?status=processed")).await;
    refused(&served, &format!("{SIGNALS}?status=active")).await;
    refused(&served, &format!("{TRADES}?include=signal,fills")).await;
    refused(&served, "/api/v1/positions?account_id=512904471").await;
    served.finish().await;
}

#[tokio::test]
async fn page_6_an_old_trade_that_changed_is_found_by_its_status_only() {
    let served = Served::quiet().await;
    open(&served, "old", 0, MAIN, "XAUUSD").await;
    for second in 1..=3 {
        let id = format!("t{second}");
        open(&served, &id, second, MAIN, "XAUUSD").await;
        finish(&served, &id, second, "closed_loss").await;
    }
    let newest = format!("{TRADES}?limit=2");
    check(&served, &newest, &["t3", "t2"]).await;
    check(&served, &format!("{TRADES}?status=active"), &["old"]).await;
    finish(&served, "old", 9, "closed_profit").await;
    check(&served, &newest, &["t3", "t2"]).await;
    check(&served, &format!("{TRADES}?status=active"), &[]).await;
    let old = served.get(&format!("{TRADES}/old")).await.json();
    assert_eq!(old["status"], "closed_profit");
    served.finish().await;
}

#[tokio::test]
async fn rows_hold_what_is_included_and_sub_lists_hold_the_same() {
    let served = Served::quiet().await;
    served.handle.live(1).await;
    let id = served.get(TRADES).await.json()["data"][0]["id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let fat = served.get(&format!("{TRADES}/{id}")).await.json();
    let row = async |query: &str| {
        let rows = served.get(&format!("{TRADES}{query}")).await.json();
        let rows = rows["data"].as_array().expect("rows").clone();
        rows.into_iter()
            .find(|row| row["id"] == id.as_str())
            .expect("the row")
    };
    let bare = row("").await;
    assert!(bare.get("positions").is_none() && bare.get("orders").is_none());
    assert_eq!(bare["signal"]["signal_id"], fat["signal"]["id"]);
    assert_eq!(row("?include=signal,positions,orders").await, fat);
    assert_eq!(row("?include=orders").await["orders"], fat["orders"]);
    for part in ["positions", "orders"] {
        let list = served.get(&format!("{TRADES}/{id}/{part}")).await.json();
        assert_eq!(list, json!({ "data": fat[part] }));
        assert_eq!(fat[part].as_array().map(Vec::len), Some(3));
    }
    served.finish().await;
}
