//! Opening the queue on a disk that takes nothing.
//!
//! A file of its own because SQLite cannot even read its file there: the index of its log has to be
//! made first. A process that ended for that would be deaf until somebody looks. So the queue's thread
//! goes on trying, and meanwhile refuses what is asked of it, as it does when the disk fills up later.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::alarm::Alarm;
use super::file::QueueFile;
use super::lock::FolderLock;
use super::log::Log;
use super::owner::Owner;
use super::reader::{Look, Reader};
use super::request::Request;
use super::tags::Tags;
use super::{Shortage, StoreError, interrupted, moving, schema, sql};
use crate::clock::Clock;

/// Wait before the file is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// How long a request waits for its refusal at most.
const LISTEN_EVERY: Duration = Duration::from_millis(20);

/// The lines on which the queue is asked for something, for the reader that it has once it is open.
pub(super) struct Lines {
    /// Weak, since whoever holds the owner's line keeps the queue open.
    pub(super) requests: mpsc::WeakSender<Request>,
    pub(super) looks: mpsc::Sender<Look>,
    pub(super) looked: mpsc::Receiver<Look>,
}

/// A queue whose file may not be open yet, and all that must live as long as it.
pub(super) struct Opening {
    path: PathBuf,
    lock: FolderLock,
    alarm: Alarm,
    /// Until there is a reader to have them.
    lines: Option<Lines>,
    fault: Arc<OnceLock<String>>,
    /// The limit that was asked for meanwhile.
    limit: Option<u64>,
}

/// What was opened, or what its disk says.
type Opened<T> = Result<T, (Shortage, String)>;

/// An open file with its log, the tags of its ids, and whoever reads from it for people.
pub(super) struct Open {
    pub(super) file: QueueFile,
    pub(super) connection: Connection,
    pub(super) log: Log,
    pub(super) tags: Tags,
    pub(super) reader: Reader,
}

/// Opens a queue's file, with all that an earlier process left in flight taken back. A disk that takes
/// nothing is no error yet.
fn open(path: &Path, now: Timestamp) -> Result<Opened<(Connection, Log, Tags)>, StoreError> {
    let open = || {
        let mut connection = schema::open(path)?;
        let begun = sql::Connection::Sqlite(&connection);
        let transaction = begun.transaction()?;
        moving::marks::refuse(&transaction, || {
            moving::shown_folder(path.parent().unwrap_or(path))
        })?;
        let tags = Tags::begin(&transaction)?;
        interrupted::take_back(&transaction, None, now)?;
        transaction.commit()?;
        sql::Connection::Sqlite(&connection).set_triggers(false)?;
        let log = Log::of(&mut connection, path)?;
        Ok((connection, log, tags))
    };
    match open() {
        Ok(opened) => Ok(Ok(opened)),
        Err(StoreError::Full { what, detail }) => {
            let folder = path.parent().unwrap_or(path).display();
            let detail = format!(
                "{detail}; the queue in `{folder}` is opened as soon as there is room; make room on that disk"
            );
            Ok(Err((what, detail)))
        }
        Err(other) => Err(StoreError::opening(path, other)),
    }
}

impl Opening {
    pub(super) fn new(
        path: PathBuf,
        lock: FolderLock,
        alarm: Alarm,
        lines: Lines,
        fault: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            path,
            lock,
            alarm,
            lines: Some(lines),
            fault,
            limit: None,
        }
    }

    /// Opens the file, or says that its disk takes nothing.
    pub(super) fn open(&mut self, now: Timestamp) -> Result<Opened<Open>, StoreError> {
        let (connection, log, tags) = match open(&self.path, now)? {
            Ok(opened) => opened,
            Err(full) => return Ok(Err(full)),
        };
        let lines = self.lines.take().ok_or(StoreError::Closed)?;
        let file = QueueFile::at(&self.path);
        let reader = Reader::start(&file, &tags, lines)?;
        Ok(Ok(Open {
            file,
            connection,
            log,
            tags,
            reader,
        }))
    }

    /// Serves the line, once the file is open.
    pub(super) fn serve(mut self, mut opened: Opened<Open>, mut line: mpsc::Receiver<Request>) {
        loop {
            let (what, detail) = match opened {
                Ok(open) => return self.owner(open).serve(line),
                Err(full) => full,
            };
            let full = || StoreError::Full {
                what,
                detail: detail.clone(),
            };
            self.alarm.failed(&full(), false, || 0);
            match self.refuse(&mut line, full) {
                Heard::Nothing => {}
                Heard::Close(reply) => {
                    drop(self);
                    let _ = reply.send(());
                    return;
                }
                Heard::Gone => return,
            }
            opened = match self.open(Clock::system().now()) {
                Ok(opened) => opened,
                Err(error) => {
                    tracing::error!("{error}");
                    self.alarm.failed(&error, false, || 0);
                    let _ = self.fault.set(error.to_string());
                    return;
                }
            };
        }
    }

    /// Refuses what is on the line for a while.
    fn refuse(
        &mut self,
        line: &mut mpsc::Receiver<Request>,
        full: impl Fn() -> StoreError,
    ) -> Heard {
        let again = Instant::now() + OPEN_AGAIN;
        while Instant::now() < again {
            if let Some(lines) = &mut self.lines {
                while let Ok(Look::At(work)) = lines.looked.try_recv() {
                    work.answer(Some(full()));
                }
            }
            match line.try_recv() {
                Ok(Request::Work(work)) => work.answer(Some(full())),
                Ok(Request::Limit(bytes, reply)) => {
                    self.limit = Some(bytes);
                    let _ = reply.send(Ok(()));
                }
                // Only a reader asks for these, and there is none yet; nor does anything ride.
                Ok(
                    Request::Shorten(_)
                    | Request::Replaced
                    | Request::Damaged(_)
                    | Request::Alone
                    | Request::Hurry,
                ) => {}
                Ok(Request::Close(reply)) => return Heard::Close(reply),
                Err(TryRecvError::Empty) => thread::sleep(LISTEN_EVERY),
                Err(TryRecvError::Disconnected) => return Heard::Gone,
            }
        }
        Heard::Nothing
    }

    /// Whoever serves the open file.
    fn owner(self, open: Open) -> Owner {
        let mut owner = Owner::new(open, self.lock, self.alarm, self.fault);
        if let Some(limit) = self.limit
            && let Err(error) = owner.limit(limit)
        {
            tracing::error!(%error, "the queue cannot be kept to its limit");
        }
        owner
    }
}

/// Whether there is still somebody to open the file for.
enum Heard {
    Nothing,
    Close(tokio::sync::oneshot::Sender<()>),
    Gone,
}
