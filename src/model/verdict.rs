//! What a receiver answered, and what that means: five outcomes and no sixth.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// An answer of a receiver, its body cut to what is worth reading.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The start of the body, as far as it was read: at most 64 KiB of a receiver's.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// The name does not resolve.
    Dns,
    /// The certificate is not valid for that name.
    Certificate(String),
    /// The TLS handshake broke off.
    Tls(String),
    /// No connection within the limit.
    ConnectTimeout,
    /// The request may have arrived, but no whole answer came within the limit.
    Timeout,
    /// The connection broke while the answer was awaited or read.
    Reset,
    /// The address is one that requests must not go to.
    Blocked(String),
    /// Anything else, in the HTTP library's words without the address.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Dns => f.write_str("the host name does not resolve"),
            Self::Certificate(detail) => write!(f, "certificate not valid: {detail}"),
            Self::Tls(detail) => write!(f, "TLS handshake failed: {detail}"),
            Self::ConnectTimeout => f.write_str("no connection within the limit"),
            Self::Timeout => f.write_str("no answer within the limit"),
            Self::Reset => f.write_str("connection broken"),
            Self::Blocked(detail) => write!(f, "address not allowed: {detail}"),
            Self::Other(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for Failure {}

/// What an answer, or its absence, means for the delivery and its sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Delivered,
    /// The same again after the next wait of the ladder.
    Retry {
        /// Why it was not accepted.
        reason: String,
        /// Only the ladder's long waits make sense: a person has to change something first.
        slow: bool,
    },
    /// The whole sink rests this long, then the same delivery again. Uses no step of the ladder.
    RetryAfter {
        /// Why it was not accepted.
        reason: String,
        /// The rest that the receiver asked for; `None` for the sink's own fallback.
        wait: Option<Duration>,
        /// The receiver turned away this address as such: every sink of this kind rests.
        kind_wide: bool,
    },
    /// The receiver refused the rich form: once more, at once, as plain text.
    RetryPlain {
        /// Why it was not accepted.
        reason: String,
    },
    /// The notification that was to be changed is gone: once more, at once, as a new one.
    RetryAnew {
        /// What the platform says of it.
        reason: String,
    },
    /// The same bytes will fail again: a dead letter.
    Dead {
        /// Why it will not be accepted.
        reason: String,
    },
    /// The sink itself is gone or shut to us: it stops and keeps its deliveries.
    Suspend {
        /// What is wrong with the sink.
        reason: String,
    },
}

/// The word under which an attempt's verdict is stored and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Accepted.
    Delivered,
    /// To be tried again on the ladder.
    Retry,
    /// To be tried again after the rest the receiver asked for.
    RetryAfter,
    /// Never to be tried again by itself.
    Dead,
    /// The sink is suspended.
    Suspend,
    /// The process stopped while the attempt was on its way, so nobody knows.
    Interrupted,
}

impl Outcome {
    /// The word for this outcome.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::RetryAfter => "retry_after",
            Self::Dead => "dead",
            Self::Suspend => "suspend",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Verdict {
    /// The word for this verdict.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Delivered => Outcome::Delivered,
            Self::Retry { .. } | Self::RetryPlain { .. } | Self::RetryAnew { .. } => Outcome::Retry,
            Self::RetryAfter { .. } => Outcome::RetryAfter,
            Self::Dead { .. } => Outcome::Dead,
            Self::Suspend { .. } => Outcome::Suspend,
        }
    }

    /// Why the delivery was not accepted; `None` when it was.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Delivered => None,
            Self::Retry { reason, .. }
            | Self::RetryAfter { reason, .. }
            | Self::RetryPlain { reason }
            | Self::RetryAnew { reason }
            | Self::Dead { reason }
            | Self::Suspend { reason } => Some(reason),
        }
    }
}
