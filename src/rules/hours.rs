//! When a rule is awake: days of the week and times of the day, on the clocks of a time zone.
//!
//! A file of its own because clocks are changed. What the clock on the wall shows decides: an hour that
//! it shows twice counts twice, and one that it skips counts not at all. Between two changes of the
//! clock the hours repeat every week, so that a length of time takes as many steps as the clock is
//! changed in it, however long it is.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{HoursConfig, Problems};
use crate::expr;

/// All lengths are in nanoseconds, as time stamps are.
const MINUTE: i128 = 60_000_000_000;
const DAY: i128 = 24 * 60 * MINUTE;
const WEEK: i128 = 7 * DAY;

/// From Monday to the first day of all time stamps, a Thursday.
const MONDAY_TO_EPOCH: i128 = 3 * DAY;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The hours of every week in which a rule is awake, or in which a silence counts.
#[derive(Debug)]
pub struct Hours {
    zone: TimeZone,
    zone_name: String,
    /// What the clock shows while they last, counted from Monday; in order, and none in another.
    open: Vec<Range<i128>>,
    /// `Mon-Fri 07:00-22:00`.
    words: String,
}

/// A time in which the clock is not changed.
struct Stretch {
    from: i128,
    to: i128,
    /// What the clock shows more than UTC.
    offset: i128,
}

impl Hours {
    /// Makes hours of what was read at `path`. `None` where there is no such time zone, which the
    /// problems then tell.
    #[must_use]
    pub fn compile(config: &HoursConfig, path: &str, problems: &Problems) -> Option<Self> {
        let Some(zone) = expr::zone(&config.zone) else {
            let message = format!("unknown time zone `{}`", config.zone);
            let help = expr::zone_help(&config.zone);
            problems.value(&format!("{path}.zone"), message, Some(help));
            return None;
        };
        Some(Self {
            zone,
            zone_name: config.zone.clone(),
            open: open(config),
            words: words(config),
        })
    }

    /// Whether they last at a moment.
    #[must_use]
    pub fn is_open(&self, moment: Timestamp) -> bool {
        let offset = i128::from(self.zone.to_offset(moment).seconds()) * (MINUTE / 60);
        let clock = (moment.as_nanosecond() + offset + MONDAY_TO_EPOCH).rem_euclid(WEEK);
        self.open.iter().any(|range| range.contains(&clock))
    }

    /// How much of the time between two moments lies within them; none where the second is the earlier.
    #[must_use]
    pub fn counted(&self, from: Timestamp, to: Timestamp) -> Duration {
        let to = to.as_nanosecond();
        let stretches = self.stretches(from).take_while(|stretch| stretch.from < to);
        let counted: i128 = stretches
            .map(|stretch| {
                self.passed(stretch.to.min(to) + stretch.offset)
                    - self.passed(stretch.from + stretch.offset)
            })
            .sum();
        Duration::from_nanos_u128(counted.unsigned_abs())
    }

    /// The moment at which so much of the time since another lies within them: the inverse of
    /// [`Self::counted`]. The end of all time stamps, where it does not come before.
    #[must_use]
    pub fn after(&self, from: Timestamp, span: Duration) -> Timestamp {
        // A span has at most 94 bits.
        let mut left = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        if left == 0 {
            return from;
        }
        for stretch in self.stretches(from) {
            let before = self.passed(stretch.from + stretch.offset);
            let within = self.passed(stretch.to + stretch.offset) - before;
            if left <= within {
                let moment = self.reading(before + left) - stretch.offset;
                return Timestamp::from_nanosecond(moment).unwrap_or(Timestamp::MAX);
            }
            left -= within;
        }
        Timestamp::MAX
    }

    /// The first moment from this one on at which they last.
    #[must_use]
    pub fn next_open(&self, moment: Timestamp) -> Timestamp {
        let instant = Duration::from_nanos(1);
        self.after(moment, instant) - instant
    }

    /// What a moment outside them is outside of: `Sat 03:12 in Europe/Berlin, open Mon-Fri 07:00-22:00`.
    #[must_use]
    pub fn beside(&self, moment: Timestamp) -> String {
        let clock = self.zone.to_datetime(moment);
        let clock = clock.strftime("%a %H:%M");
        format!("{clock} in {}, open {}", self.zone_name, self.words)
    }

    /// The time from a moment on, cut where the clock is changed.
    fn stretches(&self, from: Timestamp) -> impl Iterator<Item = Stretch> {
        let mut changes = self.zone.following(from);
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let from = next?;
            next = changes.next().map(|change| change.timestamp());
            Some(Stretch {
                from: from.as_nanosecond(),
                to: next.unwrap_or(Timestamp::MAX).as_nanosecond(),
                offset: i128::from(self.zone.to_offset(from).seconds()) * (MINUTE / 60),
            })
        })
    }

    /// How much of the time up to what a clock shows that is never changed lies within them, counted
    /// from the Monday before all time stamps began.
    fn passed(&self, clock: i128) -> i128 {
        let clock = clock + MONDAY_TO_EPOCH;
        let (week, clock) = (clock.div_euclid(WEEK), clock.rem_euclid(WEEK));
        let part = |range: &Range<i128>| clock.clamp(range.start, range.end) - range.start;
        week * self.in_a_week() + self.open.iter().map(part).sum::<i128>()
    }

    /// What such a clock shows when so much has passed.
    fn reading(&self, passed: i128) -> i128 {
        // The end of a week's last hours, and not the beginning of the next one's first.
        let week = (passed - 1).div_euclid(self.in_a_week());
        let mut left = passed - week * self.in_a_week();
        for range in &self.open {
            let length = range.end - range.start;
            if left <= length {
                return week * WEEK + range.start + left - MONDAY_TO_EPOCH;
            }
            left -= length;
        }
        unreachable!("no more than a week's is left")
    }

    fn in_a_week(&self) -> i128 {
        self.open.iter().map(|range| range.end - range.start).sum()
    }
}

/// The hours of each day. Those that run over midnight belong to the day on which they begin.
fn open(config: &HoursConfig) -> Vec<Range<i128>> {
    let from = i128::from(config.from_minute) * MINUTE;
    let to = i128::from(config.to_minute) * MINUTE;
    let to = if to > from { to } else { to + DAY };
    let days = (0..).zip(config.days).filter(|(_, named)| *named);
    let mut open: Vec<Range<i128>> = days
        .flat_map(|(day, _)| {
            let (from, to) = (day * DAY + from, day * DAY + to);
            // What of a Sunday's hours lies in the next week lies in every week.
            [from..to.min(WEEK), 0..to - WEEK]
        })
        .filter(|range| !range.is_empty())
        .collect();
    open.sort_unstable_by_key(|range| range.start);
    open
}

fn words(config: &HoursConfig) -> String {
    let is_first = |day: usize| config.days[day] && !config.days[(day + 6) % 7];
    let runs: Vec<String> = (0..7)
        .filter(|day| is_first(*day))
        .map(|first| {
            let length = (0..7).take_while(|more| config.days[(first + more) % 7]);
            match (first + length.count() - 1) % 7 {
                last if last == first => DAYS[first].to_owned(),
                last => format!("{}-{}", DAYS[first], DAYS[last]),
            }
        })
        .collect();
    let days = match runs.is_empty() {
        true => "every day".to_owned(),
        false => runs.join(", "),
    };
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    match (time(config.from_minute), time(config.to_minute)) {
        (from, to) if from == "00:00" && to == "24:00" => days,
        (from, to) => format!("{days} {from}-{to}"),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
