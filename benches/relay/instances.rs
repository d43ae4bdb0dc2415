//! The queue on a PostgreSQL server: what one, two and three instances send from it beside one that has a
//! file, and whether a delivery costs more where many wait.
//!
//! Feed, instances, server and receiver share the cores of one machine here. Where they do not, more
//! instances have more to give than these figures say.

use super::options::Bench;
use super::relay::Relay;
use super::scenarios::interleaved;
use super::table::Table;
use super::trial::{self, Home, Load};
use super::{backlog, server};

/// Deliveries of a burst.
const BURST: u64 = 20_000;

/// Sources and sinks where there is something to share.
const SHARED: u64 = 4;

const HOMES: [(&str, Home); 4] = [
    ("a file", Home::File),
    ("a server, one instance", Home::Server(1)),
    ("a server, two instances", Home::Server(2)),
    ("a server, three instances", Home::Server(3)),
];

pub(crate) fn run(bench: &Bench, table: &mut Table) {
    if bench.server.is_none() {
        return eprintln!(
            "instances: NOT MEASURED: needs a PostgreSQL server on this machine: `--server URL`"
        );
    }
    one_way(bench, table);
    shared(bench, table);
    for (name, home) in &HOMES[..2] {
        backlog::compare(bench, name, *home, table);
    }
}

/// One source and one sink, which are one instance's.
fn one_way(bench: &Bench, table: &mut Table) {
    let mut figures = HOMES.map(|_| Figures::default());
    interleaved(bench, "instances, one sink", &[Relay::Bellwire], |who| {
        for ((_, home), figures) in HOMES[..2].iter().zip(&mut figures) {
            figures.take(bench, who, &Load::of(BURST), *home);
        }
    });
    for ((name, _), figures) in HOMES[..2].iter().zip(figures) {
        figures.tell(&format!("one source and sink, {name}"), table);
    }
}

/// As many sources and sinks as can be shared evenly by two.
fn shared(bench: &Bench, table: &mut Table) {
    let load = Load {
        sources: SHARED + 1,
        sinks: usize::try_from(SHARED).expect("a few"),
        ..Load::of(BURST / SHARED)
    };
    let mut figures = HOMES.map(|_| Figures::default());
    interleaved(bench, "instances, shared", &[Relay::Bellwire], |who| {
        for ((_, home), figures) in HOMES.iter().zip(&mut figures) {
            figures.take(bench, who, &load, *home);
        }
    });
    for ((name, _), figures) in HOMES.iter().zip(figures) {
        figures.tell(&format!("four sources and sinks, {name}"), table);
    }
}

#[derive(Default)]
struct Figures {
    rate: Vec<f64>,
    cpu: Vec<f64>,
    server: Vec<f64>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn take(&mut self, bench: &Bench, who: Relay, load: &Load, home: Home) {
        let load = Load { home, ..*load };
        let before = server::cpu();
        let outcome = trial::run(bench, who, load);
        let deliveries = load.deliveries() as f64;
        self.rate.push(deliveries / outcome.seconds);
        self.cpu.push(outcome.cpu / deliveries * 1e6);
        self.server
            .push((server::cpu() - before) / deliveries * 1e6);
    }

    fn tell(self, what: &str, table: &mut Table) {
        table.alone(&format!("{what}: deliveries/s"), self.rate);
        table.alone(&format!("{what}: CPU of a delivery, µs"), self.cpu);
        table.alone(&format!("{what}: CPU of the server, µs"), self.server);
    }
}
