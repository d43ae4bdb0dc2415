//! `bellwire run`: the service.

use std::path::PathBuf;

use anyhow::Context;

use super::failed::Failed;
use super::{Exit, configuration};
use crate::{app, telemetry};

/// Run the bridge until SIGTERM or SIGINT, then drain within 8 seconds. SIGHUP, or another content of the
/// file, has the configuration read again; one that is wrong is refused, and the one before stays in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire run
  bellwire run --config /etc/bellwire/config.toml

Exit status: 0 told to stop, 1 it cannot start or a part of it failed, 2 wrong command line or \
configuration.")]
pub(super) struct Args {
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = configuration::load(args.config.as_deref()).map_err(Failed::from)?;
    let telemetry = telemetry::start(&plan.config.log).context("logging cannot start")?;
    for warning in &plan.warnings {
        tracing::warn!("{warning}");
    }
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let file = plan.config.file.clone();
    let watch = app::Watch::new(file.clone()).context("signals cannot be watched")?;
    let reload = app::Reload::new(watch, move || {
        configuration::load(Some(&file)).map_err(|refused| refused.report)
    });
    let ended = match app::start(plan, stop).await? {
        Some(running) => running.finished(Some(reload)).await,
        None => Ok(()),
    };
    telemetry.finish().await;
    ended?;
    Ok(Exit::Done)
}
