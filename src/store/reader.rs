//! The thread that reads for people, on a connection of its own that cannot write.
//!
//! A file of its own so that no look at the queue, whatever it goes through and however slow the disk
//! is, holds up what is accepted, claimed or settled: beside a write-ahead log a reader is in nobody's
//! way. It is only in the way of the log, which cannot be cut off while somebody reads from it. So
//! every look is short; what goes through much is made of several. And when the owner of the queue has
//! found the log too long, the reader lets it be cut off before the next look: the owner never waits
//! for the reader, the reader waits for the owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::error::is_damage;
use super::file::QueueFile;
use super::hands::Hands;
use super::opening::Lines;
use super::request::Request;
use super::tags::Tags;
use super::work::Work;
use super::{StoreError, schema, sql};

/// Looks that may wait. Callers beyond that wait in line themselves.
pub(super) const LOOKS_MAX: usize = 64;

/// One request on the reader's line.
pub(super) enum Look {
    /// Something to read.
    At(Box<dyn Work>),
    /// Nothing comes after what is on the line now.
    End,
}

/// The owner's hold on the thread.
pub(super) struct Reader {
    looks: mpsc::Sender<Look>,
    in_the_way: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    file: QueueFile,
    /// Whether it was not at its place at the last look.
    is_replaced: bool,
    tags: Tags,
    /// Weak, since whoever holds the owner's line keeps the queue open.
    owner: mpsc::WeakSender<Request>,
    in_the_way: Arc<AtomicBool>,
}

impl Reader {
    /// Opens the file once more and starts the thread. The queue is open and has its tables.
    pub(super) fn start(file: &QueueFile, tags: &Tags, lines: Lines) -> Result<Self, StoreError> {
        let Lines {
            requests: owner,
            looks,
            looked: line,
        } = lines;
        let in_the_way = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            connection: schema::open_to_read(file.path())?,
            file: file.clone(),
            is_replaced: false,
            tags: tags.clone(),
            owner,
            in_the_way: Arc::clone(&in_the_way),
        };
        let thread = std::thread::Builder::new()
            .name("store-reader".to_owned())
            .spawn(move || desk.serve(line))
            .map_err(|error| StoreError::Folder {
                path: file.path().to_owned(),
                error,
            })?;
        Ok(Self {
            looks,
            in_the_way,
            thread: Some(thread),
        })
    }

    /// Where the owner says that it could not cut off the log.
    pub(super) fn in_the_way(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.in_the_way)
    }

    /// Waits until what is on the line has been looked at and the connection is closed. Nobody may
    /// have to answer the reader any more.
    pub(super) fn end(&mut self) {
        let told = self.looks.blocking_send(Look::End);
        if let (Ok(()), Some(thread)) = (told, self.thread.take()) {
            // A reader that has panicked has closed its connection, too.
            drop(thread.join());
        }
    }
}

impl Desk {
    fn serve(mut self, mut line: mpsc::Receiver<Look>) {
        while let Some(Look::At(mut work)) = line.blocking_recv() {
            self.step_aside();
            let is_replaced = self.file.replaced().is_some();
            if std::mem::replace(&mut self.is_replaced, is_replaced) != is_replaced {
                self.tell(Request::Replaced);
            }
            let failure = match self.look(&mut *work) {
                Err(StoreError::Sql(error)) if is_damage(&error) => {
                    let told = StoreError::corrupt(self.file.path(), &error);
                    self.tell(Request::Damaged(error));
                    Some(told)
                }
                other => other.err(),
            };
            work.answer(failure);
        }
    }

    /// Reads in a transaction, so that several statements see one state of the queue.
    fn look(&mut self, work: &mut dyn Work) -> Result<(), StoreError> {
        let connection = sql::Connection::Sqlite(&self.connection);
        let transaction = connection.transaction()?;
        work.apply(&transaction, &self.tags, &mut Hands::default())?;
        Ok(transaction.commit()?)
    }

    /// Lets the owner cut off the log, if it waits for that.
    fn step_aside(&self) {
        if self.in_the_way.load(Ordering::Relaxed) {
            let (request, tried) = Request::shorten();
            self.tell(request);
            // No answer: the owner has ended.
            let _ = tried.blocking_recv();
        }
    }

    /// Says something to the owner, unless it has ended.
    fn tell(&self, request: Request) {
        if let Some(owner) = self.owner.upgrade() {
            let _ = owner.blocking_send(request);
        }
    }
}
