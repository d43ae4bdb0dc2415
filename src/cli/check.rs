//! `bellwire check`: every mistake in the configuration at once, and whether everybody in it answers.

pub(super) mod told;

use std::path::PathBuf;

use super::{Exit, configuration, output};
use crate::app::{self, Plan};

/// Read the configuration as `run` would and report every mistake at once; with `--online`, try everybody in it.
///
/// The file's `[[tests]]` are run, too; one that fails is a mistake.
///
/// Without `--online` it connects nowhere. With it, the queue's server, each source and each sink are tried once the file is
/// right, for 20 seconds at most, and nothing is sent that a person or an automation could take for an event.
///
/// The server of the queue is connected to, where there is one, and nothing is changed there.
///
/// A `ttmt` source is asked once for its accounts: whether the key is good, and which `account_id` there
/// are. Its stream is not opened: a key has only one, and a running instance holds it.
///
/// An `sse` source is opened and closed again; nothing of it is read.
///
/// A `discord` webhook is looked up.
///
/// An `ntfy` server is asked for its health and, with credentials, whether it accepts them. Whether they may
/// write to the topic shows only with a message.
///
/// Of a `telegram` sink the bot is asked who it is (`getMe`), and whether it sees the chat (`getChat`).
///
/// An `mqtt` broker is logged in to and left again; nothing is published.
///
/// Of a `webhook` or a `slack` sink only the server is reached (`OPTIONS /`), not the receiver itself.
///
/// The program of an `exec` sink is looked for and not started. Without `--online` one that is not there is
/// only a warning, as it may be there where the configuration is for.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  $ bellwire check
  config.toml: valid, 1 source, 2 sinks, 1 rule
  $ bellwire check --online
  config.toml: valid, 1 source, 2 sinks, 1 rule
  source ttmt (app.telegramtometatrader.com): ok, the key is valid; 29 requests left this minute
    a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10  Main Live (live, USD, deployed)
  sink desk (hooks.slack.com #91c4): failed, the host name does not resolve
  sink phone (ntfy.sh #3fa0): ok, the server is healthy; nothing was sent

Exit status: 0 all is fine, 1 the file is right and something else is not, 2 the file is wrong and \
nothing was tried.")]
pub(super) struct Args {
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also try each source and each sink, without sending an event
    #[arg(long)]
    online: bool,
    /// Print one JSON document: each mistake with its place, each warning, and who was tried; what was not
    /// has `"ok": null`
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = match configuration::load(args.config.as_deref()) {
        Ok(plan) => plan,
        Err(refused) => return Err(told::wrong(refused).into()),
    };
    let mut warnings = plan.warnings.clone();
    if !args.online {
        warnings.extend(app::programs_not_here(&plan));
    }
    for warning in &warnings {
        output::complain(&told::warning(warning));
    }
    if !args.json {
        output::line(&summary(&plan));
    }
    if !args.online {
        if args.json {
            output::document(&told::untried(&plan, &warnings));
        }
        return Ok(Exit::Done);
    }
    let tried = app::try_online(&plan).await?;
    if args.json {
        output::document(&told::json(&tried, &warnings));
    } else {
        told::lines(&tried)
            .iter()
            .for_each(|line| output::line(line));
    }
    Ok(if tried.is_fine() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn summary(plan: &Plan) -> String {
    format!(
        "{}: valid, {}, {}, {}{}",
        plan.config.file.display(),
        count(plan.sources.len(), "source"),
        count(plan.sinks.len(), "sink"),
        count(plan.config.rules.len(), "rule"),
        passed(plan.config.tests.len()),
    )
}

fn passed(tests: usize) -> String {
    let told = (tests > 0).then(|| format!(", {} passed", count(tests, "test")));
    told.unwrap_or_default()
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
