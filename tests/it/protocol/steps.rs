//! What may happen, one thing at a time, and between whom.

use bellwire::model::Name;

use super::upstream::Replay;

/// The two lanes: one is handed what comes in, one at a time; the other claims two at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sink {
    Phone,
    Desk,
}

impl Sink {
    pub(crate) fn named(self) -> Name {
        Name::new(self.name()).expect("a name")
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Desk => "desk",
        }
    }

    /// Most that its lane has in hand.
    pub(crate) const fn hands(self) -> usize {
        match self {
            Self::Phone => 1,
            Self::Desk => 2,
        }
    }

    /// Whether it takes deliveries as they come in.
    pub(crate) const fn is_handed(self) -> bool {
        matches!(self, Self::Phone)
    }

    /// What its receiver may answer.
    pub(crate) const fn answers(self) -> [Answer; 2] {
        match self {
            Self::Phone => [Answer::Taken, Answer::Later],
            Self::Desk => [Answer::Taken, Answer::Never],
        }
    }
}

/// What a receiver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Taken,
    Later,
    Never,
}

/// One step. Where a lane has several claims in hand, the number says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Something happens upstream; an open connection tells it.
    Happen,
    /// Two things happen, the second while the first is on its way to the disk.
    HappenTwice,
    /// The queue takes the batch that the source has asked it to take.
    Accept,
    /// The connection ends.
    Hangup,
    /// The upstream starts anew: its connection ends, it has forgotten all, and counts from 1.
    Restart,
    /// The upstream lets the source in again.
    Connect(Replay),
    /// The lane claims what it has room for.
    Claim(Sink),
    /// The request leaves and is answered; nothing of that is written down yet.
    Send(Sink, usize, Answer),
    /// The answer is written down.
    Settle(Sink, usize),
    /// A claim for which nothing was done is put back.
    GiveBack(Sink, usize),
    /// A claim ends without a request, since it is too old.
    Expire(Sink, usize),
    /// `kill -9`, and a new start on what is on the disk.
    Crash,
}
