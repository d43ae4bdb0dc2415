//! The wording of event types that nobody described: whatever the data holds, in its own words.
//!
//! A file of its own so that any feed reads well without templates. It takes the data's plain values in
//! their order and leaves out what is nested.

use serde_json::Value;

use super::Tone;
use super::data::{Data, is_uuid, joined, scalar, short_id};
use super::draft::Draft;
use super::text;
use crate::model::{DataAt, Event};

/// Most details that are listed; more is a page, not an alert.
const DETAILS_MAX: usize = 8;

/// Longest event type, label and value, in code points.
const KIND_MAX: usize = 64;
const LABEL_MAX: usize = 40;
const VALUE_MAX: usize = 200;

/// Fields that the title or the last line already shows, and ids that tell a person nothing.
const SHOWN: [&str; 8] = [
    "symbol",
    "direction",
    "currency",
    "account_label",
    "account_id",
    "trade_id",
    "type",
    "timestamp",
];

/// The wording of an event of any type.
pub(super) fn draft(event: &Event, json: Option<&Value>, data: &Data<'_>) -> Draft {
    let instrument = data.instrument();
    let from = text::line(event.source.as_str(), KIND_MAX);
    let draft = Draft::new(spoken(&event.kind), Tone::Neutral, "bell")
        .news(instrument.or(Some(from)))
        .news(data.money("realized_pl"));
    let draft = match json {
        Some(Value::Object(_)) => remaining(draft, data, &["realized_pl"]),
        Some(Value::String(words)) if event.data == DataAt::Text => {
            draft.detail("Message", Some(text::line(words, 2000)))
        }
        Some(value) => draft.detail("Data", plain(value)),
        None => draft,
    };
    draft.place(data)
}

/// Lists the plain values of the data that `used` does not name.
pub(super) fn remaining(draft: Draft, data: &Data<'_>, used: &[&str]) -> Draft {
    data.fields()
        .filter(|(key, _)| !used.contains(&key.as_str()) && !SHOWN.contains(&key.as_str()))
        .filter_map(|(key, value)| Some((label(key)?, plain(value)?)))
        .take(DETAILS_MAX)
        .fold(draft, |draft, (label, value)| {
            draft.labelled(&label, value).line()
        })
}

/// An identifier as people would say it: `order_cancelled` becomes `Order cancelled`.
pub(super) fn spoken(identifier: &str) -> String {
    let words = text::line(&identifier.replace('_', " "), KIND_MAX);
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => "Event".to_owned(),
    }
}

fn label(key: &str) -> Option<String> {
    let clean = text::line(key, LABEL_MAX);
    (!clean.is_empty()).then(|| spoken(&clean))
}

/// A plain value; lists of plain values count as one.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if is_uuid(text) => Some(short_id(text)),
        Value::Array(items) => joined(
            items
                .iter()
                .filter_map(|item| scalar(item, VALUE_MAX / DETAILS_MAX))
                .take(DETAILS_MAX)
                .map(Some),
            ", ",
        ),
        value => scalar(value, VALUE_MAX),
    }
}
