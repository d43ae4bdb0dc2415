//! `bellwire send`: one test message to one sink, and what its receiver says.

use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::instance::Instance;
use super::{Exit, configuration, output, table};

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
    /// Send this event instead: a JSON object with `type` and `data`, such as a line of a TTMT stream.
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
    let plan = match configuration::load_or_complain(args.config.as_deref()) {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let body = match args.event.as_deref().map(wish).transpose() {
        Ok(body) => body.unwrap_or_default(),
        Err(exit) => return Ok(exit),
    };
    let instance = Instance::find_or_make(&plan)?;
    let answer = instance.post(&["sinks", &args.sink, "test"], body).await;
    instance.leave().await;
    let answer = answer?;
    if !matches!(answer.status, 200 | 502) {
        output::complain(&format!("bellwire: {}", answer.reason()));
        // A name that no sink has is a mistake of the command line.
        return Ok(if answer.status == 404 {
            Exit::Wrong
        } else {
            Exit::Failed
        });
    }
    let accepted = answer.status == 200;
    if args.json {
        output::line(&answer.body.to_string());
    } else {
        let took = format!("{} ms", answer.body["duration_ms"]);
        let status = match answer.body["status"].as_u64() {
            Some(status) => format!("status {status}, {took}"),
            None => format!("no answer, {took}"),
        };
        let reason = answer.body["reason"].as_str().map(table::printable);
        let reason = reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let verdict = if accepted { "accepted" } else { "refused" };
        output::line(&format!("{}: {verdict} ({status}){reason}", args.sink));
        let said = answer.body["answer"].as_str().unwrap_or_default();
        for line in said.lines() {
            output::line(&table::printable(line));
        }
    }
    Ok(if accepted { Exit::Done } else { Exit::Failed })
}

/// The body that asks for the event of a file to be sent.
fn wish(file: &Path) -> Result<Vec<u8>, Exit> {
    let event = std::fs::read(file).map_err(|error| {
        output::complain(&format!(
            "bellwire: `{}` cannot be read: {error}",
            file.display()
        ));
        Exit::Wrong
    })?;
    let mut values = serde_json::Deserializer::from_slice(&event).into_iter::<&RawValue>();
    let wrong = match (values.next(), values.next()) {
        (Some(Ok(_)), None) => None,
        (Some(Ok(_)), Some(_)) => Some("is to hold one event, and holds more".to_owned()),
        (Some(Err(error)), _) => Some(format!("is no JSON: {error}")),
        (None, _) => Some("is no JSON: it is empty".to_owned()),
    };
    if let Some(wrong) = wrong {
        output::complain(&format!("bellwire: `{}` {wrong}", file.display()));
        return Err(Exit::Failed);
    }
    // The event's own bytes, not re-encoded: a receiver gets them as they are.
    Ok([b"{\"event\":", event.as_slice(), b"}"].concat())
}
