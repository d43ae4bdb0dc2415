//! `bellwire schema`: the JSON Schema of the configuration, for editors.

use super::{Exit, output};

/// Made of the forms that stand beside the readers of tables, and committed: a program that runs has no
/// use for the forms themselves.
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
    output::line(SCHEMA.trim_end());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use crate::{config, sinks, sources};

    #[test]
    fn the_committed_schema_is_what_the_forms_say() {
        let schema = config::form::schema(sources::form, sinks::form);
        let places = ["src/cli/config.schema.json", "deploy/config.schema.json"];
        config::form::hold(places, &format!("{schema:#}\n"));
    }
}
