//! `bellwire verify`: whether a captured webhook request is genuine and, if not, why.

mod told;

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;

use super::failed::Failed;
use super::{Exit, configuration, output};
use crate::clock::{self, Clock};
use crate::model::{Secret, Zeroizing};
use crate::sinks::verify::{self, Captured, Fault};

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 2 << 20;

/// Longest file with a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Most secrets at once.
const SECRETS_MAX: usize = 10;

/// Tell whether a captured webhook request is genuine and, if not, why.
///
/// The request comes on standard input as it was received: header lines, an empty line, and the very bytes
/// of the body; a request line may stand before them. At most 2 MiB.
///
/// The headers tell the scheme: Standard Webhooks (`webhook-signature`, or `svix-signature`), GitHub's
/// (`X-Hub-Signature-256`) or Stripe's (`Stripe-Signature`). Of several each has to be right.
///
/// A cause is named only where a signature proves it, such as a line break at the end of the body, or JSON
/// that was parsed and printed again.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  $ bellwire verify --secret-file webhook.secret < request.http
  standard: genuine, signed 2s before it was received
  $ bellwire verify --sink automation --at 2026-06-11T08:05:12Z < request.http
  standard: not genuine: a line break was added at the end of the body; verify the bytes as they came
  $ bellwire verify --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw --json < request.http

Exit status: 0 genuine, 1 not genuine, or no request, 2 wrong command line, secret or configuration.")]
#[command(group = clap::ArgGroup::new("whose").required(true).multiple(true))]
pub(super) struct Args {
    /// The secret; several times for several. Others on this machine may see it here: `--secret-file` hides it
    #[arg(long, value_name = "TEXT", group = "whose", value_parser = secret)]
    secret: Vec<Secret>,
    /// A file with nothing but the secret; a line break at its end is cut. Several times for several
    #[arg(long, value_name = "FILE", group = "whose")]
    secret_file: Vec<PathBuf>,
    /// The secrets of this webhook sink in the configuration
    #[arg(long, value_name = "NAME", group = "whose")]
    sink: Option<String>,
    /// When it was received: a time such as 2026-06-11T08:05:12Z, seconds since 1970, or an age such as `2m` [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How far that may be from the time of the signature
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    tolerance: Duration,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE", requires = "sink")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> anyhow::Result<Exit> {
    let now = Clock::system().now();
    let received = match args.at.as_deref().map(|text| moment(text, now)) {
        None => now,
        Some(Some(received)) => received,
        Some(None) => {
            return Err(Failed::wrong(
                "`--at` is no time: give one such as `2026-06-11T08:05:12Z`, seconds since 1970, or an age such as `2m`",
            )
            .into());
        }
    };
    let secrets = secrets(&args)?;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(REQUEST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .context("the request cannot be read from standard input")?;
    if bytes.len() as u64 > REQUEST_BYTES_MAX {
        anyhow::bail!("the request on standard input has more than 2 MiB");
    }
    let captured = Captured::read(&bytes)
        .map_err(|why| anyhow::anyhow!("standard input is no captured request: {why}"))?;
    let findings = verify::verify(&captured, &secrets, received, args.tolerance);
    if args.json {
        let told = told::json(&findings, received, args.tolerance);
        output::line(&told.to_string());
    } else {
        for finding in &findings {
            let line = told::line(finding, secrets.len(), received, args.tolerance);
            output::line(&line);
        }
    }
    let faults = findings.iter().filter_map(|it| it.outcome.as_ref().err());
    Ok(match faults.collect::<Vec<_>>().as_slice() {
        [] => Exit::Done,
        faults if faults.iter().any(|fault| **fault == Fault::NoKey) => Exit::Wrong,
        _ => Exit::Failed,
    })
}

/// A moment as people and headers write it.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text.trim().parse() {
        Ok(second) => Timestamp::from_second(second).ok(),
        Err(_) => clock::since(text, now),
    }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// Every secret that was given, in the order of the help.
fn secrets(args: &Args) -> Result<Vec<Secret>, Failed> {
    let mut secrets = args.secret.clone();
    for file in &args.secret_file {
        secrets.push(read_secret(file)?);
    }
    if let Some(name) = &args.sink {
        secrets.extend(secrets_of_sink(name, args.config.as_deref())?);
    }
    if secrets.iter().any(|secret| secret.expose().is_empty()) {
        return Err(Failed::wrong("the secret is empty"));
    }
    if secrets.len() > SECRETS_MAX {
        return Err(Failed::wrong(format!(
            "more than {SECRETS_MAX} secrets are too many"
        )));
    }
    Ok(secrets)
}

fn read_secret(file: &Path) -> Result<Secret, Failed> {
    let refused = |why: &str| Failed::wrong(format!("the secret file `{}` {why}", file.display()));
    let mut text = Zeroizing::new(String::new());
    File::open(file)
        .and_then(|opened| opened.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| refused(&format!("cannot be read: {error}")))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(refused("has more than 64 KiB"));
    }
    let cut = text.strip_suffix('\n').unwrap_or(&text);
    let cut = cut.strip_suffix('\r').unwrap_or(cut);
    Ok(Secret::new(cut.to_owned()))
}

fn secrets_of_sink(name: &str, file: Option<&Path>) -> Result<Vec<Secret>, Failed> {
    let plan = configuration::load_or_fail(file)?;
    let sinks = plan.config.sinks.iter();
    let Some(sink) = sinks.clone().find(|sink| sink.name.as_str() == name) else {
        let there: Vec<&str> = sinks
            .filter(|sink| sink.kind == "webhook")
            .map(|sink| sink.name.as_str())
            .collect();
        let there = match there.is_empty() {
            true => "there is no webhook sink".to_owned(),
            false => format!("webhook sinks are {}", there.join(", ")),
        };
        return Err(Failed::wrong(format!("there is no sink `{name}`; {there}")));
    };
    if sink.kind != "webhook" {
        return Err(Failed::wrong(format!(
            "sink `{name}` is of kind {}, which signs nothing; give the name of a webhook sink",
            sink.kind
        )));
    }
    match sink.options.clone().secrets("secret") {
        Some(secrets) if !secrets.is_empty() => Ok(secrets),
        _ => Err(Failed::wrong(format!(
            "sink `{name}` has no secret, and signs nothing"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::verify::TOLERANCE;

    #[test]
    fn the_tolerance_is_that_of_the_libraries() {
        assert_eq!(humantime::parse_duration("5m"), Ok(TOLERANCE));
    }

    #[test]
    fn a_moment_is_a_time_seconds_or_an_age() {
        let now = Timestamp::from_second(1_781_165_130).expect("in range");
        for (text, second) in [
            ("1781165000", Some(1_781_165_000)),
            ("2026-06-11T08:05:30Z", Some(1_781_165_130)),
            ("2m", Some(1_781_165_010)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                moment(text, now).map(Timestamp::as_second),
                second,
                "{text}"
            );
        }
    }
}
