//! `refusal`, as `properties::refusal` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::refusal(input));
