//! `verdict`, as `properties::verdict` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::verdict(input));
