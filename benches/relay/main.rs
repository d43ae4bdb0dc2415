//! The whole way, measured: events from a feed, through a relay, to a receiver, each a process of its own.
//!
//! `cargo bench --bench relay` runs every scenario and prints a table; with names behind `--` only those:
//!
//! ```text
//! cargo bench --bench relay -- throughput latency --rounds 3
//! ```
//!
//! Who is measured takes turns, so that what else the machine does meets all of them, and the table has
//! medians and ratios. The yardstick is a relay as short as one can be that loses nothing
//! ([`yardstick`]); what is left when nothing is stored at all is [`bare`]. Nothing here asserts a time.

#![expect(clippy::print_stdout, reason = "the table")]
#![expect(clippy::print_stderr, reason = "how far it has come")]

mod backlog;
mod bare;
mod feed;
mod instances;
mod machine;
mod options;
mod process;
mod receiver;
mod relay;
mod scenarios;
mod server;
mod slow;
mod soak;
mod sources;
mod table;
mod trial;
mod wire;
mod yardstick;

use options::{Bench, Options};
use table::Table;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("feed") => return feed::serve(&Options::read(&arguments[1..])),
        Some("receiver") => return receiver::serve(),
        Some("bare") => return bare::run(&Options::read(&arguments[1..])),
        Some("flush") => return slow::run(&Options::read(&arguments[1..])),
        Some("yardstick") => return yardstick::run(&Options::read(&arguments[1..])),
        _ => {}
    }
    // Cargo says so where a bench is to be run, and not where it is built or tested.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured here; run `cargo bench --bench relay`");
        return;
    }
    arguments.retain(|argument| argument != "--bench");
    let bench = match Bench::read(arguments) {
        Ok(bench) => bench,
        Err(told) => {
            eprintln!("{told}");
            std::process::exit(2);
        }
    };
    let mut table = Table::default();
    println!("{}\n", machine::told(&bench));
    for scenario in scenarios::ALL {
        if bench.wants(scenario) {
            (scenario.run)(&bench, &mut table);
        }
    }
    println!("{table}\n\n{}", machine::load());
}
