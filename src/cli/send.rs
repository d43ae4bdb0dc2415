//! `bellwire send`: one test message to one sink, and what its receiver says.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::failed::Failed;
use super::instance::Instance;
use super::{Exit, configuration, output, table};
use crate::sources::EVENT_BYTES_MAX;

/// The byte order mark in UTF-8, which some editors write before a text.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Send one test message to a sink and show the receiver's answer.
///
/// Through the running instance, where an accepted message also ends the sink's suspension, or directly
/// while none runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire send phone
  bellwire send phone --event samples/tp.json

Exit status: 0 the receiver has accepted it, 1 it has not, 2 wrong command line (a sink that there is \
not) or configuration.")]
pub(super) struct Args {
    /// The name of the sink.
    sink: String,
    /// Send this event instead: a JSON object with `type` and `data`, such as a line of a TTMT stream; `-`
    /// for standard input.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let plan = configuration::load_or_fail(args.config.as_deref())?;
    let body = args.event.as_deref().map(wish).transpose()?;
    let instance = Instance::find_or_make(&plan)?;
    let answer = instance
        .post(&["sinks", &args.sink, "test"], body.unwrap_or_default())
        .await;
    instance.leave().await;
    let answer = answer?;
    let accepted = answer.status == 200;
    let body = match answer.status {
        // What the receiver said is a result, also when it is a refusal.
        502 if answer.body["duration_ms"].is_u64() => answer.body,
        // A name that no sink has is a mistake of the command line.
        _ => answer.granted("duration_ms", &[404])?,
    };
    if args.json {
        output::document(&body);
    } else {
        let took = format!("{} ms", body["duration_ms"]);
        let kind = plan
            .config
            .sinks
            .iter()
            .find(|sink| sink.name.as_str() == args.sink);
        let kind = kind.map_or("", |sink| sink.kind.as_str());
        let status = match body["status"].as_u64() {
            Some(status) => format!("{}{took}", worded(kind, status)),
            None => format!("no answer, {took}"),
        };
        let reason = body["reason"].as_str().map(table::printable);
        let reason = reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let verdict = if accepted { "accepted" } else { "refused" };
        output::line(&format!("{}: {verdict} ({status}){reason}", args.sink));
        let said = body["answer"].as_str().unwrap_or_default();
        for line in said.lines() {
            output::line(&table::printable(line));
        }
    }
    Ok(if accepted { Exit::Done } else { Exit::Failed })
}

/// The status of an answer in the words of its sink's kind, as it stands before the time it took.
fn worded(kind: &str, status: u64) -> String {
    match (kind, status) {
        ("exec", _) => format!("exit status {status}, "),
        // A broker that takes a message has nothing to say about it.
        ("mqtt", 0) => String::new(),
        ("mqtt", _) => format!("reason code {status}, "),
        _ => format!("status {status}, "),
    }
}

/// The body that asks for the event of a file, or of standard input, to be sent.
fn wish(file: &Path) -> Result<Vec<u8>, Failed> {
    let (shown, read) = match file == Path::new("-") {
        true => ("standard input".to_owned(), read(std::io::stdin())),
        false => {
            let shown = format!("`{}`", file.display());
            (shown, File::open(file).and_then(read))
        }
    };
    let text = read.map_err(|error| Failed::wrong(format!("{shown} cannot be read: {error}")))?;
    let event = text.strip_prefix(BOM).unwrap_or(&text);
    let mut values = serde_json::Deserializer::from_slice(event).into_iter::<&RawValue>();
    let wrong = match (values.next(), values.next()) {
        _ if event.len() > EVENT_BYTES_MAX => Some("is longer than any event".to_owned()),
        (Some(Ok(_)), None) => None,
        (Some(Ok(_)), Some(_)) => Some("is to hold one event, and holds more".to_owned()),
        (Some(Err(error)), _) => Some(format!("is no JSON: {error}")),
        (None, _) => Some("is no JSON: it is empty".to_owned()),
    };
    if let Some(wrong) = wrong {
        return Err(Failed::new(format!("{shown} {wrong}")));
    }
    // The event's own bytes, not re-encoded: a receiver gets them as they are.
    Ok([b"{\"event\":", event, b"}"].concat())
}

/// What is there, up to one byte more than an event may have.
fn read(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let most = u64::try_from(EVENT_BYTES_MAX + 1).unwrap_or(u64::MAX);
    input.take(most).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_only_where_there_is_one() {
        assert_eq!(worded("webhook", 204), "status 204, ");
        assert_eq!(worded("exec", 0), "exit status 0, ");
        assert_eq!(worded("mqtt", 0), "");
        assert_eq!(worded("mqtt", 135), "reason code 135, ");
    }
}
