//! `configuration`, as `properties::configuration` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::configuration(input));
