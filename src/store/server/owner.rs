//! The thread that changes the queue on a server, and how requests share a transaction there.
//!
//! As with a file, all that waits on the line goes into one transaction, and is answered once that is
//! durable. A server may go away in the middle. What was under way is then done anew when it is back,
//! unless it was done: each transaction that changes something leaves its number in a row of its instance. The number
//! that the server itself gives it would not do, since a server that has crashed may give it to another one.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::super::alarm::Alarm;
use super::super::hands::Hands;
use super::super::lead::Held;
use super::super::moving::marks;
use super::super::owner::set_apart;
use super::super::request::Request;
use super::super::sql::{Connection, STATEMENT_MAX, Session, Transaction, params};
use super::super::tags::Tags;
use super::super::work::{Flush, Work};
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
    instance: Arc<str>,
    session: Option<Session>,
    tags: Tags,
    alarm: Alarm,
    hands: Hands,
    /// What waits for the next transaction.
    riding: Vec<Box<dyn Work>>,
    /// The number of the last transaction.
    number: i64,
    /// Claims of which nobody knows whether they have been taken. No lane has them.
    in_doubt: Vec<Claim>,
    fault: Arc<OnceLock<String>>,
}

/// How far a transaction has come.
enum Reached {
    /// The server was asked to commit it, and has not answered.
    Committing,
    /// It was not.
    Nothing,
}

/// What a server says at the beginning of a transaction.
struct Begun {
    tags: usize,
    /// Whether the queue is being moved, or has gone.
    is_closed: bool,
    held: HashSet<Held>,
}

impl Begun {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let tags = lines.next().and_then(|count| count.parse().ok());
        let is_closed = lines.next().is_some_and(|count| count != "0");
        let held = lines.filter_map(|line| {
            let (fence, duty) = line.split_once(' ')?;
            Some(Held {
                duty: duty.into(),
                fence: fence.parse().ok()?,
            })
        });
        Self {
            tags: tags.unwrap_or_default(),
            is_closed,
            held: held.collect(),
        }
    }
}

impl Owner {
    pub(in super::super) fn new(
        (server, instance): (Server, Arc<str>),
        session: Session,
        tags: Tags,
        alarm: Alarm,
        fault: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            server,
            instance,
            session: Some(session),
            tags,
            alarm,
            hands: Hands::default(),
            riding: Vec::new(),
            number: 0,
            in_doubt: Vec::new(),
            fault,
        }
    }

    /// Carries out requests until it is told to close, or every handle is gone. Answers with who waits for the close.
    pub(in super::super) fn serve(
        mut self,
        mut line: mpsc::Receiver<Request>,
    ) -> Vec<oneshot::Sender<()>> {
        let mut requests = Vec::with_capacity(GROUP_MAX);
        let mut waiting_for_close = Vec::new();
        while self.fault.get().is_none() && line.blocking_recv_many(&mut requests, GROUP_MAX) > 0 {
            let mut group = Vec::with_capacity(requests.len());
            for request in requests.drain(..) {
                match request {
                    Request::Work(work) if work.manner().flush == Flush::Rides => {
                        self.riding.push(work)
                    }
                    Request::Work(work) => group.push(work),
                    Request::Hurry => group.append(&mut self.riding),
                    // Its administrator minds the disk of a server.
                    Request::Limit(_, reply) => drop(reply.send(Ok(()))),
                    // Of files only: each commit of a server is flushed, and one more is not worth it before the hurry.
                    Request::Alone
                    | Request::Shorten(_)
                    | Request::Replaced
                    | Request::Damaged(_) => {}
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
            let mut large = set_apart(&mut group);
            self.carry_out(&mut group);
            self.carry_out(&mut large);
        }
        let mut rest = std::mem::take(&mut self.riding);
        self.carry_out(&mut rest);
        line.close();
        while line.try_recv().is_ok() {}
        waiting_for_close
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
                self.tell_others();
                for work in group.drain(..) {
                    work.answer(None);
                }
            }
            Err(error) if error.is_of_connection() => {
                for work in group.drain(..) {
                    work.answer(Some(self.server.away(&error)));
                }
            }
            // Whoever has slept through the beginning of a move has nothing more to do here.
            Err(error @ StoreError::Moved { .. }) => {
                let _ = self.fault.set(error.to_string());
                for work in group.drain(..) {
                    let detail = error.to_string();
                    work.answer(Some(StoreError::Moved { detail }));
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
    fn transact(&mut self, group: &mut Vec<Box<dyn Work>>) -> Result<(), StoreError> {
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
            if let Reached::Committing = reached {
                // Nobody may be told that nothing was done before that is known.
                match self.was_committed(since) {
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

    fn try_transact(
        &mut self,
        group: &mut Vec<Box<dyn Work>>,
    ) -> Result<(), (Reached, StoreError)> {
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
        session.wait_for(STATEMENT_MAX);
        let duties = duties(group, &self.hands);
        let begin = beginning(&self.server, &self.instance, &duties);
        let begun = session.begin_with(&begin);
        let begun = begun.map_err(|error| nothing(error.into()))?;
        let connection = Connection::Postgres(session);
        let transaction = Transaction::begun(&connection);
        let begun = Begun::read(&begun.unwrap_or_default());
        if begun.is_closed {
            marks::refuse(&transaction, || self.server.named()).map_err(nothing)?;
        }
        if begun.tags != self.tags.len() {
            self.tags = Tags::read(&transaction).map_err(nothing)?;
        }
        self.hands.fence(&begun.held);
        let is_fenced = |work: &mut Box<dyn Work>| {
            let by = work.by();
            by.is_some_and(|by| !begun.held.contains(&**by))
        };
        for work in group.extract_if(.., is_fenced) {
            work.answer(Some(StoreError::Fenced));
        }
        for work in group.iter_mut() {
            work.apply(&transaction, &self.tags, &mut self.hands)
                .map_err(nothing)?;
        }
        self.number += 1;
        transaction
            .commit_with(&leave_number(&self.instance, self.number))
            .map_err(|error| (Reached::Committing, error.into()))
    }

    /// Whether the last transaction was committed, whose connection has ended. Asks until that is known, or for as
    /// long as there is patience.
    fn was_committed(&mut self, since: Instant) -> Option<bool> {
        while since.elapsed() <= PATIENCE {
            let asked = connect(&self.server).and_then(|session| {
                let connection = Connection::Postgres(&session);
                // It has the lock until it is over, one way or the other.
                session.begin_with(&self.server.take_lock())?;
                let transaction = Transaction::begun(&connection);
                let left = "SELECT count(*) > 0 FROM commits WHERE instance = ?1 AND number = ?2";
                let values = params![&*self.instance, self.number];
                let was_committed = transaction.query_row(left, values, |row| row.get(0))?;
                drop(transaction);
                self.session = Some(session);
                Ok(was_committed)
            });
            if let Ok(was_committed) = asked {
                return Some(was_committed);
            }
            thread::sleep(AGAIN);
        }
        None
    }

    /// Tells other instances that there may be something to send. Where it does not reach them they look by
    /// themselves after a while.
    fn tell_others(&mut self) {
        let session = self.session.as_ref();
        if let Some(session) = session.filter(|_| self.hands.tells_others()) {
            let _ = session.batch(&format!("NOTIFY \"{}\"", self.server.channel()));
        }
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

/// The duties that a transaction is done for: those of who asks, and those of the lanes that it may hand
/// something to.
fn duties(group: &[Box<dyn Work>], hands: &Hands) -> BTreeSet<Box<str>> {
    let asking = group.iter().filter_map(|work| work.by());
    let all = asking.chain(hands.by());
    all.map(|held| held.duty.clone()).collect()
}

/// The statements that begin a transaction: they take the queue's lock, and tell how many tags there are, whether
/// the queue is moved, and which of these duties are ours, with their fences.
fn beginning(server: &Server, instance: &str, duties: &BTreeSet<Box<str>>) -> String {
    // A duty has no character that would have to be escaped.
    let duties: Vec<String> = duties.iter().map(|duty| format!("'{duty}'")).collect();
    let held = match duties.is_empty() {
        true => "''".to_owned(),
        false => format!(
            "coalesce((SELECT string_agg(fence || ' ' || duty, E'\\n') FROM leases
              WHERE holder = '{instance}' AND duty IN ({})), '')",
            duties.join(", ")
        ),
    };
    format!(
        "{}; SELECT (SELECT count(*) FROM tags) || E'\\n' || ({}) || E'\\n' || {held}",
        server.take_lock(),
        marks::CLOSED
    )
}

/// The statement that leaves the number of a transaction, where that has changed something: only then it needs a flush.
fn leave_number(instance: &str, number: i64) -> String {
    format!(
        "INSERT INTO commits (instance, number, at)
         SELECT '{instance}', {number}, clock_timestamp() WHERE pg_current_xact_id_if_assigned() IS NOT NULL
         ON CONFLICT (instance) DO UPDATE SET number = excluded.number, at = excluded.at;"
    )
}

/// Gives claims back that nobody has in hand, where they have been taken at all.
fn give_back(session: &Session, claims: &[Claim]) -> Result<(), StoreError> {
    let connection = Connection::Postgres(session);
    // With their counts, or not at all.
    let transaction = connection.transaction()?;
    for claim in claims {
        settle::give_back(&transaction, &claim.sink, &[claim.back()])?;
    }
    Ok(transaction.commit()?)
}

/// A connection to change the queue with.
pub(super) fn connect(server: &Server) -> Result<Session, StoreError> {
    let session = server.connect()?;
    Connection::Postgres(&session).set_triggers(false)?;
    Ok(session)
}
