//! `bellwire tail`: what arrives at the running instance, as it arrives.
//!
//! It listens to the instance and never to an upstream: a key has only one stream.

mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use self::text::Lines;
use super::failed::Failed;
use super::instance::{self, Instance};
use super::{Exit, configuration, output, table};
use crate::app;
use crate::model::{Failure, Secret};
use crate::sources::{End, Live};

/// The wait before an instance that went away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Show what arrives at the running instance, live: one line an event, with the rules that match it and
/// where it goes.
///
/// First of all it says of each source whether it is connected. When the instance is started anew, it goes
/// on behind the last event shown. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire tail
  bellwire tail ttmt
  bellwire tail --json | jq --unbuffered 'select(.rules == [])'

A line is: time, source, type, title, and each matching rule with the sinks that it sends to; a rule \
without any was not the first to name its sinks.

Exit status: 0 ended by Ctrl-C or a closed pipe, 1 no instance answers, 2 wrong command line (a source \
that there is not), or a wrong configuration where nothing answers.")]
pub(super) struct Args {
    /// Only events of this source; `bellwire` for what bellwire says about itself.
    source: Option<String>,
    /// Print a stream of JSON documents, one a line, each an event.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let (http, wrong) = configuration::http(args.config.as_deref())?;
    let address = match http.listen {
        Some(listen) if listen.port() != 0 => instance::reachable(listen),
        listen => {
            if let Some(wrong) = wrong {
                return Err(wrong.into());
            }
            let what = listen.map_or("\"off\"", |_| "a port that is not fixed (0)");
            return Err(Failed::new(format!(
                "`http.listen` is {what}, so a running instance cannot be listened to"
            ))
            .into());
        }
    };
    let mut url = Url::parse(&format!("http://{address}/api/v1/events/live"))
        .context("`http.listen` is no address")?;
    if let Some(source) = &args.source {
        url.query_pairs_mut().append_pair("source", source);
    }
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let tail = Tail {
        address,
        url,
        token: http.token,
        args,
    };
    match stop.run_until_cancelled(tail.follow()).await {
        Some(end) => {
            let wrong = wrong.filter(|_| !is_told(&end));
            Err(wrong.unwrap_or_else(|| tail.refused(&end)).into())
        }
        None => Ok(Exit::Done),
    }
}

/// Who is listened to, and for what.
struct Tail {
    address: SocketAddr,
    url: Url,
    token: Option<Secret>,
    args: Args,
}

impl Tail {
    /// Prints what arrives, over the restarts of the instance. Comes back only where it cannot go on.
    async fn follow(&self) -> End {
        let mut lines = Lines::of_terminal();
        let (mut at, mut was_there) = (None, false);
        loop {
            match Live::open(&self.url, self.token.as_ref(), at.clone()).await {
                Ok(live) => {
                    if was_there {
                        output::complain("bellwire: it is back; going on where it ended");
                    } else if !self.args.json {
                        self.tell_sources(&lines).await;
                    }
                    was_there = true;
                    at = self.print(live, &mut lines).await;
                    output::complain(&format!(
                        "bellwire: the instance at {} has gone; waiting for it to come back",
                        self.address
                    ));
                }
                Err(end) if was_there && may_pass(&end) => {}
                Err(end) => return end,
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Prints events until the stream ends; answers behind which one to go on.
    async fn print(&self, mut live: Live, lines: &mut Lines) -> Option<String> {
        while let Ok(payload) = live.next().await {
            let document = String::from_utf8_lossy(&payload);
            if self.args.json {
                output::line(&document);
            } else if let Ok(event) = serde_json::from_str(&document) {
                output::line(&lines.event(&event, Timestamp::now()));
            }
        }
        live.at()
    }

    /// Says whether anybody is heard at all, before the first event does.
    async fn tell_sources(&self, lines: &Lines) {
        let asked = Instance::running(self.address, self.token.clone());
        let Ok(instance) = asked else { return };
        let answer = instance.get(&["sources"], &[]).await;
        let sources = answer.ok().and_then(|answer| match answer.status {
            200 => answer.body["data"].as_array().cloned(),
            _ => None,
        });
        let wanted = |source: &&Value| {
            let wanted = self.args.source.as_deref();
            wanted.is_none_or(|wanted| source["name"] == wanted)
        };
        for source in sources.iter().flatten().filter(wanted) {
            output::complain(&lines.source(source, Timestamp::now()));
        }
    }

    /// Why there is nothing to show, and what to do about it.
    fn refused(&self, end: &End) -> Failed {
        let address = self.address;
        match end {
            End::Status(refused) => {
                let (status, body) = (refused.status, &refused.body);
                let body = serde_json::from_str(body).unwrap_or_default();
                if instance::is_shut(status, &body) {
                    return instance::shut_out(address, self.token.as_ref());
                }
                match instance::refusal(status, &body) {
                    Some(detail) if status == 400 => Failed::wrong(table::printable(detail)),
                    // To a version without this stream it is any path; to this one, an unknown source.
                    Some(detail) if status == 404 && self.args.source.is_some() => {
                        Failed::wrong(table::printable(detail))
                    }
                    Some(detail) if status != 404 => Failed::new(table::printable(detail)),
                    _ => instance::foreign(address),
                }
            }
            End::Unreachable(Failure::Refused) => {
                Failed::new(format!("no instance runs at {address}")).help(
                    "start one with `bellwire run`: it holds the one stream of a key, and `tail` shows what it hears",
                )
            }
            End::Unreachable(failure) => {
                Failed::new(format!("nothing answers at {address}: {failure}"))
            }
            _ => instance::foreign(address),
        }
    }
}

/// Whether bellwire itself says why there is nothing to show.
fn is_told(end: &End) -> bool {
    let End::Status(refused) = end else {
        return false;
    };
    let body = serde_json::from_str(&refused.body).unwrap_or_default();
    instance::refusal(refused.status, &body).is_some()
}

/// Whether an end is what the start of an instance looks like from outside.
fn may_pass(end: &End) -> bool {
    match end {
        End::Status(refusal) => refusal.status == 503,
        End::Unreachable(_) | End::NoHead | End::Eof | End::Broken(_) => true,
        _ => false,
    }
}
