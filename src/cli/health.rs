//! `bellwire health`: whether the running instance would get an alert through.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};

use super::failed::Failed;
use super::instance::{authorize, foreign, reachable, shut_out};
use super::{Exit, configuration, output, table};
use crate::transport::{Client, Reach};

/// Longest wait for the answer: shorter than what container engines allow a health check.
const TIMEOUT: Duration = Duration::from_secs(4);

/// What stands beside an answer where the instance could not be started with the configuration that is read here.
const WRONG: &str =
    "bellwire: the configuration is wrong as it is read here; `bellwire check` says how";

/// Ask the running instance whether an alert would get through; exit 0 when it would.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire health
  bellwire health --json

Exit status: 0 an alert would get through, 1 it would not or nothing answers within 4 seconds, 2 wrong \
command line, or a wrong configuration where nothing answers.")]
pub(super) struct Args {
    /// Print one JSON document: what `/readyz` answers, or why it cannot be asked
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let (http, wrong) = configuration::http(args.config.as_deref())?;
    let Some(listen) = http.listen else {
        let reason = "`http.listen` is \"off\", so nobody can tell whether bellwire is ready";
        return Err(wrong.unwrap_or_else(|| unasked(None, reason)).into());
    };
    let address = reachable(listen);
    let mut request = http::Request::get(format!("http://{address}/readyz")).body(Bytes::new())?;
    authorize(&mut request, http.token.as_ref())?;
    let client = Client::new(None).context("the health check cannot start")?;
    let reply = match client.send(request, TIMEOUT, Reach::LinkLocalToo).await {
        Ok(reply) => reply,
        Err(failure) => {
            let reason = format!("nothing answers at {listen}: {failure}");
            let failed = wrong.unwrap_or_else(|| unasked(Some(false), &reason));
            return Err(failed.into());
        }
    };
    let mut told = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    if !told["ready"].is_boolean() {
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
        let failed = foreign(address);
        let reasons = json!([failed.error()]);
        return Err(failed.with("ready", false).with("reasons", reasons).into());
    }
    if wrong.is_some() {
        output::complain(WRONG);
    }
    // Whether it is ready is told to everybody, the reasons are not.
    if told.get("reasons").is_none() {
        let shut_out = shut_out(address, http.token.as_ref());
        output::complain(&shut_out.to_string());
        told["error"] = json!(shut_out.error());
    }
    if args.json {
        output::document(&told);
    } else {
        lines(&told).iter().for_each(|line| output::line(line));
    }
    Ok(if reply.status == 200 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Why nobody can tell, in the words of an answer.
fn unasked(ready: Option<bool>, reason: &str) -> Failed {
    Failed::new(reason)
        .report(reason)
        .with("ready", ready)
        .with("reasons", json!([reason]))
}

/// Whether an alert would get through, and below that every reason why not.
fn lines(told: &Value) -> Vec<String> {
    let is_ready = told["ready"] == true;
    let head = if is_ready { "ready" } else { "not ready" };
    let reasons = told["reasons"].as_array().into_iter().flatten();
    let reasons = reasons.filter_map(Value::as_str).map(table::printable);
    std::iter::once(head.to_owned()).chain(reasons).collect()
}
