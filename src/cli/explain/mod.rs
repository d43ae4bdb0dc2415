//! `bellwire explain`: what would become of events, and why, with no network.

mod curl;
mod documents;
mod facts;
mod form;
mod json;
mod lines;
mod text;

use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use self::curl::Variables;
use self::form::{Form, Input};
use self::lines::{LINES_MAX, Trouble};
use super::failed::Failed;
use super::look::Look;
use super::{Exit, configuration, output, table};
use crate::app::explain::{Explainer, Told};
use crate::model::Name;
use crate::sources::End;

/// Show for each event which rules match, why the others do not, and the exact requests that would go out.
///
/// Nothing is sent, and nobody is connected to. Secrets are hidden, those in addresses too, and
/// signatures are made with an example secret. What bellwire learns about trades and positions while it
/// runs is not known here. The `hours` of rules are taken at the event's own time, where it has one, as if
/// it had come then.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire explain events.jsonl
  curl -N https://example.org/events | bellwire explain
  echo '{\"type\":\"tp_hit\",\"data\":{\"symbol\":\"XAUUSD\",\"realized_pl\":-3.2}}' | bellwire explain

Exit status: 0 done, also when no rule matches, 1 a line cannot be read, 2 wrong command line or \
configuration.")]
pub(super) struct Args {
    /// The events: in each line one JSON document, as its source would send it, or one document over several
    /// lines, or one list of events; or the stream itself as it was saved, with its fields, without the
    /// head that `curl -i` writes before it. `-` or nothing for standard input.
    #[arg(value_name = "EVENTS.jsonl")]
    events: Option<PathBuf>,
    /// The source whose events they are. Without it, `bellwire` is assumed for types that begin with
    /// `bellwire.`, and for all others, of the sources that a rule listens to, the first by name that reads a
    /// type out of the event (a `ttmt` source before others, where TTMT documents that type), or else the
    /// first.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The type of JSON documents that have none of their own, as the field `event:` of their stream would
    /// say it.
    #[arg(long = "type", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    kind: Option<String>,
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
    let plan = configuration::load_or_fail(args.config.as_deref())?;
    let explainer = Explainer::new(plan);
    let source = args.source.as_deref().map(|name| named(&explainer, name));
    let source = source.transpose()?;
    let file = args
        .events
        .as_deref()
        .filter(|file| *file != Path::new("-"));
    let input: Input = match file {
        None => Box::new(BufReader::new(std::io::stdin())),
        Some(file) => match File::open(file) {
            Ok(opened) => Box::new(BufReader::new(opened)),
            Err(error) => {
                let file = file.display();
                return Err(Failed::wrong(format!("`{file}` cannot be read: {error}")).into());
            }
        },
    };
    if file.is_none() && std::io::stdin().is_terminal() {
        output::complain("one event a line, as JSON; Ctrl-D ends");
    }
    let mut telling = Telling {
        printer: Printer::new(&args, &explainer),
        explainer,
        source,
        is_well: true,
    };
    match (Form::of(input), args.kind) {
        (Form::Documents(input), kind) => telling.documents(input, kind.as_deref()),
        (Form::Stream(input), None) => telling.stream(input).await?,
        (Form::Stream(_), Some(_)) => {
            return Err(Failed::wrong(
                "`--type` is for JSON documents; this is a stream, which says its types itself",
            )
            .into());
        }
    }
    telling.printer.finish();
    Ok(if telling.is_well {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// One event after the other.
struct Telling {
    explainer: Explainer,
    source: Option<Name>,
    printer: Printer,
    is_well: bool,
}

impl Telling {
    fn documents(&mut self, input: Input, kind: Option<&str>) {
        let (mut is_used, mut is_ignored) = (false, false);
        for (number, document) in documents::documents(input) {
            let told = document
                .map_err(|trouble| trouble.to_string())
                .and_then(|document| {
                    let source = self.source.as_ref();
                    self.explainer.document(Bytes::from(document), kind, source)
                });
            match (&told, kind) {
                (Ok(Told::Event(told)), Some(kind)) if *told.event.kind == *kind => is_used = true,
                (Ok(_), Some(_)) => is_ignored = true,
                _ => {}
            }
            self.tell(number, told);
        }
        if is_ignored && !is_used {
            output::complain(
                "bellwire: `--type` changes nothing: every event here has a type of its own",
            );
        }
    }

    async fn stream(&mut self, input: Input) -> anyhow::Result<()> {
        let source = self.source.as_ref();
        let opened = self.explainer.recording(Box::new(input), source).await;
        let mut recording = opened.map_err(|end| fault(&end))?;
        let mut count = 0;
        loop {
            match recording.next().await {
                Ok((number, _)) if count == LINES_MAX => {
                    self.tell(number, Err(Trouble::TooMany.to_string()));
                    return Ok(());
                }
                Ok((number, recorded)) => {
                    count += 1;
                    let told = self.explainer.recorded(&recorded, self.source.as_ref());
                    self.tell(number, told);
                }
                Err(End::Eof) => return Ok(()),
                Err(End::EofInEvent) => {
                    output::complain(
                        "bellwire: the last event has no blank line behind it; a stream that ends there drops it",
                    );
                    return Ok(());
                }
                Err(end) => {
                    let reason = match end {
                        End::Broken(failure) => failure.to_string(),
                        End::Flood => "an event is far beyond every limit".to_owned(),
                        end => return Err(fault(&end)),
                    };
                    let reason = table::printable(&reason);
                    let reason = format!("the stream cannot be read on: {reason}");
                    return Err(Failed::new(reason).into());
                }
            }
        }
    }

    fn tell(&mut self, number: u64, told: Result<Told, String>) {
        match told {
            Ok(told) => self.printer.print(number, &told),
            Err(reason) => {
                let reason = table::printable(&reason);
                output::complain(&format!("bellwire: line {number} {reason}"));
                if matches!(self.printer, Printer::Json) {
                    output::item(&json!({ "line": number, "error": reason }));
                }
                self.is_well = false;
            }
        }
    }
}

/// An end that no recording has.
fn fault(end: &End) -> anyhow::Error {
    anyhow::anyhow!("the stream cannot be read: {end:?}")
}

/// A time with milliseconds, or with more digits where it has them.
fn moment(time: Timestamp) -> String {
    match time.subsec_nanosecond() % 1_000_000 {
        0 => format!("{time:.3}"),
        _ => time.to_string(),
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => f.write_str("is longer than any source takes"),
            Self::TooMany => f.write_str("and what follows are too many, and not read"),
            Self::Head => f.write_str(
                "is the head of a server's answer; save the stream without it, with `curl` but no `-i`",
            ),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// The source of a name; one that there is not is a mistake of the command line.
fn named(explainer: &Explainer, name: &str) -> Result<Name, Failed> {
    explainer.source(name).ok_or_else(|| {
        let known = explainer.sources();
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let name = table::printable(name);
        let known = known.join(", ");
        Failed::wrong(format!("there is no source `{name}`; there are {known}"))
    })
}

/// Writes each event as soon as it is known, so that none is kept.
enum Printer {
    Text { look: Look, is_first: bool },
    Json,
    Curl(Variables),
}

impl Printer {
    fn new(args: &Args, explainer: &Explainer) -> Self {
        match (args.json, args.curl) {
            (true, _) => Self::Json,
            (_, true) => Self::Curl(Variables::of(explainer.sinks())),
            _ => Self::Text {
                look: Look::of_terminal(),
                is_first: true,
            },
        }
    }

    fn print(&mut self, number: u64, told: &Told) {
        match self {
            Self::Text { look, is_first } => {
                if !std::mem::replace(is_first, false) {
                    output::line("");
                }
                output::text(&look.event(number, told));
            }
            Self::Json => output::item(&json::event(number, told)),
            Self::Curl(variables) => output::text(&curl::event(number, told, variables)),
        }
    }

    fn finish(self) {
        match self {
            Self::Json => output::end_of_items(),
            Self::Text { is_first: true, .. } => output::complain("there was no event to explain"),
            Self::Text { .. } | Self::Curl(_) => {}
        }
    }
}
