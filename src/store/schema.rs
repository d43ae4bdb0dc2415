//! The tables, and the steps that lead an older file to them.
//!
//! Times are microseconds since 1970. A delivery's state is a small number so that the index of what
//! is due holds only what waits; what has to wait for another delivery of its key is not in it, so
//! that a long line behind one failing delivery costs a claim nothing. How many there are is counted, so
//! that nobody has to go through them. Triggers do that, and whatever else the end of a delivery means for
//! others, for every program that changes the file; they are off where every delivery comes by, which
//! does the same by itself at a fraction of the cost. `AUTOINCREMENT` keeps a delivery's number from ever
//! being used again, since its stable id is made of it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::Access;
use rustix::io::Errno;

use super::StoreError;
use super::measure::LOG_BYTES_MAX;

/// Name of the queue file in the data folder.
pub(super) const FILE_NAME: &str = "bellwire.db";

/// How long a connection waits for another program that works on the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The first bytes of a file, up to where SQLite says how it is written and read.
const HEAD_BYTES: usize = 20;

/// The last two of them in a file without a write-ahead log.
const WITHOUT_LOG: [u8; 2] = [1, 1];

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
    include_str!("schema_13.sql"),
    include_str!("schema_14.sql"),
    include_str!("schema_15.sql"),
    include_str!("schema_16.sql"),
];

/// The first version that knows of moves.
pub(super) const WITH_MOVES: u32 = 14;

/// The queue file of a folder, which has one.
pub(super) fn find(folder: &Path) -> Result<PathBuf, StoreError> {
    let path = folder.join(FILE_NAME);
    // What cannot be looked at may be there all the same: opening it tells what is wrong.
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refuse_foreign_log(&path)?;
            Err(StoreError::Missing {
                path: folder.to_owned(),
            })
        }
        _ => Ok(path),
    }
}

/// Opens the file, makes or migrates its tables, and sets what holds for the connection.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    open_and_migrate(path).map_err(|error| StoreError::opening(path, error))
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

/// A connection to a file of a file system that cannot be written, where the index of a log cannot be made
/// either. `None` where it can be, or where there is a log to read.
pub(super) fn open_unwritable(path: &Path) -> Result<Option<Connection>, StoreError> {
    let folder = path.parent().unwrap_or(path);
    let can_write = rustix::fs::access(folder, Access::WRITE_OK);
    let has_log = beside(path, "-wal")
        .metadata()
        .is_ok_and(|log| log.len() > 0);
    let (Err(Errno::ROFS), false, Some(name)) = (can_write, has_log, path.to_str()) else {
        return Ok(None);
    };
    let name = ["%", "?", "#"].iter().fold(name.to_owned(), |name, sign| {
        name.replace(sign, &format!("%{:02x}", sign.as_bytes()[0]))
    });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let name = format!("file:{name}?immutable=1");
    Ok(Some(Connection::open_with_flags(name, flags)?))
}

/// Refuses a log without its file, which SQLite would remove for a new queue, and a file beside which the log
/// of another one lies: SQLite would take over from it whatever there is, and damage the file without a word.
/// A file that has a log is never empty, says so in its head from before the log is made until after it is
/// gone, and a backup says that it has none.
///
/// To be asked before this process has a connection to the file: closing any file of one's own gives up all
/// that the process has locked of it, and with it what SQLite holds.
pub(super) fn refuse_foreign_log(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if !log.metadata().is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let path = path.to_owned();
    match path.metadata() {
        Ok(file) if file.len() > 0 => {}
        Err(error) if error.kind() != ErrorKind::NotFound => return Ok(()),
        _ => return Err(StoreError::LogAlone { path, log }),
    }
    let mut head = [0; HEAD_BYTES];
    // What cannot be read is told by whoever opens it.
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    match read.is_ok() && head.ends_with(&WITHOUT_LOG) {
        true => Err(StoreError::ForeignLog { path, log }),
        false => Ok(()),
    }
}

/// What SQLite puts beside a file.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes the file where there is none. It is its owner's alone, whosoever the folder is, and so are the log
/// and its index, which SQLite makes like it.
fn make_private(path: &Path) {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    // What cannot be made is told by whoever opens it.
    drop(file.open(path));
}

fn open_and_migrate(path: &Path) -> Result<Connection, StoreError> {
    refuse_foreign_log(path)?;
    make_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found = version(&connection, path)?;
    if found == 0 {
        // Takes effect only before the first table: finished pages can then go back to the disk.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    set_flushes(&connection, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A delivery whose event is gone must still be able to become a dead letter.
    connection.pragma_update(None, "foreign_keys", false)?;
    // In KiB. It fills up with the backlog; draining a million was not measurably faster with four times as much.
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX.cast_signed())?;
    // Statements are compiled once, not anew for the values of each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection, found, MIGRATIONS)?;
    Ok(connection)
}

/// Sets whether what is committed is flushed. To be called between two transactions.
pub(super) fn set_flushes(connection: &Connection, flushes: bool) -> Result<(), StoreError> {
    let level = if flushes { "FULL" } else { "NORMAL" };
    connection.pragma_update(None, "synchronous", level)?;
    Ok(())
}

/// Commits a change that changes nothing, and so flushes what was committed before without.
pub(super) fn touch(connection: &Connection) -> Result<(), StoreError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)?;
    Ok(())
}

/// The version of a file's tables; 0 where there are none yet.
///
/// # Errors
/// [`StoreError::Newer`] for one that this program does not know.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful of steps");
    match found > known {
        true => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        false => Ok(found),
    }
}

/// Carries out the steps behind a version. Each is whole or not at all, so a file is never between two.
pub(super) fn migrate(
    connection: &mut Connection,
    found: u32,
    steps: &[&str],
) -> Result<(), StoreError> {
    for (step, version) in steps.iter().zip(1u32..).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
