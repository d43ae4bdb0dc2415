//! Moments and durations as a glance wants them.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};

/// How long ago something was, with the moment itself for whoever wants it.
pub(super) fn ago(moment: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(moment) = moment else {
        return html! { "–" };
    };
    let text = match past(moment, now) {
        age if age < Duration::from_secs(1) => "now".to_owned(),
        age => format!("{} ago", length(age)),
    };
    let exact = format!("{moment:.3}");
    html! { time datetime=(exact) title=(exact) { (text) } }
}

/// The type of an event; one that has none still has to be something to click on.
pub(super) fn kind(kind: &str) -> &str {
    match kind.trim() {
        "" => "(no type)",
        _ => kind,
    }
}

/// How long something has lasted.
pub(super) fn lasted(since: Timestamp, now: Timestamp) -> String {
    length(past(since, now))
}

/// How long until something; `None` when its time has come.
pub(super) fn until(moment: Timestamp, now: Timestamp) -> Option<String> {
    let left = Duration::try_from(moment.duration_since(now)).ok()?;
    (left >= Duration::from_secs(1)).then(|| length(left))
}

/// A duration by its largest unit, which is all that a glance needs.
pub(super) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A duration that may be much shorter than a second.
pub(super) fn exactly(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..10_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => length(duration),
    }
}

/// So many of something, by its name for one and for more.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn past(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(moment)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + second).expect("in range")
    }

    #[test]
    fn a_glance_is_told_one_unit() {
        let shown = |second| ago(Some(at(0)), at(second)).into_string();
        for (second, text) in [
            (-5, ">now<"),
            (0, ">now<"),
            (1, ">1 s ago<"),
            (59, ">59 s ago<"),
            (60, ">1 min ago<"),
            (3_599, ">59 min ago<"),
            (3_600, ">1 h ago<"),
            (172_799, ">47 h ago<"),
            (172_800, ">2 days ago<"),
        ] {
            assert!(shown(second).contains(text), "{text}: {}", shown(second));
        }
        assert!(shown(1).contains(r#"datetime="2025-10-09T08:53:20.000Z""#));
        assert_eq!(ago(None, at(0)).into_string(), "–");
        assert_eq!(until(at(9), at(0)).as_deref(), Some("9 s"));
        assert_eq!((until(at(0), at(0)), until(at(0), at(1))), (None, None));
    }

    #[test]
    fn short_times_are_told_to_the_millisecond() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (90_000, "1 min"),
        ] {
            assert_eq!(exactly(Duration::from_millis(millis)), text);
        }
    }
}
