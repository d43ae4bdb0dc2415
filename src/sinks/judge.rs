//! What an answer means when its status is all there is to go by, and the waits that answers ask for.
//!
//! A file of its own because all sinks share it and each overrides only its quirks. A reason never
//! holds anything of the answer's body: a receiver may echo what it was sent, secrets included.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::Facts;
use crate::model::{Failure, Reply, Verdict};
use crate::transport;

/// Shortest and longest rest that an answer can ask for.
pub(super) const WAIT_MIN: Duration = Duration::from_secs(1);
pub(super) const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Rest of a sink whose gateway says that it is overloaded or gets no answer itself.
const GATEWAY_REST: Duration = Duration::from_secs(2);

/// The verdict by status alone.
pub(super) fn by_status(reply: &Reply, facts: &Facts) -> Verdict {
    let reason = status(reply);
    match reply.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Suspend { reason },
        413 | 414 | 415 | 422 | 431 => Verdict::Dead { reason },
        429 => rest(reason, retry_after(&reply.headers, facts.now)),
        _ => match retry_after(&reply.headers, facts.now) {
            Some(wait) => rest(reason, Some(wait)),
            None => retry(reply.status, reason),
        },
    }
}

/// The verdict when there was no answer, with more words on it.
pub(super) fn failure(failure: &Failure, more: &str) -> Verdict {
    // A certificate or a blocked address is mended by a person, everything else by time.
    let slow = matches!(failure, Failure::Certificate(_) | Failure::Blocked(_));
    Verdict::Retry {
        reason: format!("{failure}{more}"),
        slow,
    }
}

/// The rest that a struggling gateway is given.
pub(super) fn rest_after(reply: &Reply) -> Option<Duration> {
    matches!(reply.status, 502 | 504).then_some(GATEWAY_REST)
}

/// `Retry-After` in seconds, with or without decimals, or as a date in the future; anything else asks
/// for nothing. Kept between a second and an hour.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    transport::retry_after(headers, now).map(|wait| wait.clamp(WAIT_MIN, WAIT_MAX))
}

/// The status as people know it.
pub(super) fn status(reply: &Reply) -> String {
    let name = StatusCode::from_u16(reply.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    match (reply.status, name) {
        (300..=399, _) => format!(
            "{}: redirects are not followed, change the URL",
            reply.status
        ),
        (number, Some(name)) => format!("{number} {name}"),
        (number, None) => format!("status {number}"),
    }
}

/// A rest of the one sink.
pub(super) fn rest(reason: String, wait: Option<Duration>) -> Verdict {
    Verdict::RetryAfter {
        reason,
        wait,
        kind_wide: false,
    }
}

fn retry(status: u16, reason: String) -> Verdict {
    let slow = (400..=499).contains(&status) && !matches!(status, 408 | 425);
    Verdict::Retry { reason, slow }
}
