//! Many deliveries that wait: what they take of the memory, how soon the first of them leaves after a
//! start, and whether each costs more for the others.

use super::machine::nanoseconds;
use super::options::Bench;
use super::relay::{KIND, Relay};
use super::table::Table;
use super::trial::{Load, Set};

/// The first deliveries after a start, whose cost is the start's.
const FIRST: u64 = 1_000;

/// Deliveries whose cost is taken, behind the first ones.
const COUNTED: u64 = 10_000;

/// Longest wait for anything, in seconds.
const SECONDS_MAX: u64 = 1_800;

pub(crate) fn run(bench: &Bench, table: &mut Table) {
    let many = bench.waiting.max(2 * COUNTED);
    let mut figures: [Vec<f64>; 6] = Default::default();
    // Each takes long and measures much, so that one round fewer will do.
    for round in 1..=bench.rounds.div_ceil(2) {
        eprintln!("backlog: round {round} of {}", bench.rounds.div_ceil(2));
        let (full, low) = (measure(bench, many), measure(bench, FIRST + COUNTED));
        let ratio = full.cost / low.cost;
        let values = [
            full.waiting,
            full.start,
            full.cost,
            ratio,
            full.delivered,
            full.peak,
        ];
        for (figure, value) in figures.iter_mut().zip(values) {
            figure.push(value);
        }
    }
    let [waiting, start, cost, ratio, delivered, peak] = figures;
    let count = thousands(many);
    table.alone(&format!("memory, {count} waiting, MB"), waiting);
    table.alone(
        &format!("start to first request, {count} waiting, ms"),
        start,
    );
    table.alone(&format!("CPU of a delivery, {count} waiting, µs"), cost);
    table.alone("the same ÷ that of the last 10,000 that wait", ratio);
    table.alone(
        &format!("memory, {count} delivered since the start, MB"),
        delivered,
    );
    table.alone("memory at most meanwhile, MB", peak);
}

/// What was measured; memory in MB.
struct Figures {
    waiting: f64,
    /// From the start of the process to its first request, in milliseconds.
    start: f64,
    /// Microseconds of CPU of one delivery.
    cost: f64,
    delivered: f64,
    peak: f64,
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn measure(bench: &Bench, deliveries: u64) -> Figures {
    let load = Load {
        // Goes to a sink that answers, and so tells that all before it are on disk.
        last: "marker",
        kind: KIND,
        ..Load::of(deliveries + 1)
    };
    let mut set = Set::up(bench, Relay::Bellwire, load, true);
    set.receiver.tell("hold");
    set.go();
    let marker = set.receiver.wait(1, SECONDS_MAX);
    assert_eq!(marker.get("distinct"), 1, "not all are on disk");
    set.rest();
    let waiting = set.relay.memory("VmRSS");
    set.relay.kill();
    set.receiver.tell("forget");
    set.receiver.tell("answer");
    let begin = nanoseconds();
    set.restart();
    let before = set.receiver.wait(FIRST, SECONDS_MAX).get("distinct");
    let cpu = set.relay.cpu();
    let after = set
        .receiver
        .wait(FIRST + COUNTED, SECONDS_MAX)
        .get("distinct");
    let cost = (set.relay.cpu() - cpu) / (after - before) as f64 * 1e6;
    let report = set.receiver.wait(deliveries, SECONDS_MAX);
    assert_eq!(report.get("distinct"), deliveries, "not all were delivered");
    set.rest();
    Figures {
        waiting,
        start: report.get("first").saturating_sub(begin) as f64 / 1e6,
        cost,
        delivered: set.relay.memory("VmRSS"),
        peak: set.relay.memory("VmHWM"),
    }
}

fn thousands(count: u64) -> String {
    match count.is_multiple_of(1_000_000) {
        true => format!("{} million", count / 1_000_000),
        false => format!("{},000", count / 1000),
    }
}
