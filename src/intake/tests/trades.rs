//! Trades as the fake account has them, and events of the stream about them.

use serde_json::{Value, json};

use super::*;

/// A position: its id, and when it closed at its target, if it did.
pub(super) type Row<'a> = (&'a str, Option<i64>);

/// A trade of one account that began at a second.
pub(super) fn trade(id: &str, born: i64, status: &str, positions: &[Row<'_>]) -> Value {
    let rows: Vec<Value> = match positions {
        [] => vec![position(id, &format!("{id}-p"), born, None)],
        _ => positions
            .iter()
            .map(|(name, closed)| position(id, name, born, *closed))
            .collect(),
    };
    json!({
        "id": id,
        "symbol": "XAUUSD",
        "direction": "buy",
        "status": status,
        "take_profits": [3347.0],
        "created_at": at(born).to_string(),
        "positions": rows,
        "account_label": "Main",
    })
}

/// The same trade when it ended at a second.
pub(super) fn over(mut trade: Value, second: i64) -> Value {
    trade["status"] = "closed_profit".into();
    trade["closed_at"] = at(second).to_string().into();
    trade["realized_pl"] = 12.5.into();
    trade
}

fn position(trade: &str, id: &str, born: i64, closed: Option<i64>) -> Value {
    let mut row = json!({
        "id": id,
        "metaapi_position_id": format!("{id}-broker"),
        "trade_id": trade,
        "symbol": "XAUUSD",
        "direction": "buy",
        "volume": 0.04,
        "entry_price": 3342.1,
        "stop_loss": 3332.0,
        "take_profit": 3347.0,
        "tp_level": 1,
        "status": "open",
        "opened_at": at(born).to_string(),
    });
    if let Some(closed) = closed {
        row["status"] = "closed".into();
        row["close_reason"] = "tp".into();
        row["close_price"] = 3347.06.into();
        row["realized_pl"] = 19.84.into();
        row["closed_at"] = at(closed).to_string().into();
    }
    row
}

/// An event of the stream about a trade.
pub(super) fn about(id: u64, second: i64, kind: &str, data: &Value) -> Beat {
    let payload = data.to_string();
    let mut event = event(id, second);
    event.kind = kind.into();
    event.data = DataAt::Json {
        start: 0,
        end: payload.len(),
    };
    event.payload = payload.into();
    Beat::Item(Item {
        cursor: cursor(id),
        what: What::Event(event),
    })
}

/// The stream tells that a trade was opened, with one position.
pub(super) fn opening(first: u64, second: i64, trade: &str) -> [Beat; 2] {
    let position = format!("{trade}-p");
    [
        about(
            first,
            second,
            "order_fill",
            &json!({ "position_id": position, "trade_id": trade, "symbol": "XAUUSD" }),
        ),
        about(
            first + 1,
            second,
            "trade_executed",
            &json!({ "trade_id": trade, "symbol": "XAUUSD", "status": "active" }),
        ),
    ]
}

/// What rang over REST: the types, in order.
pub(super) fn backfilled(world: &World) -> Vec<String> {
    let rung = world.disk.rung().into_iter();
    rung.filter(|event| event.backfilled)
        .map(|event| event.kind.to_string())
        .collect()
}

/// What a trade that opens and hits its target comes to.
pub(super) const WHOLE: [&str; 5] = [
    "order_fill",
    "trade_executed",
    "tp_hit",
    "position_closed",
    "trade_finalized",
];
