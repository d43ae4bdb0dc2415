//! When a digest is sent: `0 22 * * Mon-Fri`, by the clock on the wall of a time zone.
//!
//! A file of its own because it is where the library's calendar meets ours. A day on which the clock is
//! turned keeps its digest: a time that the day skips is the moment of the turn, and one that it has twice
//! is the first of the two.

use std::cmp::Ordering;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

/// Minute, hour, day of the month, month, day of the week.
const FIELDS: usize = 5;

/// Longest expression, in bytes.
const BYTES_MAX: usize = 256;

/// When a digest is sent.
#[derive(Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads five fields: minute, hour, day of the month, month, day of the week.
    ///
    /// # Errors
    /// What is wrong with them; also where they name no time that there ever is.
    pub fn new(text: &str, zone: TimeZone) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a schedule has at most {BYTES_MAX} characters"));
        }
        let fields = text.split_whitespace().count();
        if fields != FIELDS && !text.trim_start().starts_with('@') {
            return Err(format!("it has {fields} fields in place of {FIELDS}"));
        }
        // The library takes it for no value, and then looks for seconds for a time that there never is.
        let is_bare = |field: &str| field.split(',').any(str::is_empty);
        if text.split_whitespace().any(is_bare) {
            return Err("a comma has nothing beside it".to_owned());
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(text).map_err(|error| error.to_string())?;
        let schedule = Self { cron, zone };
        match schedule.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("there is no such time".to_owned()),
        }
    }

    /// The time zone whose clocks it means.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first time after a moment.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = Moment(after.to_zoned_datetime(self.zone.clone()));
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.0.timestamp())
    }
}

/// A moment in a zone, as the library wants to see it.
#[derive(Clone, Debug)]
struct Moment(ZonedDateTime);

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let now = self.0.datetime();
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                now.year().into(),
                now.month().unsigned_abs().into(),
                now.day().unsigned_abs().into(),
            ),
            CivilTime::from_parts_unchecked(
                now.hour().unsigned_abs().into(),
                now.minute().unsigned_abs().into(),
                now.second().unsigned_abs().into(),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let sunday = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(sunday.unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let wall = wall(civil).ok_or(CronError::InvalidDate)?;
        let wall = self.0.time_zone().to_ambiguous_zoned_datetime(wall);
        let moment = |found: Result<ZonedDateTime, jiff::Error>| match found {
            Ok(found) => Ok(Self(found)),
            Err(_) => Err(CronError::InvalidTime),
        };
        Ok(match wall.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(moment(wall.compatible())?),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(moment(wall.clone().earlier())?, moment(wall.later())?)
            }
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let span = SignedDuration::from_secs(seconds);
        self.0.checked_add(span).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

fn wall(civil: CivilDateTime) -> Option<DateTime> {
    let part = |part: u32| i8::try_from(part).ok();
    DateTime::new(
        i16::try_from(civil.year()).ok()?,
        part(civil.month())?,
        part(civil.day())?,
        part(civil.hour())?,
        part(civil.minute())?,
        part(civil.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn schedule(text: &str, zone: &str) -> Result<Schedule, String> {
        let zone = TimeZone::get(zone).expect("a zone");
        Schedule::new(text, zone)
    }

    fn check(text: &str, zone: &str, after: &str, expected: &str) {
        let schedule = schedule(text, zone).expect("a schedule");
        let next = schedule.next(at(after)).expect("a time");
        assert_eq!(next, at(expected), "{text} in {zone} after {after}");
    }

    #[test]
    fn a_schedule_is_read_by_the_clock_on_the_wall() {
        let evening = "0 22 * * Mon-Fri";
        // A Friday in summer, when Berlin is two hours ahead, and one in winter.
        check(
            evening,
            "UTC",
            "2026-07-10T21:59:59.9Z",
            "2026-07-10T22:00:00Z",
        );
        check(
            evening,
            "UTC",
            "2026-07-10T22:00:00Z",
            "2026-07-13T22:00:00Z",
        );
        check(
            evening,
            "UTC",
            "2026-07-10T22:00:00.5Z",
            "2026-07-13T22:00:00Z",
        );
        check(
            evening,
            "Europe/Berlin",
            "2026-07-10T12:00:00Z",
            "2026-07-10T20:00:00Z",
        );
        check(
            evening,
            "Europe/Berlin",
            "2026-11-27T12:00:00Z",
            "2026-11-27T21:00:00Z",
        );
        check(
            "*/15 9-17 1 * *",
            "UTC",
            "2026-07-01T09:50:00Z",
            "2026-07-01T10:00:00Z",
        );
        check(
            "0 8 29 2 *",
            "UTC",
            "2026-03-01T00:00:00Z",
            "2028-02-29T08:00:00Z",
        );
    }

    #[test]
    fn a_day_on_which_the_clock_is_turned_has_its_digest_once() {
        // Clocks in Berlin skip 02:00 to 03:00 on 29 March 2026, and have it twice on 25 October.
        let night = "30 2 * * *";
        check(
            night,
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:00:00Z",
        );
        check(
            night,
            "Europe/Berlin",
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:30:00Z",
        );
        check(
            night,
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "2026-10-25T00:30:00Z",
        );
        check(
            night,
            "Europe/Berlin",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for wrong in [
            "",
            "22",
            "0 22 * *",
            "0 22 * * Mon-Fry",
            "60 22 * * *",
            "0 22 * * * *",
            "0 0 30 2 *",
            "0 24 * * *",
            "0 22 * * 8",
            "@",
        ] {
            assert!(schedule(wrong, "UTC").is_err(), "{wrong}");
        }
        for wrong in [", 0 * * *", "0 22, * * *", "0 0 1,,2 * *", "0 0 * * ,"] {
            let mistake = schedule(wrong, "UTC").expect_err(wrong);
            assert_eq!(mistake, "a comma has nothing beside it", "{wrong}");
        }
        assert!(schedule(&"0,".repeat(200), "UTC").is_err());
        assert!(schedule("@daily", "UTC").is_ok());
    }
}
