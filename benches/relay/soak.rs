//! A long time of steady events with faults all the while: whether anything grows that should not, and
//! whether anything is lost.
//!
//! The feed ends each connection after a while, the receiver fails now and then, old rows leave the queue
//! each minute, and in the middle the relay is asked to end and started anew.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::machine::nanoseconds;
use super::options::Bench;
use super::process::Report;
use super::relay::Relay;
use super::table::Table;
use super::trial::{Load, Set};

/// Events in a second.
const RATE: u64 = 2_000;

/// How long a connection to the feed lives, in seconds.
const RECYCLE: u64 = 20;

/// How long what the receiver has failed on may take behind the last event, in seconds.
const SECONDS_MAX: u64 = 120;

/// How long a repeat may take that should not come.
const QUIET: Duration = Duration::from_secs(5);

const MINUTE: Duration = Duration::from_mins(1);

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn run(bench: &Bench, table: &mut Table) {
    let seconds = bench.minutes * 60;
    let load = Load {
        rate: RATE,
        recycle: RECYCLE,
        keep: "1m",
        ..Load::of(RATE * seconds)
    };
    let mut set = Set::up(bench, Relay::Bellwire, load, false);
    set.receiver.tell("fail");
    println!(
        "| s | made | delivered | waiting | RSS, MB | bellwire.db, MB | bellwire.db-wal, MB | p50, ms | p99, ms |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let begun = set.go();
    let begin = Instant::now();
    let middle = begin + MINUTE * u32::try_from(bench.minutes).expect("a life") / 2;
    let mut has_ended = false;
    for minute in 1..=bench.minutes {
        let due = begin + MINUTE * u32::try_from(minute).expect("a life");
        if !has_ended && middle < due {
            has_ended = true;
            sleep(middle.saturating_duration_since(Instant::now()));
            end_and_start(&mut set);
        }
        sleep(due.saturating_duration_since(Instant::now()));
        let since = nanoseconds() as f64 / 1e9 - begun;
        let report = set.receiver.lap();
        println!("{}", line(&set, since, &load, &report));
    }
    let report = set.receiver.wait(load.events, SECONDS_MAX);
    let lost = load.events - report.get("distinct");
    sleep(QUIET);
    let repeated = set.receiver.lap().get("repeats");
    let minutes = bench.minutes;
    println!("\n{lost} lost, {repeated} repeated\n");
    let named = |what| format!("{what} in {minutes} minutes at 2,000/s with faults");
    table.alone(&named("lost"), vec![lost as f64]);
    table.alone(&named("repeated"), vec![repeated as f64]);
}

/// Has the relay end as a service manager does, and starts it anew.
fn end_and_start(set: &mut Set) {
    let begin = Instant::now();
    let code = set.relay.stop();
    eprintln!(
        "soak: ended with {code:?} after {:.2?}, and started anew",
        begin.elapsed()
    );
    set.restart();
}

/// What there is now; the times are those of what has arrived first since the last line.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below 2^52 and never below 0"
)]
fn line(set: &Set, since: f64, load: &Load, report: &Report) -> String {
    let made = load.events.min((since * load.rate as f64) as u64);
    let delivered = report.get("distinct");
    let file = |name: &str| {
        let file = set.folder.path().join("data").join(name);
        fs::metadata(file).map_or(0.0, |file| file.len() as f64 / 1e6)
    };
    format!(
        "| {since:.0} | {made} | {delivered} | {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} |",
        made.saturating_sub(delivered),
        set.relay.memory("VmRSS"),
        file("bellwire.db"),
        file("bellwire.db-wal"),
        report.seconds("p50") * 1000.0,
        report.seconds("p99") * 1000.0,
    )
}
