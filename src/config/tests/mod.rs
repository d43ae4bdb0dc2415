//! What the whole room promises, seen from its front door: text and variables in, a configuration
//! and a report out.

mod environment;
pub(crate) mod example;
mod mistakes;
mod secrets;
mod settings;
mod surprises;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, Loaded, load_text};

/// A configuration without a mistake, for tests that add one.
const SMALL: &str = r#"
[sources.ttmt]
kind = "ttmt"
api_key = "k"

[sinks.phone]
kind = "ntfy"
topic = "t"

[[rules]]
name = "all"
to = ["phone"]
"#;

fn variables(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn loaded(text: &str, environment: &[(&str, &str)]) -> Loaded {
    let file = Path::new("/etc/bellwire/config.toml");
    load_text(file, text.to_owned(), variables(environment))
}

/// The configuration of a text that has no mistake.
fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    let loaded = loaded(text, environment);
    if let Some(report) = loaded.report(false) {
        panic!("{report}");
    }
    loaded.config.expect("there is no mistake")
}

/// The report of a text that has mistakes.
fn report(text: &str, environment: &[(&str, &str)]) -> String {
    loaded(text, environment)
        .report(false)
        .expect("there are mistakes")
}
