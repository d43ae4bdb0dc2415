//! Whether a captured request is genuine and, if it is not, why: the receiver's side of the signatures.
//!
//! A room of its own, in files for the request, for its signatures, for what may have happened to a body,
//! and for what may be wrong with a secret. A cause is named only when a signature proves it: somebody who
//! looks for a fault is helped by a guess that is right, and misled by any other. It is pure: when the
//! request was received is an argument.

mod captured;
mod change;
mod claim;
mod key;
mod print;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub use captured::Captured;
pub use change::Change;
pub use claim::Scheme;
pub use key::Misread;

use crate::model::Secret;
use claim::{Claim, Content};

/// The age up to which a request counts as fresh, as the libraries of Standard Webhooks and Stripe have it.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What a look at one scheme's headers came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The scheme, where the headers tell one.
    pub scheme: Option<Scheme>,
    /// When the sender says that it signed.
    pub signed: Option<Timestamp>,
    /// The place of the secret that is right, or why the request is not genuine.
    pub outcome: Result<usize, Fault>,
    /// How far the clocks are apart, where that is too far and not the whole fault.
    pub clock: Option<Clock>,
}

/// Why a request is not genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// These headers are not there.
    Missing(Vec<&'static str>),
    /// This header is no such header.
    Malformed {
        /// Its name.
        header: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Everything fits but the time.
    Clock(Clock),
    /// The signature fits the body as it was before this.
    Changed(Change),
    /// The signature fits the secret, read in this way.
    Misread(Misread),
    /// The signature fits, but over something else than the scheme says.
    OtherContent(OtherContent),
    /// No secret is one that this scheme can use.
    NoKey,
    /// Nothing that was tried fits.
    Unknown {
        /// What `content-length` says and how many bytes there are, where these differ.
        length: Option<(usize, usize)>,
    },
}

/// A time stamp that is too far from when the request was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How far.
    pub off: Duration,
    /// Signed after it was received.
    pub is_ahead: bool,
}

/// What was signed in place of what the scheme says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherContent {
    /// Id and time are each in the other's header.
    Exchanged,
    /// Time and body, without the id.
    WithoutId,
    /// The body alone.
    BodyAlone,
}

impl Finding {
    /// Whether a receiver may believe the request.
    #[must_use]
    pub const fn is_genuine(&self) -> bool {
        self.outcome.is_ok()
    }
}

/// Looks at each scheme that a request is signed by. A request without any has one finding, too.
#[must_use]
pub fn verify(
    captured: &Captured<'_>,
    secrets: &[Secret],
    received: Timestamp,
    tolerance: Duration,
) -> Vec<Finding> {
    let schemes: Vec<Scheme> = Scheme::of(captured).collect();
    let finding = |scheme| match Claim::read(captured, scheme) {
        Ok(claim) => judge(captured, &claim, secrets, received, tolerance),
        Err(fault) => Finding {
            scheme: Some(scheme),
            signed: None,
            outcome: Err(fault),
            clock: None,
        },
    };
    if !schemes.is_empty() {
        return schemes.into_iter().map(finding).collect();
    }
    let scheme = Scheme::guessed(captured);
    let missing = scheme.map_or_else(
        || Scheme::ALL.map(Scheme::signature_header).to_vec(),
        |scheme| vec![scheme.signature_header()],
    );
    vec![Finding {
        scheme,
        signed: None,
        outcome: Err(Fault::Missing(missing)),
        clock: None,
    }]
}

fn judge(
    captured: &Captured<'_>,
    claim: &Claim<'_>,
    secrets: &[Secret],
    received: Timestamp,
    tolerance: Duration,
) -> Finding {
    let clock = claim
        .signed
        .and_then(|signed| apart(signed, received, tolerance));
    let mut finding = Finding {
        scheme: Some(claim.scheme),
        signed: claim.signed,
        outcome: proven(captured, claim, secrets),
        clock,
    };
    if let (Ok(_), Some(clock)) = (&finding.outcome, clock) {
        finding.outcome = Err(Fault::Clock(clock));
        finding.clock = None;
    }
    finding
}

/// The place of the secret that is right, or the fault that a signature proves. The clock is another matter.
fn proven(captured: &Captured<'_>, claim: &Claim<'_>, secrets: &[Secret]) -> Result<usize, Fault> {
    let keys: Vec<_> = secrets
        .iter()
        .map(|secret| key::usual(claim.scheme, secret))
        .collect();
    let body = captured.body;
    if claim.time_is_right() {
        let right = keys.iter().position(|key| {
            key.as_ref()
                .is_some_and(|key| claim.fits(key, Content::Usual, body))
        });
        if let Some(place) = right {
            return Ok(place);
        }
        for (change, before) in change::each(captured) {
            let mut keys = keys.iter().flatten();
            if keys.any(|key| claim.fits(key, Content::Usual, &before)) {
                return Err(Fault::Changed(change));
            }
        }
        for secret in secrets {
            for (misread, key) in key::misread(claim.scheme, secret) {
                if claim.fits(&key, Content::Usual, body) {
                    return Err(Fault::Misread(misread));
                }
            }
        }
    }
    for other in OtherContent::ALL {
        let mut keys = keys.iter().flatten();
        if keys.any(|key| claim.fits(key, Content::Other(other), body)) {
            return Err(Fault::OtherContent(other));
        }
    }
    if let Some(fault) = claim.wrong_time() {
        return Err(fault);
    }
    if keys.iter().all(Option::is_none) {
        return Err(Fault::NoKey);
    }
    let told = captured.content_length();
    Err(Fault::Unknown {
        length: told
            .filter(|told| *told != body.len())
            .map(|told| (told, body.len())),
    })
}

/// How far a time stamp is off, where that is more than the tolerance.
fn apart(signed: Timestamp, received: Timestamp, tolerance: Duration) -> Option<Clock> {
    let off = received.duration_since(signed).unsigned_abs();
    (off > tolerance).then_some(Clock {
        off,
        is_ahead: signed > received,
    })
}

impl OtherContent {
    const ALL: [Self; 3] = [Self::Exchanged, Self::WithoutId, Self::BodyAlone];
}
