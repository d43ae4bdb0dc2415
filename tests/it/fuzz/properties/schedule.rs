//! A digest's schedule that nobody ought to write: a mistake, or times that follow each other, and in a zone
//! without clock changes those that a plain reading of the five fields has.

use bellwire::rules::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Zones with clocks that are turned by an hour, by half of one, over a whole day, at midnight, and never.
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
    "Asia/Kathmandu",
    "America/New_York",
    "Africa/Casablanca",
];

/// How far the plain reading looks, in minutes.
const MINUTES_MAX: i64 = 3 * 24 * 60;

/// A byte for the zone, four for the moment, and the fields.
pub fn schedule(input: &[u8]) {
    let Some(([zone, moment @ ..], text)) = input.split_first_chunk::<5>() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let name = ZONES[usize::from(*zone) % ZONES.len()];
    let zone = TimeZone::get(name).expect("a zone");
    let after = Timestamp::from_second(u32::from_le_bytes(*moment).into()).expect("in range");
    let schedule = match Schedule::new(text, zone) {
        Ok(schedule) => schedule,
        Err(mistake) => return assert!(!mistake.trim().is_empty(), "{text:?}"),
    };
    // There is one, but a year with that day of the week may be far.
    let Some(next) = schedule.next(after) else {
        return;
    };
    assert!(next > after, "{text:?} in {name}: {next} after {after}");
    let between = after + (next - after) / 2;
    for moment in [between, next - SignedDuration::from_secs(1)] {
        let again = schedule.next(moment.max(after));
        assert_eq!(again, Some(next), "{text:?} in {name} after {moment}");
    }
    let second = schedule.next(next);
    assert!(
        second.is_none_or(|second| second > next),
        "{text:?} in {name}: {next} twice"
    );
    if name == "UTC" {
        plainly(text, after, next);
    }
}

/// Compares with what every minute says of itself.
fn plainly(text: &str, after: Timestamp, next: Timestamp) {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return;
    };
    // Where both are given, what counts is read in more than one way.
    if day != "*" && weekday != "*" {
        return;
    }
    let fields = [
        (minute, 0..60),
        (hour, 0..24),
        (day, 1..32),
        (month, 1..13),
        (weekday, 0..7),
    ];
    let fields: Option<Vec<u64>> = fields
        .into_iter()
        .map(|(text, range)| read(text, range))
        .collect();
    let Some(fields) = fields else {
        return;
    };
    let first = after.as_second().div_euclid(60) + 1;
    let is_time = |minute: &i64| {
        let moment = Timestamp::from_second(minute * 60).expect("in range");
        let wall = moment.to_zoned_datetime(TimeZone::UTC);
        let parts = [
            wall.minute(),
            wall.hour(),
            wall.day(),
            wall.month(),
            wall.weekday().to_sunday_zero_offset(),
        ];
        let mut all = fields.iter().zip(parts);
        all.all(|(field, part)| field & (1 << part) != 0)
    };
    let expected = (first..first + MINUTES_MAX).find(is_time).map(|it| it * 60);
    match expected {
        Some(expected) => assert_eq!(next.as_second(), expected, "{text:?} after {after}"),
        None => assert!(
            next.as_second() >= (first + MINUTES_MAX) * 60,
            "{text:?} after {after}"
        ),
    }
}

/// The numbers of a field as bits; `None` for whatever else may stand in one.
fn read(text: &str, range: std::ops::Range<u32>) -> Option<u64> {
    let number = |text: &str| {
        let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let number = is_plain.then(|| text.parse::<u32>().ok()).flatten();
        number.filter(|number| range.contains(number))
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (part, step) = match part.split_once('/') {
            Some((part, step)) => (part, number(step).filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match part.split_once('-') {
            _ if part == "*" => (range.start, range.end - 1),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step == 1 => (number(part)?, number(part)?),
            None => return None,
        };
        if from > to {
            return None;
        }
        for number in (from..=to).step_by(step as usize) {
            bits |= 1 << number;
        }
    }
    Some(bits)
}
