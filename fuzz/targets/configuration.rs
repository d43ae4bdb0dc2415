//! A configuration file that nobody ought to write: it is taken, or every mistake in it is told.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use bellwire::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // Where a secret may be read from is not for a fuzzer to say.
    if text.contains("file") {
        return;
    }
    let loaded = config::load_text(Path::new("c.toml"), text.to_owned(), BTreeMap::new());
    assert_eq!(
        loaded.report(false).is_some(),
        !loaded.mistakes().is_empty()
    );
});
