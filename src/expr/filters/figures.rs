//! Amounts, prices and distances, worked out on the digits that the upstream sent.
//!
//! A file of its own because nothing in it may pass through binary: 1.005 is a cent more than what a
//! double makes of it. What an expression has calculated before is a double already, and is rounded.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::{fits, in_state};
use crate::model::Decimal;

/// Currencies that pairs are made of. Other groups of letters are no pair that anything is known of.
const CURRENCIES: [&str; 24] = [
    "AUD", "CAD", "CHF", "CNH", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN",
    "NOK", "NZD", "PLN", "RON", "RUB", "SEK", "SGD", "THB", "TRY", "USD", "ZAR",
];

/// Currencies of such small units that a pip against them is 0.01.
const SMALL_UNITS: [&str; 3] = ["HUF", "JPY", "THB"];

/// `+12.50 USD`: the sign always, two decimals, the currency where one is given.
pub(super) fn money(
    state: &State,
    amount: &Value,
    currency: Option<&Value>,
) -> Result<String, Error> {
    let mut text = in_state(state, amount)?.into_owned();
    if let Some(number) = Decimal::parse(text.trim()) {
        text = number.amount();
    }
    if let Some(currency) = currency
        && !text.is_empty()
    {
        let currency = in_state(state, currency)?;
        if !currency.is_empty() {
            text.push(' ');
            text.push_str(&currency);
        }
    }
    fits(text)
}

/// The price as it was sent; with another price, with that one's decimals.
pub(super) fn price(state: &State, price: &Value, like: Option<&Value>) -> Result<String, Error> {
    let text = in_state(state, price)?.into_owned();
    let like = match like {
        Some(like) => decimal(state, like)?,
        None => None,
    };
    let rounded = Decimal::parse(text.trim()).zip(like);
    Ok(match rounded {
        Some((price, like)) => price.rounded(like.decimals()),
        None => text,
    })
}

/// How many pips a price is above another one, as a number with one decimal; with the direction of a
/// trade, how many in its favour. Missing where the symbol does not tell what a pip is.
pub(super) fn pips(
    state: &State,
    price: &Value,
    from: &Value,
    symbol: &Value,
    direction: Option<&Value>,
) -> Result<Value, Error> {
    let (price, from) = (decimal(state, price)?, decimal(state, from)?);
    let symbol = in_state(state, symbol)?;
    let apart = pip(&symbol)
        .zip(price.zip(from))
        .and_then(|(places, (price, from))| price.minus(&from)?.shifted(places));
    let Some(apart) = apart else {
        return Ok(Value::UNDEFINED);
    };
    let is_sell = match direction {
        Some(direction) => in_state(state, direction)?.eq_ignore_ascii_case("sell"),
        None => false,
    };
    let apart = if is_sell { apart.negated() } else { apart };
    let text = apart.rounded(1);
    // A whole number of them is read without a point.
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    let whole = whole.parse::<i64>().ok().map(Value::from);
    let number = || text.parse::<f64>().ok().map(Value::from);
    Ok(whole.or_else(number).unwrap_or_default())
}

/// Of which power of ten one part is a pip.
fn pip(symbol: &str) -> Option<i32> {
    let symbol = symbol.trim_start_matches(|character: char| !character.is_ascii_alphanumeric());
    // Brokers append what they like: `EURUSD.r`, `XAUUSDm`.
    let pair: String = symbol.chars().take(6).collect();
    let pair = pair.to_ascii_uppercase();
    let (base, quote) = pair.split_at_checked(3)?;
    match base {
        "XAU" if is_currency(quote) => Some(1),
        "XAG" if is_currency(quote) => Some(2),
        base if !is_currency(base) || !is_currency(quote) || base == quote => None,
        _ if SMALL_UNITS.contains(&quote) => Some(2),
        _ => Some(4),
    }
}

fn is_currency(code: &str) -> bool {
    CURRENCIES.contains(&code)
}

/// A number in its own digits; none for a missing value and for what is no number.
fn decimal(state: &State, value: &Value) -> Result<Option<Decimal>, Error> {
    if !matches!(value.kind(), ValueKind::Number | ValueKind::String) {
        return Ok(None);
    }
    let text = in_state(state, value)?;
    Ok(Decimal::parse(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::pip;

    #[test]
    fn a_pip_is_what_traders_call_one_and_nothing_where_they_do_not_agree() {
        for (symbol, expected) in [
            ("EURUSD", Some(4)),
            ("eurusd", Some(4)),
            ("EURUSD.r", Some(4)),
            ("#GBPUSDm", Some(4)),
            ("GBPJPY", Some(2)),
            ("EURHUF", Some(2)),
            ("JPYUSD", Some(4)),
            ("XAUUSD", Some(1)),
            ("XAUEUR.raw", Some(1)),
            ("XAGUSD", Some(2)),
            ("NAS100", None),
            ("US30", None),
            ("BTCUSD", None),
            ("USDUSD", None),
            ("XAUXAG", None),
            ("EUR", None),
            ("ÄÖÜEUR", None),
            ("", None),
        ] {
            assert_eq!(pip(symbol), expected, "{symbol}");
        }
    }
}
