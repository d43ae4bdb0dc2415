//! Where a queue lives: in a folder of this machine, or on a server.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Server, Store, StoreError};
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
