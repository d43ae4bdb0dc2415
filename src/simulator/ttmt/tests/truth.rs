//! REST says what the stream said, neither more nor less.
//!
//! Its own file because each test reads a whole stream by itself, with none of the ledger's code, and
//! holds every page of REST against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::super::world::Happening;
use super::*;

/// What a stream said of one trade.
#[derive(Debug, Default)]
struct Told {
    levels: BTreeSet<u64>,
    /// Hundredths by position.
    closed: BTreeMap<String, i64>,
    filled: BTreeSet<String>,
    /// Status and result, as they are printed.
    end: Option<(String, String)>,
}

/// What a stream said.
#[derive(Debug, Default)]
struct Story {
    trades: BTreeMap<String, Told>,
    prices: BTreeMap<String, String>,
    stops: BTreeMap<String, String>,
}

impl Story {
    fn tell(&mut self, kind: &str, data: &Value) {
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        if kind == "position_update" {
            self.prices
                .insert(text("id"), data["current_price"].to_string());
        }
        let trade = self.trades.entry(text("trade_id")).or_default();
        match kind {
            "order_fill" => {
                trade.filled.insert(text("position_id"));
                let (position, price) = (text("position_id"), data["entry_price"].to_string());
                self.prices.insert(position.clone(), price);
                self.stops.insert(position, data["stop_loss"].to_string());
            }
            "tp_hit" => {
                trade.levels.extend(data["tp_level"].as_u64());
            }
            "position_closed" => {
                trade.closed.insert(text("id"), cents(&data["realized_pl"]));
            }
            "breakeven_set" => {
                let stop = data["stop_loss"].to_string();
                self.stops.insert(text("position_id"), stop);
            }
            "trade_finalized" => {
                trade.end = Some((text("status"), data["realized_pl"].to_string()));
            }
            _ => {}
        }
    }

    fn open(&self) -> BTreeSet<&str> {
        let each = self.trades.values();
        let open = each.flat_map(|it| it.filled.iter().filter(|id| !it.closed.contains_key(*id)));
        open.map(String::as_str).collect()
    }
}

/// Hundredths, from the digits as they are printed.
fn cents(value: &Value) -> i64 {
    let printed = value.to_string();
    let (whole, part) = printed.split_once('.').expect("a decimal");
    assert_eq!(part.len(), 2, "{printed}");
    format!("{whole}{part}").parse().expect("digits")
}

/// Holds every page of REST against a story.
async fn judge(served: &Served, story: &Story) {
    let trades = served
        .all("/api/v1/trades?include=positions,orders", 7)
        .await;
    assert_eq!(trades.len(), story.trades.len(), "one row for each trade");
    for trade in &trades {
        let told = &story.trades[trade["id"].as_str().expect("an id")];
        for level in 1..=6 {
            let hit = &trade["tp_hits"][format!("tp{level}")];
            assert_eq!(hit, &Value::Bool(told.levels.contains(&level)), "{trade}");
        }
        match &told.end {
            Some((status, result)) => {
                assert_eq!(trade["status"], status.as_str());
                assert_eq!(trade["realized_pl"].to_string(), *result, "to the digit");
                assert_eq!(
                    cents(&trade["realized_pl"]),
                    told.closed.values().sum::<i64>()
                );
            }
            None => {
                assert_eq!(trade["status"], "active");
                assert!(trade["realized_pl"].is_null() && trade["closed_at"].is_null());
            }
        }
        let positions = trade["positions"].as_array().expect("positions");
        assert_eq!(positions.len(), told.filled.len());
        assert_eq!(
            trade["orders"].as_array().map(Vec::len),
            Some(told.filled.len())
        );
        for position in positions {
            let id = position["id"].as_str().expect("an id");
            assert_eq!(position["stop_loss"].to_string(), story.stops[id]);
            match told.closed.get(id) {
                Some(result) => {
                    assert_eq!(position["status"], "closed");
                    assert_eq!(cents(&position["realized_pl"]), *result);
                }
                None => {
                    assert_eq!(position["status"], "open");
                    assert_eq!(position["current_price"].to_string(), story.prices[id]);
                    assert!(position["realized_pl"].is_null());
                }
            }
        }
    }
    let open = served.read("/api/v1/positions").await.json();
    let open = open["data"].as_array().expect("a list");
    let ids: BTreeSet<&str> = open.iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!((ids, open.len()), (story.open(), story.open().len()));
    let signals = served.all("/api/v1/signals", 7).await;
    let ids = |rows: &[Value], path: &str| -> BTreeSet<String> {
        let each = rows.iter().map(|it| it.pointer(path));
        each.map(|id| id.expect("an id").to_string()).collect()
    };
    let (listed, followed) = (ids(&signals, "/id"), ids(&trades, "/signal/signal_id"));
    assert_eq!(listed, followed);
}

fn story<'a>(happened: impl IntoIterator<Item = &'a Happening>) -> Story {
    let mut story = Story::default();
    for happening in happened {
        let data = Value::Object(happening.data.clone());
        story.tell(happening.kind, &data);
    }
    story
}

#[tokio::test]
async fn after_any_number_of_steps_rest_equals_the_stream() {
    for (seed, steps) in [(1, 900), (2, 500), (3, 200)] {
        let served = Served::start(Options {
            seed,
            pace: Pace::Lively,
            ..quiet()
        })
        .await;
        let mut stream = served.stream("", &[]).await;
        served.handle.live(steps).await;
        let last = format!("id: {}\n", served.handle.next_id() - 1);
        let body = stream.read_while(|body| !body.contains(&last)).await;
        served.handle.close_stream().await;
        let (reply, _) = in_time(stream.end()).await;
        let body = reply.map_or(body, |reply| reply.body);
        let mut story = Story::default();
        for payload in payloads(&body) {
            let event: Value = serde_json::from_str(payload).expect("JSON");
            story.tell(event["type"].as_str().expect("a type"), &event["data"]);
        }
        assert!(story.trades.len() > 14, "too few for three pages");
        judge(&served, &story).await;
        served.finish().await;
    }
}

#[tokio::test]
async fn what_happens_while_nobody_listens_is_in_rest_all_the_same() {
    let served = Served::start(Options {
        seed: 4,
        pace: Pace::Lively,
        warm_start: true,
        ..quiet()
    })
    .await;
    let mut twin = World::new(Setup {
        accounts: Vec::new(),
        seed: 4,
        pace: Pace::Lively,
        warm_start: true,
    });
    let mut happened = twin.past();
    judge(&served, &story(&happened)).await;
    served.handle.live(150).await;
    served.handle.unavailable(Duration::from_secs(3_600)).await;
    served.handle.live(150).await;
    happened.extend((0..300).flat_map(|_| twin.step()));
    judge(&served, &story(&happened)).await;
    served.finish().await;
}
