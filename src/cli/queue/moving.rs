//! The whole queue from one of the configuration's two homes to the other.

use anyhow::Context;
use serde_json::json;
use tokio::task::block_in_place;

use super::super::failed::Failed;
use super::super::progress::Progress;
use super::super::table;
use super::super::{Exit, output};
use crate::app::{self, Plan};
use crate::clock::Clock;
use crate::store::{self, Way};

/// Where to, and whether at all.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// Where the queue is to be.
    #[arg(long, value_name = "HOME")]
    to: To,
    /// Take back a move there that broke off, where the queue has not arrived.
    #[arg(long)]
    cancel: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum To {
    /// The server of `[store]`.
    Postgresql,
    /// The file in `data_dir`.
    Sqlite,
}

pub(super) fn run(plan: &Plan, wanted: &Wanted, json: bool) -> anyhow::Result<Exit> {
    let Some(server) = plan.home.server() else {
        let failed =
            Failed::wrong("the configuration names one home of the queue, and not the other");
        return Err(failed
            .help("put `[store]` into it, with the `url` of the server and the `schema` there, for as long as the queue is moved")
            .into());
    };
    let homes = (plan.config.data_dir.as_path(), server);
    let way = match wanted.to {
        To::Postgresql => Way::ToServer,
        To::Sqlite => Way::ToFolder,
    };
    let now = Clock::system().now();
    if wanted.cancel {
        let home = block_in_place(|| store::take_back(homes, way, now))?;
        match json {
            true => output::document(&json!({ "home": home })),
            false => output::line(&format!(
                "the move is taken back; the queue is in {} as before",
                table::printable(&home)
            )),
        }
        return Ok(Exit::Done);
    }
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let mut progress = None;
    let told = |done, all| {
        let progress = progress.get_or_insert_with(|| Progress::of(all, "moving", !json));
        progress.reach(done);
    };
    let moved = block_in_place(|| store::carry(homes, way, now, &stop, told));
    drop(progress);
    let moved = moved?;
    let next = match way {
        Way::ToServer => {
            "start the instances with this configuration; by its `[store]` they use the server, and `data_dir` is left as it was"
        }
        Way::ToFolder => {
            "remove `[store]` from the configuration, so that the instance uses `data_dir`, then start it; the server is left as it was"
        }
    };
    if json {
        output::document(&json!({
            "home": moved.home,
            "deliveries": moved.deliveries,
            "waiting": moved.waiting,
            "was_there": moved.was_there,
            "next": next,
        }));
        return Ok(Exit::Done);
    }
    let verb = if moved.was_there {
        "had come to"
    } else {
        "has come to"
    };
    output::line(&format!(
        "the queue {verb} {}: deliveries {}, of which {} wait",
        table::printable(&moved.home),
        moved.deliveries,
        moved.waiting,
    ));
    output::line(next);
    Ok(Exit::Done)
}
