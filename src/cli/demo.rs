//! `bellwire demo`: the whole way from a take-profit to four receivers, on this machine, with nothing
//! to set up. A simulated TTMT, local receivers, and the same bridge that `run` starts.

mod ledger;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, anyhow};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, Line};
use super::{Exit, output};
use crate::app::{self, Plan};
use crate::simulator::receivers::{self, Received, Receivers};
use crate::simulator::ttmt::{self, Pace, Simulator};
use crate::{config, telemetry};

/// Events a second of the simulated market: a ring every few seconds.
const RATE: f64 = 4.0;

/// See it ring, without an account: a simulated TTMT, local receivers, and the whole bridge between them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire demo
  bellwire demo --listen 127.0.0.1:8080 --seed 7")]
pub(super) struct Args {
    /// Where the status page listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The seed of the simulated market: the same seed, the same events.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let folder = tempfile::Builder::new()
        .prefix("bellwire-demo-")
        .tempdir()
        .context("there is no place for temporary files")?;
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let receivers = receivers::bind(loopback)
        .await
        .context("the receivers cannot listen")?;
    let upstream = ttmt::bind(ttmt::Options {
        rate: RATE,
        seed: args.seed,
        pace: Pace::Lively,
        warm_start: true,
        ..ttmt::Options::default()
    })
    .await
    .context("the simulated TTMT cannot listen")?;
    let plan = plan(folder.path(), &text(args.listen, &receivers, &upstream))?;
    let telemetry = telemetry::start(&plan.config.log).context("logging cannot start")?;
    let rings = receivers.handle().subscribe();
    let Some(bridge) = app::start(plan, stop.clone()).await? else {
        telemetry.finish().await;
        return Ok(Exit::Done);
    };
    greet(bridge.address);
    // The world outlives the bridge, which ends as it would before a real one.
    let outside = CancellationToken::new();
    let (bridge, upstream, receivers, ()) = tokio::join!(
        async {
            let ended = bridge.finished(None).await;
            stop.cancel();
            outside.cancel();
            ended
        },
        world(&stop, upstream.run(outside.clone())),
        world(&stop, receivers.run(outside.clone())),
        print_rings(rings, &stop),
    );
    telemetry.finish().await;
    bridge.and(upstream).and(receivers)?;
    output::line("\nended; nothing was left behind");
    Ok(Exit::Done)
}

/// Lets the bridge end when a part of the world around it does.
async fn world(
    stop: &CancellationToken,
    part: impl Future<Output = std::io::Result<()>>,
) -> anyhow::Result<()> {
    let ended = part.await;
    stop.cancel();
    ended.context("the world around the bridge failed")
}

fn plan(folder: &Path, text: &str) -> anyhow::Result<Plan> {
    let loaded = config::load_text(
        &folder.join("config.toml"),
        text.to_owned(),
        BTreeMap::new(),
    );
    Plan::make(loaded, false)
        .map_err(|report| anyhow!("the demo's own configuration is wrong: {report}"))
}

fn text(listen: SocketAddr, receivers: &Receivers, upstream: &Simulator) -> String {
    let receivers = receivers.handle();
    let url = |kind| receivers.url(kind);
    format!(
        r#"
data_dir = "data"

[log]
level = "warn"
format = "text"

[http]
listen = "{listen}"

[sources.ttmt]
kind = "ttmt"
base_url = "{base_url}"
api_key = "{key}"

[sinks.automation]
kind = "webhook"
url = "{webhook}"
secret = "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRoZSBkZW1vIGtub3dz"

[sinks.team]
kind = "discord"
url = "{discord}"
rate_limit = "off"

[sinks.desk]
kind = "slack"
url = "{slack}"
rate_limit = "off"

[sinks.phone]
kind = "ntfy"
server = "{ntfy}"
topic = "take-profit"
rate_limit = "off"

[[rules]]
name = "take-profit"
events = ["tp_hit"]
to = ["phone", "team", "desk", "automation"]

[[rules]]
name = "results"
events = ["trade_finalized"]
to = ["phone", "automation"]
"#,
        base_url = upstream.base_url(),
        key = ttmt::DEMO_KEY,
        webhook = url(receivers::Kind::Webhook),
        discord = url(receivers::Kind::Discord),
        slack = url(receivers::Kind::Slack),
        ntfy = url(receivers::Kind::Ntfy),
    )
}

fn greet(page: Option<SocketAddr>) {
    output::line(
        "A simulated TTMT, local receivers for four kinds of sink, and the whole bridge between them.",
    );
    if let Some(page) = page {
        output::line(&format!("Status page: http://{page}/"));
    }
    output::line("Ctrl-C ends it.\n");
    output::line(&format!(
        "{:<13} {:<16} {:<8} {:>9}  message",
        "time", "event", "sink", "latency"
    ));
}

async fn print_rings(mut rings: broadcast::Receiver<Received>, stop: &CancellationToken) {
    let mut ledger = Ledger::default();
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = rings.recv() => received,
        };
        match received {
            Ok(received) => {
                for line in ledger.enter(&received) {
                    print(&line);
                }
            }
            Err(RecvError::Lagged(missed)) => output::line(&format!("({missed} rings not shown)")),
            Err(RecvError::Closed) => return,
        }
    }
}

fn print(line: &Line) {
    output::line(&format!(
        "{:<13} {:<16} {:<8} {:>6} ms  {}",
        line.time.strftime("%H:%M:%S%.3f").to_string(),
        line.event_type,
        line.sink,
        line.latency_ms,
        line.text,
    ));
}
