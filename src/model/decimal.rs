//! Decimal numbers as text: amounts of money are rounded and signed without ever becoming binary.
//!
//! A file of its own because a cent that appears from nowhere is worse than a missing alert: whoever
//! shows an amount takes it from here. All it works out is sums and differences.

use std::cmp::Ordering;

/// Longest number that is read, and the largest power of ten in it. What is beyond is no amount.
const BYTES_MAX: usize = 64;
const EXPONENT_MAX: i32 = 40;

/// A number, its digits before and behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// Reads a number as JSON writes it; `None` for what is none, and for one beyond any amount.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain || exponent.abs() > EXPONENT_MAX {
            return None;
        }
        let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
        let (whole, fraction) = split(&digits, point)?;
        Some(Self {
            negative,
            whole,
            fraction,
        })
    }

    /// Below, at or above zero, once rounded to two decimals.
    #[must_use]
    pub fn sign(&self) -> Ordering {
        self.sign_at(2)
    }

    fn sign_at(&self, decimals: usize) -> Ordering {
        let zero = self
            .magnitude(decimals)
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'.'));
        match (zero, self.negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }

    /// `+19.84`, `-2.20`, `0.00`: two decimals, half away from zero, with its sign.
    #[must_use]
    pub fn amount(&self) -> String {
        let sign = match self.sign() {
            Ordering::Less => "-",
            Ordering::Equal => "",
            Ordering::Greater => "+",
        };
        format!("{sign}{}", self.magnitude(2))
    }

    /// How many digits stand behind its point.
    #[must_use]
    pub const fn decimals(&self) -> usize {
        self.fraction.len()
    }

    /// `3347.06`, `-2.5`: this many decimals, half away from zero, with a sign where it is negative.
    #[must_use]
    pub fn rounded(&self, decimals: usize) -> String {
        let sign = match self.sign_at(decimals) {
            Ordering::Less => "-",
            Ordering::Equal | Ordering::Greater => "",
        };
        format!("{sign}{}", self.magnitude(decimals))
    }

    /// How far it is above another, exactly; `None` for numbers too long to be prices.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let decimals = self.decimals().max(other.decimals());
        let apart = self
            .scaled(decimals)?
            .checked_sub(other.scaled(decimals)?)?;
        let point = i32::try_from(decimals).ok()?.checked_neg()?;
        Self::parse(&format!("{apart}e{point}"))
    }

    /// It times this power of ten; `None` beyond any amount.
    #[must_use]
    pub fn shifted(&self, places: i32) -> Option<Self> {
        let sign = if self.negative { "-" } else { "" };
        Self::parse(&format!("{sign}{}.{}e{places}", self.whole, self.fraction))
    }

    /// What two numbers come to, exactly; `None` beyond any amount.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        self.minus(&other.clone().negated())
    }

    /// The same on the other side of zero.
    #[must_use]
    pub fn negated(mut self) -> Self {
        self.negative = !self.negative;
        self
    }

    fn scaled(&self, decimals: usize) -> Option<i128> {
        let sign = if self.negative { "-" } else { "" };
        let digits = format!("{sign}{}{:0<decimals$}", self.whole, self.fraction);
        digits.parse().ok()
    }

    fn magnitude(&self, decimals: usize) -> String {
        let mut digits = self.whole.clone().into_bytes();
        let fraction = self.fraction.as_bytes();
        digits.extend((0..decimals).map(|at| fraction.get(at).copied().unwrap_or(b'0')));
        if fraction.get(decimals).is_some_and(|next| *next >= b'5') {
            increment(&mut digits);
        }
        let text = String::from_utf8_lossy(&digits).into_owned();
        let (whole, rest) = text.split_at(text.len() - decimals);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        match rest {
            "" => whole.to_owned(),
            rest => format!("{whole}.{rest}"),
        }
    }
}

/// Splits digits at a point that may lie outside them.
fn split(digits: &str, point: i32) -> Option<(String, String)> {
    let Ok(point) = usize::try_from(point) else {
        let zeros = usize::try_from(point.checked_neg()?).ok()?;
        return Some(("0".to_owned(), format!("{}{digits}", "0".repeat(zeros))));
    };
    if point >= digits.len() {
        let zeros = "0".repeat(point - digits.len());
        return Some((format!("{digits}{zeros}"), String::new()));
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = if whole.is_empty() { "0" } else { whole };
    Some((whole.to_owned(), fraction.to_owned()))
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_sign_and_two_decimals() {
        for (text, expected) in [
            ("19.84", "+19.84"),
            ("39.6", "+39.60"),
            ("-2.2", "-2.20"),
            ("0", "0.00"),
            ("-0.0", "0.00"),
            ("0.004", "0.00"),
            ("-0.004", "0.00"),
            ("0.005", "+0.01"),
            ("1.005", "+1.01"),
            ("-9.995", "-10.00"),
            ("99999999999999999999.999", "+100000000000000000000.00"),
            ("1e2", "+100.00"),
            ("1.5E-1", "+0.15"),
            ("12345e-4", "+1.23"),
            ("5e-9", "0.00"),
            ("007", "+7.00"),
        ] {
            let amount = Decimal::parse(text).map(|number| number.amount());
            assert_eq!(amount.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_difference_is_exact_and_has_the_finer_ones_decimals() {
        for (left, right, expected, shifted) in [
            ("3347.06", "3342.1", "4.96", "49.6"),
            ("1.08621", "1.0842", "0.00201", "20.1"),
            ("1.0842", "1.08621", "-0.00201", "-20.1"),
            ("0.1", "0.3", "-0.2", "-2"),
            ("5", "5.0", "0.0", "0"),
            ("-1", "1e1", "-11", "-110"),
            (
                "100000000000000000000.1",
                "0.2",
                "99999999999999999999.9",
                "999999999999999999999",
            ),
        ] {
            let [left, right] = [left, right].map(|text| Decimal::parse(text).expect("a number"));
            let apart = left.minus(&right).expect("a difference");
            let places = if expected.len() > 6 && expected.starts_with(['0', '-']) {
                4
            } else {
                1
            };
            assert_eq!(apart.rounded(apart.decimals()), expected);
            let more = apart.shifted(places).expect("in range");
            assert_eq!(more.rounded(more.decimals()), shifted);
            let sum = apart.plus(&right).expect("a sum");
            assert_eq!(
                sum.minus(&left).map(|zero| zero.sign()),
                Some(Ordering::Equal)
            );
            let back = right.minus(&left).expect("a difference").negated();
            assert_eq!(back.rounded(back.decimals()), expected);
        }
        let long = Decimal::parse(&"9".repeat(60)).expect("a number");
        assert_eq!(long.minus(&Decimal::parse("-1.1").expect("a number")), None);
        assert_eq!(long.shifted(41), None);
    }

    #[test]
    fn any_number_of_decimals_is_rounded_half_away_from_zero() {
        for (text, decimals, expected) in [
            ("3344.9500000000003", 2, "3344.95"),
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("-0.04", 1, "0.0"),
            ("9.99", 1, "10.0"),
            ("7", 3, "7.000"),
        ] {
            let number = Decimal::parse(text).expect("a number");
            assert_eq!(number.rounded(decimals), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_amount() {
        for text in [
            "", "-", ".5", "1.2.3", "1e999", "abc", "NaN", "0x1", "1 000", "1e",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }
}
