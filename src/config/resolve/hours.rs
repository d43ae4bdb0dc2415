//! `hours = { days = "Mon-Fri", between = "07:00-22:00", zone = "Europe/Berlin" }`.
//!
//! A file of its own because it is a small language. Whether a zone of this name exists is for the
//! room that has the zones; here it only has to look like one.

use crate::config::Table;
use crate::config::settings::HoursConfig;

/// The days of a week by their short and their long name, Monday first.
const DAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

const DAYS_HELP: &str = "days such as `Mon-Fri`, `Sat,Sun` or `[\"Mon\", \"Wed-Fri\"]`";
const BETWEEN_HELP: &str = "two times such as `07:00-22:00`; `22:00-06:00` runs over midnight";
const MINUTES_PER_DAY: u16 = 24 * 60;

/// Longest zone name. The longest there is has 32 characters.
const ZONE_BYTES_MAX: usize = 64;

/// Whether `quiet` has a meaning where the hours stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// A rule: what comes outside can be sent silently.
    Possible,
    /// A watch: nothing is sent.
    Meaningless,
}

/// Reads `hours`.
pub(super) fn read(
    parent: &mut Table,
    quiet: Quiet,
    warnings: &mut Vec<String>,
) -> Option<HoursConfig> {
    let mut table = parent.table("hours")?;
    if !table.has("days") && !table.has("between") {
        let help =
            r#"such as `hours = { days = "Mon-Fri", between = "07:00-22:00", zone = "UTC" }`"#;
        let message = "neither `days` nor `between` is given";
        table
            .problems()
            .table(table.path(), message, Some(help.to_owned()));
    }
    if !table.has("zone") {
        let path = table.path();
        warnings.push(format!(
            "`{path}` has no `zone`, so its times are taken as UTC"
        ));
    }
    let days = days(&mut table);
    let (from_minute, to_minute) = between(&mut table);
    let zone = zone(&mut table);
    let quiet = match quiet {
        Quiet::Possible => table.boolean("quiet").unwrap_or(false),
        Quiet::Meaningless => false,
    };
    table.finish();
    Some(HoursConfig {
        days,
        from_minute,
        to_minute,
        zone,
        quiet,
    })
}

fn days(table: &mut Table) -> [bool; 7] {
    let every_day = [true; 7];
    let Some(texts) = table.placed_strings("days") else {
        return every_day;
    };
    let mut days = [false; 7];
    for (at, text) in &texts {
        for part in text.split(',') {
            match day_range(part) {
                Some(range) => range.for_each(|day| days[day] = true),
                None => {
                    let message = format!("`{}` is no day and no range of days", part.trim());
                    table
                        .problems()
                        .value(at, message, Some(DAYS_HELP.to_owned()));
                    return every_day;
                }
            }
        }
    }
    if texts.is_empty() {
        table.wrong("days", "an empty list names no day", DAYS_HELP);
    }
    days
}

/// The days of `Wed` or `Fri-Mon`, which may run over the end of the week.
fn day_range(text: &str) -> Option<impl Iterator<Item = usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7 + 1;
    Some((first..first + count).map(|day| day % 7))
}

fn day(text: &str) -> Option<usize> {
    let word = text.trim().to_ascii_lowercase();
    DAYS.iter()
        .position(|(short, long)| word == *short || word == *long)
}

fn between(table: &mut Table) -> (u16, u16) {
    let all_day = (0, MINUTES_PER_DAY);
    let Some(text) = table.string("between") else {
        return all_day;
    };
    let times = text
        .split_once('-')
        .and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
    match times {
        Some((from, to)) if from == to || from == MINUTES_PER_DAY => {
            table.wrong(
                "between",
                format!("`{text}` is no time at all"),
                BETWEEN_HELP,
            );
            all_day
        }
        Some(times) => times,
        None => {
            table.wrong(
                "between",
                format!("`{text}` is no time of day"),
                BETWEEN_HELP,
            );
            all_day
        }
    }
}

/// The minute of the day of `07:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str, most: usize| {
        let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour, 2)?, number(minute, 2)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= MINUTES_PER_DAY).then_some(total)
}

/// Reads `zone`, which is UTC where it is not given.
pub(super) fn zone(table: &mut Table) -> String {
    let utc = || "UTC".to_owned();
    let Some(zone) = table.string("zone") else {
        return utc();
    };
    if is_zone(&zone) {
        return zone;
    }
    table.wrong(
        "zone",
        format!("`{zone}` is no name of a time zone"),
        "a name such as `Europe/Berlin`, `America/New_York` or `UTC`",
    );
    utc()
}

/// Whether a text has the shape of a name in the IANA database: `Area/City`, rarely with a third part.
fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    text.len() <= ZONE_BYTES_MAX && text.split('/').count() <= 3 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_names_and_ranges() {
        let days = |text: &str| day_range(text).map(Iterator::collect::<Vec<_>>);
        assert_eq!(days("Wed"), Some(vec![2]));
        assert_eq!(days(" mon - FRIDAY "), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(days("Sat-Mon"), Some(vec![5, 6, 0]));
        assert_eq!(days("Sun-Sun"), Some(vec![6]));
        for wrong in ["", "Mo", "Mon-", "Mon-Fri-Sun", "Montag"] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_hours_and_minutes() {
        let cases = [
            ("07:00", Some(420)),
            (" 7:05 ", Some(425)),
            ("00:00", Some(0)),
            ("24:00", Some(1440)),
            ("24:01", None),
            ("7:60", None),
            ("99:99", None),
            ("+7:00", None),
            ("7", None),
            ("007:00", None),
            ("7:", None),
        ];
        for (text, expected) in cases {
            assert_eq!(minute(text), expected, "{text}");
        }
    }

    #[test]
    fn zones_look_like_names() {
        let good = [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
        ];
        for zone in good {
            assert!(is_zone(zone), "{zone}");
        }
        for zone in ["", "Europe/", "../etc", "+02:00", "Mars City", "a/b/c/d"] {
            assert!(!is_zone(zone), "{zone}");
        }
    }
}
