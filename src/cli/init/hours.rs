//! Quiet hours as people say them, and loud hours as a rule has them.
//!
//! A file of its own because the answer is the other way round than the setting, midnight included.

use jiff::tz::TimeZone;

/// The hours in which a rule rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    between: String,
    zone: String,
}

impl Hours {
    /// Its line in a rule.
    pub(super) fn line(&self) -> String {
        let Self { between, zone } = self;
        format!("hours = {{ between = \"{between}\", zone = \"{zone}\", quiet = true }}\n")
    }
}

/// The zone of this machine, where it has one with a name.
pub(super) fn own_zone() -> String {
    let zone = TimeZone::system();
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// Reads quiet hours such as `22:00-07:00 Europe/Berlin`; nothing, or `none`, is none.
pub(super) fn read(answer: &str, zone: &str) -> Result<Option<Hours>, String> {
    if answer.is_empty() || answer.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let help = "give two times and perhaps a zone, such as 22:00-07:00 Europe/Berlin";
    let mut words = answer.split_whitespace();
    let times = words.next().and_then(|times| times.split_once('-'));
    let times = times.and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
    let (Some((from, to)), given, None) = (times, words.next(), words.next()) else {
        return Err(help.to_owned());
    };
    if from % DAY == to % DAY {
        return Err(format!("these are no hours at all; {help}"));
    }
    let zone = given.unwrap_or(zone);
    if TimeZone::get(zone).is_err() {
        return Err(format!("no time zone has this name; {help}"));
    }
    // What is loud begins where what is quiet ends, and the end of a day is written as such.
    let (from, to) = (to % DAY, if from == 0 { DAY } else { from });
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    Ok(Some(Hours {
        between: format!("{}-{}", time(from), time(to)),
        zone: zone.to_owned(),
    }))
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// The minute of the day of `7:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, most: usize| {
        let fits =
            (1..=most).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
        fits.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (
        number(hour, 2)?,
        (minute.len() == 2).then(|| number(minute, 2))??,
    );
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loud_is_the_rest_of_the_day() {
        for (answer, line) in [
            (
                "22:00-07:00 Europe/Berlin",
                r#"between = "07:00-22:00", zone = "Europe/Berlin""#,
            ),
            (
                "22:30-7:05",
                r#"between = "07:05-22:30", zone = "America/New_York""#,
            ),
            (
                "00:00-06:00 UTC",
                r#"between = "06:00-24:00", zone = "UTC""#,
            ),
            (
                "23:00-24:00 UTC",
                r#"between = "00:00-23:00", zone = "UTC""#,
            ),
            (
                "12:00-13:00 UTC",
                r#"between = "13:00-12:00", zone = "UTC""#,
            ),
        ] {
            let hours = read(answer, "America/New_York")
                .expect("hours")
                .expect("some");
            assert_eq!(
                hours.line(),
                format!("hours = {{ {line}, quiet = true }}\n")
            );
        }
        for none in ["", "none", "None"] {
            assert_eq!(read(none, "UTC"), Ok(None), "{none}");
        }
        for (wrong, told) in [
            ("22-7", "two times"),
            ("22:00", "two times"),
            ("22:00-7:5", "two times"),
            ("25:00-07:00", "two times"),
            ("22:60-07:00", "two times"),
            ("22:00-07:00 Europe/Berlin please", "two times"),
            ("22:00-22:00", "no hours"),
            ("00:00-24:00", "no hours"),
            ("22:00-07:00 Europe/Berin", "no time zone"),
        ] {
            let why = read(wrong, "UTC").expect_err("wrong");
            assert!(why.contains(told), "{wrong}: {why}");
        }
    }
}
