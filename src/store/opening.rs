//! Opening the queue on a disk that takes nothing.
//!
//! A file of its own because SQLite cannot even read its file there: the index of its log has to be
//! made first. A process that ended for that would be deaf until somebody looks. So the queue's thread
//! goes on trying, and meanwhile refuses what is asked of it, as it does when the disk fills up later.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::alarm::Alarm;
use super::error::is_damage;
use super::lock::FolderLock;
use super::owner::{Owner, Request};
use super::{Shortage, StoreError, claim, schema};
use crate::clock::Clock;

/// Wait before the file is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// How long a request waits for its refusal at most.
const LISTEN_EVERY: Duration = Duration::from_millis(20);

/// A queue whose file may not be open yet, and all that must live as long as it.
pub(super) struct Opening {
    path: PathBuf,
    lock: FolderLock,
    alarm: Alarm,
    fault: Arc<OnceLock<String>>,
    /// The limit that was asked for meanwhile.
    limit: Option<u64>,
}

/// An open file and the tag of its ids, or what its disk says.
type Opened = Result<(Connection, String), (Shortage, String)>;

/// Opens a queue's file, with all that an earlier process left in flight taken back. A disk that takes
/// nothing is no error yet.
pub(super) fn open(path: &Path, now: jiff::Timestamp) -> Result<Opened, StoreError> {
    let open = || {
        let mut connection = schema::open(path)?;
        let tag = schema::tag(&connection)?;
        claim::take_back(&mut connection, now)?;
        Ok((connection, tag))
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
        Err(StoreError::Sql(sql)) if is_damage(&sql) => Err(StoreError::corrupt(path, &sql)),
        Err(other) => Err(other),
    }
}

impl Opening {
    pub(super) fn new(
        path: PathBuf,
        lock: FolderLock,
        alarm: Alarm,
        fault: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            path,
            lock,
            alarm,
            fault,
            limit: None,
        }
    }

    /// Serves the line, once the file is open.
    pub(super) fn serve(mut self, mut opened: Opened, mut line: mpsc::Receiver<Request>) {
        loop {
            let (what, detail) = match opened {
                Ok((connection, tag)) => return self.owner(connection, tag).serve(line),
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
            opened = match open(&self.path, Clock::system().now()) {
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
            match line.try_recv() {
                Ok(Request::Work(work)) => work.answer(Some(full())),
                Ok(Request::Limit(bytes, reply)) => {
                    self.limit = Some(bytes);
                    let _ = reply.send(Ok(()));
                }
                Ok(Request::Close(reply)) => return Heard::Close(reply),
                Err(TryRecvError::Empty) => thread::sleep(LISTEN_EVERY),
                Err(TryRecvError::Disconnected) => return Heard::Gone,
            }
        }
        Heard::Nothing
    }

    fn owner(self, connection: Connection, tag: String) -> Owner {
        let mut owner = Owner::new(
            connection, self.lock, &self.path, tag, self.alarm, self.fault,
        );
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
