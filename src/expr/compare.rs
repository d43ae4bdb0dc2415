//! What `==`, `!=`, `<`, `<=`, `>`, `>=` and `in` mean.
//!
//! The engine orders values of different types and finds a missing value unequal to everything, so
//! `data.realized_pl != 0` would be true of an event without one. Here a comparison says something
//! about two values that are there and have the same type; otherwise it is false, `!=` included.
//! `not in` is the opposite of `in`. Texts and numbers have an order; lists, maps and truth values
//! only have equality.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::limits::BYTES_PER_FUEL;
use super::limits::{BUILT_DEPTH_MAX, BUILT_VALUES_MAX};

/// Compares several values in a row: `1 < data.tp_level <= 3`.
pub(super) const CHAIN: &str = "#chain";

/// Refuses a list or map that holds too much.
pub(super) const MEASURE: &str = "#measure";

/// Gives the engine the functions that rewritten comparisons call, and replaces its tests of the
/// same names. The functions' names are no identifiers, so no template can call or replace them.
pub(super) fn install(engine: &mut Environment<'static>) {
    engine.add_function("==", equal);
    engine.add_function("!=", unequal);
    engine.add_function("<", less);
    engine.add_function("<=", at_most);
    engine.add_function(">", greater);
    engine.add_function(">=", at_least);
    engine.add_function("in", contained);
    engine.add_function(CHAIN, chain);
    engine.add_function(MEASURE, measure);
    for name in ["eq", "equalto", "==", "sameas"] {
        engine.add_test(name, equal);
    }
    for name in ["ne", "!="] {
        engine.add_test(name, unequal);
    }
    for name in ["lt", "lessthan", "<"] {
        engine.add_test(name, less);
    }
    for name in ["le", "<="] {
        engine.add_test(name, at_most);
    }
    for name in ["gt", "greaterthan", ">"] {
        engine.add_test(name, greater);
    }
    for name in ["ge", ">="] {
        engine.add_test(name, at_least);
    }
    engine.add_test("in", contained);
    engine.add_test("none", |value: &Value| is_missing(value));
}

fn equal(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    Ok(comparable(left, right) && same(state, left, right, 0)?)
}

fn unequal(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    Ok(comparable(left, right) && !same(state, left, right, 0)?)
}

fn less(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    Ok(ordered(state, left, right)? && left < right)
}

fn at_most(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    Ok(ordered(state, left, right)? && left <= right)
}

fn greater(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    less(state, right, left)
}

fn at_least(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    at_most(state, right, left)
}

fn contained(state: &State, needle: &Value, hay: &Value) -> Result<bool, Error> {
    if is_missing(needle) || is_missing(hay) {
        return Ok(false);
    }
    if let (Some(part), Some(text)) = (needle.as_str(), hay.as_str()) {
        charge_text(state, text)?;
        return Ok(text.contains(part));
    }
    match kind(hay) {
        Some(Kind::List) => {
            for item in hay.try_iter()? {
                state.consume_fuel(1)?;
                if equal(state, needle, &item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Some(Kind::Map) => match needle.as_str() {
            Some(key) => Ok(has_key(hay, key)),
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

/// Values and operators in turns.
fn chain(state: &State, parts: Rest<Value>) -> Result<bool, Error> {
    for link in parts.windows(3).step_by(2) {
        let [left, operator, right] = link else {
            return Err(Error::from(ErrorKind::InvalidOperation));
        };
        let holds = match operator.as_str() {
            Some("==") => equal(state, left, right),
            Some("!=") => unequal(state, left, right),
            Some("<") => less(state, left, right),
            Some("<=") => at_most(state, left, right),
            Some(">") => greater(state, left, right),
            Some(">=") => at_least(state, left, right),
            Some("in") => contained(state, left, right),
            Some("not in") => contained(state, left, right).map(|holds| !holds),
            _ => Err(Error::from(ErrorKind::InvalidOperation)),
        }?;
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A list that holds itself twice, and that list twice again, takes no memory and for ever to print.
/// So everything inside a new list or map is counted as often as it is in there.
fn measure(state: &State, built: &Value) -> Result<Value, Error> {
    let mut left = BUILT_VALUES_MAX;
    count(state, built, &mut left, 0)?;
    Ok(built.clone())
}

fn count(state: &State, value: &Value, left: &mut usize, depth: usize) -> Result<(), Error> {
    *left = left
        .checked_sub(1)
        .filter(|_| depth < BUILT_DEPTH_MAX)
        .ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
    state.consume_fuel(1)?;
    match kind(value) {
        Some(Kind::List) => {
            for item in value.try_iter()? {
                count(state, &item, left, depth + 1)?;
            }
        }
        Some(Kind::Map) => {
            for key in value.try_iter()? {
                count(state, &value.get_item(&key)?, left, depth + 1)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The types that differ from each other when compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    List,
    Map,
}

/// `None` for a missing value, and for what no event can hold.
fn kind(value: &Value) -> Option<Kind> {
    match value.kind() {
        ValueKind::Bool => Some(Kind::Truth),
        ValueKind::Number => Some(Kind::Number),
        ValueKind::String => Some(Kind::Text),
        ValueKind::Seq | ValueKind::Iterable => Some(Kind::List),
        ValueKind::Map => Some(Kind::Map),
        _ => None,
    }
}

fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

fn comparable(left: &Value, right: &Value) -> bool {
    kind(left).is_some() && kind(left) == kind(right)
}

fn ordered(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    match (kind(left), kind(right)) {
        (Some(Kind::Number), Some(Kind::Number)) => Ok(!is_nan(left) && !is_nan(right)),
        (Some(Kind::Text), Some(Kind::Text)) => {
            charge_text(state, left.as_str().unwrap_or_default())?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Equality at any depth. Inside lists and maps, two missing values are the same.
fn same(state: &State, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    state.consume_fuel(1)?;
    if depth > BUILT_DEPTH_MAX {
        return Err(Error::from(ErrorKind::OutOfFuel));
    }
    if is_missing(left) && is_missing(right) {
        return Ok(true);
    }
    if !comparable(left, right) {
        return Ok(false);
    }
    match kind(left) {
        Some(Kind::List) => same_list(state, left, right, depth),
        Some(Kind::Map) => same_map(state, left, right, depth),
        Some(Kind::Number) if is_nan(left) || is_nan(right) => Ok(false),
        Some(Kind::Text) => {
            charge_text(state, left.as_str().unwrap_or_default())?;
            Ok(left == right)
        }
        _ => Ok(left == right),
    }
}

fn same_list(state: &State, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    let (mut left, mut right) = (left.try_iter()?, right.try_iter()?);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ok(true),
            (Some(left), Some(right)) if same(state, &left, &right, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
}

fn same_map(state: &State, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for key in left.try_iter()? {
        let there = key.as_str().is_none_or(|key| has_key(right, key));
        if !there
            || !same(
                state,
                &left.get_item(&key)?,
                &right.get_item(&key)?,
                depth + 1,
            )?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_key(map: &Value, key: &str) -> bool {
    map.as_object()
        .is_some_and(|object| object.get_value_by_str(key).is_some())
}

fn is_nan(number: &Value) -> bool {
    !number.is_integer() && f64::try_from(number.clone()).is_ok_and(f64::is_nan)
}

fn charge_text(state: &State, text: &str) -> Result<(), Error> {
    state.consume_fuel((text.len() / BYTES_PER_FUEL) as u64)
}
