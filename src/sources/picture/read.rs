//! Reading the parts of a JSON object that the picture needs, in whichever spelling they come.
//!
//! A file of its own because the API documents few of its members and its envelope breaks its own
//! spelling rule, so every look-up is a tolerant one. It decides nothing about what it reads.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sources::decode;

/// Members that say when a position was closed.
pub(super) const CLOSED: &[&str] = &["closed_at", "close_time", "exit_time"];

/// A JSON object.
pub(super) type Members = Map<String, Value>;

/// Longest id that is kept, in bytes. A longer one is none.
const ID_BYTES_MAX: usize = 128;

/// Longest member that is kept, in bytes of JSON. A longer one is left out.
const MEMBER_BYTES_MAX: usize = 512;

/// Members of a trade that are kept.
pub(super) const TRADE: &[&str] = &[
    "symbol",
    "direction",
    "status",
    "volume",
    "entry_price",
    "stop_loss",
    "take_profits",
    "signal",
    "account_id",
    "account_label",
    "currency",
];

/// Members of a position that are kept.
pub(super) const POSITION: &[&str] = &[
    "symbol",
    "direction",
    "volume",
    "entry_price",
    "stop_loss",
    "take_profit",
    "tp_level",
    "signal",
    "account_id",
    "account_label",
    "currency",
];

/// Members that everything on an account has.
pub(super) const OWNER: &[&str] = &["signal", "account_id", "account_label", "currency"];

/// The first of some members that is there and not null, in snake case or else in camel case.
pub(super) fn get<'a>(members: &'a Members, keys: &[&str]) -> Option<&'a Value> {
    let there = |value: &&Value| !value.is_null();
    keys.iter().find_map(|key| {
        let snake = members.get(*key).filter(there);
        snake.or_else(|| members.get(&camel(key)).filter(there))
    })
}

/// An id: text, or a number as text.
pub(super) fn id(members: &Members, keys: &[&str]) -> Option<String> {
    let text = word(members, keys)?;
    (text.len() <= ID_BYTES_MAX).then_some(text)
}

/// A text or number, as text that is not empty.
pub(super) fn word(members: &Members, keys: &[&str]) -> Option<String> {
    let text = match get(members, keys)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A status, in the lower case that decisions are made on.
pub(super) fn status(members: &Members) -> Option<String> {
    word(members, &["status"]).map(|status| status.to_lowercase())
}

/// A moment.
pub(super) fn time(members: &Members, keys: &[&str]) -> Option<Timestamp> {
    decode::time(get(members, keys)?.as_str()?)
}

/// A number, near enough to compare it with another.
pub(super) fn number(members: &Members, keys: &[&str]) -> Option<f64> {
    match get(members, keys)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Whether a position is closed, by its status, else by what only a closed one has.
pub(super) fn is_closed(row: &Members) -> bool {
    match status(row).as_deref() {
        Some(status) if status.starts_with("open") || status.starts_with("partial") => false,
        Some(status) if status.starts_with("closed") => true,
        _ => get(row, CLOSED).is_some() || get(row, &["close_price"]).is_some(),
    }
}

/// A level of take profit, from 1.
pub(super) fn level(members: &Members) -> Option<u32> {
    let level = get(members, &["tp_level", "level"])?;
    let number = level.as_u64().or_else(|| level.as_str()?.parse().ok())?;
    u32::try_from(number).ok().filter(|level| is_level(*level))
}

/// Whether a number can be a level. The product has six; more than this is nonsense.
pub(super) fn is_level(number: u32) -> bool {
    (1..=99).contains(&number)
}

/// A member as events have it: a signal is its summary there, whatever more an object has of it.
pub(super) fn told(members: &Members, key: &str) -> Option<Value> {
    let value = get(members, &[key])?;
    let Some(signal) = value.as_object().filter(|_| key == "signal") else {
        return Some(value.clone());
    };
    let mut summary = Members::new();
    for (name, keys) in [
        ("signal_id", &["signal_id", "id"][..]),
        ("telegram_message_id", &["telegram_message_id"]),
    ] {
        let part = get(signal, keys);
        summary.extend(part.map(|part| (name.to_owned(), part.clone())));
    }
    Some(Value::Object(summary))
}

/// Keeps what an object says of some members; what it leaves out stays as it was.
pub(super) fn keep(from: &Members, keys: &[&str], into: &mut Members) -> bool {
    let mut changed = false;
    for key in keys {
        let Some(value) = told(from, key) else {
            continue;
        };
        if into.get(*key) != Some(&value) && value.to_string().len() <= MEMBER_BYTES_MAX {
            into.insert((*key).to_owned(), value);
            changed = true;
        }
    }
    changed
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}
