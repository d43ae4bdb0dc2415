//! What need not be on the disk at once, and when it is.
//!
//! A file of its own because flushes are most of what a slow disk costs, and only events must have one before
//! anything else happens. What is committed without outlives this process, and is lost only where the machine
//! itself ends: a delivery was not taken then, and is taken again, as it would be in any case; one that has
//! arrived is sent again. So that only what is moments old is, whoever has something written down waits for the
//! next flush, and hurries it when none comes.

use std::time::Duration;

use rusqlite::Connection;

use super::StoreError;
use super::request::Request;
use super::schema;
use super::work::{Flush, Work};

/// Wait of what rides, after which it is done by itself. An event that comes later, as nearly all do where there are
/// fewer than some hundred a second, finds it out of the way; one that comes earlier saves it a transaction.
const RIDE_ALONE: Duration = Duration::from_millis(3);

/// Longest wait of what has time, for the flush of something else. With the two milliseconds that answers wait
/// for one another it is 20.
pub(super) const RIDE_MAX: Duration = Duration::from_millis(18);

/// What waits for the transaction or the flush of something else, and whether commits are flushed.
pub(super) struct Riding {
    /// Rides: it waits for the next transaction.
    undone: Vec<Box<dyn Work>>,
    /// Whether somebody has waited for a transaction for long enough.
    is_alone: bool,
    /// Has been done, and waits for the next flush.
    unflushed: Vec<Box<dyn Work>>,
    /// Whether somebody has waited for a flush for long enough.
    is_hurried: bool,
    /// Whether the connection flushes what it commits.
    flushes: bool,
}

/// What the queue is told after waits of so long for an answer.
pub(super) fn patience(flush: Flush) -> impl Iterator<Item = (Duration, Request)> {
    let rides = (flush == Flush::Rides).then_some((RIDE_ALONE, Request::Alone));
    let is_hurried = flush.may_be_hurried();
    let hurries = is_hurried.then_some((RIDE_MAX, Request::Hurry));
    rides.into_iter().chain(hurries)
}

impl Riding {
    /// Nothing, beside a connection that flushes what it commits.
    pub(super) const fn new() -> Self {
        Self {
            undone: Vec::new(),
            is_alone: false,
            unflushed: Vec::new(),
            is_hurried: false,
            flushes: true,
        }
    }

    /// Takes along what rides; anything else is to be done now.
    pub(super) fn sort(&mut self, work: Box<dyn Work>, group: &mut Vec<Box<dyn Work>>) {
        match work.manner().flush {
            Flush::Rides => self.undone.push(work),
            Flush::Now | Flush::Shared | Flush::Later => group.push(work),
        }
    }

    /// Whether somebody has waited for long enough.
    pub(super) const fn is_hurried(&self) -> bool {
        self.is_hurried
    }

    /// Has what rides done now, whatever comes with it.
    pub(super) fn go_alone(&mut self) {
        self.is_alone = !self.undone.is_empty();
    }

    /// Has all of it done and flushed with the next transaction.
    pub(super) const fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// Puts what rides in front of what is done now, if something is: whoever has ended something and then asks is
    /// to see it ended.
    pub(super) fn join(&mut self, group: &mut Vec<Box<dyn Work>>) {
        if self.is_hurried || self.is_alone || !group.is_empty() {
            group.splice(..0, self.undone.drain(..));
        }
    }

    /// All that rides, to be done and flushed now.
    pub(super) fn rest(&mut self) -> Vec<Box<dyn Work>> {
        self.hurry();
        std::mem::take(&mut self.undone)
    }

    /// Has the connection flush the commit of a group, if that is to be. To be called between two transactions.
    pub(super) fn set(
        &mut self,
        connection: &Connection,
        group: &[Box<dyn Work>],
    ) -> Result<(), StoreError> {
        let mut all = group.iter().map(|work| work.manner().flush);
        let flushes = self.is_hurried || all.any(|flush| flush == Flush::Now);
        self.set_flushes(connection, flushes)
    }

    fn set_flushes(&mut self, connection: &Connection, flushes: bool) -> Result<(), StoreError> {
        if self.flushes != flushes {
            schema::set_flushes(connection, flushes)?;
            self.flushes = flushes;
        }
        Ok(())
    }

    /// Answers a group that is committed, and what waited for a flush if that was one. A commit that wrote nothing
    /// is none.
    pub(super) fn done(&mut self, group: &mut Vec<Box<dyn Work>>, wrote: bool) {
        self.unflushed.append(group);
        let is_flushed = wrote && self.flushes;
        let is_over =
            |work: &mut Box<dyn Work>| is_flushed || !work.manner().flush.may_be_hurried();
        for work in self.unflushed.extract_if(.., is_over) {
            work.answer(None);
        }
    }

    /// Flushes what was done without, if somebody has waited for that for long enough, and answers whether somebody
    /// had. Where it fails, somebody has still.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<bool, StoreError> {
        let is_due = self.is_hurried && !self.unflushed.is_empty();
        // What comes next is not to wait until the connection flushes again.
        if std::mem::take(&mut self.is_alone) || is_due {
            self.set_flushes(connection, true)?;
        }
        if is_due {
            schema::touch(connection)?;
            self.done(&mut Vec::new(), true);
        }
        self.is_hurried = false;
        Ok(is_due)
    }
}
