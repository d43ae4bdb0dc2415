//! What can be wrong with the queue, told apart by what a person has to do about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rustix::fs::Access;

use super::schema;
use super::sql::SqlError;

/// Why the queue cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or used.
    #[error("the data folder `{}` cannot be used: {error}{}", path.display(), remedy(path, error))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said. Not by the name of `source`, under which it would be told twice.
        error: io::Error,
    },
    /// There is no queue, and none was to be made.
    #[error("there is no queue in `{}`, the `data_dir` of the configuration; `bellwire run` makes one", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// There is no queue on a server, and none was to be made.
    #[error(
        "there is no queue on {server}, the `store.url` of the configuration; `bellwire run` makes one"
    )]
    MissingOnServer {
        /// Where it is.
        server: String,
    },
    /// Another instance works in this folder.
    #[error("the data folder `{}` is in use by {holder}; stop it, or set another `data_dir`", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as far as it said so.
        holder: String,
    },
    /// A command works in this folder, and has for longer than is waited for.
    #[error("the data folder `{}` is in use by {holder}; try again once that has ended", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// Who holds it.
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
    #[error("the queue file `{}` has schema {found}, and this bellwire knows up to {known}; start the newer bellwire that wrote it, or put back a backup from before", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// The file was put beside the log of another one.
    #[error(
        "the queue file `{}` was put beside the log of another queue, `{}`, which would damage it; move that log and its `-shm` neighbour away, then start again",
        path.display(),
        log.display()
    )]
    ForeignLog {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The log is there, and the file that it belongs to is not.
    #[error(
        "the queue file `{}` is missing or empty, and its log `{}` holds what would be lost with it; put the file back beside its log, or move the log and its `-shm` neighbour away, then start again",
        path.display(),
        log.display()
    )]
    LogAlone {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The file cannot be opened as it has to be.
    #[error("the queue file `{}` cannot be used: {error}{}", path.display(), remedy(path.parent().unwrap_or(path), error))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said, as for a folder.
        error: io::Error,
    },
    /// The file is not at its place any more, although it is open.
    #[error(
        "the queue file `{}` was taken away or replaced while bellwire runs; deliveries go on, but all that the open file holds is lost once bellwire stops: let what waits go out, then start bellwire again",
        path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// No space is left: on the disk, or within the limit.
    #[error("{detail}")]
    Full {
        /// Which of them.
        what: Shortage,
        /// The same in words, with what a person can do.
        detail: String,
    },
    /// The server that the queue is on cannot be had at this moment.
    #[error("the queue's server {server} cannot be reached: {reason}")]
    Away {
        /// Where it is.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server that the queue is on does not take us.
    #[error("the queue's server {server} refuses: {reason}")]
    Refused {
        /// Where it is.
        server: String,
        /// Why.
        reason: String,
    },
    /// The tables on the server were made by a newer version.
    #[error(
        "the queue on {server} has schema {found}, and this bellwire knows up to {known}; start the newer bellwire that made it"
    )]
    NewerServer {
        /// Where it is.
        server: String,
        /// The schema found.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The queue is on its way to its other home, or has been moved there.
    #[error("{detail}")]
    Moved {
        /// The same in words, with what a person can do.
        detail: String,
    },
    /// Another instance has the duty now that this was for.
    #[error("another instance has taken this over")]
    Fenced,
    /// A thread could not be started.
    #[error("the queue cannot have a thread: {0}")]
    Thread(io::Error),
    /// The store has been closed.
    #[error("the queue is closed")]
    Closed,
    /// Anything else that its home reports, or that stands in it.
    #[error("the queue failed: {0}")]
    Sql(SqlError),
}

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The queue is as large as it may be.
    Limit,
    /// The disk has no room.
    Disk,
    /// The disk may have room, and takes nothing all the same.
    Refusal,
}

/// What helps where a folder is somebody else's, as one that a container is given often is.
fn remedy(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => {}
        ErrorKind::ReadOnlyFilesystem => {
            return "; set `data_dir` to a folder on a file system that can be written, or mount this one so"
                .to_owned();
        }
        _ => return String::new(),
    }
    let user = rustix::process::geteuid();
    let path = path.display();
    format!(
        "; bellwire runs as user {user} here, who must be able to write there: `chown -R {user} {path}`"
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        SqlError::from(error).into()
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error.sqlite().and_then(rusqlite::Error::sqlite_error) {
            Some(code) if code.code == ErrorCode::DiskFull => Self::Full {
                what: Shortage::Disk,
                detail: "the disk is full".to_owned(),
            },
            Some(code) if NOT_TAKEN.contains(&code.extended_code) => Self::Full {
                what: Shortage::Refusal,
                detail: format!(
                    "the disk does not take what is written to it (a quota, a limit on the size of a file, or a fault): {error}"
                ),
            },
            _ => Self::Sql(error),
        }
    }
}

impl StoreError {
    /// Whether nothing that is asked through the same handle will be done any more.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Closed | Self::Fenced)
    }

    /// Whether the connection to a server has ended, or could not come about.
    pub(super) fn is_of_connection(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Sql(error) => error.is_of_connection(),
            _ => false,
        }
    }

    /// The damage of a file, with what a person can do about it.
    pub(super) fn corrupt(path: &Path, error: &SqlError) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            detail: error.to_string(),
        }
    }

    /// What an error at the opening of a file means. SQLite does not tell which of the files it could not
    /// have, nor why.
    pub(super) fn opening(path: &Path, error: Self) -> Self {
        let Self::Sql(sql) = error else {
            return error;
        };
        match sql.sqlite_code() {
            _ if is_damage(&sql) => Self::corrupt(path, &sql),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                let (path, error) =
                    refused(path).unwrap_or_else(|| (path.to_owned(), io::Error::other(sql)));
                Self::File { path, error }
            }
            _ => Self::Sql(sql),
        }
    }
}

/// Which of the files of a queue may not be read and written, or made in their folder, and why.
fn refused(path: &Path) -> Option<(PathBuf, io::Error)> {
    let both = Access::READ_OK | Access::WRITE_OK;
    let files = ["", "-wal", "-shm"].map(|end| (schema::beside(path, end), both));
    let folder = path.parent().unwrap_or(path).to_owned();
    let all = files
        .into_iter()
        .chain([(folder, Access::WRITE_OK | Access::EXEC_OK)]);
    // Asked by its name: nothing is opened beside what SQLite may have open.
    all.filter_map(|(path, access)| Some((rustix::fs::access(&path, access).err()?.into(), path)))
        .find(|(error, _): &(io::Error, _)| error.kind() != ErrorKind::NotFound)
        .map(|(error, path)| (path, error))
}

/// SQLite's extended codes for a write, a flush and a growing of the index of the log that failed. A
/// quota and a limit on the size of a file arrive as these, and not as a full disk.
const NOT_TAKEN: [i32; 3] = [10 | (3 << 8), 10 | (4 << 8), 10 | (19 << 8)];

/// Whether SQLite says that the file itself is damaged.
pub(super) fn is_damage(error: &SqlError) -> bool {
    matches!(
        error.sqlite_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}
