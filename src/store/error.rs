//! What can be wrong with the queue, told apart by what a person has to do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the queue cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or used.
    #[error("the data folder `{}` cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another instance works in this folder.
    #[error("the data folder `{}` is in use by {holder}; stop it, or set another `data_dir`", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as far as it said so.
        holder: String,
    },
    /// The file is damaged. It is never replaced by itself.
    #[error(
        "the queue file `{}` is damaged: {detail}; to set it aside, stop bellwire and rename it (its `-wal` and `-shm` neighbours too), then start again with an empty queue",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The file was written by a newer version.
    #[error("the queue file `{}` has schema {found}, and this bellwire knows {known}; use a newer bellwire, or another `data_dir`", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// No space is left.
    #[error("the disk is full")]
    Full,
    /// The store has been closed.
    #[error("the queue is closed")]
    Closed,
    /// Anything else that SQLite reports.
    #[error("the queue failed: {0}")]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sql(error),
        }
    }
}

/// Whether SQLite says that the file itself is damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}
