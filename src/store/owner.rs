//! The thread that owns the connection, and how requests share a flush.
//!
//! All that waits on the line goes into one transaction, so nobody waits for a timer and one event
//! alone is committed at once. When the transaction fails, each request is tried again in one of its
//! own, so that a request which cannot succeed takes no neighbour with it.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::lock::FolderLock;
use crate::model::Claim;
use crate::status::Status;
use jiff::Timestamp;

/// Most requests in one transaction. It bounds how long the first of them waits for the others.
const GROUP_MAX: usize = 256;

/// What a claim yields.
#[derive(Debug, Default)]
pub struct Claims {
    /// The claimed deliveries, oldest first.
    pub claims: Vec<Claim>,
    /// When the next delivery that is not claimed will be due, if one waits.
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

/// One request on the line.
pub(super) enum Request {
    /// Something to read or write.
    Work(Box<dyn Work>),
    /// Nothing comes after what is on the line now.
    Close(oneshot::Sender<()>),
}

/// Something to read or write, with somebody who waits for the answer.
pub(super) trait Work: Send {
    /// Does the work inside a transaction and keeps the result. May be called again after a rollback.
    fn apply(&mut self, connection: &Connection, tag: &str) -> Result<(), StoreError>;
    /// Answers with the kept result, which is durable now, or with the failure.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Call<T, F> {
    apply: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection, &str) -> Result<T, StoreError> + Send,
{
    fn apply(&mut self, connection: &Connection, tag: &str) -> Result<(), StoreError> {
        self.result = None;
        self.result = Some((self.apply)(connection, tag)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let answer = match failure {
            Some(error) => Err(error),
            None => self.result.ok_or(StoreError::Closed),
        };
        // A caller that has gone away has no use for the answer; what was done stays done.
        drop(self.reply.send(answer));
    }
}

impl Request {
    /// A request and the end at which its answer arrives.
    pub(super) fn new<T: Send + 'static>(
        apply: impl FnMut(&Connection, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            apply,
            result: None,
            reply,
        };
        (Self::Work(Box::new(call)), answer)
    }

    /// The request to close, and the end that is dropped or told once all is closed.
    pub(super) fn close() -> (Self, oneshot::Receiver<()>) {
        let (reply, closed) = oneshot::channel();
        (Self::Close(reply), closed)
    }
}

/// The connection and all that must live exactly as long as it.
pub(super) struct Owner {
    connection: Connection,
    _lock: FolderLock,
    tag: String,
    status: Status,
    faulty: bool,
}

impl Owner {
    pub(super) fn new(
        connection: Connection,
        lock: FolderLock,
        tag: String,
        status: Status,
    ) -> Self {
        Self {
            connection,
            _lock: lock,
            tag,
            status,
            faulty: false,
        }
    }

    /// Carries out requests until it is told to close or every handle is gone.
    pub(super) fn serve(mut self, mut line: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(GROUP_MAX);
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut waiting_for_close = Vec::new();
        while line.blocking_recv_many(&mut requests, GROUP_MAX) > 0 {
            for request in requests.drain(..) {
                match request {
                    Request::Work(work) => group.push(work),
                    Request::Close(reply) => {
                        line.close();
                        waiting_for_close.push(reply);
                    }
                }
            }
            self.carry_out(&mut group);
        }
        drop(self);
        for reply in waiting_for_close {
            let _ = reply.send(());
        }
    }

    fn carry_out(&mut self, group: &mut Vec<Box<dyn Work>>) {
        if group.is_empty() {
            return;
        }
        match self.transact(group) {
            Ok(wrote) => {
                // Reading says nothing about whether the disk takes anything.
                if wrote {
                    self.report(None);
                }
                for work in group.drain(..) {
                    work.answer(None);
                }
            }
            Err(error) if group.len() == 1 => {
                self.report(Some(&error));
                if let Some(work) = group.pop() {
                    work.answer(Some(error));
                }
            }
            Err(_) => {
                for work in group.drain(..) {
                    self.carry_out(&mut vec![work]);
                }
            }
        }
    }

    /// Does the work in one transaction; answers whether anything was written.
    fn transact(&mut self, group: &mut [Box<dyn Work>]) -> Result<bool, StoreError> {
        let before = self.connection.total_changes();
        let transaction = self.connection.transaction()?;
        for work in group {
            work.apply(&transaction, &self.tag)?;
        }
        transaction.commit()?;
        Ok(self.connection.total_changes() != before)
    }

    /// Says whether the store can be written, when that changes.
    fn report(&mut self, failure: Option<&StoreError>) {
        match failure {
            Some(error) => {
                if !self.faulty {
                    tracing::error!(%error, "the queue cannot be written");
                }
                self.faulty = true;
                self.status.store(Some(error.to_string()));
            }
            None if self.faulty => {
                tracing::info!("the queue can be written again");
                self.faulty = false;
                self.status.store(None);
            }
            None => {}
        }
    }
}
