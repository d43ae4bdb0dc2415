//! What is measured.

use std::thread::sleep;
use std::time::Duration;

use super::options::Bench;
use super::relay::{BELLWIRE, Relay, Rules};
use super::table::{Samples, Table};
use super::trial::{self, Load, Set};
use super::{backlog, instances, slow, soak, sources};

/// Events of a burst.
const BURST: u64 = 20_000;

/// Rules where there are many.
const RULES: usize = 1_000;

/// How long whoever starts a killed process anew takes to do so.
const AWAY: Duration = Duration::from_millis(250);

/// One of them.
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) what: &'static str,
    pub(crate) run: fn(&Bench, &mut Table),
    /// It is measured only by name.
    pub(crate) is_long: bool,
}

/// One that belongs to everything.
const fn scenario(name: &'static str, what: &'static str, run: fn(&Bench, &mut Table)) -> Scenario {
    Scenario {
        name,
        what,
        run,
        is_long: false,
    }
}

pub(crate) const ALL: &[Scenario] = &[
    scenario(
        "throughput",
        "20,000 events to one sink: deliveries a second, CPU, memory, order",
        throughput,
    ),
    scenario(
        "fanout",
        "5,000 events to four sinks each: deliveries a second, CPU",
        fanout,
    ),
    scenario(
        "latency",
        "100 events a second: from made to arrived",
        latency,
    ),
    scenario("unmatched", "events that no rule wants", unmatched),
    scenario("rules", "one rule against a thousand", rules),
    scenario(
        "backlog",
        "many deliveries waiting: start, memory, cost of one more",
        backlog::run,
    ),
    scenario(
        "kill",
        "a kill -9 in the middle of 2,400 events: lost, repeated",
        kill,
    ),
    scenario(
        "slowdisk",
        "throughput and latency where a flush takes 5 ms longer",
        slowdisk,
    ),
    scenario(
        "sources",
        "a thousand sources: memory of one more, delay by a loud one",
        sources::run,
    ),
    scenario(
        "instances",
        "the queue on PostgreSQL, shared by one, two and three instances",
        instances::run,
    ),
    scenario("size", "the size of the program", size),
    Scenario {
        is_long: true,
        ..scenario(
            "soak",
            "2,000 events a second with faults for half an hour; only by name",
            soak::run,
        )
    },
];

/// Everyone in turn, for as many rounds as were asked for.
pub(crate) fn interleaved(
    bench: &Bench,
    scenario: &str,
    who: &[Relay],
    mut run: impl FnMut(Relay),
) {
    for round in 1..=bench.rounds {
        for &relay in who {
            eprintln!(
                "{scenario}: round {round} of {}, {}",
                bench.rounds,
                relay.name()
            );
            run(relay);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn throughput(bench: &Bench, table: &mut Table) {
    let [mut rate, mut cpu, mut idle, mut peak, mut late] = [const { Samples::new() }; 5];
    interleaved(bench, "throughput", &Relay::ALL, |who| {
        let load = Load::of(BURST);
        let outcome = trial::run(bench, who, load);
        let deliveries = load.deliveries() as f64;
        rate.add(who, deliveries / outcome.seconds);
        cpu.add(who, outcome.cpu / deliveries * 1e6);
        idle.add(who, outcome.idle);
        peak.add(who, outcome.peak);
        late.add(who, outcome.late as f64 / deliveries * 100.0);
    });
    table.add("deliveries/s, one sink", &rate);
    table.add("CPU of a delivery, µs", &cpu);
    table.add("memory when idle, MB", &idle);
    table.add("memory at most, MB", &peak);
    table.add("behind a later one of their account, %", &late);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn fanout(bench: &Bench, table: &mut Table) {
    let [mut rate, mut cpu] = [const { Samples::new() }; 2];
    interleaved(bench, "fanout", &Relay::ALL, |who| {
        let load = Load {
            sinks: 4,
            ..Load::of(BURST / 4)
        };
        let outcome = trial::run(bench, who, load);
        let deliveries = load.deliveries() as f64;
        rate.add(who, deliveries / outcome.seconds);
        cpu.add(who, outcome.cpu / deliveries * 1e6);
    });
    table.add("deliveries/s, four sinks", &rate);
    table.add("CPU of a delivery, four sinks, µs", &cpu);
}

fn latency(bench: &Bench, table: &mut Table) {
    let [mut p50, mut p99] = [const { Samples::new() }; 2];
    interleaved(bench, "latency", &Relay::ALL, |who| {
        let load = Load {
            rate: 100,
            ..Load::of(100 * bench.seconds)
        };
        let outcome = trial::run(bench, who, load);
        p50.add(who, outcome.p50);
        p99.add(who, outcome.p99);
    });
    table.add("event to request at 100/s, p50, ms", &p50);
    table.add("event to request at 100/s, p99, ms", &p99);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn unmatched(bench: &Bench, table: &mut Table) {
    let [mut rate, mut cpu] = [const { Samples::new() }; 2];
    interleaved(bench, "unmatched", &Relay::ALL, |who| {
        let load = Load {
            kind: "heartbeat",
            ..Load::of(5 * BURST)
        };
        let outcome = trial::run(bench, who, load);
        rate.add(who, load.events as f64 / outcome.seconds);
        cpu.add(who, outcome.cpu / load.events as f64 * 1e6);
    });
    table.add("events/s that no rule wants", &rate);
    table.add("CPU of such an event, µs", &cpu);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rules(bench: &Bench, table: &mut Table) {
    let [mut few, mut many, mut condition] = [const { Vec::new() }; 3];
    interleaved(bench, "rules", &[Relay::Bellwire], |who| {
        let cost = |events, rules| {
            let load = Load {
                rules,
                ..Load::of(events)
            };
            trial::run(bench, who, load).cpu / events as f64 * 1e6
        };
        few.push(cost(BURST, Rules::One));
        many.push(cost(BURST, Rules::Types(RULES)));
        let none = cost(BURST / 10, Rules::Conditions(1));
        let all = cost(BURST / 10, Rules::Conditions(RULES));
        condition.push((all - none) / (RULES - 1) as f64);
    });
    table.alone("CPU of a delivery, one rule, µs", few);
    table.alone("CPU of a delivery, 1,000 rules for other types, µs", many);
    table.alone("CPU of one more condition on the same type, µs", condition);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn kill(bench: &Bench, table: &mut Table) {
    const EVENTS: u64 = 2_400;
    let [mut lost, mut repeated] = [const { Samples::new() }; 2];
    let who = [Relay::Bare, Relay::Yardstick, Relay::Bellwire];
    interleaved(bench, "kill", &who, |who| {
        let load = Load {
            rate: EVENTS / 2,
            ..Load::of(EVENTS)
        };
        let mut set = Set::up(bench, who, load, false);
        set.go();
        set.receiver.wait(EVENTS / 2, 60);
        set.relay.kill();
        sleep(AWAY);
        set.restart();
        let report = set.receiver.wait(EVENTS, 10);
        lost.add(who, (EVENTS - report.get("distinct")) as f64);
        repeated.add(who, report.get("repeats") as f64);
    });
    table.add("lost in one kill -9 of 2,400 events", &lost);
    table.add("repeated after it", &repeated);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn slowdisk(bench: &Bench, table: &mut Table) {
    match slow::make(&bench.folder) {
        Ok(took) => eprintln!("slowdisk: a flush of 4 KiB takes {took:.2?}"),
        Err(why) => return eprintln!("slowdisk: NOT MEASURED: {why}"),
    }
    let [mut rate, mut p50, mut p99] = [const { Samples::new() }; 3];
    let who = [Relay::Yardstick, Relay::Bellwire, Relay::Defaults];
    interleaved(bench, "slowdisk", &who, |who| {
        let burst = Load {
            slow: true,
            ..Load::of(BURST)
        };
        let outcome = trial::run(bench, who, burst);
        rate.add(who, burst.deliveries() as f64 / outcome.seconds);
        let steady = Load {
            rate: 100,
            events: 100 * bench.seconds,
            ..burst
        };
        let outcome = trial::run(bench, who, steady);
        p50.add(who, outcome.p50);
        p99.add(who, outcome.p99);
    });
    table.add("slow disk: deliveries/s, one sink", &rate);
    table.add("slow disk: event to request at 100/s, p50, ms", &p50);
    table.add("slow disk: event to request at 100/s, p99, ms", &p99);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn size(_: &Bench, table: &mut Table) {
    let bytes = std::fs::metadata(BELLWIRE).expect("the program").len();
    table.alone("size of the program, MB", vec![bytes as f64 / 1e6]);
}
