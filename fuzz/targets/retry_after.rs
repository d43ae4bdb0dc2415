//! `retry_after`, as `properties::retry_after` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::retry_after(input));
