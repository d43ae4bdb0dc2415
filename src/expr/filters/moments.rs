//! Moments as people read them: how long ago, and what the clock on their wall said.
//!
//! A file of its own because it is the only place below the terminal that knows of time zones. It asks
//! no clock: the moment of rendering comes with the scope.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use minijinja::{Error, ErrorKind, State, Value};

use super::super::text::NOW;
use super::{fits, in_state};

/// How a local time looks unless it is said.
const FORMAT: &str = "%Y-%m-%d %H:%M";

/// Longest format, in bytes. A letter in it can ask for many characters.
const FORMAT_BYTES_MAX: usize = 64;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `45 s`, `3 min`, `2 h 5 min`, `4 d 1 h`: how long before the moment of rendering. What has still to come
/// is `0 s` ago; what is no time is missing.
pub(super) fn ago(state: &State, time: &Value) -> Result<Value, Error> {
    let Some(time) = moment(state, time)? else {
        return Ok(Value::UNDEFINED);
    };
    let now = state.lookup(NOW).and_then(|now| i64::try_from(now).ok());
    let now = now.and_then(|now| Timestamp::from_microsecond(now).ok());
    let passed = now.map_or(SignedDuration::ZERO, |now| now.duration_since(time));
    Ok(Value::from(span(passed.as_secs().max(0))))
}

/// The time in a zone, as `2026-06-11 10:05` or in another format. What is no time stays as it is.
pub(super) fn local(
    state: &State,
    time: &Value,
    zone: &Value,
    format: Option<&Value>,
) -> Result<String, Error> {
    let wrong = || Error::from(ErrorKind::InvalidOperation);
    let zone = self::zone(&in_state(state, zone)?).ok_or_else(wrong)?;
    let Some(moment) = moment(state, time)? else {
        return in_state(state, time).map(|text| text.into_owned());
    };
    let format = match format {
        Some(format) => in_state(state, format)?.into_owned(),
        None => FORMAT.to_owned(),
    };
    let text = formatted(&format, moment, zone).ok_or_else(wrong)?;
    fits(text)
}

/// The time zone of a name, if there is one.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// What would be right in place of a name that no time zone has.
#[must_use]
pub fn zone_help(wrong: &str) -> String {
    match nearest_zone(wrong) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "the name of a zone such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned()
        }
    }
}

/// Whether a format can be used.
pub(super) fn is_format(format: &str) -> bool {
    formatted(format, Timestamp::UNIX_EPOCH, TimeZone::UTC).is_some()
}

/// The name of a zone that looks most like a wrong one.
fn nearest_zone(wrong: &str) -> Option<String> {
    let wrong = wrong.to_lowercase();
    let names = jiff::tz::db().available().map(|name| name.to_string());
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let near = names.filter_map(|name| {
        let lower = name.to_lowercase();
        let whole = strsim::damerau_levenshtein(&wrong, &lower);
        // The city alone is a common way of putting it.
        let city = strsim::damerau_levenshtein(&last(&wrong), &last(&lower)) + 1;
        let distance = whole.min(city);
        (distance <= 1 + wrong.len() / 4).then_some((distance, name))
    });
    near.min().map(|(_, name)| name)
}

fn formatted(format: &str, moment: Timestamp, zone: TimeZone) -> Option<String> {
    if format.len() > FORMAT_BYTES_MAX {
        return None;
    }
    strtime::format(format, &moment.to_zoned_datetime(zone)).ok()
}

fn moment(state: &State, value: &Value) -> Result<Option<Timestamp>, Error> {
    Ok(in_state(state, value)?.trim().parse().ok())
}

fn span(seconds: i64) -> String {
    let two = |first: i64, unit: &str, second: i64, small: &str| match second {
        0 => format!("{first} {unit}"),
        second => format!("{first} {unit} {second} {small}"),
    };
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}
