//! A thousand sources in one process, each on a connection of its own: what one more takes of the memory,
//! and whether one that never pauses delays the others.

use std::fs;

use super::options::Bench;
use super::relay::Relay;
use super::scenarios::interleaved;
use super::table::Table;
use super::trial::{self, Load, Loud, Set};

/// The loud one and the quiet ones.
const SOURCES: u64 = 1_000;

/// Events in a second of all quiet sources together.
const RATE: u64 = 100;

/// Files that a process needs to have open: the connections, and some more.
const FILES: u64 = SOURCES + 200;

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn run(bench: &Bench, table: &mut Table) {
    if let Some(limit) = files_max().filter(|limit| *limit < FILES) {
        return eprintln!(
            "sources: NOT MEASURED: a process may open {limit} files, and {FILES} are needed: `ulimit -n {FILES}`"
        );
    }
    let quiet = Load {
        rate: RATE,
        sources: SOURCES,
        ..Load::of(RATE * bench.seconds)
    };
    let cases = [
        (Loud::Silent, "and nothing else"),
        (
            Loud::Unwanted,
            "beside one at full speed that no rule wants",
        ),
        (Loud::Wanted, "beside one at full speed for another sink"),
    ];
    let mut memory = Vec::new();
    let mut took = cases.map(|_| [Vec::new(), Vec::new()]);
    interleaved(bench, "sources", &[Relay::Bellwire], |who| {
        let one = Set::up(bench, who, Load::of(1), false);
        let one = one.relay.memory("VmRSS");
        for ((loud, _), [p50, p99]) in cases.iter().zip(&mut took) {
            let load = Load {
                loud: *loud,
                ..quiet
            };
            let outcome = trial::run(bench, who, load);
            if *loud == Loud::Silent {
                let more = (SOURCES - 1) as f64;
                memory.push((outcome.idle - one) * 1000.0 / more);
            }
            p50.push(outcome.p50);
            p99.push(outcome.p99);
        }
    });
    table.alone("memory of one more source, KB", memory);
    for ((_, beside), [p50, p99]) in cases.iter().zip(took) {
        table.alone(&format!("999 sources at 100/s {beside}, p50, ms"), p50);
        table.alone(&format!("999 sources at 100/s {beside}, p99, ms"), p99);
    }
}

/// How many files a process may have open here, where there is a limit.
fn files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
