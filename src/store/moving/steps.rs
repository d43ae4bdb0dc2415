//! The steps of a move, each durable before the next one, and what is found of them when one broke off.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::end::End;
use super::marks::{self, Mark, Marks, Reached};
use super::{MoveError, Moved, copy};

/// A move of which both homes know.
pub(in super::super) struct Move {
    from: End,
    to: End,
    id: String,
    now: Timestamp,
}

/// What came of beginning one.
pub(in super::super) enum Begun {
    /// All is still to be carried.
    Moving(Box<Move>),
    /// All had been carried already.
    Ended(Moved),
}

impl Move {
    /// Tells both homes, or finds what they were told before.
    pub(in super::super) fn begin(from: End, to: End, now: Timestamp) -> Result<Begun, MoveError> {
        let (before, there) = (from.marks()?, to.marks()?);
        let id = match before.closing() {
            None => {
                // Before anything is told. Whether that is so still is asked once more later.
                from.refuse_working(&from.connection())?;
                new_id()
            }
            Some(mark) if mark.reached == Reached::Leaving => mark.id.clone(),
            Some(mark) if there.has(&mark.id, Reached::Arrived) && there.closing().is_none() => {
                return Ok(Begun::Ended(copy::arrived(&to)?));
            }
            Some(mark) => return Err(mark.refusal(&from.connection(), &from.shown).into()),
        };
        let is_new = before.closing().is_none();
        let moving = Self { from, to, id, now };
        if there.has(&moving.id, Reached::Arrived) {
            moving.end()?;
            return Ok(Begun::Ended(copy::arrived(&moving.to)?));
        }
        moving.tell_to(&before, is_new)?;
        if is_new && let Err(error) = moving.tell_from(&before) {
            // Only the one that would have had it knows of it.
            moving.take_back()?;
            return Err(error);
        }
        Ok(Begun::Moving(Box::new(moving)))
    }

    /// Tells the home that the queue comes to.
    fn tell_to(&self, before: &Marks, is_new: bool) -> Result<(), MoveError> {
        let connection = self.to.connection();
        let transaction = self.to.begin(&connection)?;
        self.to.refuse_working(&transaction)?;
        let marks = Marks::read(&transaction)?;
        if !is_new {
            // Had it arrived meanwhile, that would have been by whoever has the old home, and those are we.
            return match marks.has(&self.id, Reached::Arriving) {
                true => Ok(()),
                false => Err(self.elsewhere(before)),
            };
        }
        let mut may_replace = marks.at(Reached::Left).is_some();
        if let Some(leaving) = marks.at(Reached::Leaving) {
            if !before.has(&leaving.id, Reached::Arrived) {
                return Err(leaving.refusal(&transaction, &self.to.shown).into());
            }
            // It has arrived where it is to come from now, and only this home was not told any more.
            marks::set(&transaction, &self.reached(Reached::Left, leaving))?;
            may_replace = true;
        }
        if !may_replace && let Some(what) = copy::contents(&transaction)? {
            return Err(MoveError::NotEmpty {
                home: self.to.shown.clone(),
                what,
                remedy: self.to.remedy(),
            });
        }
        marks::forget(&transaction, Reached::Arriving)?;
        marks::set(&transaction, &self.mark(Reached::Arriving))?;
        Ok(transaction.commit()?)
    }

    /// Tells the home that the queue comes from.
    fn tell_from(&self, before: &Marks) -> Result<(), MoveError> {
        let connection = self.from.connection();
        let transaction = self.from.begin(&connection)?;
        self.from.refuse_working(&transaction)?;
        let marks = Marks::read(&transaction)?;
        if marks != *before {
            return Err(match marks.closing() {
                Some(mark) => mark.refusal(&transaction, &self.from.shown).into(),
                None => MoveError::TakenBack {
                    home: self.from.shown.clone(),
                },
            });
        }
        marks::set(&transaction, &self.mark(Reached::Leaving))?;
        Ok(transaction.commit()?)
    }

    /// Carries everything; it has arrived once this returns, and not before.
    pub(in super::super) fn copy(
        &self,
        stop: &CancellationToken,
        told: &mut dyn FnMut(usize, usize),
    ) -> Result<Moved, MoveError> {
        let arriving = self.mark(Reached::Arriving);
        copy::copy((&self.from, &self.to), &arriving, stop, told)
    }

    /// Tells the old home that it has arrived.
    pub(in super::super) fn end(&self) -> Result<(), MoveError> {
        let connection = self.from.connection();
        let transaction = self.from.begin(&connection)?;
        marks::set(&transaction, &self.mark(Reached::Left))?;
        transaction.commit()?;
        self.to.analyze();
        Ok(())
    }

    /// Takes it back where it has not arrived.
    pub(super) fn take_back(&self) -> Result<(), MoveError> {
        // So that it cannot arrive meanwhile.
        let connection = self.to.connection();
        let transaction = self.to.begin(&connection)?;
        if Marks::read(&transaction)?.has(&self.id, Reached::Arrived) {
            let home = self.to.shown.clone();
            return Err(MoveError::HasArrived { home });
        }
        marks::take_back(&transaction, &self.id)?;
        {
            let connection = self.from.connection();
            let transaction = self.from.begin(&connection)?;
            marks::take_back(&transaction, &self.id)?;
            transaction.commit()?;
        }
        // Last: the home that is told to be left goes on only where the other one knows of it.
        Ok(transaction.commit()?)
    }

    /// Where it comes from, for people.
    pub(super) fn home(&self) -> &str {
        &self.from.shown
    }

    fn elsewhere(&self, before: &Marks) -> MoveError {
        let other = before.at(Reached::Leaving).map(|mark| mark.other.clone());
        MoveError::Elsewhere {
            home: self.from.shown.clone(),
            other: other.unwrap_or_default(),
            named: self.to.shown.clone(),
        }
    }

    fn mark(&self, reached: Reached) -> Mark {
        let is_here = matches!(reached, Reached::Arriving | Reached::Arrived);
        let other = if is_here { &self.from } else { &self.to };
        Mark {
            id: self.id.clone(),
            reached,
            other: other.shown.clone(),
            at: self.now,
        }
    }

    fn reached(&self, reached: Reached, mark: &Mark) -> Mark {
        Mark {
            reached,
            at: self.now,
            ..mark.clone()
        }
    }
}

/// Takes back a move that broke off; answers where the queue is.
pub(super) fn take_back(from: End, to: End, now: Timestamp) -> Result<String, MoveError> {
    let (leaving, marks) = (from.marks()?, to.marks()?);
    let id = match (leaving.at(Reached::Leaving), marks.at(Reached::Arriving)) {
        (Some(leaving), _) => leaving.id.clone(),
        (None, Some(arriving)) => arriving.id.clone(),
        (None, None) => {
            let (from, to) = (from.shown, to.shown);
            return Err(MoveError::NothingBegun { from, to });
        }
    };
    let moving = Move { from, to, id, now };
    if let Some(mark) = leaving.at(Reached::Leaving) {
        let knows = [Reached::Arriving, Reached::Arrived];
        let knows = knows.iter().any(|it| marks.has(&mark.id, *it));
        // Whoever has emptied that home since has made sure of it.
        if !knows && mark.other != moving.to.shown {
            return Err(moving.elsewhere(&leaving));
        }
    }
    moving.take_back()?;
    Ok(moving.from.shown)
}

fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}
