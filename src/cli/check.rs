//! `bellwire check`: every mistake in the configuration at once.

use std::path::PathBuf;

use super::{Exit, configuration, output};

/// Read the configuration as `run` would and report every mistake at once, without connecting anywhere.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let plan = match configuration::load(args.config.as_deref()) {
        Ok(plan) => plan,
        Err(report) => {
            output::complain(&report);
            return Ok(Exit::Wrong);
        }
    };
    for warning in &plan.warnings {
        output::complain(&format!("warning: {warning}"));
    }
    output::line(&format!(
        "{}: valid, {}, {}, {}",
        plan.config.file.display(),
        count(plan.sources.len(), "source"),
        count(plan.sinks.len(), "sink"),
        count(plan.config.rules.len(), "rule"),
    ));
    Ok(Exit::Done)
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
