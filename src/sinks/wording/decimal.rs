//! Decimal numbers as text: amounts of money are rounded and signed without ever becoming binary.
//!
//! A file of its own because a cent that appears from nowhere is worse than a missing alert. It adds
//! nothing up.

use std::cmp::Ordering;

/// Longest number that is read, and the largest power of ten in it. What is beyond is no amount.
const BYTES_MAX: usize = 64;
const EXPONENT_MAX: i32 = 40;

/// A number, its digits before and behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// Reads a number as JSON writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
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
    pub(super) fn sign(&self) -> Ordering {
        let zero = self
            .rounded()
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'.'));
        match (zero, self.negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }

    /// `+19.84`, `-2.20`, `0.00`: two decimals, half away from zero, with its sign.
    pub(super) fn amount(&self) -> String {
        let sign = match self.sign() {
            Ordering::Less => "-",
            Ordering::Equal => "",
            Ordering::Greater => "+",
        };
        format!("{sign}{}", self.rounded())
    }

    fn rounded(&self) -> String {
        let mut digits = self.whole.clone().into_bytes();
        let fraction = self.fraction.as_bytes();
        digits.extend((0..2).map(|at| fraction.get(at).copied().unwrap_or(b'0')));
        if fraction.get(2).is_some_and(|third| *third >= b'5') {
            increment(&mut digits);
        }
        let text = String::from_utf8_lossy(&digits).into_owned();
        let (whole, cents) = text.split_at(text.len() - 2);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        format!("{whole}.{cents}")
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
    fn what_is_no_number_is_no_amount() {
        for text in [
            "", "-", ".5", "1.2.3", "1e999", "abc", "NaN", "0x1", "1 000", "1e",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }
}
