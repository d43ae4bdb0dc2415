//! The PostgreSQL server that some queues are on: a schema for each run, and what the server uses.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::NoTls;

use super::options::Bench;
use super::process::TICKS;

/// A schema of its own, which is gone from the server when it is dropped.
pub(crate) struct Schema {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Schema {
    pub(crate) fn new(bench: &Bench) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            server: bench.server.clone().expect("a server"),
            name: format!("bench_{}_{number}", std::process::id()),
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        ask(
            &self.server,
            &format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name),
        );
    }
}

/// Has the server do something; what it answers is nothing to us.
fn ask(server: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (client, connection) = tokio_postgres::connect(server, NoTls)
            .await
            .expect("a server without TLS");
        let connection = tokio::spawn(connection);
        client
            .batch_execute(statement)
            .await
            .expect("a server that does it");
        drop(client);
        connection.await.expect("its end").expect("an orderly end");
    });
}

/// Seconds that all processes of servers on this machine have had a core, those that have ended too.
pub(crate) fn cpu() -> f64 {
    let processes = fs::read_dir("/proc").expect("a list");
    let stats = processes
        .flatten()
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let ticks = stats
        .filter(|stat| stat.contains("(postgres)"))
        .map(|stat| {
            let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
            // Its own, its system's, and both of the children that it has seen end.
            let fields = fields.split(' ').skip(11).take(4);
            let ticks = fields.map(|field| field.parse::<f64>().expect("a number"));
            ticks.sum::<f64>()
        });
    ticks.sum::<f64>() / TICKS
}
