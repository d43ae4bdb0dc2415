//! `bellwire schema`: the JSON Schema of the configuration, for editors.

use serde_json::Value;

use super::{Exit, output};

/// Made of the forms that stand beside the readers of tables, and committed: a program that runs has no
/// use for the forms themselves. Without spaces, since it is part of the program.
const SCHEMA: &str = include_str!("config.schema.json");

/// Print the JSON Schema of the configuration.
///
/// Editors that know TOML complete keys and words by it, show what each means, and mark what is wrong.
/// They find it by a first line such as `#:schema ./config.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire schema > config.schema.json")]
pub(super) struct Args {}

pub(super) fn run(Args {}: Args) -> anyhow::Result<Exit> {
    let schema: Value = serde_json::from_str(SCHEMA)?;
    output::line(&format!("{schema:#}"));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use crate::{config, sinks, sources};

    #[test]
    fn the_committed_schema_is_what_the_forms_say() {
        let schema = config::form::schema(sources::form, sinks::form);
        config::form::hold("cli/config.schema.json", &schema);
    }
}
