//! Single events out of nowhere, for faults that need some: bursts, oversized ones, unknown types.
//!
//! Its own file because they are no part of the world: they concern a position opened by hand that
//! nobody else hears of, so sending them breaks none of the world's promises.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::world::{Account, envelope, owned};

/// An event of this type; `tp_hit` has the fields of one, every other type those of an update.
pub(super) fn event(kind: &str, id: u64, now: Timestamp, account: &Account) -> Bytes {
    envelope(kind, id, now, &data(kind, id, account))
}

/// An update whose payload has this many bytes, unless that is too few for one.
pub(super) fn oversized(bytes: usize, id: u64, now: Timestamp, account: &Account) -> Bytes {
    let mut data = data("position_update", id, account);
    data.insert("padding".to_owned(), "".into());
    let short = envelope("position_update", id, now, &data).len();
    let padding = "x".repeat(bytes.saturating_sub(short));
    data.insert("padding".to_owned(), padding.into());
    envelope("position_update", id, now, &data)
}

/// An event of a type that nobody documented and that belongs to no account.
pub(super) fn unknown(kind: &str, id: u64, now: Timestamp) -> Bytes {
    let fields = [
        ("status", "degraded"),
        ("component", "metaapi"),
        ("message", "Reconnecting"),
    ];
    let data = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
    envelope(kind, id, now, &Map::from_iter(data))
}

fn data(kind: &str, id: u64, account: &Account) -> Map<String, Value> {
    let position = format!("00000000-0000-4000-8000-{:012x}", id & 0xffff_ffff_ffff);
    let fields = if kind == "tp_hit" {
        json!({
            "trade_id": null,
            "position_id": position,
            "metaapi_position_id": format!("9{id:08}"),
            "symbol": "XAUUSD",
            "direction": "buy",
            "tp_level": 1,
            "tp_price": 3347.0,
            "close_price": 3347.04,
            "volume": 0.04,
            "realized_pl": 19.84,
        })
    } else {
        json!({
            "id": position,
            "metaapi_position_id": format!("9{id:08}"),
            "symbol": "XAUUSD",
            "direction": "buy",
            "volume": 0.04,
            "entry_price": 3342.1,
            "current_price": 3343.9,
            "unrealized_pl": 7.2,
            "status": "open",
            "trade_id": null,
        })
    };
    owned(fields, Value::Null, account)
}
