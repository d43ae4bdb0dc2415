//! A sink that is away: one delivery at a time is tried to see whether it is back, the others wait and
//! use up nothing of theirs, and the first answer sets all of them going again.
//!
//! A file of its own because the ladder of waits belongs to a delivery and this belongs to the sink:
//! that a hundred deliveries wait is no reason to ask a hundred times.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Failure, Ladder, Reply, Verdict};

/// So many failures in a row, whichever deliveries they are of, and the sink counts as away.
const FAILED_MAX: u32 = 3;

/// Longest wait between two probes, and the part of the time that the sink has been away which a wait
/// takes: a sink that is back is found out within a quarter of its absence.
const LONGEST: Duration = Duration::from_secs(15);
const SHARE: u32 = 4;

/// What an absence shorter than this has put off is due again by itself soon enough. Without it, a
/// handful of deliveries that the receiver always fails on would wake each other without end.
const WAKE_FROM: SignedDuration = SignedDuration::from_secs(2);

/// What an attempt shows of its sink, whatever it means for the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is there and says something about the delivery.
    Answered,
    /// It cannot be reached, and no other delivery could reach it either.
    Unreachable,
    /// It failed, perhaps because of this delivery.
    Failed,
}

impl Sign {
    /// Reads it off an attempt. A receiver that asks for a rest or has to be mended by a person shows
    /// nothing here: its waits are its own.
    pub(super) fn of(answer: &Result<Reply, Failure>, verdict: &Verdict) -> Option<Self> {
        match (verdict, answer) {
            (
                Verdict::Delivered
                | Verdict::Dead { .. }
                | Verdict::RetryPlain { .. }
                | Verdict::RetryAnew { .. },
                _,
            ) => Some(Self::Answered),
            (
                Verdict::Retry { slow: false, .. },
                Err(Failure::Refused | Failure::Dns | Failure::ConnectTimeout),
            ) => Some(Self::Unreachable),
            (Verdict::Retry { slow: false, .. }, _) => Some(Self::Failed),
            (
                Verdict::Retry { slow: true, .. }
                | Verdict::RetryAfter { .. }
                | Verdict::Suspend { .. },
                _,
            ) => None,
        }
    }
}

/// What the end of an attempt changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The sink is away, which is news.
    pub(super) began: bool,
    /// It is back, which is news.
    pub(super) ended: bool,
    /// What waited for it is due now.
    pub(super) wake: bool,
}

/// Whether a sink is away, and when the next delivery may be tried.
#[derive(Debug)]
pub(super) struct Outage {
    shortest: Duration,
    longest: Duration,
    failed_in_a_row: u32,
    failing_since: Timestamp,
    away: Option<Away>,
    /// That it is away was found out by an earlier lane.
    presumed: bool,
    /// Nothing has been answered since then: what it left may wait for a sink that has long been back.
    unheard: bool,
}

#[derive(Debug)]
struct Away {
    probe_at: Timestamp,
    /// The row of the delivery that is on its way to find out.
    probe: Option<i64>,
}

impl Outage {
    /// For a sink with this ladder, whose first and longest wait bound those between probes.
    pub(super) fn new(ladder: &Ladder) -> Self {
        Self {
            shortest: ladder.initial.min(LONGEST),
            longest: ladder.max.min(LONGEST),
            failed_in_a_row: 0,
            failing_since: Timestamp::MIN,
            away: None,
            presumed: false,
            unheard: false,
        }
    }

    /// An earlier lane left deliveries behind that wait for the return of the sink. One of them is tried
    /// now, before its time: it may be back for long.
    pub(super) fn presume(&mut self, now: Timestamp) {
        self.presumed = true;
        self.unheard = true;
        self.failing_since = now;
        self.away = Some(Away {
            probe_at: now,
            probe: None,
        });
    }

    /// Since when nothing gets through, while the sink is away.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.away.as_ref().map(|_| self.failing_since)
    }

    /// When one delivery may be tried; `None` while the lane runs freely.
    pub(super) fn probe_at(&self) -> Option<Timestamp> {
        self.away.as_ref().map(|away| away.probe_at)
    }

    /// Whether that delivery is on its way.
    pub(super) fn is_probing(&self) -> bool {
        self.away.as_ref().is_some_and(|away| away.probe.is_some())
    }

    /// This delivery is on its way to find out.
    pub(super) fn probing(&mut self, row: i64) {
        if let Some(away) = &mut self.away {
            away.probe = Some(row);
        }
    }

    /// The sink is suspended, which has waits of its own.
    pub(super) fn forget(&mut self) {
        self.away = None;
        self.presumed = false;
        self.failed_in_a_row = 0;
    }

    /// An attempt of this delivery is over, or no request was made after all.
    pub(super) fn heard(
        &mut self,
        row: i64,
        attempted: bool,
        sign: Option<Sign>,
        now: Timestamp,
    ) -> Change {
        match sign {
            Some(Sign::Answered) => self.answered(now),
            Some(sign) => {
                if self.failed_in_a_row == 0 {
                    self.failing_since = now;
                }
                self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
                let presumed = std::mem::take(&mut self.presumed);
                let gone =
                    presumed || sign == Sign::Unreachable || self.failed_in_a_row >= FAILED_MAX;
                let began = gone && (presumed || self.away.is_none());
                if self.away.is_none() && gone {
                    let probe_at = now + self.shortest;
                    self.away = Some(Away {
                        probe_at,
                        probe: None,
                    });
                }
                self.probe_again(row, true, now);
                Change {
                    began,
                    ..Change::default()
                }
            }
            None => {
                self.probe_again(row, attempted, now);
                Change::default()
            }
        }
    }

    fn answered(&mut self, now: Timestamp) -> Change {
        self.failed_in_a_row = 0;
        let unheard = std::mem::take(&mut self.unheard);
        self.presumed = false;
        let ended = self.away.take().is_some();
        let long = now.duration_since(self.failing_since) >= WAKE_FROM;
        Change {
            began: false,
            ended,
            wake: unheard || (ended && long),
        }
    }

    /// The probe is over and has not found the sink; others that were in flight change nothing.
    fn probe_again(&mut self, row: i64, attempted: bool, now: Timestamp) {
        let wait = self.wait(now);
        if let Some(away) = self.away.as_mut().filter(|away| away.probe == Some(row)) {
            away.probe = None;
            away.probe_at = if attempted { now + wait } else { now };
        }
    }

    fn wait(&self, now: Timestamp) -> Duration {
        let away = Duration::try_from(now.duration_since(self.failing_since)).unwrap_or_default();
        (away / SHARE).clamp(self.shortest, self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_760_000_000_000 + millis).expect("in range")
    }

    fn subject() -> Outage {
        Outage::new(&Ladder::default())
    }

    const BEGAN: Change = Change {
        began: true,
        ended: false,
        wake: false,
    };

    #[test]
    fn one_that_cannot_be_reached_is_away_at_once_and_another_after_three_failures() {
        let mut subject = subject();
        let failed = Some(Sign::Failed);
        assert_eq!(subject.heard(1, true, failed, at(0)), Change::default());
        assert_eq!(subject.heard(2, true, failed, at(1)), Change::default());
        subject.heard(3, true, Some(Sign::Answered), at(2));
        assert_eq!(subject.heard(1, true, failed, at(3)), Change::default());
        assert_eq!(subject.heard(4, true, None, at(3)), Change::default());
        assert_eq!(subject.heard(2, true, failed, at(4)), Change::default());
        assert_eq!(subject.probe_at(), None);
        assert_eq!(subject.heard(3, true, failed, at(5)), BEGAN);
        assert_eq!(subject.probe_at(), Some(at(1_005)));
        assert_eq!(subject.since(), Some(at(3)), "since the first of them");

        let mut subject = self::subject();
        let gone = Some(Sign::Unreachable);
        assert_eq!(subject.heard(1, true, gone, at(0)), BEGAN);
        assert_eq!(
            subject.heard(2, true, gone, at(500)),
            Change::default(),
            "no news from one that was in flight"
        );
        assert_eq!(subject.probe_at(), Some(at(1_000)));
    }

    #[test]
    fn probes_become_rarer_and_find_a_sink_within_a_quarter_of_its_absence() {
        let mut subject = subject();
        subject.heard(1, true, Some(Sign::Unreachable), at(0));
        let mut now = at(0);
        let mut waits = Vec::new();
        for row in 2..40 {
            let probe_at = subject.probe_at().expect("away");
            waits.push(probe_at.duration_since(now).as_millis());
            now = probe_at;
            subject.probing(row);
            assert!(subject.is_probing());
            subject.heard(row - 1, true, Some(Sign::Failed), now);
            assert!(subject.is_probing(), "another's end is not the probe's");
            subject.heard(row, true, Some(Sign::Failed), now);
            assert!(!subject.is_probing());
        }
        assert_eq!(waits[..6], [1_000, 1_000, 1_000, 1_000, 1_000, 1_250]);
        assert!(
            waits.is_sorted() && waits.last() == Some(&15_000),
            "{waits:?}"
        );
        let back = subject.heard(40, true, Some(Sign::Answered), now);
        assert!(back.ended && back.wake && subject.probe_at().is_none());
    }

    #[test]
    fn an_end_without_a_request_is_no_probe() {
        let mut subject = subject();
        subject.heard(1, true, Some(Sign::Unreachable), at(0));
        subject.probing(2);
        subject.heard(2, false, None, at(1_000));
        assert_eq!(subject.probe_at(), Some(at(1_000)), "the next one at once");
        subject.probing(3);
        subject.heard(3, true, None, at(1_000));
        assert_eq!(subject.probe_at(), Some(at(2_000)));
    }

    #[test]
    fn an_absence_that_an_earlier_lane_found_is_looked_into_at_once_and_is_news_when_it_lasts() {
        let mut subject = Outage::new(&Ladder::default());
        subject.presume(at(0));
        assert_eq!(subject.probe_at(), Some(at(0)));
        subject.probing(1);
        assert_eq!(subject.heard(1, true, Some(Sign::Failed), at(10)), BEGAN);
        assert_eq!(subject.since(), Some(at(10)));
        assert_eq!(subject.probe_at(), Some(at(1_010)));
        subject.probing(1);
        let still = subject.heard(1, true, Some(Sign::Failed), at(1_020));
        assert_eq!(still, Change::default(), "told already");

        let mut subject = Outage::new(&Ladder::default());
        subject.presume(at(0));
        subject.probing(1);
        let back = subject.heard(1, true, Some(Sign::Answered), at(10));
        assert!(back.ended && back.wake && subject.probe_at().is_none());
    }

    #[test]
    fn a_short_absence_wakes_nobody() {
        let mut subject = subject();
        subject.heard(1, true, Some(Sign::Unreachable), at(0));
        let back = subject.heard(2, true, Some(Sign::Answered), at(1_100));
        assert_eq!((back.ended, back.wake), (true, false));
        subject.heard(1, true, Some(Sign::Unreachable), at(5_000));
        let back = subject.heard(2, true, Some(Sign::Answered), at(7_000));
        assert_eq!((back.ended, back.wake), (true, true));
        assert_eq!(
            subject.heard(3, true, Some(Sign::Answered), at(9_000)),
            Change::default()
        );
    }

    #[test]
    fn one_failure_is_no_absence_and_the_first_answer_since_the_start_wakes_nobody() {
        let mut subject = subject();
        subject.heard(1, true, Some(Sign::Failed), at(0));
        let other = subject.heard(2, true, Some(Sign::Answered), at(5_000));
        assert_eq!(other, Change::default());
    }

    #[test]
    fn what_an_attempt_shows_of_its_sink() {
        let reason = || "why".to_owned();
        let reply = |status| {
            Ok(Reply {
                status,
                headers: http::HeaderMap::new(),
                body: bytes::Bytes::new(),
            })
        };
        let retry = |slow| Verdict::Retry {
            reason: reason(),
            slow,
        };
        for (answer, verdict, sign) in [
            (reply(200), Verdict::Delivered, Some(Sign::Answered)),
            (
                reply(422),
                Verdict::Dead { reason: reason() },
                Some(Sign::Answered),
            ),
            (reply(503), retry(false), Some(Sign::Failed)),
            (Err(Failure::Timeout), retry(false), Some(Sign::Failed)),
            (Err(Failure::Reset), retry(false), Some(Sign::Failed)),
            (Err(Failure::Refused), retry(false), Some(Sign::Unreachable)),
            (Err(Failure::Dns), retry(false), Some(Sign::Unreachable)),
            (reply(401), retry(true), None),
            (Err(Failure::Blocked(reason())), retry(true), None),
            (reply(410), Verdict::Suspend { reason: reason() }, None),
        ] {
            assert_eq!(Sign::of(&answer, &verdict), sign, "{answer:?}");
        }
    }
}
