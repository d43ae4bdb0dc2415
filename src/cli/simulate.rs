//! `bellwire simulate`: an upstream on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::failed::Failed;
use super::{Exit, output};
use crate::app;
use crate::simulator::ttmt;

/// Largest script that is read, in bytes.
const SCRIPT_BYTES_MAX: u64 = 64 << 20;

/// Fastest replay; a year passes in half a minute.
const SPEED_MAX: f64 = 1_000_000.0;

/// Be an upstream on this machine, for trying out and for tests.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: bellwire simulate ttmt")]
pub(super) struct Args {
    #[command(subcommand)]
    upstream: Upstream,
}

#[derive(Debug, clap::Subcommand)]
enum Upstream {
    Ttmt(Box<Ttmt>),
}

/// The TTMT API with its limits and its faults: a small market that lives, or a script of events.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire simulate ttmt
  bellwire simulate ttmt --listen 127.0.0.1:0 --rate 20 --seed 7
  bellwire simulate ttmt --script yesterday.jsonl --speed 60

Exit status: 0 told to stop, 1 it cannot listen, 2 wrong command line or script.")]
struct Ttmt {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// The API key that is accepted.
    #[arg(long, value_name = "KEY", default_value = ttmt::DEMO_KEY)]
    key: String,
    /// Events a second on average; 0 for as fast as possible.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = rate)]
    rate: f64,
    /// The seed of the market: the same seed, the same events.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long a connection lives before it is recycled, such as `30s` or `5m`.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    recycle: Duration,
    /// Play this file instead of the market: one event or `{"simulate": …}` directive to a line.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Play the script so many times faster than the timestamps of its events say; 1 is as it happened.
    #[arg(long, value_name = "N", requires = "script", conflicts_with = "rate", value_parser = speed)]
    speed: Option<f64>,
    /// Print one JSON document: `base_url` and `api_key`, as a source takes them.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let Upstream::Ttmt(args) = args.upstream;
    let script = args.script.as_deref().map(read_script).transpose();
    let script = script.map_err(Failed::wrong)?;
    let simulator = ttmt::bind(ttmt::Options {
        listen: args.listen,
        key: args.key.clone(),
        rate: args.rate,
        seed: args.seed,
        recycle_after: args.recycle,
        script,
        speed: args.speed,
        ..ttmt::Options::default()
    })
    .await
    .with_context(|| format!("cannot listen on {}", args.listen))?;
    let base_url = simulator.base_url();
    if args.json {
        output::document(&json!({ "base_url": base_url, "api_key": args.key }));
    } else {
        output::line(&format!("base_url = \"{base_url}\""));
        output::line(&format!("api_key = \"{}\"", args.key));
    }
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    simulator.run(stop).await.context("the simulator failed")?;
    Ok(Exit::Done)
}

fn read_script(path: &Path) -> Result<Vec<ttmt::Line>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .map_err(|error| format!("the script `{shown}` cannot be read: {error}"))?
        .len();
    if size > SCRIPT_BYTES_MAX {
        return Err(format!(
            "the script `{shown}` is larger than {SCRIPT_BYTES_MAX} bytes"
        ));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the script `{shown}` cannot be read: {error}"))?;
    ttmt::parse_script(&text).map_err(|error| format!("the script `{shown}` is wrong: {error}"))
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= SPEED_MAX => Ok(speed),
        _ => Err(format!("a number above 0, up to {SPEED_MAX}")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.0..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0 to 1000000".to_owned()),
    }
}
