//! `bellwire explain`: what would become of events, and why, with no network.

mod curl;
mod json;
mod lines;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use self::lines::{Lines, Trouble};
use self::text::Look;
use super::{Exit, configuration, output, table};
use crate::app::explain::{Explainer, Told};
use crate::model::Name;

/// Show for each event which rules match, why the others do not, and the exact requests that would go out.
///
/// Nothing is sent, and nobody is connected to. Secrets are hidden, those in addresses too, and
/// signatures are made with an example secret. What bellwire learns about trades and positions while it
/// runs is not known here.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire explain events.jsonl
  echo '{\"type\":\"tp_hit\",\"data\":{\"symbol\":\"XAUUSD\",\"realized_pl\":-3.2}}' | bellwire explain

Exit status: 0 done, also when no rule matches; 1 a line cannot be read; 2 wrong command line or
configuration.")]
pub(super) struct Args {
    /// The events: in each line one JSON document, as its source would send it; `-` or nothing for standard
    /// input.
    #[arg(value_name = "EVENTS.jsonl")]
    events: Option<PathBuf>,
    /// The source whose events they are. Without it, `bellwire` is assumed for types that begin with
    /// `bellwire.`, and for all others the first source that a rule listens to.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Print one JSON document, an array with an object for each event.
    #[arg(long)]
    json: bool,
    /// Print a `curl` command line for each HTTP request, with `$NAMES` for secrets.
    #[arg(long, conflicts_with = "json")]
    curl: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = match configuration::load_or_complain(args.config.as_deref()) {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let explainer = Explainer::new(plan);
    let source = match args.source.as_deref().map(|name| named(&explainer, name)) {
        Some(Ok(source)) => Some(source),
        Some(Err(exit)) => return Ok(exit),
        None => None,
    };
    let file = args
        .events
        .as_deref()
        .filter(|file| *file != Path::new("-"));
    let input: Box<dyn BufRead> = match file {
        None => Box::new(std::io::stdin().lock()),
        Some(file) => match File::open(file) {
            Ok(opened) => Box::new(BufReader::new(opened)),
            Err(error) => {
                let file = file.display();
                output::complain(&format!("bellwire: `{file}` cannot be read: {error}"));
                return Ok(Exit::Wrong);
            }
        },
    };
    if file.is_none() && std::io::stdin().is_terminal() {
        output::complain("one event a line, as JSON; Ctrl-D ends");
    }
    let mut printer = Printer::new(&args);
    let mut is_well = true;
    for (number, line) in Lines::of(input) {
        let told = line
            .map_err(|trouble| trouble.to_string())
            .and_then(|line| explainer.explain(Bytes::from(line), source.as_ref()));
        match told {
            Ok(told) => printer.print(number, &told),
            Err(reason) => {
                let reason = table::printable(&reason);
                output::complain(&format!("bellwire: line {number} {reason}"));
                is_well = false;
            }
        }
    }
    printer.finish();
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => f.write_str("is longer than any source takes"),
            Self::TooMany => f.write_str("and what follows are too many, and not read"),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// The source of a name; one that there is not is a mistake of the command line.
fn named(explainer: &Explainer, name: &str) -> Result<Name, Exit> {
    explainer.source(name).ok_or_else(|| {
        let known = explainer.sources();
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let name = table::printable(name);
        output::complain(&format!(
            "bellwire: there is no source `{name}`; there are {}",
            known.join(", ")
        ));
        Exit::Wrong
    })
}

/// Writes each event as soon as it is known, so that none is kept.
enum Printer {
    Text { look: Look, is_first: bool },
    Json { is_first: bool },
    Curl,
}

impl Printer {
    fn new(args: &Args) -> Self {
        let is_first = true;
        match (args.json, args.curl) {
            (true, _) => Self::Json { is_first },
            (_, true) => Self::Curl,
            _ => Self::Text {
                look: Look::of_terminal(),
                is_first,
            },
        }
    }

    fn print(&mut self, number: usize, told: &Told) {
        match self {
            Self::Text { look, is_first } => {
                if !std::mem::replace(is_first, false) {
                    output::line("");
                }
                output::text(&look.event(number, told));
            }
            Self::Json { is_first } => {
                let before = match std::mem::replace(is_first, false) {
                    true => "[",
                    false => ",\n",
                };
                output::text(&format!("{before}{}", json::event(number, told)));
            }
            Self::Curl => output::text(&curl::event(number, told)),
        }
    }

    fn finish(self) {
        match self {
            Self::Json { is_first: true } => output::line("[]"),
            Self::Json { .. } => output::line("]"),
            Self::Text { is_first: true, .. } => output::complain("there was no event to explain"),
            Self::Text { .. } | Self::Curl => {}
        }
    }
}
