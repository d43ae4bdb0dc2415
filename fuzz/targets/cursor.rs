//! `cursor`, as `properties::cursor` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::cursor(input));
