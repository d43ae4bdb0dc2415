//! The two accounts of the same trades, held against each other in every order.
//!
//! The stream's account is the recorded one; REST's is written by hand from it.

mod accounts;
mod copies;
mod corners;
mod edges;
mod limits;
mod missed;
mod names;
mod spellings;
mod whole;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::model::{DataAt, Event};

/// The first recorded trade.
const GOLD: &str = "7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640";

/// Its four positions, in the order in which they were filled.
const POSITIONS: [&str; 4] = [
    "0d6a41f2-5c83-4be7-9f10-a2c7e9d4b381",
    "4b97e0c5-18fd-4a62-8d3e-f65b20a9c714",
    "a83c5d19-e7b0-4f24-b6a8-1d90c4e2f657",
    "f1e208b6-93ac-4d75-a05c-7b4e6d81c932",
];

/// Their ids at the broker.
const BROKER: [&str; 4] = ["512904471", "512904472", "512904473", "512906118"];

/// The targets that were hit.
const TARGETS: [f64; 2] = [3347.0, 3352.0];

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn source() -> Name {
    Name::new("ttmt").expect("a name")
}

fn empty() -> Picture {
    Picture::load(source(), &[])
}

/// A picture that has had its first look, at an account without trades.
fn followed() -> Picture {
    let mut picture = empty();
    picture.complete(Timestamp::UNIX_EPOCH);
    picture
}

/// A reading after everything that is recorded.
fn reading(since: Since) -> Reading {
    Reading {
        begun: time("2026-06-11T12:00:00Z"),
        at: time("2026-06-11T12:00:01Z"),
        since,
    }
}

/// A reading after a gap that began before everything that is recorded.
fn gap() -> Reading {
    reading(Since::Moment(time("2026-06-11T07:00:00Z")))
}

fn event(payload: &str) -> Event {
    let json: Value = serde_json::from_str(payload).expect("JSON");
    let data = json["data"].to_string();
    let told = json["timestamp"].as_str();
    Event {
        source: source(),
        id: None,
        kind: json["type"].as_str().expect("a type").into(),
        time: told.map(time),
        received: told.map_or(Timestamp::UNIX_EPOCH, time),
        backfilled: false,
        about: None,
        identity: None,
        data: DataAt::Json {
            start: 0,
            end: data.len(),
        },
        payload: Bytes::from(data),
    }
}

/// The recorded events whose line is one of these by its id.
fn recorded(wanted: impl Fn(u64) -> bool) -> Vec<Event> {
    let lines = include_str!("../../../tests/fixtures/events.jsonl").lines();
    let has_wanted_id = |line: &&str| {
        let json: Value = serde_json::from_str(line).expect("JSON");
        json["eventId"].as_u64().is_some_and(&wanted)
    };
    lines.filter(has_wanted_id).map(event).collect()
}

fn position(
    number: usize,
    level: u32,
    entry: &str,
    opened: &str,
    end: Option<(&str, &str, &str)>,
) -> Value {
    let figures: Value = serde_json::from_str(entry).expect("a number");
    let mut row = json!({
        "id": POSITIONS[number],
        "metaapi_position_id": BROKER[number],
        "trade_id": GOLD,
        "symbol": "XAUUSD",
        "direction": "buy",
        "volume": 0.04,
        "entry_price": figures,
        "stop_loss": 3332.0,
        "take_profit": TARGETS[level as usize - 1],
        "tp_level": level,
        "status": "open",
        "opened_at": opened,
        "account_id": "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
        "account_label": "Main Live",
        "currency": "USD",
    });
    if let Some((closed, price, profit)) = end {
        row["status"] = "closed".into();
        row["closed_at"] = closed.into();
        row["close_price"] = serde_json::from_str(price).expect("a number");
        row["realized_pl"] = serde_json::from_str(profit).expect("a number");
        row["close_reason"] = "tp".into();
    }
    row
}

/// The first recorded trade as REST shows it when all is over.
fn gold() -> Value {
    let first = "2026-06-11T08:05:12.900Z";
    let second = "2026-06-11T08:07:28.700Z";
    let opened = "2026-06-11T07:58:03.600Z";
    let mut fourth = position(
        3,
        2,
        "3339.35",
        "2026-06-11T08:01:51.000Z",
        Some((second, "3352.01", "37.98")),
    );
    let mut second_one = position(1, 2, "3342.10", opened, Some((second, "3352.0", "39.6")));
    second_one["stop_loss"] = serde_json::from_str("3342.3").expect("a number");
    fourth["stop_loss"] = serde_json::from_str("3342.30").expect("a number");
    json!({
        "id": GOLD,
        "symbol": "XAUUSD",
        "direction": "buy",
        "status": "closed_profit",
        "volume": 0.12,
        "entry_price": 3342.13,
        "stop_loss": 3332.0,
        "take_profits": [3347.0, 3352.0, 3360.0],
        "tp_hits": { "tp1": true, "tp2": true, "tp3": false, "tp4": false, "tp5": false, "tp6": false },
        "realized_pl": 116.86,
        "created_at": "2026-06-11T07:58:03.500Z",
        "closed_at": "2026-06-11T08:07:30.800Z",
        "signal": { "signal_id": "5f0c2a7e-8b1d-4e39-9a64-c7d3f1b20e85", "telegram_message_id": 18342 },
        "account_id": "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
        "account_label": "Main Live",
        "currency": "USD",
        "positions": [
            position(0, 1, "3342.1", opened, Some((first, "3347.06", "19.84"))),
            second_one,
            position(2, 1, "3342.18", opened, Some((first, "3347.04", "19.44"))),
            fourth,
        ],
    })
}

/// What the recorded first trade comes to, as REST can prove it, by type.
const PROVEN: [(&str, usize); 6] = [
    ("breakeven_set", 2),
    ("order_fill", 4),
    ("position_closed", 4),
    ("tp_hit", 4),
    ("trade_executed", 1),
    ("trade_finalized", 1),
];

fn kinds(found: &[Found]) -> Vec<(&'static str, usize)> {
    let mut counts = BTreeMap::new();
    for one in found {
        *counts.entry(one.kind()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

fn json_of(event: &Event) -> Value {
    serde_json::from_slice(&event.payload).expect("JSON")
}
