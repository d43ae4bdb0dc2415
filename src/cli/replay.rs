//! `bellwire replay`: stored events are routed again and sent again, after a look at how many.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::failed::Failed;
use super::instance::{Answer, Instance};
use super::progress::Progress;
use super::{Exit, configuration, output, queue};

/// Send stored events again: those since a time, by the rules of today, after showing how many.
///
/// Events that matched no rule before are sent, too, if one matches them now. Each new delivery has a
/// new id. What bellwire said about itself is sent again only by a rule that is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire replay --since 2h
  bellwire replay --since 2026-06-11T08:00:00Z --rule gold-tp --sink phone --yes

Exit status: 0 done, 1 it failed, was not confirmed, or nobody was there to ask, 2 wrong command line \
(a rule or a sink that there is not) or configuration.")]
pub(super) struct Args {
    /// Events that arrived since then: an age such as `2h`, or a time such as `2026-06-11T08:00:00Z`.
    #[arg(long, value_name = "WHEN", value_parser = queue::since)]
    since: String,
    /// Only what this rule sends.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Only to this sink.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = configuration::load_or_fail(args.config.as_deref())?;
    let instance = Instance::find(&plan)?;
    let exit = replay(&instance, &args).await;
    instance.leave().await;
    exit
}

async fn replay(instance: &Instance, args: &Args) -> anyhow::Result<Exit> {
    if !args.yes {
        let counted = told(wish(instance, args, true).await?)?;
        output::complain(&format!("{} would be sent again", number(&counted)));
        if !std::io::stdin().is_terminal() {
            let failed = Failed::new("nobody is there to ask").help("`--yes` does not ask");
            return Err(failed.into());
        }
        if counted["deliveries"] == 0 {
            if args.json {
                output::document(&counted);
            }
            return Ok(Exit::Done);
        }
        if !confirmed() {
            let failed = Failed::new("nothing was sent, as nobody said yes");
            return Err(failed.report("nothing was sent").into());
        }
    }
    let done = told(wish(instance, args, false).await?)?;
    if args.json {
        output::document(&done);
        return Ok(Exit::Done);
    }
    let when = if instance.runs().await {
        "now"
    } else {
        "when bellwire runs"
    };
    output::line(&format!("{}, due {when}", number(&done)));
    Ok(Exit::Done)
}

async fn wish(instance: &Instance, args: &Args, dry_run: bool) -> anyhow::Result<Answer> {
    let body = json!({
        "since": args.since,
        "rule": args.rule,
        "sink": args.sink,
        "dry_run": dry_run,
    });
    let what = if dry_run { "counting" } else { "sending" };
    let _progress = Progress::uncounted(what, !args.json);
    instance.post(&["replay"], body.to_string()).await
}

/// What was answered; a name that nothing has is a mistake of the command line.
fn told(answer: Answer) -> Result<Value, Failed> {
    answer.granted("deliveries", &[404])
}

fn number(counted: &Value) -> String {
    let count = |key: &str, one: &str, more: &str| match counted[key].as_u64() {
        Some(1) => format!("1 {one}"),
        count => format!("{} {more}", count.unwrap_or_default()),
    };
    format!(
        "{} of {}",
        count("deliveries", "delivery", "deliveries"),
        count("events", "event", "events")
    )
}

/// Asks on the terminal. Anything but a yes is a no.
fn confirmed() -> bool {
    output::complain("send? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
