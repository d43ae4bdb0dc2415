//! What an attempt means for its delivery: delivered, again at a moment, or dead with the reason.
//!
//! A room of its own so that the arithmetic of waiting can be read and tested alone: verdict, progress
//! and the time go in, a settlement comes out. It has no clock and no randomness of its own (the time
//! and the jitter are arguments), it does not sleep, and it does not judge answers.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;

use crate::model::{Event, Ladder, Posted, Rests, Settlement, State, Verdict, Wake};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// The wait, before jitter, below which there is no use in trying again when a person has to change
/// something first. Jitter takes off up to half, so at least five minutes remain.
const SLOW_MIN: Duration = Duration::from_secs(600);

/// Longest rest of a sink, whatever its receiver asks for.
const REST_MAX: Duration = Duration::from_secs(3600);

/// The shortest time that the queue can tell.
const MOMENT: Duration = Duration::from_micros(1);

/// Steps of a ladder that are told apart. By then every ladder that climbs at all is at its top.
const STEPS_MAX: u32 = 10_000;

/// How far a delivery has come when its attempt is over.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Number of the attempt that is over, from 1.
    pub attempt: u32,
    /// Steps of the ladder used before it.
    pub step: u32,
    /// Whether it went out as plain text.
    pub plain: bool,
    /// When the delivery was put into the queue.
    pub created: Timestamp,
    /// After which moment it is not worth a ring any more.
    pub expires_at: Option<Timestamp>,
    /// When it would have been due, for one that was tried before its time.
    pub early_for: Option<Timestamp>,
    /// Whether it was tried before its time because its sink had accepted another one.
    pub woken: bool,
    /// The time.
    pub now: Timestamp,
    /// Rests in a row that this sink has taken without being told how long.
    pub rests: u32,
    /// From 0 to 1: where in its range the wait falls.
    pub jitter: f64,
}

/// Turns a verdict into what happens to the delivery and to its lane.
#[must_use]
pub fn settle(
    ladder: &Ladder,
    rests: &Rests,
    progress: &Progress,
    verdict: &Verdict,
) -> Settlement {
    match verdict {
        Verdict::Delivered => progress.over(State::Delivered, None),
        Verdict::Dead { reason } => progress.over(State::Dead, Some(reason.clone())),
        Verdict::Retry { reason, slow } => climb(ladder, progress, reason, *slow),
        Verdict::RetryAfter { reason, wait, .. } => {
            rest(ladder, progress, reason, wait_of(rests, progress, *wait))
        }
        Verdict::RetryPlain { reason } if progress.plain => progress.over(
            State::Dead,
            Some(format!("refused as plain text, too: {reason}")),
        ),
        Verdict::RetryPlain { reason } => Settlement {
            plain: true,
            ..progress.again(progress.now, reason.clone())
        },
        Verdict::RetryAnew { reason } => Settlement {
            posted: Posted::Gone,
            ..progress.again(progress.now, reason.clone())
        },
        Verdict::Suspend { reason } => Settlement {
            suspend: Some(reason.clone()),
            ..progress.again(progress.now, reason.clone())
        },
    }
}

/// After which moment an event is too old to be worth a ring: counted from when it happened, or from
/// when a person asked for it.
#[must_use]
pub fn expiry(
    event: &Event,
    expires: Option<Duration>,
    asked: Option<Timestamp>,
) -> Option<Timestamp> {
    let from = asked.map_or(event.age_from(), |asked| asked.max(event.age_from()));
    expires.map(|limit| after(from, limit))
}

/// The age of an event that is too old to be worth a ring, counted from when it happened.
#[must_use]
pub fn expired(event: &Event, expires: Option<Duration>, now: Timestamp) -> Option<Duration> {
    let age = Duration::try_from(now.duration_since(event.age_from())).unwrap_or_default();
    (age > expires?).then_some(age)
}

/// The wait before step `step + 1`, before jitter: `initial`, `initial * factor`, … up to `max`.
fn rung(ladder: &Ladder, step: u32) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a factor of a wait needs no more digits than the library takes"
    )]
    let factor = ladder.factor as f32;
    let waits = ExponentialBuilder::new()
        .with_factor(factor)
        .with_min_delay(ladder.initial)
        .with_max_delay(ladder.max)
        .without_max_times()
        .build();
    let steps = usize::try_from(step.min(STEPS_MAX)).unwrap_or(usize::MAX);
    waits.into_iter().nth(steps).unwrap_or(ladder.max)
}

fn climb(ladder: &Ladder, progress: &Progress, reason: &str, slow: bool) -> Settlement {
    let step = progress.step.saturating_add(1);
    let spent = ladder.max_attempts.is_some_and(|most| step >= most);
    let deadline = deadline(ladder, progress);
    let in_time = progress.now < deadline;
    if let Some(due) = progress
        .early_for
        .filter(|due| in_time && *due > progress.now)
    {
        // What is tried early, for the sake of its whole lane, costs the delivery nothing.
        return Settlement {
            wake: wake(progress, slow),
            ..progress.again(due, reason.to_owned())
        };
    }
    if spent || !in_time {
        return progress.gave_up(reason);
    }
    let whole = match rung(ladder, progress.step) {
        wait if slow => wait.max(SLOW_MIN),
        wait => wait,
    };
    // The library adds its jitter on top of its own maximum; ours stays below it.
    let wait = whole
        .min(ladder.max)
        .mul_f64(0.5 + 0.5 * progress.jitter())
        .min(ladder.max);
    // The last attempt falls on the age limit instead of being left out.
    let due = after(progress.now, wait)
        .min(deadline)
        .min(progress.expiry());
    Settlement {
        step,
        wake: wake(progress, slow),
        ..progress.again(due, reason.to_owned())
    }
}

/// What is refused for a person to mend is tried once more when its sink accepts another one. If it is
/// refused again, it is this delivery that the receiver does not want, and its own long wait holds:
/// otherwise it would be sent again beside each of the others.
const fn wake(progress: &Progress, slow: bool) -> Wake {
    match (slow, progress.woken) {
        (false, _) => Wake::OnReturn,
        (true, false) => Wake::OnSuccess,
        (true, true) => Wake::Never,
    }
}

fn rest(ladder: &Ladder, progress: &Progress, reason: &str, wait: Duration) -> Settlement {
    let due = after(progress.now, wait);
    let settled = if progress.now >= deadline(ladder, progress) {
        progress.gave_up(reason)
    } else {
        progress.again(due, reason.to_owned())
    };
    // The receiver spoke to the whole sink, also when this delivery does not live to hear it.
    Settlement {
        rest_until: Some(due),
        ..settled
    }
}

fn wait_of(rests: &Rests, progress: &Progress, asked: Option<Duration>) -> Duration {
    let wait = asked.unwrap_or_else(|| {
        let doubled = 2_u32.saturating_pow(progress.rests);
        rests.first.saturating_mul(doubled).min(rests.max)
    });
    wait.min(REST_MAX)
}

fn deadline(ladder: &Ladder, progress: &Progress) -> Timestamp {
    after(progress.created, ladder.max_age)
}

impl Progress {
    /// A delivery that is done with.
    fn over(&self, state: State, reason: Option<String>) -> Settlement {
        Settlement {
            state,
            due: self.now,
            step: self.step,
            plain: self.plain,
            wake: Wake::Never,
            posted: Posted::Nothing,
            reason,
            rest_until: None,
            suspend: None,
        }
    }

    /// A delivery that waits for its next attempt.
    fn again(&self, due: Timestamp, reason: String) -> Settlement {
        Settlement {
            due,
            ..self.over(State::Waiting, Some(reason))
        }
    }

    fn gave_up(&self, reason: &str) -> Settlement {
        let times = match self.attempt {
            0 | 1 => "1 attempt".to_owned(),
            many => format!("{many} attempts"),
        };
        self.over(
            State::Dead,
            Some(format!("gave up after {times}: {reason}")),
        )
    }

    /// When to look whether it has expired, so that it ends then and holds nobody up.
    fn expiry(&self) -> Timestamp {
        self.expires_at
            .map_or(Timestamp::MAX, |moment| after(moment.max(self.now), MOMENT))
    }

    fn jitter(&self) -> f64 {
        if self.jitter.is_finite() {
            self.jitter.clamp(0.0, 1.0)
        } else {
            1.0
        }
    }
}

/// A moment and a wait later, without an end of time to fall off.
fn after(moment: Timestamp, wait: Duration) -> Timestamp {
    moment.checked_add(wait).unwrap_or(Timestamp::MAX)
}
