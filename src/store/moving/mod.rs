//! A whole queue on its way from one home to the other: nothing of it is lost, and nothing is sent twice.
//!
//! A part of its own because it is the only one that has both homes. Each is told of the move before anything is
//! carried, the one that it comes to first, and from then on nobody may work on either. All of it comes in one
//! transaction, by which the new home also knows that it has arrived; then the old one is told. So wherever it
//! breaks off, at most one home lets anybody work, and the same move once more finds out how far it has come.
//!
//! A home that is only told of by its address may be another one the next time. A move that has begun goes on
//! only where it finds its own mark.

mod copy;
mod end;
pub(super) mod marks;
pub(super) mod steps;
pub(super) mod tables;

use std::path::Path;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::sql::SqlError;
use super::{Server, StoreError};

use end::End;
pub(super) use end::shown_folder;
use steps::{Begun, Move};

/// From which home to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a folder to a server.
    ToServer,
    /// From a server to a folder.
    ToFolder,
}

/// What has been moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it is now, for people.
    pub home: String,
    /// Deliveries in all.
    pub deliveries: usize,
    /// Those of them that have not ended; whoever works there sends them.
    pub waiting: u64,
    /// Whether an earlier move had brought it there already.
    pub was_there: bool,
}

/// Why a queue has not been moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A home cannot be had, or not any more.
    #[error(transparent)]
    Queue(#[from] StoreError),
    /// Somebody works there.
    #[error("{who} works on the queue in {home}; stop every instance first")]
    Working {
        /// The home.
        home: String,
        /// The instances.
        who: String,
    },
    /// There is something where it is to come.
    #[error(
        "there is a queue in {home} already ({what}), and a move replaces none but one that was moved away; {remedy}"
    )]
    NotEmpty {
        /// The home.
        home: String,
        /// What there is.
        what: String,
        /// What a person can do.
        remedy: String,
    },
    /// It is on its way to another home.
    #[error(
        "the queue in {home} is being moved to {other}, and {named} knows nothing of that; name the one where that move began"
    )]
    Elsewhere {
        /// Where it is.
        home: String,
        /// Where it is to come, in the words of then.
        other: String,
        /// Where it was to come now.
        named: String,
    },
    /// It broke off, and was taken back.
    #[error("the move was interrupted and taken back; the queue is in {home} as before")]
    TakenBack {
        /// Where it is.
        home: String,
    },
    /// It failed, and was taken back.
    #[error("{why}; the move is taken back, and the queue is in {home} as before")]
    Failed {
        /// Why.
        why: Box<MoveError>,
        /// Where it is.
        home: String,
    },
    /// It failed, and could not be taken back.
    #[error(
        "{why}; nobody can work on the queue until the same command has moved it, or taken it back with `--cancel`"
    )]
    Halfway {
        /// Why.
        why: Box<MoveError>,
    },
    /// It is to be taken back, and cannot be any more.
    #[error(
        "the queue has come to {home} already; the same command without `--cancel` ends the move"
    )]
    HasArrived {
        /// Where it is.
        home: String,
    },
    /// It is to be taken back, and there is none.
    #[error("no move is under way from {from} to {to}, so there is nothing to take back")]
    NothingBegun {
        /// Where it would come from.
        from: String,
        /// Where it would go.
        to: String,
    },
    /// Not all of it has come.
    #[error("{done} rows of {all} have come")]
    Miscounted {
        /// So many have come.
        done: usize,
        /// So many there are.
        all: usize,
    },
}

impl From<SqlError> for MoveError {
    fn from(error: SqlError) -> Self {
        Self::Queue(error.into())
    }
}

/// Moves a queue, or ends a move that broke off. Says after each step how many of all rows have come. Once `stop`
/// is cancelled before all of them have, it is taken back.
///
/// # Errors
/// [`MoveError`]. Where a move has begun and could not be taken back, both homes say so to whoever opens them.
pub fn carry(
    homes: (&Path, &Server),
    way: Way,
    now: Timestamp,
    stop: &CancellationToken,
    mut told: impl FnMut(usize, usize),
) -> Result<Moved, MoveError> {
    let (from, to) = ends(homes, way)?;
    let moving = match Move::begin(from, to, now)? {
        Begun::Moving(moving) => moving,
        Begun::Ended(moved) => return Ok(moved),
    };
    match moving.copy(stop, &mut told) {
        Ok(moved) => {
            moving.end()?;
            Ok(moved)
        }
        // What it says about that is right only if it is so.
        Err(why) => Err(match (moving.take_back(), why) {
            (Ok(()), why @ MoveError::TakenBack { .. }) => why,
            (Ok(()), why) => MoveError::Failed {
                why: why.into(),
                home: moving.home().to_owned(),
            },
            (Err(_), why) => MoveError::Halfway { why: why.into() },
        }),
    }
}

/// Takes back a move that broke off before the queue had arrived; answers where that is.
///
/// # Errors
/// [`MoveError`]; nothing has changed then.
pub fn take_back(homes: (&Path, &Server), way: Way, now: Timestamp) -> Result<String, MoveError> {
    let (from, to) = ends(homes, way)?;
    steps::take_back(from, to, now)
}

/// Both homes. Nothing is made where the queue is to come before the one that it comes from has been found.
pub(super) fn ends((folder, server): (&Path, &Server), way: Way) -> Result<(End, End), StoreError> {
    match way {
        Way::ToServer => {
            let from = End::folder(folder, false)?;
            Ok((from, End::server(server, true)?))
        }
        Way::ToFolder => {
            let from = End::server(server, false)?;
            Ok((from, End::folder(folder, true)?))
        }
    }
}
