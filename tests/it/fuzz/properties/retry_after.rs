//! What an answer asks for as a wait: nonsense is none, a number is one, and so is a date ahead.

use std::time::Duration;

use bellwire::transport;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;

use super::now;

/// Most digits of a number that a double holds exactly, with room for the nanoseconds behind it.
const DIGITS_MAX: usize = 6;

/// Any header, and the same bytes as a number of seconds to be written as a date.
pub fn retry_after(input: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(input) {
        any_value(input, &value);
    }
    if let Some(bytes) = input.first_chunk() {
        dates(i32::from_le_bytes(*bytes).into());
    }
}

fn wait_of(value: &HeaderValue) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, value.clone());
    transport::retry_after(&headers, now())
}

fn any_value(input: &[u8], value: &HeaderValue) {
    let wait = wait_of(value);
    let text = String::from_utf8_lossy(input);
    let text = text.trim();
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if input.is_ascii() && is_digits(text) && !text.is_empty() {
        // So many seconds that no clock has them are still a wish for a very long wait.
        let number = text.parse::<u32>().map_or(u64::from(u32::MAX), u64::from);
        let wait = wait.expect("a number is a wait");
        assert!(wait >= Duration::from_secs(number), "{text}: {wait:?}");
        if text.trim_start_matches('0').len() <= DIGITS_MAX {
            assert_eq!(wait, Duration::from_secs(number), "{text}");
        }
    }
    let is_number = |first: u8| first.is_ascii_digit() || first.is_ascii_alphabetic();
    if !text.bytes().next().is_some_and(is_number) || !input.is_ascii() {
        assert_eq!(wait, None, "{text:?} asks for nothing");
    }
    if let Some(wait) = transport::seconds(text).filter(|_| input.is_ascii()) {
        assert_eq!(wait_of(value), Some(wait), "{text:?}");
    }
    if wait == Some(Duration::ZERO) {
        let no_more = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        assert!(
            no_more,
            "{text:?} is no number, and a date is ahead or none"
        );
    }
}

/// A date this far from now, in both spellings that carry the whole year.
fn dates(ahead: i64) {
    let then = now().as_second() + ahead;
    let Some(then) = Timestamp::from_second(then).ok().filter(|_| then >= 0) else {
        return;
    };
    let wait = u64::try_from(ahead).ok().filter(|wait| *wait > 0);
    for form in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        let text = then.strftime(form).to_string();
        let value = HeaderValue::from_str(&text).expect("visible");
        assert_eq!(wait_of(&value), wait.map(Duration::from_secs), "{text}");
    }
}
