//! What an answer asks for as a wait: nonsense is none, and a number is one.
#![no_main]

use bellwire::transport::{retry_after, seconds};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let now = Timestamp::from_second(1_760_000_000).expect("in range");
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, value);
    let wait = retry_after(&headers, now);
    if let Some(number) = std::str::from_utf8(input).ok().and_then(seconds) {
        assert_eq!(wait, Some(number));
    }
});
