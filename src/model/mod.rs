//! The nouns of bellwire: event, cursor, delivery, attempt, verdict, settlement, names and secrets.
//!
//! A room of its own because every other room speaks in these words and none of them may own the
//! dictionary. It does no input or output, is not async, and derives no serialisation: the shapes of
//! rows, requests and files belong to the rooms at the edge, which convert.

mod cursor;
mod decimal;
mod delivery;
mod digest;
mod event;
mod json;
mod ladder;
mod name;
mod route;
mod secret;
mod surrogate;
mod trace;
mod verdict;

pub use cursor::Cursor;
pub use decimal::Decimal;
pub use delivery::{
    Attempt, Back, Claim, DeliveryId, Ended, Living, Posted, Settled, Settlement, State, Wake,
};
pub use digest::digest;
pub use event::{DataAt, Event, INTERNAL_SOURCE, Identity};
pub use json::{VALUES_MAX, has_too_many_values, json_value};
pub use ladder::{Ladder, Rests};
pub use name::{Name, NameError};
pub use route::{
    Accepted, Batch, Bundle, Checkpoint, Fallback, Heard, Notice, PictureRow, Route, Suppressed,
    Throttle, Told,
};
pub use secret::{Secret, Zeroize, Zeroizing};
pub use surrogate::mended;
pub use trace::Trace;
pub use verdict::{Failure, Outcome, Reply, Verdict};
