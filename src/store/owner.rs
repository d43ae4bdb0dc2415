//! The thread that owns the connection which writes, and how requests share a flush.
//!
//! All that waits on the line goes into one transaction, so nobody waits for a timer and one event
//! alone is committed at once, and flushed where something in it asks for that. When the transaction fails, each request is tried again in one of its
//! own, so that a request which cannot succeed takes no neighbour with it. Between two transactions
//! there is time for a step that makes room on the disk; events that find none wait for those steps,
//! and are refused only when nothing is left to be removed.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::alarm::Alarm;
use super::aside::Aside;
use super::error::is_damage;
use super::file::QueueFile;
use super::hands::Hands;
use super::lock::FolderLock;
use super::measure::Counted;
use super::opening::Open;
use super::reader::Reader;
use super::request::Request;
use super::riding::Riding;
use super::space::Space;
use super::sql::{self, SqlError};
use super::tags::Tags;
use super::work::Work;
use super::{StoreError, depths, log, settle};
use crate::model::Claim;

/// Most requests in one transaction. It bounds how long the first of them waits for the others.
const GROUP_MAX: usize = 256;

/// Wait before a flush that failed is tried again.
const FLUSH_AGAIN: Duration = Duration::from_millis(100);

/// Bytes of a batch above which others do not share its transaction.
const LARGE: u64 = 64 * 1024;

/// What a claim yields.
#[derive(Debug, Default)]
pub struct Claims {
    /// The claimed deliveries, oldest first.
    pub claims: Vec<Claim>,
    /// Deliveries that were due and could not be read: dead letters now.
    pub aside: Vec<Aside>,
    /// There may be more that is due by now.
    pub more: bool,
    /// Otherwise, when the next delivery that is not claimed will be due, if one waits.
    pub next_due: Option<Timestamp>,
}

/// What of a sink's deliveries is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// So many are due now, counted up to a limit.
    pub count: usize,
    /// When the first one that waits is due, if one waits.
    pub next: Option<Timestamp>,
}

/// The connection and all that must live exactly as long as it.
pub(super) struct Owner {
    connection: Connection,
    reader: Reader,
    _lock: FolderLock,
    file: QueueFile,
    tags: Tags,
    space: Space,
    alarm: Alarm,
    hands: Hands,
    /// Batches that wait for room.
    deferred: Vec<Box<dyn Work>>,
    riding: Riding,
    /// Why nothing more can be read or written, for whoever holds a handle.
    fault: Arc<OnceLock<String>>,
}

impl Owner {
    pub(super) fn new(
        open: Open,
        lock: FolderLock,
        alarm: Alarm,
        fault: Arc<OnceLock<String>>,
    ) -> Self {
        let Open {
            file,
            connection,
            log,
            tags,
            reader,
        } = open;
        Self {
            connection,
            space: Space::new(file.path(), log, reader.in_the_way()),
            reader,
            _lock: lock,
            file,
            tags,
            alarm,
            hands: Hands::default(),
            deferred: Vec::new(),
            riding: Riding::new(),
            fault,
        }
    }

    /// Keeps everything on the disk together below so many bytes.
    pub(super) fn limit(&mut self, bytes: u64) -> Result<(), StoreError> {
        self.space.set_limit(&self.connection, bytes)
    }

    /// Carries out requests until it is told to close, every handle is gone, or the file is damaged.
    pub(super) fn serve(mut self, mut line: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(GROUP_MAX);
        let mut waiting_for_close = Vec::new();
        while self.fault.get().is_none() && self.receive(&mut line, &mut requests) {
            let mut group = std::mem::take(&mut self.deferred);
            for request in requests.drain(..) {
                match request {
                    Request::Work(work) => self.riding.sort(work, &mut group),
                    Request::Alone => self.riding.go_alone(),
                    Request::Hurry => self.riding.hurry(),
                    Request::Limit(bytes, reply) => {
                        drop(reply.send(self.limit(bytes)));
                    }
                    Request::Shorten(reply) => {
                        say(self.space.measure(&self.connection));
                        let _ = reply.send(());
                    }
                    Request::Replaced => self.look_after(),
                    Request::Damaged(error) => self.give_up(&error),
                    Request::Close(reply) => {
                        line.close();
                        waiting_for_close.push(reply);
                    }
                }
            }
            if self.fault.get().is_some() {
                break;
            }
            let mut group = self.admit(group);
            self.riding.join(&mut group);
            let mut large = set_apart(&mut group);
            self.carry_out(&mut group);
            self.carry_out(&mut large);
            self.flush();
            self.make_room();
            if self.fault.get().is_none() {
                self.space.copy_log(&self.connection, !line.is_empty());
            }
        }
        let mut rest = self.riding.rest();
        self.carry_out(&mut rest);
        self.flush();
        // The reader may be waiting for an answer, and has to end first: the last one to close the file
        // clears its log away, which only this connection can.
        line.close();
        while line.try_recv().is_ok() {}
        self.reader.end();
        drop(self);
        for reply in waiting_for_close {
            let _ = reply.send(());
        }
    }

    /// Takes what is on the line, and waits for it unless there is something else to do. Answers
    /// whether more may come.
    fn receive(&mut self, line: &mut mpsc::Receiver<Request>, requests: &mut Vec<Request>) -> bool {
        let is_to_flush = self.riding.is_hurried();
        if self.deferred.is_empty() && !self.space.has_work() && !is_to_flush {
            return line.blocking_recv_many(requests, GROUP_MAX) > 0;
        }
        while requests.len() < GROUP_MAX {
            match line.try_recv() {
                Ok(request) => requests.push(request),
                Err(TryRecvError::Empty) if is_to_flush => {
                    thread::sleep(FLUSH_AGAIN);
                    return true;
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return !requests.is_empty(),
            }
        }
        true
    }

    /// Lets pass what there is room for. A batch that finds none waits while something can still be
    /// removed, and is refused when nothing can.
    fn admit(&mut self, group: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let mut admitted = Vec::with_capacity(group.len());
        let mut bytes = 0;
        for work in group {
            let own = work.manner().bytes.unwrap_or_default();
            if own == 0 || self.space.has_room(&self.connection, bytes + own) {
                bytes += own;
                admitted.push(work);
                continue;
            }
            self.space.want(bytes + own);
            if !self.space.gives_up() {
                self.deferred.push(work);
                continue;
            }
            let error = self.space.beyond_limit(own);
            self.complain(&error, true);
            work.answer(Some(error));
        }
        if bytes > 0 && self.deferred.is_empty() {
            self.space.want(0);
        }
        admitted
    }

    fn carry_out(&mut self, group: &mut Vec<Box<dyn Work>>) {
        if group.is_empty() || self.fault.get().is_some() {
            return;
        }
        match self.transact(group) {
            Ok(wrote) => {
                // First, so that whoever hears of what was claimed has it; and looking at files can wait.
                self.hand_over();
                self.look_after();
                // Reading says nothing about whether the disk takes anything.
                if let Some(counted) = wrote {
                    self.written(group, counted);
                }
                self.riding.done(group, wrote.is_some());
            }
            Err(StoreError::Sql(error)) if is_damage(&error) => {
                self.give_up(&error);
                for work in group.drain(..) {
                    work.answer(Some(StoreError::corrupt(self.file.path(), &error)));
                }
            }
            Err(error) if group.len() == 1 => {
                if let Some(work) = group.pop() {
                    self.refuse(work, error);
                }
            }
            Err(error) => {
                self.copy_out(&error);
                for work in group.drain(..) {
                    self.carry_out(&mut vec![work]);
                }
            }
        }
    }

    /// Does the work in one transaction; answers with what was counted in it, if anything was written.
    fn transact(&mut self, group: &mut [Box<dyn Work>]) -> Result<Option<Counted>, StoreError> {
        let before = self.space.commits();
        self.riding.set(&self.connection, group)?;
        let connection = sql::Connection::Sqlite(&self.connection);
        let transaction = connection.transaction()?;
        let apply = |work: &mut Box<dyn Work>| {
            let hands = &mut self.hands;
            work.apply(&transaction, &self.tags, hands)
        };
        let applied = group.iter_mut().try_for_each(apply);
        let committed = applied.and_then(|()| {
            let bytes = group.iter().filter_map(|work| work.manner().bytes).sum();
            let counted = self.space.count(&self.connection, bytes)?;
            transaction.commit()?;
            Ok(counted)
        });
        if committed.is_err() {
            self.hands.rolled_back();
        }
        Ok(Some(committed?).filter(|_| self.space.commits() != before))
    }

    fn flush(&mut self) {
        if self.fault.get().is_some() {
            return;
        }
        match self.riding.flush(&self.connection) {
            Ok(false) => {}
            Ok(true) => self.written(&[], Counted::default()),
            Err(StoreError::Sql(error)) if is_damage(&error) => self.give_up(&error),
            Err(error) => drop(self.failed(error, None)),
        }
    }

    /// Gives lanes what the transaction has written as theirs. What nobody takes waits for the next lane.
    fn hand_over(&mut self) {
        let connection = sql::Connection::Sqlite(&self.connection);
        for claim in self.hands.committed() {
            let back = [claim.back()];
            if let Err(error) = settle::give_back(&connection, &claim.sink, &back) {
                tracing::warn!(delivery.id = %claim.id, %error, "left in flight until the next start");
            }
        }
    }

    /// Whether the file is still at its place.
    fn look_after(&mut self) {
        self.alarm.placed(self.file.replaced());
    }

    fn written(&mut self, group: &[Box<dyn Work>], counted: Counted) {
        let events = group.iter().any(|work| work.manner().bytes.is_some());
        if group.iter().any(|work| work.manner().bytes.is_none()) {
            self.space.look_anew();
        }
        say(self.space.written(&self.connection, counted));
        if events {
            self.space.press(false);
        }
        let connection = &sql::Connection::Sqlite(&self.connection);
        self.alarm.wrote(events, |few| {
            depths::open(connection).is_ok_and(|open| open <= few)
        });
    }

    fn refuse(&mut self, work: Box<dyn Work>, error: StoreError) {
        let error = self.failed(error, work.manner().bytes);
        work.answer(Some(error));
    }

    /// Says that something could not be written, so many bytes of events if it was a batch.
    fn failed(&mut self, error: StoreError, bytes: Option<u64>) -> StoreError {
        self.look_after();
        let error = self.space.explained(error, bytes.unwrap_or_default());
        self.complain(&error, bytes.is_some());
        if let StoreError::Full { .. } = error {
            self.space.press(true);
            self.space.look_anew();
        }
        self.copy_out(&error);
        error
    }

    /// What a disk that takes nothing may still take. What stands in the log can go into pages that the file has,
    /// and the log starts anew: on a full disk that may be all the room there is. And what a failed flush has left
    /// in the log is not to be built on: a system says only once that it could not write it.
    fn copy_out(&self, error: &StoreError) {
        if let StoreError::Full { .. } = error {
            let _ = log::checkpoint(&self.connection, "PASSIVE");
        }
    }

    fn complain(&mut self, error: &StoreError, events: bool) {
        let connection = &sql::Connection::Sqlite(&self.connection);
        let waiting = || depths::open(connection).unwrap_or_default();
        self.alarm.failed(error, events, waiting);
    }

    fn make_room(&mut self) {
        if self.fault.get().is_some() || !self.space.has_work() {
            return;
        }
        match self.space.step(&mut self.connection) {
            Ok(()) => {}
            Err(StoreError::Sql(error)) if is_damage(&error) => self.give_up(&error),
            Err(error) => tracing::debug!(%error, "no room could be made"),
        }
    }

    /// Ends the service: what a damaged file answers is not to be believed.
    fn give_up(&mut self, error: &SqlError) {
        let fault = StoreError::corrupt(self.file.path(), error).to_string();
        tracing::error!("{fault}");
        self.alarm
            .failed(&StoreError::corrupt(self.file.path(), error), false, || 0);
        // Nor is anything to be written into it, not even from its log: whoever mends it wants both.
        let kept = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(error) = self.connection.set_db_config(kept, true) {
            tracing::debug!(%error, "its log may be copied into it");
        }
        let _ = self.fault.set(fault);
    }
}

fn say(measured: Result<(), StoreError>) {
    if let Err(error) = measured {
        tracing::debug!(%error, "the space that the queue takes cannot be measured");
    }
}

/// Takes the large batches out of a group in which there are others: an event of a quiet source is not to wait for
/// a thousand of a busy one, and a flush more is cheap against those. One batch alone shares its flush with
/// whatever else there is to do.
pub(super) fn set_apart(group: &mut Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
    let is_large = |work: &dyn Work| work.manner().bytes.is_some_and(|bytes| bytes > LARGE);
    let mut batches = group.iter().filter(|work| work.manner().bytes.is_some());
    match batches.any(|work| !is_large(work.as_ref())) {
        true => group
            .extract_if(.., |work| is_large(work.as_ref()))
            .collect(),
        false => Vec::new(),
    }
}
