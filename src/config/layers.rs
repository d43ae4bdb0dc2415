//! The layers of a configuration: built-in defaults, then the file, then the environment.
//!
//! A file of its own because the order of the layers is a promise. They are laid over each other as
//! parsed values, never as text; what the values mean is decided elsewhere.

use std::collections::BTreeMap;

use figment::value::{Dict, Map};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::document;
use super::environment::{self, Overlay};
use super::problem::Problems;
use super::secret;

/// What holds where neither file nor environment say otherwise. Defaults of the entries of a list or
/// of named tables stand where those are read.
const DEFAULTS: &str = r#"
data_dir = "./data"

[log]
format = "auto"
level = "info"

[http]
listen = "127.0.0.1:8080"

[retention]
events = "7d"
max_disk = "1GiB"
"#;

/// Everything that was said, and which variables said it.
pub(super) struct Layered {
    /// The values on top.
    pub(super) values: Dict,
    /// The variable behind each value that came from the environment, by full key.
    pub(super) variables: BTreeMap<String, String>,
}

/// Lays the environment over the file over the defaults.
pub(super) fn layer(
    mut file: Dict,
    environment: &BTreeMap<String, String>,
    problems: &Problems,
) -> Layered {
    let Overlay { values, variables } = environment::overlay(environment, &mut file, problems);
    let merged = Figment::new()
        .merge(Layer::new("built-in defaults", defaults()))
        .merge(Layer::new("file", file))
        .merge(Layer::new("environment", values))
        .data()
        .expect("a layer of plain values cannot fail");
    Layered {
        values: merged
            .into_iter()
            .find_map(|(profile, values)| (profile == Profile::Default).then_some(values))
            .unwrap_or_default(),
        variables,
    }
}

fn defaults() -> Dict {
    document::parse(DEFAULTS)
        .expect("the built-in defaults are valid TOML")
        .values
}

/// Values that are at hand already, as figment takes them.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Layer {
    fn new(name: &'static str, values: Dict) -> Self {
        Self { name, values }
    }
}

/// What has been laid on top of each other is a copy of this one.
impl Drop for Layer {
    fn drop(&mut self) {
        self.values.values_mut().for_each(secret::wipe);
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
