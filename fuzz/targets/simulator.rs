//! `simulator`, as `properties::simulator` says it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::simulator(input));
