//! The tables on a server, and the steps that lead older ones to them.

use super::super::StoreError;
use super::super::sql::{Connection, Session, params};
use super::Server;

/// One step for each version; a released step is never changed.
const MIGRATIONS: &[&str] = &[include_str!("../schema_postgres_1.sql")];

/// The oldest server that is known to do, as it counts its versions.
const OLDEST: i64 = 140_000;

/// Makes or migrates the tables of a queue. Whoever else does so at the same time waits.
pub(super) fn prepare(session: &Session, server: &Server) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    let version = "SELECT CAST(current_setting('server_version_num') AS BIGINT)";
    let version: i64 = connection.query_row(version, params![], |row| row.get(0))?;
    if version < OLDEST {
        return Err(StoreError::Refused {
            server: server.shown(),
            reason: format!(
                "it is PostgreSQL {}, and 14 or later is needed",
                version / 10_000
            ),
        });
    }
    let transaction = connection.transaction()?;
    session.batch(&server.take_lock())?;
    session.batch(&format!(
        "CREATE SCHEMA IF NOT EXISTS \"{}\"; CREATE TABLE IF NOT EXISTS meta (version BIGINT NOT NULL)",
        server.schema
    ))?;
    let found = "SELECT coalesce(max(version), 0) FROM meta";
    let found: i64 = transaction.query_row(found, params![], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of steps");
    if found > known {
        return Err(StoreError::NewerServer {
            server: server.shown(),
            found,
            known,
        });
    }
    for (step, version) in MIGRATIONS.iter().zip(1i64..).filter(|step| step.1 > found) {
        session.batch(step)?;
        transaction.execute("INSERT INTO meta VALUES (?1)", params![version])?;
    }
    Ok(transaction.commit()?)
}

impl Server {
    /// The statement that takes the lock of this queue for a transaction: one at a time changes it.
    pub(super) fn take_lock(&self) -> String {
        format!(
            "SELECT pg_advisory_xact_lock(hashtextextended('bellwire:{}', 0))",
            self.schema
        )
    }
}
