//! Many deliveries that wait: what they take of the memory, how soon the first of them leaves after a
//! start, and whether each costs more for the others.

use super::machine::nanoseconds;
use super::options::Bench;
use super::relay::{KIND, Relay};
use super::server;
use super::table::Table;
use super::trial::{Home, Load, Set};

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
        let (full, set) = measure(bench, many, Home::File);
        let (delivered, peak) = ended(set, many);
        let (low, _) = measure(bench, FIRST + COUNTED, Home::File);
        let ratio = full.cost / low.cost;
        let values = [full.waiting, full.start, full.cost, ratio, delivered, peak];
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

/// What a delivery costs where many wait and where few do, with the server's part of it.
pub(crate) fn compare(bench: &Bench, name: &str, home: Home, table: &mut Table) {
    let many = bench.waiting.max(2 * COUNTED);
    let mut figures: [Vec<f64>; 5] = Default::default();
    for round in 1..=bench.rounds.div_ceil(2) {
        eprintln!(
            "backlog, {name}: round {round} of {}",
            bench.rounds.div_ceil(2)
        );
        let (full, _) = measure(bench, many, home);
        let (low, _) = measure(bench, FIRST + COUNTED, home);
        let ratio = (full.cost + full.server) / (low.cost + low.server);
        let values = [
            full.taken,
            full.cost,
            full.server,
            ratio,
            low.rate / full.rate,
        ];
        for (figure, value) in figures.iter_mut().zip(values) {
            figure.push(value);
        }
    }
    let [taken, cost, server, ratio, time] = figures;
    let count = thousands(many);
    table.alone(
        &format!("{name}: events/s while nothing is answered"),
        taken,
    );
    table.alone(
        &format!("{name}: CPU of a delivery, {count} waiting, µs"),
        cost,
    );
    table.alone(
        &format!("{name}: CPU of the server, {count} waiting, µs"),
        server,
    );
    table.alone(
        &format!("{name}: both ÷ those of the last 10,000 that wait"),
        ratio,
    );
    table.alone(
        &format!("{name}: time of a delivery ÷ that of the last 10,000"),
        time,
    );
}

/// What was measured; memory in MB.
struct Figures {
    /// Events a second that went into the queue while nothing was answered.
    taken: f64,
    waiting: f64,
    /// From the start of the process to its first request, in milliseconds.
    start: f64,
    /// Microseconds of CPU of one delivery.
    cost: f64,
    /// Those of the server.
    server: f64,
    /// Deliveries a second meanwhile.
    rate: f64,
}

/// Waits until all is delivered; answers what memory is used then, and was at most.
fn ended(mut set: Set, deliveries: u64) -> (f64, f64) {
    let report = set.receiver.wait(deliveries, SECONDS_MAX);
    assert_eq!(report.get("distinct"), deliveries, "not all were delivered");
    set.rest();
    (set.relay.memory("VmRSS"), set.relay.memory("VmHWM"))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn measure(bench: &Bench, deliveries: u64, home: Home) -> (Figures, Set) {
    let load = Load {
        // Goes to a sink that answers, and so tells that all before it are on disk.
        last: "marker",
        kind: KIND,
        home,
        ..Load::of(deliveries + 1)
    };
    let mut set = Set::up(bench, Relay::Bellwire, load, true);
    set.receiver.tell("hold");
    let begun = set.go();
    let marker = set.receiver.wait(1, SECONDS_MAX);
    assert_eq!(marker.get("distinct"), 1, "not all are on disk");
    let taken = deliveries as f64 / (marker.seconds("last") - begun);
    set.rest();
    let waiting = set.relay.memory("VmRSS");
    set.relay.kill();
    set.receiver.tell("forget");
    set.receiver.tell("answer");
    let begin = nanoseconds();
    set.restart();
    let before = set.receiver.wait(FIRST, SECONDS_MAX);
    let (cpu, of_server) = (set.relay.cpu(), server::cpu());
    let after = set.receiver.wait(FIRST + COUNTED, SECONDS_MAX);
    let counted = (after.get("distinct") - before.get("distinct")) as f64;
    let cost = (set.relay.cpu() - cpu) / counted * 1e6;
    let of_server = (server::cpu() - of_server) / counted * 1e6;
    let rate = counted / (after.seconds("last") - before.seconds("last"));
    let figures = Figures {
        waiting,
        start: after.get("first").saturating_sub(begin) as f64 / 1e6,
        cost,
        server: of_server,
        rate,
        taken,
    };
    (figures, set)
}

fn thousands(count: u64) -> String {
    match count.is_multiple_of(1_000_000) {
        true => format!("{} million", count / 1_000_000),
        false => format!("{},000", count / 1000),
    }
}
