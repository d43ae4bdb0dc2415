//! `stream`, as `properties::stream` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::stream(input));
