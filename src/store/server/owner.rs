//! The thread that changes the queue on a server, and how requests share a transaction there.
//!
//! As with a file, all that waits on the line goes into one transaction, and is answered once that is
//! durable. A server may go away in the middle. What was under way is then done anew when it is back,
//! unless the server says that it was done: that much is asked of it by the number of the transaction.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::alarm::Alarm;
use super::super::hands::Hands;
use super::super::owner::Request;
use super::super::sql::{Connection, Session, Transaction, params};
use super::super::tags::Tags;
use super::super::work::Work;
use super::super::{StoreError, settle};
use super::Server;
use crate::model::Claim;

/// Most requests in one transaction. It bounds how long the first of them waits for the others.
const GROUP_MAX: usize = 256;

/// How long requests wait for a server that is away, before they are refused.
const PATIENCE: Duration = Duration::from_secs(10);

/// Wait before the server is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// The connection, and all that must live as long as the queue is open.
pub(in super::super) struct Owner {
    server: Server,
    session: Option<Session>,
    tags: Tags,
    alarm: Alarm,
    hands: Hands,
    /// What waits for the next transaction.
    riding: Vec<Box<dyn Work>>,
    /// Claims of which nobody knows whether they have been taken. No lane has them.
    in_doubt: Vec<Claim>,
    fault: Arc<OnceLock<String>>,
}

/// How far a transaction has come.
enum Reached {
    /// The server was asked to commit this one, and has not answered.
    Committing(String),
    /// It was not.
    Nothing,
}

impl Owner {
    pub(in super::super) fn new(
        server: Server,
        session: Session,
        tags: Tags,
        alarm: Alarm,
        fault: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            server,
            session: Some(session),
            tags,
            alarm,
            hands: Hands::default(),
            riding: Vec::new(),
            in_doubt: Vec::new(),
            fault,
        }
    }

    /// Carries out requests until it is told to close, or every handle is gone.
    pub(in super::super) fn serve(mut self, mut line: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(GROUP_MAX);
        let mut waiting_for_close = Vec::new();
        while self.fault.get().is_none() && line.blocking_recv_many(&mut requests, GROUP_MAX) > 0 {
            let mut group = Vec::with_capacity(requests.len());
            for request in requests.drain(..) {
                match request {
                    Request::Work(work) if work.manner().rides => self.riding.push(work),
                    Request::Work(work) => group.push(work),
                    Request::Hurry => group.append(&mut self.riding),
                    // Its administrator minds the disk of a server.
                    Request::Limit(_, reply) => drop(reply.send(Ok(()))),
                    // Of files only.
                    Request::Shorten(_) | Request::Replaced | Request::Damaged(_) => {}
                    Request::Close(reply) => {
                        line.close();
                        waiting_for_close.push(reply);
                    }
                }
            }
            if !group.is_empty() {
                // In front: whoever has ended something and then asks is to see it ended.
                group.splice(..0, self.riding.drain(..));
            }
            self.carry_out(&mut group);
        }
        let mut rest = std::mem::take(&mut self.riding);
        self.carry_out(&mut rest);
        line.close();
        while line.try_recv().is_ok() {}
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
            Ok(()) => {
                self.alarm.wrote(true, |_| true);
                // First, so that whoever hears of what was claimed has it.
                self.hand_over();
                for work in group.drain(..) {
                    work.answer(None);
                }
            }
            Err(error) if error.is_of_connection() => {
                for work in group.drain(..) {
                    work.answer(Some(self.server.away(&error)));
                }
            }
            Err(error) if group.len() == 1 => {
                self.alarm.failed(&error, false, || 0);
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

    /// Does the work in one transaction, anew for as long as the server goes away in the middle of it.
    fn transact(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        let since = Instant::now();
        loop {
            let (reached, error) = match self.try_transact(group) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if !error.is_of_connection() {
                self.hands.rolled_back();
                return Err(error);
            }
            self.session = None;
            self.alarm.failed(&error, false, || 0);
            if let Reached::Committing(number) = reached {
                // Nobody may be told that nothing was done before that is known.
                match self.was_committed(&number, since) {
                    Some(true) => return Ok(()),
                    Some(false) => {}
                    None => self.in_doubt.extend(self.hands.pending()),
                }
            }
            self.hands.rolled_back();
            if since.elapsed() > PATIENCE {
                return Err(error);
            }
            thread::sleep(AGAIN);
        }
    }

    fn try_transact(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), (Reached, StoreError)> {
        let nothing = |error| (Reached::Nothing, error);
        let session = match &mut self.session {
            Some(session) if session.is_open() => &*session,
            none => {
                let session = connect(&self.server).map_err(nothing)?;
                give_back(&session, &self.in_doubt).map_err(nothing)?;
                self.in_doubt.clear();
                &*none.insert(session)
            }
        };
        let begin = format!(
            "BEGIN; {}; SELECT pg_current_xact_id()",
            self.server.take_lock()
        );
        let number = session
            .batch(&begin)
            .map_err(|error| nothing(error.into()))?;
        session.set_in_transaction(true);
        let connection = Connection::Postgres(session);
        let transaction = Transaction::begun(&connection);
        for work in group {
            work.apply(&transaction, &self.tags, &mut self.hands)
                .map_err(nothing)?;
        }
        transaction.commit().map_err(|error| {
            let reached = number.map_or(Reached::Nothing, Reached::Committing);
            (reached, error.into())
        })
    }

    /// Whether a transaction was committed whose connection has ended. Asks until that is known, or for as
    /// long as there is patience.
    fn was_committed(&mut self, number: &str, since: Instant) -> Option<bool> {
        while since.elapsed() <= PATIENCE {
            let asked = connect(&self.server).and_then(|session| {
                let status =
                    "SELECT coalesce(pg_xact_status(CAST(CAST(?1 AS TEXT) AS xid8)), 'aborted')";
                let status: String =
                    Connection::Postgres(&session)
                        .query_row(status, params![number], |row| row.get(0))?;
                self.session = Some(session);
                Ok(status)
            });
            match asked.as_deref() {
                Ok("committed") => return Some(true),
                Ok("aborted") => return Some(false),
                // It is being ended still, or cannot be asked for.
                Ok(_) | Err(_) => {}
            }
            thread::sleep(AGAIN);
        }
        None
    }

    /// Gives lanes what the transaction has written as theirs. What nobody takes waits for the next lane.
    fn hand_over(&mut self) {
        let left = self.hands.committed();
        let Some(session) = self.session.as_ref().filter(|_| !left.is_empty()) else {
            return;
        };
        if let Err(error) = give_back(session, &left) {
            tracing::warn!(%error, "claims of a lane that has gone are given back later");
            self.in_doubt.extend(left);
        }
    }
}

/// Gives claims back that nobody has in hand, where they have been taken at all.
fn give_back(session: &Session, claims: &[Claim]) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    claims
        .iter()
        .try_for_each(|claim| settle::give_back(&connection, &claim.sink, &[claim.back()]))
}

/// A connection to change the queue with.
pub(super) fn connect(server: &Server) -> Result<Session, StoreError> {
    let session = server.connect()?;
    Connection::Postgres(&session).set_triggers(false)?;
    Ok(session)
}
