//! `expression`, as `properties::expression` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::expression(input));
