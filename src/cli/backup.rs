//! `bellwire backup`: a copy of the queue, beside a running instance or of a stopped one's files.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::progress::Progress;
use super::{Exit, configuration, output, table};
use crate::{app, store};

/// Write a copy of the queue to a file, as it is at one moment.
///
/// Works beside the running instance of the configuration, which it holds up in nothing, and on the files
/// of a stopped one. The copy is checked, and replaces no other file. It holds the payloads of events, and
/// no secret of the configuration; only its owner may read it. To put it back, stop bellwire and copy it
/// into an empty `data_dir` as `bellwire.db`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire backup bellwire.backup.db
  bellwire backup /backups/bellwire-2026-06-11.db --json")]
pub(super) struct Args {
    /// The file to write, which must not be there yet; in a shell, `$(date +%F)` in its name is the day.
    file: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: `BELLWIRE_CONFIG`, ./config.toml, /etc/bellwire/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let data_dir = configuration::data_dir(args.config.as_deref())?;
    let stop = app::stop_on_signals().context("signals cannot be watched")?;
    let mut progress = None;
    let copied = store::back_up(&data_dir, &args.file, &stop, |done, all| {
        let progress = progress.get_or_insert_with(|| Progress::of(all, "copying", !args.json));
        progress.reach(done);
    });
    drop(progress);
    let copied = copied?;
    if args.json {
        output::document(&json!({
            "file": args.file.display().to_string(),
            "bytes": copied.bytes,
            "schema": copied.schema,
            "waiting": copied.waiting,
        }));
        return Ok(Exit::Done);
    }
    let deliveries = match copied.waiting {
        1 => "1 delivery waits".to_owned(),
        waiting => format!("{waiting} deliveries wait"),
    };
    output::line(&format!(
        "{}: {}, schema {}, {deliveries} in it",
        table::printable(&args.file.display().to_string()),
        size(copied.bytes),
        copied.schema,
    ));
    Ok(Exit::Done)
}

/// A size for people.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
    let mib = bytes as f64 / f64::from(1 << 20);
    format!("{mib:.1} MiB")
}
