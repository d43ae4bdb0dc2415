//! What hours say of moments, above all of those at which the clock is changed.

use super::*;

/// Hours of named days, in minutes of the day.
pub(super) fn hours(days: &str, between: (u16, u16), zone: &str) -> Hours {
    let problems = Problems::default();
    let config = HoursConfig {
        days: DAYS.map(|day| days.contains(day)),
        from_minute: between.0,
        to_minute: between.1,
        zone: zone.to_owned(),
        quiet: false,
    };
    let hours = Hours::compile(&config, "rules[0].hours", &problems);
    hours.unwrap_or_else(|| panic!("{:?}", problems.list()))
}

const EVERY_DAY: &str = "Mon Tue Wed Thu Fri Sat Sun";
const WORKDAYS: &str = "Mon Tue Wed Thu Fri";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// Moments in order; a `+` before one says that the hours last there.
#[track_caller]
fn check(hours: &Hours, moments: &[&str]) {
    for text in moments {
        let (open, text) = match text.strip_prefix('+') {
            Some(text) => (true, text),
            None => (false, *text),
        };
        assert_eq!(hours.is_open(at(text)), open, "{text}");
    }
}

#[test]
fn days_and_times_are_those_of_the_zone() {
    let berlin = hours(WORKDAYS, (7 * 60, 22 * 60), "Europe/Berlin");
    // 2026-06-12 is a Friday, and it is two hours later in Berlin than in UTC.
    check(
        &berlin,
        &[
            "2026-06-12T04:59:59.999999999Z",
            "+2026-06-12T05:00:00Z",
            "+2026-06-12T19:59:59.999999999Z",
            "2026-06-12T20:00:00Z",
            "2026-06-13T10:00:00Z",
            "2026-06-14T21:59:00Z",
            "+2026-06-15T05:00:00Z",
            // In winter it is one hour.
            "2026-12-07T05:59:00Z",
            "+2026-12-07T06:00:00Z",
        ],
    );
    // Where it is Monday already.
    let auckland = hours("Mon", (0, 24 * 60), "Pacific/Auckland");
    check(
        &auckland,
        &[
            "2026-06-14T11:59:59Z",
            "+2026-06-14T12:00:00Z",
            "+2026-06-15T11:59:59Z",
            "2026-06-15T12:00:00Z",
        ],
    );
}

#[test]
fn what_runs_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let nights = hours("Fri Sun", (22 * 60, 6 * 60), "UTC");
    check(
        &nights,
        &[
            "2026-06-12T05:00:00Z",
            "2026-06-12T21:59:59Z",
            "+2026-06-12T22:00:00Z",
            "+2026-06-13T05:59:59Z",
            "2026-06-13T06:00:00Z",
            "2026-06-13T23:00:00Z",
            "2026-06-14T05:00:00Z",
            // Over the end of the week.
            "+2026-06-14T22:00:00Z",
            "+2026-06-15T05:59:59Z",
            "2026-06-15T06:00:00Z",
        ],
    );
    let (friday, monday) = (at("2026-06-12T12:00:00Z"), at("2026-06-15T12:00:00Z"));
    assert_eq!(nights.counted(friday, monday), minutes(16 * 60));
    assert_eq!(
        nights.after(friday, minutes(16 * 60)),
        at("2026-06-15T06:00:00Z")
    );
    assert_eq!(
        nights.after(friday, minutes(10 * 60)),
        at("2026-06-15T00:00:00Z"),
        "the end of a week is within them"
    );
    let till_midnight = hours("Sun", (20 * 60, 24 * 60), "UTC");
    check(
        &till_midnight,
        &["+2026-06-14T23:59:59.9Z", "2026-06-15T00:00:00Z"],
    );
}

#[test]
fn an_hour_that_the_clock_skips_counts_not_at_all() {
    // 02:00 is followed by 03:00 in Berlin on 2026-03-29, at 01:00 UTC.
    let early = hours(EVERY_DAY, (150, 210), "Europe/Berlin");
    check(
        &early,
        &[
            "2026-03-29T00:59:59Z",
            "+2026-03-29T01:00:00Z",
            "+2026-03-29T01:29:59Z",
            "2026-03-29T01:30:00Z",
        ],
    );
    let day = (at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"));
    assert_eq!(early.counted(day.0, day.1), minutes(30));
    assert_eq!(early.next_open(day.0), at("2026-03-29T01:00:00Z"));
    // The other half hour is the next day's.
    assert_eq!(early.after(day.0, minutes(31)), at("2026-03-30T00:31:00Z"));
    let skipped = hours("Sun", (120, 180), "Europe/Berlin");
    assert_eq!(skipped.counted(day.0, day.1), Duration::ZERO);
    assert_eq!(skipped.next_open(day.0), at("2026-04-05T00:00:00Z"));
}

#[test]
fn an_hour_that_the_clock_shows_twice_counts_twice() {
    // 03:00 is followed by 02:00 in Berlin on 2026-10-25, at 01:00 UTC.
    let early = hours(EVERY_DAY, (150, 210), "Europe/Berlin");
    check(
        &early,
        &[
            "2026-10-25T00:29:59Z",
            "+2026-10-25T00:30:00Z",
            "+2026-10-25T00:59:59Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:29:59Z",
            "+2026-10-25T01:30:00Z",
            "+2026-10-25T02:29:59Z",
            "2026-10-25T02:30:00Z",
        ],
    );
    let day = (at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"));
    assert_eq!(early.counted(day.0, day.1), minutes(90));
    assert_eq!(early.after(day.0, minutes(30)), at("2026-10-25T01:00:00Z"));
    assert_eq!(early.after(day.0, minutes(31)), at("2026-10-25T01:31:00Z"));
    // In New York it is 2026-11-01, at 06:00 UTC.
    let nights = hours("Sat", (22 * 60, 3 * 60), "America/New_York");
    let night = (at("2026-11-01T02:00:00Z"), at("2026-11-01T08:00:00Z"));
    assert_eq!(nights.counted(night.0, night.1), minutes(6 * 60));
    assert!(!nights.is_open(night.1));
    // In spring, 2026-03-08, at 07:00 UTC.
    let night = (at("2026-03-08T03:00:00Z"), at("2026-03-08T07:00:00Z"));
    assert_eq!(nights.counted(night.0, night.1), minutes(4 * 60));
    assert!(!nights.is_open(night.1));
}

#[test]
fn clocks_that_are_changed_by_half_an_hour_are_no_exception() {
    // At Lord Howe 02:00 is followed by 01:30 on 2026-04-05, at 2026-04-04 15:00 UTC.
    let early = hours("Sun", (60, 120), "Australia/Lord_Howe");
    let (before, behind) = (at("2026-04-04T12:00:00Z"), at("2026-04-04T20:00:00Z"));
    assert_eq!(early.counted(before, behind), minutes(90));
    check(
        &early,
        &[
            "2026-04-04T13:59:59Z",
            "+2026-04-04T14:00:00Z",
            "+2026-04-04T15:29:59Z",
            "2026-04-04T15:30:00Z",
        ],
    );
    // 02:00 is followed by 02:30 on 2026-10-04, at 2026-10-03 15:30 UTC.
    let early = hours("Sun", (120, 180), "Australia/Lord_Howe");
    let (before, behind) = (at("2026-10-03T12:00:00Z"), at("2026-10-03T20:00:00Z"));
    assert_eq!(early.counted(before, behind), minutes(30));
    assert_eq!(early.next_open(before), at("2026-10-03T15:30:00Z"));
}

#[test]
fn no_time_is_none_and_a_span_has_its_end_where_it_is_full() {
    let hours = hours(WORKDAYS, (7 * 60, 22 * 60), "UTC");
    let (friday, monday) = (at("2026-06-12T21:00:00Z"), at("2026-06-15T07:00:00Z"));
    assert_eq!(hours.counted(monday, friday), Duration::ZERO);
    assert_eq!(hours.counted(friday, friday), Duration::ZERO);
    assert_eq!(hours.after(friday, Duration::ZERO), friday);
    // The hour is full on Friday evening, not on Monday morning.
    assert_eq!(hours.after(friday, minutes(60)), at("2026-06-12T22:00:00Z"));
    let longer = minutes(60) + Duration::from_nanos(1);
    assert_eq!(
        hours.after(friday, longer),
        at("2026-06-15T07:00:00.000000001Z")
    );
    assert_eq!(hours.next_open(friday), friday);
    assert_eq!(hours.next_open(at("2026-06-12T22:00:00Z")), monday);
    assert_eq!(hours.next_open(at("2026-06-13T00:00:00.5Z")), monday);
    assert_eq!(hours.after(friday, Duration::MAX), Timestamp::MAX);
}

#[test]
fn they_are_told_as_they_were_written() {
    for (days, between, zone, expected) in [
        (
            WORKDAYS,
            (420, 1320),
            "Europe/Berlin",
            "Sat 03:12 in Europe/Berlin, open Mon-Fri 07:00-22:00",
        ),
        (
            "Sat Sun Mon Wed",
            (1320, 360),
            "UTC",
            "Sat 01:12 in UTC, open Wed, Sat-Mon 22:00-06:00",
        ),
        ("Tue", (0, 1440), "UTC", "Sat 01:12 in UTC, open Tue"),
        (
            EVERY_DAY,
            (0, 30),
            "America/New_York",
            "Fri 21:12 in America/New_York, open every day 00:00-00:30",
        ),
    ] {
        let hours = hours(days, between, zone);
        assert_eq!(hours.beside(at("2026-06-13T01:12:59Z")), expected);
    }
}

#[test]
fn a_zone_that_does_not_exist_is_a_mistake_with_what_was_meant() {
    for (zone, help) in [
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("Berlin", "did you mean `Europe/Berlin`?"),
        (
            "Mars/Olympus_Mons",
            "the name of a zone such as `Europe/Berlin`, `America/New_York` or `UTC`",
        ),
    ] {
        let problems = Problems::default();
        let config = HoursConfig {
            days: [true; 7],
            from_minute: 0,
            to_minute: 60,
            zone: zone.to_owned(),
            quiet: false,
        };
        assert!(Hours::compile(&config, "rules[2].hours", &problems).is_none());
        let [problem] = &problems.list()[..] else {
            panic!("{:?}", problems.list());
        };
        assert_eq!(problem.path, "rules[2].hours.zone");
        assert_eq!(problem.message, format!("unknown time zone `{zone}`"));
        assert_eq!(problem.help.as_deref(), Some(help));
    }
}
