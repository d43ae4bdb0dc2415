//! `Retry-After` in its three spellings: seconds, seconds with decimals, and a date.
//!
//! A file of its own because streams, the REST API and every sink read it alike; what is done with the wait, and
//! within which limits, is the caller's.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use jiff::Timestamp;

/// Reads the wait that an answer asks for. A date in the past, a negative number and nonsense are
/// no wait at all.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    seconds(text).or_else(|| {
        let moment = httpdate::parse_http_date(text).ok()?;
        let now = SystemTime::try_from(now).ok()?;
        let wait = moment.duration_since(now).ok()?;
        (!wait.is_zero()).then_some(wait)
    })
}

/// Reads a number of seconds in plain decimal digits, as `Retry-After` and its relatives spell it.
#[must_use]
pub fn seconds(text: &str) -> Option<Duration> {
    let decimal = text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !decimal {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    // More than a duration can hold is still a wish for a very long wait.
    Some(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_t5_reads_seconds_and_dates_and_ignores_the_past_and_nonsense() {
        let now = "2026-11-23T12:00:00Z".parse().expect("a time");
        for (text, wait) in [
            ("7", Some(7.0)),
            (" 7 ", Some(7.0)),
            ("0", Some(0.0)),
            ("1.5", Some(1.5)),
            ("Mon, 23 Nov 2026 12:00:30 GMT", Some(30.0)),
            ("Monday, 23-Nov-26 12:01:00 GMT", Some(60.0)),
            ("Mon Nov 23 12:00:05 2026", Some(5.0)),
            ("Mon, 23 Nov 2026 11:59:59 GMT", None),
            ("-1", None),
            ("+5", None),
            (".5", None),
            ("1.2.3", None),
            ("soon", None),
            ("", None),
            ("inf", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().expect("a header value"));
            assert_eq!(
                retry_after(&headers, now),
                wait.map(Duration::from_secs_f64),
                "{text:?}"
            );
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            "9".repeat(100).parse().expect("a header value"),
        );
        assert_eq!(retry_after(&headers, now), Some(Duration::MAX));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    proptest::proptest! {
        #[test]
        fn any_spelling_is_a_wait_or_nothing(
            text in "[ -~]{0,24}|[0-9]{1,40}([.][0-9]{0,20})?|[0-9]{1,3}[ .,eE+-][0-9]{1,9}",
            second in -62_000_000_000_i64..253_000_000_000,
        ) {
            let now = Timestamp::from_second(second).expect("in range");
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().expect("visible"));
            let wait = retry_after(&headers, now);
            let trimmed = text.trim();
            if let Ok(whole) = trimmed.parse::<u32>() && !trimmed.starts_with('+') {
                proptest::prop_assert_eq!(wait, Some(Duration::from_secs(whole.into())));
            }
            if trimmed.starts_with(['-', '+', '.']) || trimmed.is_empty() {
                proptest::prop_assert_eq!(wait, None);
            }
        }

        #[test]
        fn a_date_is_the_wait_until_then(
            second in 0_i64..4_000_000_000,
            ahead in -100_000_i64..100_000,
        ) {
            let now = Timestamp::from_second(second).expect("in range");
            let then = Timestamp::from_second(second + ahead).expect("in range");
            let expected = u64::try_from(ahead).ok().filter(|wait| *wait > 0).map(Duration::from_secs);
            for form in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
                if then < Timestamp::UNIX_EPOCH {
                    continue;
                }
                let mut headers = HeaderMap::new();
                let text = then.strftime(form).to_string();
                headers.insert(header::RETRY_AFTER, text.parse().expect("visible"));
                proptest::prop_assert_eq!(retry_after(&headers, now), expected, "{}", text);
            }
        }
    }
}
