//! `event`, as `properties::event` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::event(input));
