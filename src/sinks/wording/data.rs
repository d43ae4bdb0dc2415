//! Reading the parts of an event's data that wording is made of, every one of them optional.
//!
//! A file of its own so that no wording ever shows a `null`, a number that was rounded on the way, or a
//! line break. It knows the spelling of keys but no event type.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::text;
use crate::model::Decimal;

/// Longest symbol, currency or status word, in code points.
const WORD_MAX: usize = 32;

/// Longest label, and longest sentence.
const LABEL_MAX: usize = 80;
const SENTENCE_MAX: usize = 300;

/// Most numbers of a list that are shown.
const LIST_MAX: usize = 6;

/// The fields of an event's data; none when it is no object.
pub(super) struct Data<'a> {
    fields: Option<&'a Map<String, Value>>,
    now: Timestamp,
    of_one_account: bool,
}

impl<'a> Data<'a> {
    /// Looks into a value, to be read at this time.
    pub(super) fn new(json: Option<&'a Value>, now: Timestamp) -> Self {
        Self {
            fields: json.and_then(Value::as_object),
            now,
            of_one_account: false,
        }
    }

    /// The same where there is no account that it could be mistaken for.
    pub(super) fn of_one_account(mut self, of_one_account: bool) -> Self {
        self.of_one_account = of_one_account;
        self
    }

    /// The account, where there may be more than one.
    pub(super) fn account(&self) -> Option<String> {
        self.label("account_label").filter(|_| !self.of_one_account)
    }

    /// The value of a key that is not null, in snake case or else in camel case: the API's own
    /// envelope is not of one mind about it.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let entries = self.fields?;
        entries
            .get(key)
            .or_else(|| entries.get(&camel(key)))
            .filter(|value| !value.is_null())
    }

    /// All fields, in the order of the payload.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.fields.into_iter().flatten()
    }

    /// A short word or number, as it was written.
    pub(super) fn word(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|value| scalar(value, WORD_MAX))
    }

    /// A label that a person chose.
    pub(super) fn label(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|value| scalar(value, LABEL_MAX))
    }

    /// A sentence, such as an error.
    pub(super) fn sentence(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|value| scalar(value, SENTENCE_MAX))
    }

    /// A word of the upstream's, its underscores as spaces.
    pub(super) fn words(&self, key: &str) -> Option<String> {
        Some(self.word(key)?.replace('_', " "))
    }

    /// A whole number.
    pub(super) fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// A moment, as [`moment`] words it; a text that is none stands as it is.
    pub(super) fn moment(&self, key: &str) -> Option<String> {
        let written = self.word(key)?;
        let read = written.parse::<Timestamp>();
        Some(read.map_or(written, |time| moment(time, self.now)))
    }

    /// A number of seconds, as people say it: `2 min`.
    pub(super) fn span(&self, key: &str) -> Option<String> {
        Some(match self.count(key)? {
            seconds @ ..60 => format!("{seconds} s"),
            seconds @ 60..3600 => format!("{} min", seconds / 60),
            seconds => joined(
                [
                    Some(format!("{} h", seconds / 3600)),
                    Some(seconds % 3600 / 60)
                        .filter(|minutes| *minutes > 0)
                        .map(|minutes| format!("{minutes} min")),
                ],
                " ",
            )?,
        })
    }

    /// An id, short enough to be compared by eye.
    pub(super) fn id(&self, key: &str) -> Option<String> {
        Some(short_id(&self.word_of_id(key)?))
    }

    /// Symbol and direction, such as `XAUUSD buy`.
    pub(super) fn instrument(&self) -> Option<String> {
        let direction = self.word("direction").map(|word| word.to_lowercase());
        joined([self.word("symbol"), direction], " ")
    }

    /// An amount of money with sign and currency, such as `+41.20 USD`.
    pub(super) fn money(&self, key: &str) -> Option<String> {
        let written = self.word(key)?;
        let amount = Decimal::parse(&written).map_or(written, |number| number.amount());
        joined([Some(amount), self.word("currency")], " ")
    }

    /// Whether an amount was won or lost; even when it is missing.
    pub(super) fn sign(&self, key: &str) -> Ordering {
        self.word(key)
            .and_then(|written| Decimal::parse(&written))
            .map_or(Ordering::Equal, |number| number.sign())
    }

    /// A volume, such as `0.04 lots`.
    pub(super) fn lots(&self) -> Option<String> {
        Some(format!("{} lots", self.word("volume")?))
    }

    /// From one price to another, as far as both are known.
    pub(super) fn way(&self, from: &str, to: &str) -> Option<String> {
        joined([self.word(from), self.word(to)], " → ")
    }

    /// The numbers of a list, without its holes.
    pub(super) fn list(&self, key: &str) -> Option<String> {
        let items = self.get(key)?.as_array()?;
        let shown = items
            .iter()
            .filter_map(|item| scalar(item, WORD_MAX))
            .take(LIST_MAX)
            .map(Some);
        joined(shown, " / ")
    }

    fn word_of_id(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|value| scalar(value, 2 * WORD_MAX))
    }
}

/// A string, number or truth value as clean text; `None` for everything else and for blank text.
pub(super) fn scalar(value: &Value, most: usize) -> Option<String> {
    let text = match value {
        Value::String(text) => text::line(text, most),
        // The number's own digits: this type keeps them as they were written.
        Value::Number(number) => text::line(&number.to_string(), most),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A moment for people: the time alone where it is that of the same day.
pub(super) fn moment(time: Timestamp, now: Timestamp) -> String {
    moment_in(&TimeZone::UTC, time, now)
}

/// The same by the clocks of a time zone.
pub(super) fn moment_in(zone: &TimeZone, time: Timestamp, now: Timestamp) -> String {
    let [time, now] = [time, now].map(|moment| moment.to_zoned_datetime(zone.clone()));
    let shape = match time.date() == now.date() {
        true => "%H:%M %Z",
        false => "%Y-%m-%d %H:%M %Z",
    };
    time.strftime(shape).to_string()
}

/// The parts that are there, with a separator between them.
pub(super) fn joined(
    parts: impl IntoIterator<Item = Option<String>>,
    separator: &str,
) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(separator))
}

/// A UUID's first group; any other id as it is, unless it is long.
pub(super) fn short_id(id: &str) -> String {
    if is_uuid(id) {
        id.chars().take(8).collect()
    } else {
        text::line(id, 16)
    }
}

/// Whether a text has the shape of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for character in key.chars() {
        if character == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(character.to_ascii_uppercase());
        } else {
            out.push(character);
        }
    }
    out
}
