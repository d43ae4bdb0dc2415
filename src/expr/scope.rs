//! What an expression sees: an event, or several of them, as values of the engine.
//!
//! The payload is parsed when an expression first asks for `data`, and at most once for each scope;
//! most events are decided by their type alone and never parsed. Null becomes a missing value, since
//! the language treats both alike. `data` has names filled in that the event itself leaves out, and
//! `trade` and `position` are what is known of what it is about. JSON that is nested more than 127 deep is not read: whoever asks for its
//! `data` fails, so that no rule passes it over in silence.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Number;

use super::text::{DIGITS, Digits, LITERAL, NOW};
use crate::model::{Event, Suppressed};

/// Why whoever asks for the data of some events fails.
pub(super) const TOO_DEEP: &str = "the data has too many levels or values to be read";

/// What a message tells beside its events.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What its rule's throttle has suppressed before it, as `event.suppressed` and
    /// `event.suppressed_since`.
    pub suppressed: Option<Suppressed>,
    /// Why it comes here and not where its rule sends it first, as `event.fallback`.
    pub instead: Option<Arc<str>>,
}

/// The variables for one run after another over the same event. Cloning one copies pointers.
#[derive(Clone)]
pub struct Scope {
    root: Arc<Root>,
}

impl Scope {
    /// The variables `event`, `data`, `trade` and `position` of one event.
    #[must_use]
    pub fn new(event: &Event) -> Self {
        Self::telling(event, &Beside::default())
    }

    /// The same for a message that also tells something beside its event.
    #[must_use]
    pub fn telling(event: &Event, beside: &Beside) -> Self {
        let digits = Arc::default();
        Self::of(Occurrence::new(event, beside, &digits), None, digits)
    }

    /// The same at another moment than that of the newest event's arrival, for what tells how long ago
    /// something was.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self {
            root: Arc::new(Root {
                now,
                ..Root::clone(&self.root)
            }),
        }
    }

    /// The same for a template that is to leave out every value.
    pub(super) fn literal(&self) -> Self {
        Self {
            root: Arc::new(Root {
                is_literal: true,
                ..Root::clone(&self.root)
            }),
        }
    }

    /// The variables of a message that collects events: `events`, oldest first as given, `count`, and
    /// `event` and `data` of the newest. `None` when there are no events.
    #[must_use]
    pub fn bundle(events: &[Event], beside: &Beside) -> Option<Self> {
        let digits = Arc::default();
        let all: Vec<Arc<Occurrence>> = events
            .iter()
            .map(|event| Occurrence::new(event, beside, &digits))
            .collect();
        let newest = Arc::clone(all.last()?);
        let list = all.into_iter().map(Value::from_dyn_object).collect();
        Some(Self::of(newest, Some(list), digits))
    }

    pub(super) fn root(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.root))
    }

    pub(super) fn digits(&self) -> &Digits {
        &self.root.digits
    }

    fn of(newest: Arc<Occurrence>, bundle: Option<Vec<Value>>, digits: Arc<Digits>) -> Self {
        let now = newest.event.received;
        Self {
            root: Arc::new(Root {
                newest,
                bundle,
                digits,
                now,
                is_literal: false,
            }),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The top-level variables.
#[derive(Clone, Debug)]
struct Root {
    newest: Arc<Occurrence>,
    bundle: Option<Vec<Value>>,
    digits: Arc<Digits>,
    now: Timestamp,
    is_literal: bool,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            DIGITS => Some(Value::from_dyn_object(Arc::clone(&self.digits))),
            NOW => Some(Value::from(self.now.as_microsecond())),
            LITERAL => self.is_literal.then_some(Value::from(true)),
            "events" => self.bundle.clone().map(Value::from),
            "count" => self.bundle.as_ref().map(|events| Value::from(events.len())),
            _ => self.newest.get_value_by_str(key),
        }
    }
}

/// One event, with its data and what is known beside it once somebody has asked for them.
struct Occurrence {
    event: Event,
    beside: Beside,
    data: OnceLock<Value>,
    about: OnceLock<Value>,
    digits: Arc<Digits>,
}

impl Occurrence {
    fn new(event: &Event, beside: &Beside, digits: &Arc<Digits>) -> Arc<Self> {
        Arc::new(Self {
            event: event.clone(),
            beside: beside.clone(),
            data: OnceLock::new(),
            about: OnceLock::new(),
            digits: Arc::clone(digits),
        })
    }

    fn data(&self) -> Value {
        self.data
            .get_or_init(|| match self.event.data_named() {
                Some(json) => convert(json, &self.digits),
                None if self.event.data_bytes().is_some() => {
                    Value::from(Error::new(ErrorKind::BadSerialization, TOO_DEEP))
                }
                None => Value::UNDEFINED,
            })
            .clone()
    }

    /// One of the things that are known beside the payload; missing for most events.
    fn about(&self, what: &str) -> Value {
        if self.event.about.is_none() {
            return Value::UNDEFINED;
        }
        let about = self
            .about
            .get_or_init(|| convert(self.event.about_json().into(), &self.digits));
        about.get_attr(what).unwrap_or(Value::UNDEFINED)
    }
}

impl fmt::Debug for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occurrence").finish_non_exhaustive()
    }
}

impl Object for Occurrence {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "event" => Some(Value::from_object(Fields(Arc::clone(self)))),
            "data" => Some(self.data()),
            "trade" | "position" => Some(self.about(key)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["event", "data", "trade", "position"])
    }
}

/// Every name that `event` has, also those that most events leave out.
pub(super) const FIELDS: &[&str] = &[
    "source",
    "id",
    "type",
    "time",
    "backfilled",
    "suppressed",
    "suppressed_since",
    "fallback",
    "partial",
];

/// What `event` stands for.
#[derive(Debug)]
struct Fields(Arc<Occurrence>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let event = &self.0.event;
        match key {
            "source" => Some(Value::from(event.source.as_str())),
            "id" => event.id.as_deref().map(Value::from),
            "type" => Some(Value::from(&*event.kind)),
            "time" => Some(Value::from(
                event.time.unwrap_or(event.received).to_string(),
            )),
            "backfilled" => Some(Value::from(event.backfilled)),
            "suppressed" => Some(Value::from(
                self.0
                    .beside
                    .suppressed
                    .map_or(0, |suppressed| suppressed.count),
            )),
            "fallback" => self.0.beside.instead.as_deref().map(Value::from),
            "suppressed_since" => self
                .0
                .beside
                .suppressed
                .map(|suppressed| Value::from(suppressed.since.to_string())),
            "partial" => Some(self.0.about("partial")),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["source", "id", "type", "time", "backfilled", "partial"])
    }
}

fn convert(json: serde_json::Value, digits: &Digits) -> Value {
    match json {
        serde_json::Value::Null => Value::UNDEFINED,
        serde_json::Value::Bool(truth) => Value::from(truth),
        serde_json::Value::Number(number) => convert_number(&number, digits),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => items
            .into_iter()
            .map(|item| convert(item, digits))
            .collect(),
        serde_json::Value::Object(entries) => Value::from(
            entries
                .into_iter()
                .map(|(key, value)| (Value::from(key), convert(value, digits)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}

/// Whole numbers are exact to 128 bits; everything else is the nearest double, or infinity beyond
/// the largest one, which still compares as it should.
fn convert_number(number: &Number, digits: &Digits) -> Value {
    let spelling = number.as_str();
    if spelling != "-0" {
        if let Ok(whole) = spelling.parse::<i64>() {
            return Value::from(whole);
        }
        if let Ok(whole) = spelling.parse::<i128>() {
            return Value::from(whole);
        }
    }
    let Ok(double) = spelling.parse::<f64>() else {
        return Value::from(spelling);
    };
    digits.note(double, spelling);
    Value::from(double)
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use crate::expr::Expression;
    use crate::model::{DataAt, Event, Name};

    #[test]
    fn data_is_parsed_only_when_somebody_asks() {
        let scope = Scope::new(&Event {
            source: Name::new("ttmt").expect("a name"),
            id: None,
            kind: "tp_hit".into(),
            time: None,
            received: jiff::Timestamp::UNIX_EPOCH,
            backfilled: false,
            about: None,
            identity: None,
            payload: "{\"a\":1}".into(),
            data: DataAt::Json { start: 0, end: 7 },
        });
        let parsed = |source: &str| {
            let expression = Expression::compile(source).expect("right");
            assert_eq!(expression.matches(&scope), Ok(true), "{source}");
            scope.root.newest.data.get().is_some()
        };
        assert!(!parsed("event.type == 'tp_hit' or data.a == 1"));
        assert!(parsed("event.type == 'tp_hit' and data.a == 1"));
    }
}
