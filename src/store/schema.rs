//! The tables, and the steps that lead an older file to them.
//!
//! Times are microseconds since 1970. A delivery's state is a small number so that the index of what
//! is due holds only what waits; what has to wait for another delivery of its key is not in it, so
//! that a long line behind one failing delivery costs a claim nothing. How many there are is counted by
//! triggers, so that nobody has to go through them. `AUTOINCREMENT` keeps a delivery's number from ever
//! being used again, since its stable id is made of it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rand::Rng;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::StoreError;
use super::error::is_damage;

/// Name of the queue file in the data folder.
pub(super) const FILE_NAME: &str = "bellwire.db";

/// How long a connection waits for another program that works on the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One step for each schema version; a released step is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
    include_str!("schema_12.sql"),
];

/// Opens the file, makes or migrates its tables, and sets what holds for the connection.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    open_and_migrate(path).map_err(|error| match error {
        StoreError::Sql(sql) if is_damage(&sql) => StoreError::corrupt(path, &sql),
        other => other,
    })
}

/// A second connection to a file that is open already, which cannot change anything.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // In KiB. Enough for a page of the newest; who reads from end to end reads nothing twice.
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

/// The random part of every delivery id of this queue, so that a new queue never repeats the ids of
/// an old one.
pub(super) fn tag(connection: &Connection) -> Result<String, StoreError> {
    let known = connection
        .query_row("SELECT value FROM meta WHERE key = 'tag'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(tag) = known {
        return Ok(tag);
    }
    let mut tag = String::new();
    // Twelve hexadecimal digits: two queues in a billion would have to meet for a clash to be likely.
    write!(tag, "{:012x}", rand::rng().next_u64() >> 16).expect("a string takes all text");
    connection.execute("INSERT INTO meta (key, value) VALUES ('tag', ?1)", [&tag])?;
    Ok(tag)
}

fn open_and_migrate(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful of steps");
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    if found == 0 {
        // Takes effect only before the first table: finished pages can then go back to the disk.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A delivery whose event is gone must still be able to become a dead letter.
    connection.pragma_update(None, "foreign_keys", false)?;
    // In KiB. It fills up with the backlog; draining a million was not measurably faster with four times as much.
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    for (step, version) in MIGRATIONS.iter().zip(1u32..).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(connection)
}
