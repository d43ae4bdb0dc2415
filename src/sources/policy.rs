//! What to do after a connection ended: at once again, after a wait, or not before somebody acts.
//!
//! A file of its own because it is a pure decision: the end and what the connection achieved go in,
//! the next step comes out, with no clock and no chance of its own. It neither waits nor dials. The
//! schedule of a TTMT source is that of the API's contract; every other source follows the defaults
//! for Server-Sent Events. A browser gives up on most refusals; an unattended service must not.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::pace::{Pace, doubled, unit};
use super::{End, Refusal};

/// Shortest wait that a server may ask for with `retry:`.
pub const RETRY_MIN: Duration = Duration::from_millis(250);
/// Longest wait that a server may ask for with `retry:`.
pub const RETRY_MAX: Duration = Duration::from_mins(5);
/// Longest wait that a server may ask for with `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// A connection that lived this long was a good one, whatever it delivered.
const GOOD_LIFE: Duration = Duration::from_mins(1);
/// The first wait after a failure, where the server asks for none.
const BASE: Duration = Duration::from_secs(1);
/// The first wait while the trading container is down.
const CONTAINER_BASE: Duration = Duration::from_secs(5);
/// The longest wait while the trading container is down.
const CONTAINER_CAP: Duration = Duration::from_mins(1);
/// The shortest wait for the slot of an earlier connection.
const SLOT_MIN: Duration = Duration::from_secs(3);
/// How much longer that wait may be.
const SLOT_SPREAD: Duration = Duration::from_secs(2);
/// An unclean stop may hold the slot this long, so only a longer conflict means another process.
const SLOT_HELD_MAX: Duration = Duration::from_mins(5);
/// The rest after a 429 that does not say how long.
const RATE_REST: Duration = Duration::from_mins(1);
/// How much later than asked for the first request after a rest may leave.
const RATE_SPREAD: Duration = Duration::from_secs(1);
/// The pace for an answer that only a person can change but a restart upstream may.
const SLOW: Duration = Duration::from_mins(5);
/// The first wait between two probes of suspended access.
const PROBE_BASE: Duration = Duration::from_mins(1);
/// The longest wait between two probes of suspended access.
const PROBE_CAP: Duration = Duration::from_mins(5);
/// This many like failures at one place of the stream are no accident.
const RUT: u32 = 3;
/// A cursor is given up at this refusal.
const REJECTIONS: u32 = 2;

/// Whose schedule is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The TTMT Power-User API.
    Ttmt,
    /// Any other Server-Sent-Events feed.
    Sse,
}

impl Kind {
    /// The longest wait after a failure.
    const fn cap(self) -> Duration {
        match self {
            Self::Ttmt => Duration::from_secs(30),
            Self::Sse => Duration::from_mins(1),
        }
    }
}

/// What a connection achieved, and what was known when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether a stream was open at all.
    pub opened: bool,
    /// Whether it brought a new event or moved the cursor.
    pub advanced: bool,
    /// How long it was open.
    pub lived: Duration,
    /// The reconnection time that the server last asked for.
    pub retry: Option<Duration>,
    /// Whether the request carried `Last-Event-ID`.
    pub cursor_sent: bool,
    /// When it ended, counted from any moment that stays the same.
    pub at: Duration,
}

/// What to do next, and what somebody should hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub next: Next,
    /// What is out of the ordinary.
    pub alarm: Option<Alarm>,
}

/// What to do after a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Connect at once.
    Now,
    /// Connect after this wait.
    Wait(Duration),
    /// Connect after this wait, and ask the REST API meanwhile.
    Poll(Duration),
    /// Ask the REST API once what became of the key.
    Probe,
    /// Access is suspended: ask the REST API slowly until it is back.
    Suspended,
    /// Send nothing until the configuration changes.
    Park,
}

/// What is out of the ordinary about an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// It will most likely stay so until a person changes something.
    Person,
    /// Another process holds the key's one stream.
    KeyElsewhere,
    /// The stream keeps failing at one place.
    Stuck,
    /// The server refuses the cursor; the next connection goes without one.
    CursorRejected,
}

/// The memory that the decisions need.
#[derive(Clone, Debug)]
pub struct Policy {
    kind: Kind,
    /// Waits since the last good connection.
    failures: u32,
    /// Whether the next loss may be answered at once.
    grace: bool,
    /// Since when the slot has been taken, and whether that was reported.
    conflict: Option<(Duration, bool)>,
    /// The same failure at the same place, and how often.
    rut: Option<(Discriminant<End>, u32)>,
    /// The status that refused the cursor, and how often.
    rejection: Option<(u16, u32)>,
    /// A request without the cursor was refused as well.
    cursor_blameless: bool,
    /// A credential has been refused since the last stream.
    credential_refused: bool,
    /// Probes of suspended access since the last stream.
    probes: u32,
}

impl Policy {
    /// The policy of a source that has not connected yet.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            failures: 0,
            grace: true,
            conflict: None,
            rut: None,
            rejection: None,
            cursor_blameless: false,
            credential_refused: false,
            probes: 0,
        }
    }

    /// What to do after a connection, or the attempt to make one, ended.
    pub fn next(
        &mut self,
        end: &End,
        progress: &Progress,
        jitter: &mut impl FnMut() -> f64,
    ) -> Step {
        self.remember(end, progress);
        let mut pace = Pace {
            base: progress
                .retry
                .map_or(BASE, |wish| wish.clamp(RETRY_MIN, RETRY_MAX)),
            cap: self.kind.cap(),
            floor: Duration::ZERO,
            chance: unit(jitter()),
        };
        if let End::Status(refusal) = end {
            let asked = refusal.retry_after.unwrap_or_default();
            pace.floor = asked.min(RETRY_AFTER_MAX);
        }
        match (end, self.kind) {
            (End::Status(refusal), Kind::Ttmt) => self.refused_by_ttmt(refusal, progress, &pace),
            (End::Status(refusal), Kind::Sse) => self.refused(refusal, progress, &pace),
            (End::Recycled, _) => step(Next::Now),
            (End::AuthRevoked, Kind::Ttmt) => step(Next::Probe),
            (End::ContentType(_) | End::Encoding(_) | End::Redirect(_), _) => person(&pace),
            (End::Eof | End::Idle | End::TooOld, _) => step(self.again(&pace)),
            (End::EofInEvent | End::Broken(_), _) => {
                let next = self.again(&pace);
                self.unless_stuck(next, &pace)
            }
            (End::Flood | End::Library(_), _) => {
                let next = Next::Wait(self.backoff(&pace));
                self.unless_stuck(next, &pace)
            }
            (End::Unreachable(_) | End::NoHead | End::AuthRevoked, _) => {
                step(Next::Wait(self.backoff(&pace)))
            }
        }
    }

    /// What to do once a probe has shown that the key is good or could not tell: as after a stream
    /// that just ended.
    pub fn resume(&mut self, jitter: &mut impl FnMut() -> f64) -> Next {
        self.again(&Pace {
            base: BASE,
            cap: self.kind.cap(),
            floor: Duration::ZERO,
            chance: unit(jitter()),
        })
    }

    /// How long to wait before access is probed again. Chance only ever makes it later, because the
    /// contract names the fastest pace.
    pub fn probe_wait(&mut self, jitter: &mut impl FnMut() -> f64) -> Duration {
        let wait = doubled(PROBE_BASE, self.probes, PROBE_CAP);
        self.probes = self.probes.saturating_add(1);
        wait + (wait / 10).mul_f64(unit(jitter()))
    }

    fn remember(&mut self, end: &End, progress: &Progress) {
        let status = match end {
            End::Status(refusal) => Some(refusal.status),
            _ => None,
        };
        if status != Some(409) {
            self.conflict = None;
        }
        if self.rejection.is_some_and(|(seen, _)| status != Some(seen)) {
            self.rejection = None;
        }
        if progress.opened {
            self.cursor_blameless = false;
            self.credential_refused = false;
            self.probes = 0;
        }
        let good = progress.advanced || progress.lived >= GOOD_LIFE || *end == End::Recycled;
        if good {
            self.failures = 0;
            self.grace = true;
            self.rut = None;
        }
        self.rut = match self.rut {
            kept if !progress.opened => kept,
            Some((class, times)) if class == discriminant(end) => {
                Some((class, times.saturating_add(1)))
            }
            _ => Some((discriminant(end), 1)),
        };
    }

    fn refused_by_ttmt(&mut self, refusal: &Refusal, progress: &Progress, pace: &Pace) -> Step {
        match refusal.status {
            401 => step(Next::Park),
            403 => step(Next::Suspended),
            409 => self.conflict(progress, pace),
            429 => {
                let rest = refusal.retry_after.map_or(RATE_REST, |_| pace.floor);
                step(Next::Wait(rest + RATE_SPREAD.mul_f64(pace.chance)))
            }
            503 => step(Next::Poll(self.backoff(&Pace {
                base: CONTAINER_BASE,
                cap: CONTAINER_CAP,
                ..*pace
            }))),
            400 | 412 | 416 if self.blames_cursor(progress) => {
                self.cursor_refused(refusal.status, pace)
            }
            400 | 405 => Step {
                next: Next::Park,
                alarm: Some(Alarm::Person),
            },
            404 => person(&Pace { cap: SLOW, ..*pace }),
            408 | 425 | 500..=599 => step(Next::Wait(self.backoff(pace))),
            _ => person(pace),
        }
    }

    fn refused(&mut self, refusal: &Refusal, progress: &Progress, pace: &Pace) -> Step {
        match refusal.status {
            204 | 410 => Step {
                next: Next::Park,
                alarm: Some(Alarm::Person),
            },
            401 | 403 if !self.credential_refused => {
                self.credential_refused = true;
                step(Next::Wait(self.backoff(pace)))
            }
            400 | 412 | 416 if self.blames_cursor(progress) => {
                self.cursor_refused(refusal.status, pace)
            }
            408 | 409 | 425 | 429 | 500..=599 => step(Next::Wait(self.backoff(pace))),
            _ => person(pace),
        }
    }

    fn conflict(&mut self, progress: &Progress, pace: &Pace) -> Step {
        let (since, reported) = self.conflict.unwrap_or((progress.at, false));
        let elsewhere = progress.at.saturating_sub(since) >= SLOT_HELD_MAX;
        self.conflict = Some((since, reported || elsewhere));
        let wait = SLOT_MIN + SLOT_SPREAD.mul_f64(pace.chance);
        Step {
            next: Next::Wait(wait.max(pace.floor)),
            alarm: (elsewhere && !reported).then_some(Alarm::KeyElsewhere),
        }
    }

    /// Whether the refusal may be about the cursor: it was sent, and going without it helps or has
    /// not been tried.
    const fn blames_cursor(&mut self, progress: &Progress) -> bool {
        if !progress.cursor_sent {
            self.cursor_blameless = true;
        }
        !self.cursor_blameless
    }

    /// A TTMT request that got a 400 is never repeated unchanged, so there the first one decides.
    fn cursor_refused(&mut self, status: u16, pace: &Pace) -> Step {
        let times = self.rejection.map_or(1, |(_, times)| times + 1);
        let decided = times >= REJECTIONS || (self.kind == Kind::Ttmt && status == 400);
        self.rejection = (!decided).then_some((status, times));
        Step {
            next: Next::Wait(self.backoff(pace)),
            alarm: decided.then_some(Alarm::CursorRejected),
        }
    }

    /// After the loss of a stream: TTMT's are answered at once the first time.
    fn again(&mut self, pace: &Pace) -> Next {
        if self.kind == Kind::Ttmt && self.grace {
            self.grace = false;
            return Next::Now;
        }
        Next::Wait(self.backoff(pace))
    }

    fn unless_stuck(&self, next: Next, pace: &Pace) -> Step {
        match self.rut {
            Some((_, times)) if times >= RUT => Step {
                next: Next::Wait(pace.slowest()),
                alarm: (times == RUT).then_some(Alarm::Stuck),
            },
            _ => step(next),
        }
    }

    fn backoff(&mut self, pace: &Pace) -> Duration {
        let wait = doubled(pace.base, self.failures, pace.cap);
        self.failures = self.failures.saturating_add(1);
        pace.within(wait)
    }
}

const fn step(next: Next) -> Step {
    Step { next, alarm: None }
}

fn person(pace: &Pace) -> Step {
    Step {
        next: Next::Wait(pace.slowest()),
        alarm: Some(Alarm::Person),
    }
}

#[cfg(test)]
mod tests;
