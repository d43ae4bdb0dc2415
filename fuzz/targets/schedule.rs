//! `schedule`, as `properties::schedule` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::schedule(input));
