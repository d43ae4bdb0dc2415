//! `bellwire schema`: the JSON Schema of the configuration, for editors.

use super::{Exit, output};
use crate::{config, sinks, sources};

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
    let schema = config::form::schema(sources::form, sinks::form);
    output::line(&format!("{schema:#}"));
    Ok(Exit::Done)
}
