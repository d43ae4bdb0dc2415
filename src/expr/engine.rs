//! The one MiniJinja environment: which filters, tests and functions there are, and its limits.
//!
//! It holds no templates and is never changed after it has been built, so it can be shared by all
//! threads for the life of the process.

use std::sync::LazyLock;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::limits::{FUEL, OUTPUT_BYTES_MAX, RANGE_ITEMS_MAX, RECURSION_MAX};
use super::vocabulary::{FILTERS_REMOVED, FUNCTIONS_REMOVED};
use super::{compare, filters, text};

pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(build);

fn build() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(RECURSION_MAX);
    engine.set_formatter(print);
    for name in FILTERS_REMOVED {
        engine.remove_filter(name);
    }
    for name in FUNCTIONS_REMOVED {
        engine.remove_global(name);
    }
    engine.add_function("range", range);
    compare::install(&mut engine);
    filters::install(&mut engine);
    engine
}

fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if state
        .lookup(text::LITERAL)
        .is_some_and(|wanted| wanted.is_true())
    {
        return out
            .write_str(text::GAP)
            .map_err(|_| Error::from(ErrorKind::WriteFailure));
    }
    let text = text::in_state(state, value, OUTPUT_BYTES_MAX)?;
    out.write_str(&text)
        .map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// The engine's own `range` allows ten times as many items and overflows near the ends of integers.
fn range(first: i64, second: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, end) = match second {
        Some(end) => (first, end),
        None => (0, first),
    };
    let step = step.unwrap_or(1);
    let mut items = Vec::new();
    let mut next = Some(start);
    while let Some(item) =
        next.filter(|item| (step > 0 && *item < end) || (step < 0 && *item > end))
    {
        if items.len() == RANGE_ITEMS_MAX {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        items.push(Value::from(item));
        next = item.checked_add(step);
    }
    Ok(Value::from(items))
}
