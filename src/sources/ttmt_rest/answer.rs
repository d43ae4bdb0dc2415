//! What an answer of the REST API says, from its bytes to a value or a refusal.
//!
//! A file of its own because it is pure, and because everything that upstream may write differently
//! than expected is tolerated here. It decides nothing about what comes next.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{Failure, Reply, VALUES_MAX, has_too_many_values};
use crate::sources::refusal;

/// The outcome of one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// What was asked for.
    Found(T),
    /// Another status than 200.
    Refused(Refused),
    /// An answer that does not hold what was asked for.
    Unreadable(Unreadable),
    /// Nothing was asked, because it cannot be.
    Unsent(Unsent),
    /// No answer at all.
    Failed(Failure),
}

/// An answer other than 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// `type` of the problem document, where there is one.
    pub problem: Option<String>,
    /// `Retry-After`, from a second to an hour.
    pub retry_after: Option<Duration>,
}

/// Why an answer does not hold what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no JSON, or nested beyond every measure.
    #[error("the answer is no JSON")]
    NotJson,
    /// It is JSON of another shape.
    #[error("the answer has another shape than expected")]
    Shape,
    /// It has more values than are read.
    #[error("the answer has more than {VALUES_MAX} values")]
    TooMany,
    /// It was cut off at this many bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It says that nothing has changed, when nothing is known.
    #[error("the answer refers to an earlier one that there is not")]
    Unchanged,
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The id is empty, too long, or a step in a path.
    #[error("this is no id that can be asked for")]
    Id,
    /// The address and the query together make no request.
    #[error("this makes no address that can be asked")]
    Address,
}

impl<T> Answer<T> {
    /// Whether the same request will never bring anything else, so that it must not be repeated
    /// unchanged. A refused key is not meant: with that, no request is answered.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Refused(refused) => matches!(refused.status, 400 | 404 | 405),
            Self::Unsent(_) => true,
            Self::Found(_) | Self::Unreadable(_) | Self::Failed(_) => false,
        }
    }

    /// Whether what stood in the way may be gone in a moment: a fault of the server or of the way to
    /// it, or a spent allowance.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refused) => matches!(refused.status, 408 | 425 | 429 | 500..=599),
            Self::Failed(_) => true,
            Self::Found(_) | Self::Unreadable(_) | Self::Unsent(_) => false,
        }
    }
}

impl Refused {
    /// A refusal of which only the status is known.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self {
            status,
            problem: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        match &self.problem {
            Some(problem) => write!(f, " ({problem})"),
            None => Ok(()),
        }
    }
}

/// Reads an answer whose good body `shape` understands. Of a body, `bytes_max` were read at most.
pub(super) fn read<T>(
    reply: &Reply,
    bytes_max: usize,
    now: Timestamp,
    shape: impl FnOnce(Value) -> Option<T>,
) -> Answer<T> {
    match reply.status {
        200 => match found(&reply.body, shape) {
            Ok(found) => Answer::Found(found),
            Err(_) if reply.body.len() >= bytes_max => {
                Answer::Unreadable(Unreadable::TooLarge(bytes_max))
            }
            Err(why) => Answer::Unreadable(why),
        },
        304 => Answer::Unreadable(Unreadable::Unchanged),
        status => Answer::Refused(Refused {
            status,
            problem: refusal::problem(&reply.body),
            retry_after: refusal::wait(&reply.headers, now),
        }),
    }
}

/// Reads a good body. The JSON library refuses what is nested too deeply, so no body can use up the
/// stack, and what would use up the memory is not read at all.
pub(super) fn found<T>(
    body: &[u8],
    shape: impl FnOnce(Value) -> Option<T>,
) -> Result<T, Unreadable> {
    if has_too_many_values(body) {
        return Err(Unreadable::TooMany);
    }
    let document = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    shape(document).ok_or(Unreadable::Shape)
}
