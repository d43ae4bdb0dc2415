//! How values print: numbers of the payload with the upstream's own digits, truth values as JSON
//! writes them, missing values and null as nothing.
//!
//! A price that was sent as `1.10` is the number 1.1 to the engine. Its digits are kept in a table
//! beside it, by the number's bits, and looked up when that number is printed; so calculation works
//! on plain numbers. Two spellings of one number in the same event print as the first of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::limits::BUILT_DEPTH_MAX;

/// The name under which a state finds the table. No template can spell it.
pub(super) const DIGITS: &str = "#digits";

/// The name under which a state finds the moment of rendering. No template can spell it.
pub(super) const NOW: &str = "#now";

/// The name under which a state finds whether only literal text is wanted. No template can spell it.
pub(super) const LITERAL: &str = "#literal";

/// What stands in literal text for a value, so that what stood before it and behind it never make one
/// word.
pub(super) const GAP: &str = "\0";

/// The upstream's spelling of the fractions in a payload.
#[derive(Debug, Default)]
pub(super) struct Digits(Mutex<HashMap<u64, Arc<str>>>);

impl Digits {
    /// Remembers how a number was spelt.
    pub(super) fn note(&self, number: f64, spelling: &str) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .entry(number.to_bits())
            .or_insert_with(|| Arc::from(spelling));
    }

    fn spelling(&self, number: f64) -> Option<Arc<str>> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&number.to_bits()).map(Arc::clone)
    }
}

impl Object for Digits {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The text of a value while an expression or template runs.
pub(super) fn in_state<'a>(
    state: &State<'_, '_>,
    value: &'a Value,
    bytes_max: usize,
) -> Result<Cow<'a, str>, Error> {
    if let Some(text) = value.as_str() {
        if text.len() > bytes_max {
            return Err(Error::from(ErrorKind::WriteFailure));
        }
        return Ok(Cow::Borrowed(text));
    }
    let table = state.lookup(DIGITS);
    let digits = table
        .as_ref()
        .and_then(|table| table.downcast_object_ref::<Digits>());
    spelt(digits, value, bytes_max)
        .map(Cow::Owned)
        .map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// The text of a value, unless it is longer than a limit.
pub(super) fn bounded(
    digits: &Digits,
    value: &Value,
    bytes_max: usize,
) -> Result<String, fmt::Error> {
    spelt(Some(digits), value, bytes_max)
}

fn spelt(digits: Option<&Digits>, value: &Value, bytes_max: usize) -> Result<String, fmt::Error> {
    let mut text = Bounded {
        text: String::new(),
        bytes_max,
    };
    write(&mut text, digits, value, 0)?;
    Ok(text.text)
}

/// The engine's own printing of lists goes on after the limit is reached, and a list that holds
/// itself several times over may be too long to ever end; so lists and maps are written here.
fn write(text: &mut Bounded, digits: Option<&Digits>, value: &Value, depth: usize) -> fmt::Result {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None if depth > 0 => text.write_str("null"),
        ValueKind::Undefined | ValueKind::None => Ok(()),
        ValueKind::Bool => text.write_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => write_number(text, digits, value),
        ValueKind::String if depth > 0 => write!(text, "{:?}", value.as_str().unwrap_or_default()),
        _ if depth > BUILT_DEPTH_MAX => Err(fmt::Error),
        ValueKind::Seq | ValueKind::Iterable => {
            text.write_char('[')?;
            for (index, item) in value.try_iter().map_err(|_| fmt::Error)?.enumerate() {
                text.write_str(if index > 0 { ", " } else { "" })?;
                write(text, digits, &item, depth + 1)?;
            }
            text.write_char(']')
        }
        ValueKind::Map => {
            text.write_char('{')?;
            for (index, key) in value.try_iter().map_err(|_| fmt::Error)?.enumerate() {
                text.write_str(if index > 0 { ", " } else { "" })?;
                write(text, digits, &key, depth + 1)?;
                text.write_str(": ")?;
                let entry = value.get_item(&key).unwrap_or_default();
                write(text, digits, &entry, depth + 1)?;
            }
            text.write_char('}')
        }
        _ => write!(text, "{value}"),
    }
}

fn write_number(text: &mut Bounded, digits: Option<&Digits>, value: &Value) -> fmt::Result {
    if !value.is_integer()
        && let Ok(number) = f64::try_from(value.clone())
        && let Some(spelling) = digits.and_then(|digits| digits.spelling(number))
    {
        return text.write_str(&spelling);
    }
    write!(text, "{value}")
}

/// A text that refuses to grow beyond its limit.
struct Bounded {
    text: String,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if more.len() > self.bytes_max - self.text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}
