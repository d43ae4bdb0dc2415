//! One event on its way to one sink, and what became of each try.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Name, Outcome, Suppressed};

/// The stable identity of a delivery: every attempt carries it as `webhook-id`.
///
/// It never contains a full stop, which Standard Webhooks uses as its separator.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(Arc<str>);

impl DeliveryId {
    /// Takes a text as the id of a delivery.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a delivery stands, by the word that every outside surface uses for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// To be sent when it is due.
    Waiting,
    /// An attempt is on its way.
    InFlight,
    /// Accepted by the receiver.
    Delivered,
    /// Will not be tried again by itself: a dead letter.
    Dead,
    /// Too old to be worth a ring.
    Expired,
    /// Held back by the rule's throttle.
    Throttled,
    /// Waiting while its sink is suspended.
    Held,
    /// Its sink is no longer configured.
    Orphaned,
    /// Went out inside another message.
    Merged,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::InFlight,
        Self::Delivered,
        Self::Dead,
        Self::Expired,
        Self::Throttled,
        Self::Held,
        Self::Orphaned,
        Self::Merged,
    ];

    /// The state that a word stands for.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The word for this state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in_flight",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Expired => "expired",
            Self::Throttled => "throttled",
            Self::Held => "held",
            Self::Orphaned => "orphaned",
            Self::Merged => "merged",
        }
    }
}

/// One notification that several deliveries change in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// What tells it from others of its sink.
    pub key: Arc<str>,
    /// What the platform calls it, once there is one.
    pub message: Option<Arc<str>>,
}

/// What an attempt has made of the notification that its delivery changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Posted {
    /// Nothing that would have to be kept.
    #[default]
    Nothing,
    /// A new one, under this id.
    As(Arc<str>),
    /// The platform has it no more.
    Gone,
}

/// What makes a waiting delivery due before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wake {
    /// Nothing does.
    #[default]
    Never,
    /// The return of its sink from an absence.
    OnReturn,
    /// Another one that its sink accepts: what was refused may have been refused for a while only.
    OnSuccess,
}

/// A delivery that a lane has taken to send now. Taking it counted as an attempt.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its row in the queue.
    pub row: i64,
    /// Its stable id.
    pub id: DeliveryId,
    /// Where it goes.
    pub sink: Name,
    /// The rule that asked for it, whose wording it gets.
    pub rule: Arc<str>,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// How many steps of the ladder of waits it has used; a wait that the receiver asked for uses none.
    pub step: u32,
    /// Whether the receiver refused its rich form, so that it goes out as plain text.
    pub plain: bool,
    /// When it was put into the queue.
    pub created: Timestamp,
    /// When it was due.
    pub due: Timestamp,
    /// When it would have been due, for one that was taken before its time to see whether its sink is
    /// back.
    pub early_for: Option<Timestamp>,
    /// When a person last asked for it; its ages count from there.
    pub asked: Option<Timestamp>,
    /// Whether it is tried before its time because its sink has accepted another one.
    pub woken: bool,
    /// The notification that it changes.
    pub living: Option<Living>,
    /// What its rule's throttle has suppressed before it.
    pub suppressed: Option<Suppressed>,
    /// Whether its end is nothing to any other: it has no key, and no message of several events.
    pub alone: bool,
    /// Why it goes here and not where its rule sends it first, for people.
    pub instead: Option<Arc<str>>,
    /// What it is about; of several events the newest.
    pub event: Event,
    /// Every event that its message tells, oldest first, where there are several.
    pub bundle: Vec<Event>,
}

impl Claim {
    /// What puts it back as it was.
    #[must_use]
    pub const fn back(&self) -> Back {
        Back {
            row: self.row,
            attempt: self.attempt,
            due: self.due,
        }
    }
}

/// A claim for which nothing has been done, to be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// Its row in the queue.
    pub row: i64,
    /// The number that its attempt would have had.
    pub attempt: u32,
    /// When it was due.
    pub due: Timestamp,
}

/// One try of a delivery and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When the request was sent.
    pub at: Timestamp,
    /// How long it took until the outcome was known.
    pub duration: Duration,
    /// What the outcome was.
    pub outcome: Outcome,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// Why it was not accepted.
    pub reason: Option<String>,
    /// The start of the answer's body, at most 1 KiB.
    pub answer: Option<String>,
}

/// How a claim ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A request was made.
    Tried(Attempt),
    /// None was, so it was no attempt.
    Untried {
        /// The number that it would have had.
        attempt: u32,
        /// When that was decided.
        at: Timestamp,
    },
}

/// A claim that has ended, and what that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its row in the queue.
    pub row: i64,
    /// Whether it is known that its end is nothing to any other.
    pub alone: bool,
    /// How it ended.
    pub ended: Ended,
    /// What that does to its delivery and to its lane.
    pub settlement: Settlement,
}

/// What an attempt does to its delivery and to its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery's new state: `Waiting`, `Delivered`, `Dead` or `Expired`.
    pub state: State,
    /// When it is due again; meaningful while it is `Waiting`.
    pub due: Timestamp,
    /// Steps of the ladder used up so far.
    pub step: u32,
    /// Whether the next attempt goes out as plain text.
    pub plain: bool,
    /// What makes it due before that.
    pub wake: Wake,
    /// What has become of the notification that it changes.
    pub posted: Posted,
    /// The reason that a reader of the dead letter sees.
    pub reason: Option<String>,
    /// Nothing of this sink leaves before this moment.
    pub rest_until: Option<Timestamp>,
    /// The sink stops until somebody or the slow probe resumes it, for this reason.
    pub suspend: Option<String>,
}
