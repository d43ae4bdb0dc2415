//! The tables on a server, and the steps that lead older ones to them.

use super::super::StoreError;
use super::super::moving::marks;
use super::super::sql::{Connection, Session, params};
use super::Server;

/// One step for each version; a released step is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema_postgres_1.sql"),
    include_str!("../schema_postgres_2.sql"),
    include_str!("../schema_postgres_3.sql"),
    include_str!("../schema_postgres_4.sql"),
    include_str!("../schema_postgres_5.sql"),
];

/// The oldest server that is known to do, as it counts its versions.
const OLDEST: i64 = 140_000;

/// Makes or migrates the tables of a queue. Whoever else does so at the same time waits.
pub(super) fn prepare(session: &Session, server: &Server) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    refuse_old(&connection, server)?;
    let transaction = connection.transaction()?;
    session.batch(&server.take_lock())?;
    // To make one takes a right that whoever was given one need not have.
    let is_there = "SELECT to_regnamespace(?1) IS NOT NULL";
    let schema = format!("\"{}\"", server.schema);
    let is_there: bool = transaction.query_row(is_there, params![schema], |row| row.get(0))?;
    if !is_there {
        session.batch(&format!("CREATE SCHEMA {schema}"))?;
    }
    session.batch("CREATE TABLE IF NOT EXISTS meta (version BIGINT NOT NULL)")?;
    let found = version(&transaction)?;
    refuse_other(server, found)?;
    for (step, version) in MIGRATIONS.iter().zip(1i64..).filter(|step| step.1 > found) {
        session.batch(step)?;
        transaction.execute("INSERT INTO meta VALUES (?1)", params![version])?;
    }
    Ok(transaction.commit()?)
}

/// Refuses a queue that is being moved or has gone, without its lock.
pub(super) fn refuse_moved(session: &Session, server: &Server) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    let is_there = "SELECT to_regclass(?1) IS NOT NULL";
    let table = format!("\"{}\".moves", server.schema);
    match connection.query_row(is_there, params![table], |row| row.get(0))? {
        true => marks::refuse(&connection, || server.named()),
        false => Ok(()),
    }
}

/// Refuses a server on which there is no queue, or one of another version.
pub(super) fn find(session: &Session, server: &Server) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    let is_there = "SELECT to_regclass(?1) IS NOT NULL";
    let table = format!("\"{}\".meta", server.schema);
    let is_there: bool = connection.query_row(is_there, params![table], |row| row.get(0))?;
    if !is_there {
        return Err(StoreError::MissingOnServer {
            server: server.shown(),
        });
    }
    let found = version(&connection)?;
    refuse_other(server, found)?;
    match found == known() {
        true => Ok(()),
        // Whoever works on it brings it up to date.
        false => Err(StoreError::Refused {
            server: server.shown(),
            reason: "its tables are of an earlier version, which `bellwire run` brings up to date"
                .to_owned(),
        }),
    }
}

/// What is there, and whether what is not could be made. Changes nothing.
pub(super) fn look(session: &Session, server: &Server) -> Result<String, StoreError> {
    let connection = Connection::Postgres(session);
    let version_of_server = refuse_old(&connection, server)?;
    let schema = format!("\"{}\"", server.schema);
    let rights = "SELECT to_regclass(?1 || '.meta') IS NOT NULL, CASE
             WHEN to_regnamespace(?1) IS NULL THEN has_database_privilege(current_database(), 'CREATE')
             ELSE has_schema_privilege(?2, 'CREATE') END";
    let (is_there, may_make) =
        connection.query_row(rights, params![schema, server.schema], |row| {
            Ok((row.get::<bool>(0)?, row.get::<bool>(1)?))
        })?;
    let queue = match is_there {
        true => {
            refuse_moved(session, server)?;
            let found = version(&connection)?;
            refuse_other(server, found)?;
            match found == known() {
                true => "the queue is there",
                false => {
                    "a queue of an earlier version is there, which `bellwire run` brings up to date"
                }
            }
        }
        false if may_make => "`bellwire run` will make the queue",
        false => {
            return Err(StoreError::Refused {
                server: server.shown(),
                reason: format!(
                    "no queue is there, and its user may make none in the schema `{}`",
                    server.schema
                ),
            });
        }
    };
    Ok(format!("PostgreSQL {version_of_server}, {queue}"))
}

/// Refuses a server that is too old; answers its version otherwise.
fn refuse_old(connection: &Connection<'_>, server: &Server) -> Result<i64, StoreError> {
    let number = "SELECT CAST(current_setting('server_version_num') AS BIGINT)";
    let number: i64 = connection.query_row(number, params![], |row| row.get(0))?;
    let version = number / 10_000;
    match number < OLDEST {
        true => Err(StoreError::Refused {
            server: server.shown(),
            reason: format!("it is PostgreSQL {version}, and 14 or later is needed"),
        }),
        false => Ok(version),
    }
}

fn version(connection: &Connection<'_>) -> Result<i64, StoreError> {
    let found = "SELECT coalesce(max(version), 0) FROM meta";
    Ok(connection.query_row(found, params![], |row| row.get(0))?)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("a handful of steps")
}

fn refuse_other(server: &Server, found: i64) -> Result<(), StoreError> {
    let known = known();
    match found > known {
        true => Err(StoreError::NewerServer {
            server: server.shown(),
            found,
            known,
        }),
        false => Ok(()),
    }
}

impl Server {
    /// The statement that takes the lock of this queue for a transaction: one at a time changes it.
    pub(in super::super) fn take_lock(&self) -> String {
        format!(
            "SELECT pg_advisory_xact_lock(hashtextextended('bellwire:{}', 0))",
            self.schema
        )
    }
}
