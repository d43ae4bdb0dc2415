//! When events may be missing, and what is known about it.
//!
//! A file of its own because telling a gap from an ordinary reconnect is a decision over ids and times,
//! with nothing to wait for. It closes none.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::sources::picture::Since;

/// A reconnect within this time is the ordinary life of a stream: what happened meanwhile is replayed.
pub(super) const ORDINARY: Duration = Duration::from_secs(5);

/// How long an open stream has to show by the id of an event that nothing is missing.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// What was found since the last gap was closed, by type.
pub(super) type Tally = BTreeMap<&'static str, u64>;

/// Why events may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The account was never looked at before.
    FirstLook,
    /// Nothing was heard for long, on a stream that seemed to be well.
    Silence,
    /// The stream was away.
    Away,
    /// bellwire itself was not running.
    Stopped,
    /// The trading container was down.
    Container,
    /// The upstream's ids started over.
    Epoch,
    /// An event could not be read.
    Unread,
    /// Ids are missing.
    Ids,
    /// The server refused to resume.
    Refused,
}

impl Cause {
    /// Its name, for rules.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::FirstLook => "first_look",
            Self::Silence => "silence",
            Self::Away => "away",
            Self::Stopped => "stopped",
            Self::Container => "container",
            Self::Epoch => "epoch",
            Self::Unread => "unread",
            Self::Ids => "ids",
            Self::Refused => "refused",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::FirstLook => "this is the first look at the account",
            Self::Silence => "nothing was heard for long",
            Self::Away => "the stream was away",
            Self::Stopped => "bellwire was not running",
            Self::Container => "the trading container was down",
            Self::Epoch => "the upstream's ids started over",
            Self::Unread => "an event could not be read",
            Self::Ids => "the stream goes on with a later id",
            Self::Refused => "the server refuses to resume",
        }
    }
}

/// Events that may be missing.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) cause: Cause,
    /// Since when, by the upstream's clock.
    pub(super) since: Since,
    /// How long nothing was heard.
    pub(super) away: Duration,
    /// When it was noticed.
    pub(super) noticed: Instant,
    /// The last id before it and the first one behind it.
    pub(super) after: Option<String>,
    pub(super) first: Option<String>,
    /// How many ids are missing, where ids are numbers.
    pub(super) missing: Option<u64>,
    /// Whether somebody should hear of it although nothing was found.
    pub(super) alarm: bool,
}

impl Gap {
    /// A gap that is noticed now, with nothing known about its ids.
    pub(super) fn new(cause: Cause, since: Since, away: Duration) -> Self {
        Self {
            cause,
            since,
            away,
            noticed: Instant::now(),
            after: None,
            first: None,
            missing: None,
            alarm: false,
        }
    }

    /// Both as one: what was read for it covers both.
    pub(super) fn with(self, other: Self) -> Self {
        let (main, more) = if other.cause > self.cause {
            (other, self)
        } else {
            (self, other)
        };
        let missing = match (main.missing, more.missing) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        Self {
            cause: main.cause,
            since: earlier(main.since, more.since),
            away: main.away.max(more.away),
            noticed: main.noticed.min(more.noticed),
            after: main.after.or(more.after),
            first: main.first.or(more.first),
            missing,
            alarm: main.alarm || more.alarm,
        }
    }
}

/// The one that takes in more. A first look that comes together with a gap is that of the gap.
fn earlier(one: Since, two: Since) -> Since {
    match (one, two) {
        (Since::Moment(one), Since::Moment(two)) => Since::Moment(one.min(two)),
        (Since::Moment(moment), _) | (_, Since::Moment(moment)) => Since::Moment(moment),
        (Since::Unknown, _) | (_, Since::Unknown) => Since::Unknown,
        (Since::Now, Since::Now) => Since::Now,
    }
}

/// What a new connection has to clear up.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    /// The gap that there is unless the stream shows otherwise; `None` for an ordinary reconnect.
    pub(super) gap: Option<Gap>,
    /// Whether it is a gap whatever the stream shows.
    pub(super) certain: bool,
    /// The highest id so far.
    pub(super) high: Option<u64>,
    /// The id to resume after.
    pub(super) after: Option<String>,
    /// Since when something may be missing, if the stream shows that something is.
    pub(super) since: Since,
    pub(super) away: Duration,
    /// Whether missing ids are worth a word: under an account filter they prove nothing.
    pub(super) alarm: bool,
}

impl Doubt {
    /// The same with what an earlier connection has not cleared up.
    pub(super) fn with(mut self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else {
            return self;
        };
        self.gap = match (self.gap, earlier.gap) {
            (Some(gap), Some(before)) => Some(gap.with(before)),
            (gap, before) => gap.or(before),
        };
        self.certain |= earlier.certain;
        self
    }

    /// Judges the first id of a connection: the gap that it shows, or none if it goes on where the
    /// last one ended.
    pub(super) fn judge(self, id: &str) -> Option<Gap> {
        let number: Option<u64> = id.parse().ok();
        let missing = match (number, self.high) {
            (Some(id), Some(high)) => Some(id.saturating_sub(high.saturating_add(1))),
            _ => None,
        };
        match missing {
            Some(0) if !self.certain => None,
            Some(0) | None => self.gap,
            Some(missing) => {
                let plain = Gap::new(Cause::Ids, self.since, self.away);
                let gap = self.gap.unwrap_or(plain);
                Some(Gap {
                    cause: gap.cause.max(Cause::Ids),
                    noticed: Instant::now(),
                    after: self.after,
                    first: Some(id.to_owned()),
                    missing: Some(missing),
                    alarm: gap.alarm || self.alarm,
                    ..gap
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn since(second: i64) -> Since {
        Since::Moment(Timestamp::from_second(second).expect("in range"))
    }

    fn doubt(gap: bool, certain: bool, high: Option<u64>) -> Doubt {
        let away = Duration::from_secs(600);
        Doubt {
            gap: gap.then(|| Gap::new(Cause::Away, since(7), away)),
            certain,
            high,
            after: high.map(|high| high.to_string()),
            since: since(7),
            away,
            alarm: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn res_6_the_first_id_behind_a_reconnect_tells_whether_something_is_missing() {
        let judged = |doubt: Doubt, id: &str| doubt.judge(id).map(|gap| (gap.cause, gap.missing));
        assert_eq!(judged(doubt(true, false, Some(9)), "10"), None);
        assert_eq!(judged(doubt(true, false, Some(9)), "4"), None, "a replay");
        for gap in [true, false] {
            let found = judged(doubt(gap, false, Some(9)), "21");
            assert_eq!(found, Some((Cause::Ids, Some(11))));
        }
        let certain = judged(doubt(true, true, Some(9)), "10");
        assert_eq!(certain, Some((Cause::Away, None)));
        let unordered = judged(doubt(true, false, None), "abc");
        assert_eq!(unordered, Some((Cause::Away, None)), "it tells nothing");
        assert_eq!(judged(doubt(false, false, None), "abc"), None);
        assert_eq!(judged(doubt(false, false, Some(u64::MAX)), "1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn two_gaps_are_closed_as_the_one_that_covers_both() {
        let mut ids = doubt(false, false, Some(9)).judge("21").expect("a gap");
        ids.since = since(20);
        let away = Gap::new(Cause::Away, since(10), Duration::from_secs(900));
        let both = away.with(ids);
        assert_eq!((both.cause, both.since), (Cause::Ids, since(10)));
        assert_eq!((both.missing, both.alarm), (Some(11), true));
        assert_eq!(both.away, Duration::from_secs(900));
        let first = Gap::new(Cause::FirstLook, Since::Now, Duration::ZERO);
        assert_eq!(first.clone().with(both).since, since(10));
        assert_eq!(first.clone().with(first).since, Since::Now);
    }
}
