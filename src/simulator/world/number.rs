//! Numbers as a broker prints them: a fixed count of digits behind the point.
//!
//! Its own file because prices, volumes and money are whole numbers everywhere else in the world, so
//! that sums are exact; only here do they become text.

use serde_json::Value;

/// A JSON number from a count of its smallest unit: `decimal(334710, 2)` is `3347.10`.
pub(super) fn decimal(value: i64, digits: u32) -> Value {
    let scale = 10_u64.pow(digits);
    let size = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, part) = (size / scale, size % scale);
    let text = format!("{sign}{whole}.{part:0width$}", width = digits as usize);
    let number = text.parse().expect("digits around a point are a number");
    Value::Number(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept() {
        let check = |value, digits, text: &str| {
            assert_eq!(decimal(value, digits).to_string(), text);
        };
        check(334_710, 2, "3347.10");
        check(108_420, 5, "1.08420");
        check(196_420, 3, "196.420");
        check(-5, 2, "-0.05");
        check(0, 2, "0.00");
        check(-120, 2, "-1.20");
    }
}
