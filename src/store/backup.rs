//! A copy of the queue in one file of its own, as it was at one moment.
//!
//! A file of its own because it goes past the queue's thread and its lock: it only reads, in one
//! transaction, so that a busy instance beside it neither waits nor changes what is copied. The copy is
//! made in a folder of its own beside its place, and gets there whole or not at all. It needs no log: it
//! is put back by copying it into an empty data folder.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, ffi};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::error::is_damage;
use super::sql::SqlError;
use super::{StoreError, lock, moving, schema, sql};

/// Pages that are copied between two looks at whether it is still wanted: 1 MiB.
const STEP_PAGES: i32 = 256;

/// Instructions of SQLite between two such looks while the copy is checked.
const CHECK_STEPS: i32 = 10_000;

/// Counts what has not ended, in every version of the tables.
const WAITING: &str = "SELECT count(*) FROM deliveries WHERE state <= 1";

/// How the name begins of a folder in which a copy is made, and the file in it that is locked meanwhile.
const DRAFT: &str = ".bellwire-backup-";
const HELD: &str = "held";

/// What SQLite puts behind the name of a file for what goes with it.
const NEIGHBOURS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// What has been copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The version of its tables.
    pub schema: u32,
    /// Deliveries in it that have not ended; whoever runs on it sends them.
    pub waiting: u64,
}

/// Why there is no copy. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The queue cannot be read.
    #[error(transparent)]
    Queue(#[from] StoreError),
    /// There is something at its place already.
    #[error("`{}` is there already, and a backup replaces nothing; name another file, such as one with the day in its name, or remove that one first", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// Its place is that of a file of the queue.
    #[error("`{}` is a file of the queue itself; name another one", path.display())]
    Own {
        /// The place.
        path: PathBuf,
    },
    /// It cannot be written there.
    #[error("the backup `{}` cannot be written: {reason}", path.display())]
    Unwritten {
        /// The place.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nobody wants it any more.
    #[error("the backup was interrupted, and nothing of it is left")]
    Interrupted,
}

/// Copies the queue of a folder to a file that is not there yet, and checks the copy. Says after each step
/// how many of all steps are done; ends early once `stop` is cancelled. The file is its owner's alone, and
/// on the disk once this returns.
///
/// # Errors
/// [`BackupError`], whose variants say what a person has to do.
pub fn back_up(
    folder: &Path,
    target: &Path,
    stop: &CancellationToken,
    told: impl FnMut(usize, usize),
) -> Result<Copied, BackupError> {
    let queue = schema::find(folder)?;
    let unwritten = |error: io::Error| BackupError::Unwritten {
        path: target.to_owned(),
        reason: error.to_string(),
    };
    let place = free_place(&queue, target)?;
    let draft = draft(&place).map_err(|error| {
        let reason = format!(
            "nothing can be made in `{}`: {}",
            place.display(),
            error.kind()
        );
        unwritten(io::Error::other(reason))
    })?;
    let copy = draft.folder.path().join(schema::FILE_NAME);
    let failed = |error| explained(&queue, target, error);
    let (schema, waiting) = {
        let mut connection = Connection::open(&copy).map_err(failed)?;
        let schema = copy_pages(&queue, &mut connection, stop, told, failed)?;
        // So that it needs no log, and whoever opens it next can tell that a log beside it is not its own.
        connection
            .pragma_update(None, "journal_mode", "DELETE")
            .map_err(failed)?;
        let stop = stop.clone();
        connection
            .progress_handler(CHECK_STEPS, Some(move || stop.is_cancelled()))
            .map_err(failed)?;
        check(&connection, &queue).map_err(failed)??;
        let waiting: i64 = connection
            .query_row(WAITING, [], |row| row.get(0))
            .map_err(failed)?;
        connection.close().map_err(|(_, error)| failed(error))?;
        (schema, waiting.unsigned_abs())
    };
    let bytes = flush(&copy).map_err(unwritten)?;
    // Whatever came there meanwhile is not ours.
    free_place(&queue, target)?;
    fs::rename(&copy, target).map_err(unwritten)?;
    if let Err(error) = flush(&place) {
        let _ = fs::remove_file(target);
        return Err(unwritten(error));
    }
    Ok(Copied {
        bytes,
        schema,
        waiting,
    })
}

/// The folder that a file is to be in, which has nothing of that name and is not the queue's place for it.
fn free_place(queue: &Path, target: &Path) -> Result<PathBuf, BackupError> {
    let unwritten = |reason: &str| BackupError::Unwritten {
        path: target.to_owned(),
        reason: reason.to_owned(),
    };
    let name = target
        .file_name()
        .ok_or_else(|| unwritten("it has no name"))?;
    let place = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let real = place
        .canonicalize()
        .map_err(|error| unwritten(&format!("{}: {error}", place.display())))?;
    let is_own = |path: &Path| {
        let neighbours = NEIGHBOURS.map(|end| format!("{}{end}", schema::FILE_NAME));
        let own = neighbours.iter().map(String::as_str);
        let folder = queue.parent().and_then(|folder| folder.canonicalize().ok());
        path.parent() == folder.as_deref()
            && own
                .chain([lock::FILE_NAME])
                .any(|own| path.file_name().is_some_and(|name| name == own))
    };
    let linked = target.canonicalize();
    if is_own(&real.join(name)) || linked.is_ok_and(|linked| is_own(&linked)) {
        let path = target.to_owned();
        return Err(BackupError::Own { path });
    }
    match target.symlink_metadata() {
        Ok(_) => Err(BackupError::Exists {
            path: target.to_owned(),
        }),
        Err(_) => Ok(place.to_owned()),
    }
}

/// A folder in another one, with an empty file for the copy. It goes with all that is in it when it is
/// dropped.
struct Draft {
    folder: TempDir,
    /// Locked until after that.
    _held: File,
}

/// Makes one, in place of those that processes left behind when they were killed.
fn draft(place: &Path) -> io::Result<Draft> {
    remove_abandoned(place);
    let mut folder = tempfile::Builder::new();
    folder.prefix(DRAFT);
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        folder.permissions(fs::Permissions::from_mode(0o700));
        file.mode(0o600);
    }
    let folder = folder.tempdir_in(place)?;
    // Locked before it has its name: what can be locked by others under that is abandoned.
    let (unheld, held) = (folder.path().join("new"), folder.path().join(HELD));
    let lock = file.open(&unheld)?;
    lock.lock()?;
    fs::rename(unheld, held)?;
    file.open(folder.path().join(schema::FILE_NAME))?;
    Ok(Draft {
        folder,
        _held: lock,
    })
}

/// Removes drafts of this user that no process holds.
fn remove_abandoned(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    let drafts = entries.flatten().filter(|entry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(DRAFT.as_bytes())
    });
    for folder in drafts.map(|entry| entry.path()) {
        use std::os::unix::fs::MetadataExt;
        let user = rustix::process::geteuid().as_raw();
        let is_own = |path: &Path| path.symlink_metadata().is_ok_and(|it| it.uid() == user);
        let held = folder.join(HELD);
        if is_own(&folder) && is_own(&held) && held.is_file() {
            let lock = File::open(held);
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

/// Copies every page as it is at one moment; answers the version of the tables.
fn copy_pages(
    queue: &Path,
    copy: &mut Connection,
    stop: &CancellationToken,
    mut told: impl FnMut(usize, usize),
    failed: impl Fn(rusqlite::Error) -> BackupError + Copy,
) -> Result<u32, BackupError> {
    let unread = |error| StoreError::opening(queue, error);
    schema::refuse_foreign_log(queue)?;
    let mut connection = match schema::open_unwritable(queue).map_err(unread)? {
        Some(connection) => connection,
        None => schema::open_to_read(queue).map_err(unread)?,
    };
    // What it reads first holds until it ends, whatever is written meanwhile.
    let moment = connection.transaction().map_err(failed)?;
    let version = schema::version(&moment, queue).map_err(unread)?;
    if version == 0 {
        let path = queue.parent().unwrap_or(queue).to_owned();
        return Err(StoreError::Missing { path }.into());
    }
    if version >= schema::WITH_MOVES {
        // Whoever copies it every night is to hear that it is somewhere else.
        let here = || moving::shown_folder(queue.parent().unwrap_or(queue));
        moving::marks::refuse(&sql::Connection::Sqlite(&moment), here)?;
    }
    let backup = Backup::new(&moment, copy).map_err(failed)?;
    while !stop.is_cancelled() {
        match backup.step(STEP_PAGES).map_err(failed)? {
            StepResult::Done => return Ok(version),
            StepResult::More => {
                let progress = backup.progress();
                let steps = |pages: i32| usize::try_from(pages / STEP_PAGES).unwrap_or_default();
                let all = steps(progress.pagecount);
                told(all.saturating_sub(steps(progress.remaining)), all);
            }
            // Nobody else has the copy open, and the moment is held.
            _ => {
                let busy = ffi::Error::new(ffi::SQLITE_BUSY);
                return Err(failed(rusqlite::Error::SqliteFailure(busy, None)));
            }
        }
    }
    Err(BackupError::Interrupted)
}

/// Looks through a copy for damage, which it has from its queue.
fn check(copy: &Connection, queue: &Path) -> rusqlite::Result<Result<(), StoreError>> {
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(match found.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Corrupt {
            path: queue.to_owned(),
            detail: found,
        }),
    })
}

/// What an error of SQLite means here.
fn explained(queue: &Path, target: &Path, error: rusqlite::Error) -> BackupError {
    if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
        return BackupError::Interrupted;
    }
    let error = SqlError::from(error);
    if is_damage(&error) {
        return StoreError::corrupt(queue, &error).into();
    }
    BackupError::Unwritten {
        path: target.to_owned(),
        reason: match StoreError::from(error) {
            StoreError::Sql(sql) => sql.to_string(),
            other => other.to_string(),
        },
    }
}

/// Has a file, or the names in a folder, on the disk; answers its size in bytes.
fn flush(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
