//! Where a queue lives: in a folder of this machine, or on a server.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::moving::marks;
use super::sql::{Connection, params};
use super::{Server, Store, StoreError, schema};
use crate::status::Status;

/// The home of a queue.
#[derive(Clone, Debug)]
pub enum Home {
    /// A folder, with a file that one process works on.
    Folder(PathBuf),
    /// A PostgreSQL server.
    Server(Server),
}

impl Home {
    /// The folder, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Server(_) => None,
        }
    }

    /// The server, if it is one.
    #[must_use]
    pub const fn server(&self) -> Option<&Server> {
        match self {
            Self::Folder(_) => None,
            Self::Server(server) => Some(server),
        }
    }

    /// Opens the queue, which is made if it is not there.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::connect`].
    pub fn open(&self, status: Status, now: Timestamp) -> Result<Store, StoreError> {
        match self {
            Self::Folder(folder) => Store::open(folder, status, now),
            Self::Server(server) => Store::connect(server, status),
        }
    }

    /// The same, but only where a queue is already, and for a while.
    ///
    /// # Errors
    /// As [`Store::open_existing`] and [`Store::visit`].
    pub fn open_existing(&self, status: Status, now: Timestamp) -> Result<Store, StoreError> {
        match self {
            Self::Folder(folder) => Store::open_existing(folder, status, now),
            Self::Server(server) => Store::visit(server, status),
        }
    }
}

/// How many deliveries wait in the queue of a folder whose instance has its queue elsewhere. None where there is no
/// queue in it, where that was moved away, and where it cannot be read by the way.
#[must_use]
pub fn left_behind(folder: &Path) -> u64 {
    let read = |sql: &str| {
        let file = schema::open_to_read(&folder.join(schema::FILE_NAME)).ok()?;
        Connection::Sqlite(&file)
            .query_row(sql, params![], |row| row.get::<u64>(0))
            .ok()
    };
    // Before there were moves none was moved away.
    match read(marks::CLOSED).unwrap_or_default() {
        0 => read("SELECT count(*) FROM deliveries WHERE state <= 1").unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_in_a_folder_is_counted_unless_it_was_moved_away() {
        let folder = tempfile::TempDir::new().expect("a folder");
        assert_eq!(left_behind(folder.path()), 0, "there is no file");
        let file = folder.path().join(schema::FILE_NAME);
        let file = rusqlite::Connection::open(file).expect("opens");
        let older = "CREATE TABLE deliveries (state INTEGER); INSERT INTO deliveries VALUES (0), (1), (2), (3)";
        file.execute_batch(older).expect("makes it");
        assert_eq!(left_behind(folder.path()), 2);
        let newer = "CREATE TABLE moves (state TEXT); INSERT INTO moves VALUES ('arrived')";
        file.execute_batch(newer).expect("makes it");
        assert_eq!(left_behind(folder.path()), 2, "it has come here");
        file.execute_batch("INSERT INTO moves VALUES ('left')")
            .expect("inserts");
        assert_eq!(left_behind(folder.path()), 0);
    }
}
