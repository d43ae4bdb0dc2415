//! Filters for traders, and those of the engine that print numbers, which must know the upstream's
//! digits.
//!
//! A filter of this room makes nothing of a missing value instead of failing on it: a message with a
//! gap in it is worth more than none. What is wrong with the arguments of a filter is found when it is
//! compiled, where they stand in the text.

mod arguments;
mod figures;
mod moments;

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

pub(super) use arguments::{check, check_range, check_test};
pub use moments::{zone, zone_help};

use super::limits::{BYTES_PER_FUEL, OUTPUT_BYTES_MAX};
use super::text;

/// Puts two texts together: `a ~ b`.
pub(super) const CONCAT: &str = "~";

/// Characters of an id that tell it apart for a person.
const SHORT_CHARS: usize = 8;

/// Adds the filters to the engine.
pub(super) fn install(engine: &mut Environment<'static>) {
    engine.add_function(CONCAT, concat);
    engine.add_filter("join", join);
    engine.add_filter("ago", moments::ago);
    engine.add_filter("local", moments::local);
    engine.add_filter("money", figures::money);
    engine.add_filter("pips", figures::pips);
    engine.add_filter("price", figures::price);
    engine.add_filter("short", short);
    engine.add_filter("string", string);
    engine.add_filter("tojson", tojson);
    engine.add_filter("urlencode", urlencode);
}

fn concat(state: &State, left: &Value, right: &Value) -> Result<String, Error> {
    let mut text = in_state(state, left)?.into_owned();
    text.push_str(&in_state(state, right)?);
    fits(text)
}

/// `data.take_profits|join(" / ")`, `events|join(", ", attribute="data.symbol")`.
fn join(
    state: &State,
    list: &Value,
    joiner: Option<Cow<'_, str>>,
    options: Kwargs,
) -> Result<String, Error> {
    let attribute: Option<String> = options.get("attribute")?;
    options.assert_all_used()?;
    let joiner = joiner.unwrap_or_default();
    let mut text = String::new();
    if list.is_undefined() {
        return Ok(text);
    }
    for (index, item) in list.try_iter()?.enumerate() {
        state.consume_fuel(1)?;
        if index > 0 {
            text.push_str(&joiner);
        }
        let item = match &attribute {
            Some(path) => attribute_of(&item, path),
            None => item,
        };
        text.push_str(&in_state(state, &item)?);
        text = fits(text)?;
    }
    Ok(text)
}

/// The first characters of an id.
fn short(state: &State, id: &Value) -> Result<String, Error> {
    Ok(in_state(state, id)?.chars().take(SHORT_CHARS).collect())
}

/// The value as it prints, a number with the upstream's own digits.
fn string(state: &State, value: &Value) -> Result<String, Error> {
    in_state(state, value).map(Cow::into_owned)
}

/// As JSON that is also fit to stand in a page. The engine counts what that makes only once it is made, so that
/// what lines are moved in by is counted here before.
fn tojson(
    state: &State,
    value: &Value,
    indent: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let given: Option<Value> = match &indent {
        Some(indent) => Some(indent.clone()),
        None => options.get("indent")?,
    };
    let width = given.map_or(0, |it| match bool::try_from(it.clone()) {
        Ok(is_moved) => 2 * usize::from(is_moved),
        Err(_) => usize::try_from(it).unwrap_or_default(),
    });
    if width > 0 {
        move_in(state, value, width, width, &mut OUTPUT_BYTES_MAX.clone())?;
    }
    let json = minijinja::filters::tojson(value, indent, options)?;
    let length = json.as_str().map_or(0, str::len);
    state.consume_fuel((length / BYTES_PER_FUEL) as u64)?;
    Ok(json)
}

/// Takes from the room what stands before each line of a list or a map.
fn move_in(
    state: &State,
    value: &Value,
    width: usize,
    step: usize,
    room: &mut usize,
) -> Result<(), Error> {
    if !matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map
    ) {
        return Ok(());
    }
    for item in value.try_iter()? {
        state.consume_fuel(1)?;
        let left = room.checked_sub(width);
        *room = left.ok_or_else(|| Error::from(ErrorKind::WriteFailure))?;
        let inner = match value.kind() {
            ValueKind::Map => value.get_item(&item)?,
            _ => item,
        };
        move_in(state, &inner, width.saturating_add(step), step, room)?;
    }
    Ok(())
}

/// A value as it prints, fit to stand in an address; of a map, each entry that is there as a parameter.
fn urlencode(state: &State, value: &Value) -> Result<String, Error> {
    let printed = if value.kind() == ValueKind::Map {
        let mut entries = BTreeMap::new();
        for key in value.try_iter()? {
            state.consume_fuel(1)?;
            let entry = value.get_item(&key)?;
            if !entry.is_undefined() && !entry.is_none() {
                entries.insert(key, Value::from(in_state(state, &entry)?));
            }
        }
        Value::from(entries)
    } else {
        Value::from(in_state(state, value)?)
    };
    fits(minijinja::filters::urlencode(&printed)?)
}

fn in_state<'a>(state: &State, value: &'a Value) -> Result<Cow<'a, str>, Error> {
    text::in_state(state, value, OUTPUT_BYTES_MAX)
}

fn fits(text: String) -> Result<String, Error> {
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(Error::from(ErrorKind::WriteFailure));
    }
    Ok(text)
}

fn attribute_of(value: &Value, path: &str) -> Value {
    path.split('.').fold(value.clone(), |value, name| {
        value.get_attr(name).unwrap_or_default()
    })
}
