//! `bellwire queue`: deliveries and dead letters, on a running instance and on a stopped one's files.

mod instances;
mod list;
mod moving;
mod show;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::failed::Failed;
use super::instance::Instance;
use super::progress::Progress;
use super::{Exit, configuration, output, table};
use crate::clock;
use crate::model::State;

/// Look into the queue: list deliveries, show one whole, send one again, give one up.
///
/// Works on the running instance of the configuration, or on its files while none runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire queue --state dead --since 24h
  bellwire queue show msg_0123456789ab_42
  bellwire queue retry msg_0123456789ab_42

Exit status: 0 done, 1 it failed or one of the ids was refused, 2 wrong command line (a sink that there \
is not) or configuration.")]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    filter: Filter,
    /// Print one JSON document.
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List deliveries in every state, newest first.
    #[command(after_help = "Example: bellwire queue list --sink phone --limit 10")]
    List(Filter),
    /// Show one delivery with every attempt.
    #[command(after_help = "Example: bellwire queue show msg_0123456789ab_42 --json")]
    Show {
        /// The delivery's id, which its receiver knows as `webhook-id`.
        id: String,
    },
    /// Send deliveries once more, now, each under its old id.
    #[command(after_help = "Example: bellwire queue retry msg_0123456789ab_42 msg_0123456789ab_43")]
    Retry {
        /// The ids of the deliveries.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Show the instances that share the queue, and who does what.
    #[command(after_help = "Example: bellwire queue instances --json")]
    Instances,
    /// Move the whole queue from `data_dir` to the server of `[store]`, or back.
    ///
    /// Nobody may work on either, and nobody can until it is done. All that waits is sent from there, once, with
    /// the ids and the attempts that it has. Where it breaks off, the same command ends it.
    #[command(after_help = "\
Examples:
  bellwire queue move --to postgresql
  bellwire queue move --to sqlite
  bellwire queue move --to postgresql --cancel")]
    Move(moving::Wanted),
    /// End deliveries that wait: each becomes a dead letter, `dropped by hand`.
    #[command(after_help = "Example: bellwire queue drop msg_0123456789ab_42")]
    Drop {
        /// The ids of the deliveries.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
struct Filter {
    /// Only deliveries to this sink.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Only deliveries in this state, such as `dead` or `waiting`.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only deliveries since then: an age such as `2h`, or a time such as `2026-06-11T08:00:00Z`.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<String>,
    /// At most so many [default: 50, or all with `--json`]
    #[arg(long, value_name = "N", value_parser = limit)]
    limit: Option<NonZeroUsize>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    if args.filter != Filter::default() && !matches!(args.what, None | Some(What::List(_))) {
        return Err(Failed::wrong(
            "`--sink`, `--state`, `--since` and `--limit` are for `queue list`",
        )
        .into());
    }
    let plan = configuration::load_or_fail(args.config.as_deref())?;
    if let Some(What::Move(wanted)) = &args.what {
        return moving::run(&plan, wanted, args.json);
    }
    let instance = Instance::find(&plan)?;
    let exit = match args.what {
        None => list::run(&instance, &args.filter, args.json).await,
        Some(What::List(inner)) => list::run(&instance, &inner.or(args.filter), args.json).await,
        Some(What::Instances) => instances::run(&instance, args.json).await,
        // That is done already: it is about two homes, and no instance.
        Some(What::Move(_)) => Ok(Exit::Done),
        Some(What::Show { id }) => show::run(&instance, &id, args.json).await,
        Some(What::Retry { ids }) => act(&instance, "retry", &ids, args.json).await,
        Some(What::Drop { ids }) => act(&instance, "drop", &ids, args.json).await,
    };
    instance.leave().await;
    exit
}

/// Does the same to each delivery; one that is refused does not keep the others.
async fn act(
    instance: &Instance,
    verb: &'static str,
    ids: &[String],
    json: bool,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut done = Vec::new();
    let progress = Progress::of(ids.len(), verb, !json);
    for id in ids {
        let answer = instance.post(&["deliveries", id, verb], "").await?;
        match answer.granted("id", &[]) {
            Ok(delivery) if json => output::item(&delivery),
            Ok(delivery) => done.push(delivery),
            Err(failed) => {
                progress.aside(|| output::complain(&failed.to_string()));
                if json {
                    output::item(&failed.with("id", id.as_str()).document());
                }
                exit = Exit::Failed;
            }
        }
        progress.step();
    }
    drop(progress);
    if json {
        output::end_of_items();
        return Ok(exit);
    }
    let runs = instance.runs().await;
    for delivery in &done {
        let text = |key: &str| table::printable(delivery[key].as_str().unwrap_or_default());
        let when = match delivery["state"].as_str() {
            Some("waiting") if runs => ", due now".to_owned(),
            Some("waiting") => ", due when bellwire runs".to_owned(),
            Some("held") => {
                let sink = text("sink");
                format!(
                    ": its sink is suspended; `bellwire send {sink}` resumes it if it accepts, and so does a reload"
                )
            }
            _ => String::new(),
        };
        output::line(&format!("{}: {}{when}", text("id"), text("state")));
    }
    Ok(exit)
}

impl Filter {
    fn or(self, other: Self) -> Self {
        Self {
            sink: self.sink.or(other.sink),
            state: self.state.or(other.state),
            since: self.since.or(other.since),
            limit: self.limit.or(other.limit),
        }
    }
}

fn limit(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse();
    count.map_err(|_| "a whole number, at least 1".to_owned())
}

fn state(text: &str) -> Result<State, String> {
    State::of(text).ok_or_else(|| {
        let words = State::ALL.map(State::as_str).join(", ");
        format!("possible are {words}")
    })
}

/// Checked here, read by whoever answers: an age counts from there.
pub(super) fn since(text: &str) -> Result<String, String> {
    let now = clock::Clock::system().now();
    match clock::since(text, now) {
        Some(_) => Ok(text.to_owned()),
        None => Err("an age such as `2h`, or a time such as `2026-06-11T08:00:00Z`".to_owned()),
    }
}
