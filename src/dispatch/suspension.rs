//! A sink that is gone or shut to us: its lane stops and keeps its deliveries, and one delivery is
//! tried now and then in case somebody has mended it.

use jiff::{SignedDuration, Timestamp};

/// The wait before the first probe, and the longest one: slow enough to be no nuisance to a platform
/// that asked not to be used, quick enough that a mended sink is back the same morning.
const FIRST: SignedDuration = SignedDuration::from_mins(15);
const LONGEST: SignedDuration = SignedDuration::from_hours(4);

/// Whether, why and until when a lane is stopped.
#[derive(Debug, Default)]
pub(super) struct Suspension {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    probe_at: Timestamp,
    wait: SignedDuration,
    /// A probe is on its way: what it comes to counts, unlike the ends of attempts that were in flight
    /// when the suspension began.
    probing: bool,
}

impl Suspension {
    /// The sink was found to be gone. Answers whether that is news.
    pub(super) fn begin(&mut self, now: Timestamp) -> bool {
        let (news, wait) = match &self.current {
            None => (true, FIRST),
            Some(current) if current.probing => (false, (current.wait + current.wait).min(LONGEST)),
            Some(_) => return false,
        };
        self.current = Some(Current {
            probe_at: now + wait,
            wait,
            probing: false,
        });
        news
    }

    /// A delivery was accepted. Answers whether that ends a suspension.
    pub(super) fn end(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Whether the lane is stopped.
    pub(super) fn is_on(&self) -> bool {
        self.current.is_some()
    }

    /// When one delivery may be tried; `None` while the lane runs freely.
    pub(super) fn probe_at(&self) -> Option<Timestamp> {
        self.current.as_ref().map(|current| current.probe_at)
    }

    /// One delivery may be tried from this moment on, unless one is on its way.
    pub(super) fn try_at(&mut self, now: Timestamp) {
        if let Some(current) = self.current.as_mut().filter(|current| !current.probing) {
            current.probe_at = current.probe_at.min(now);
        }
    }

    /// A probe is on its way: the next one only after its outcome, or the same wait again.
    pub(super) fn probing(&mut self, now: Timestamp) {
        if let Some(current) = &mut self.current {
            current.probe_at = now + current.wait;
            current.probing = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_become_rarer_until_one_is_accepted() {
        let start = Timestamp::from_second(1_760_000_000).expect("in range");
        let mut subject = Suspension::default();
        assert!(subject.begin(start), "the first time is news");
        let mut now = start;
        for minutes in [15, 30, 60, 120, 240, 240] {
            let probe_at = subject.probe_at().expect("suspended");
            assert_eq!(probe_at.duration_since(now).as_mins(), minutes);
            assert!(
                !subject.begin(now),
                "what was in flight at the time is no news"
            );
            assert_eq!(subject.probe_at(), Some(probe_at), "and changes nothing");
            now = probe_at;
            subject.probing(now);
            assert!(!subject.begin(now), "still gone is no news");
        }
        assert!(subject.end());
        assert!(!subject.is_on() && !subject.end());
    }
}
