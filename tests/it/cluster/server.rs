//! The database server, and what the queue there says when it is asked past the program.

use std::process::Command;

use tokio_postgres::{NoTls, SimpleQueryMessage};

/// The address of a server for tests, as its owner may do everything with it.
const ADDRESS: &str = "BELLWIRE_TEST_POSTGRES";

/// A command that restarts the server, in the mode that it gets as `$1`.
const RESTART: &str = "BELLWIRE_TEST_POSTGRES_RESTART";

/// A schema of its own on the server.
pub(crate) struct Schema {
    pub(crate) address: String,
    pub(crate) name: String,
}

impl Schema {
    /// `None`, with a word about it, where the environment names no server.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let Ok(address) = std::env::var(ADDRESS) else {
            super::say(&format!("SKIPPED: {ADDRESS} names no server"));
            return None;
        };
        let name = format!("cluster_{name}_{}", std::process::id());
        Some(Self { address, name })
    }

    /// The rows of the last of some statements, each value as text.
    pub(super) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let (client, connection) = tokio_postgres::connect(&self.address, NoTls)
            .await
            .expect("a server that is there");
        let talking = tokio::spawn(connection);
        let sql = format!("SET search_path = {}; {sql}", self.name);
        let answer = client.simple_query(&sql).await.expect("an answer");
        drop(client);
        talking.await.expect("no panic").expect("a proper end");
        let rows = answer.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let text = |row: tokio_postgres::SimpleQueryRow| {
            let values = (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned());
            values.collect()
        };
        rows.map(text).collect()
    }

    /// The one value that something comes to.
    pub(super) async fn value(&self, sql: &str) -> String {
        let mut rows = self.rows(sql).await;
        let row = rows.pop().unwrap_or_default();
        row.into_iter().next().unwrap_or_default()
    }

    /// The one number that something comes to.
    pub(super) async fn count(&self, sql: &str) -> usize {
        self.value(sql).await.parse().expect("a number")
    }

    /// Removes it. After a failure it stays, for whoever wants to know.
    pub(crate) async fn remove(self) {
        self.rows(&format!("DROP SCHEMA {} CASCADE", self.name))
            .await;
    }
}

/// Restarts the server in a mode of `pg_ctl`; answers whether somebody has told how.
pub(super) async fn restart(mode: &'static str) -> bool {
    let Ok(command) = std::env::var(RESTART) else {
        return false;
    };
    let restarting = move || {
        Command::new("sh")
            .args(["-c", &command, "sh", mode])
            .status()
    };
    let ended = tokio::task::spawn_blocking(restarting).await;
    let status = ended.expect("no panic").expect("a shell");
    assert!(status.success(), "the server restarts");
    true
}
