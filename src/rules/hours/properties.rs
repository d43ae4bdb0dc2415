//! Generated cases for the arithmetic of hours, against a look at the clock in every single minute.

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;

/// Zones whose clocks are changed in spring, in autumn, by half an hour, and never.
const ZONES: [&str; 5] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
];

/// Days before which the clock of one of them is changed, and one of no account.
const STARTS: [&str; 6] = [
    "2026-03-06T00:00:00Z",
    "2026-03-27T00:00:00Z",
    "2026-04-03T00:00:00Z",
    "2026-10-02T00:00:00Z",
    "2026-10-23T00:00:00Z",
    "2026-10-30T00:00:00Z",
];

fn any_config() -> impl Strategy<Value = HoursConfig> {
    let days = any::<[bool; 7]>().prop_filter("a day", |days| days.contains(&true));
    let between = (0_u16..1440, 1_u16..=1440).prop_filter("a time", |(from, to)| from != to);
    (days, between, 0..ZONES.len()).prop_map(|(days, (from_minute, to_minute), zone)| HoursConfig {
        days,
        from_minute,
        to_minute,
        zone: ZONES[zone].to_owned(),
        quiet: false,
    })
}

/// What the clock on the wall says, as a person reads it.
fn is_open(config: &HoursConfig, clock: DateTime) -> bool {
    let minute = (clock.hour() as u16) * 60 + clock.minute() as u16;
    let today = clock.weekday().to_monday_zero_offset() as usize;
    let (from, to) = (config.from_minute, config.to_minute);
    if from < to {
        return config.days[today] && (from..to).contains(&minute);
    }
    let yesterday = (today + 6) % 7;
    (config.days[today] && minute >= from) || (config.days[yesterday] && minute < to)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_are_what_a_look_in_every_minute_says(
        config in any_config(),
        start in 0..STARTS.len(),
        first in 0_i64..2880,
        wanted in 1_u64..1500,
    ) {
        let problems = Problems::default();
        let hours = Hours::compile(&config, "hours", &problems).expect("a zone");
        let minute = Duration::from_secs(60);
        let start: Timestamp = STARTS[start].parse().expect("a time");
        let start = start + Duration::from_secs(60) * u32::try_from(first).expect("few");
        let (mut now, mut counted, mut opened, mut reached) = (start, 0, None, None);
        // Two weeks, within which the clock is changed once at most.
        for _ in 0..2 * 7 * 24 * 60 {
            let open = is_open(&config, hours.zone.to_datetime(now));
            prop_assert_eq!(hours.is_open(now), open, "{}", now);
            prop_assert_eq!(hours.is_open(now + minute - Duration::from_nanos(1)), open, "{}", now);
            if open {
                opened = opened.or(Some(now));
                counted += 1;
            }
            now += minute;
            if counted == wanted {
                reached = reached.or(Some(now));
            }
        }
        prop_assert_eq!(hours.counted(start, now), minute * counted as u32);
        if let Some(opened) = opened {
            prop_assert_eq!(hours.next_open(start), opened);
        }
        let span = minute * wanted as u32;
        let after = hours.after(start, span);
        match reached {
            Some(reached) => prop_assert_eq!(after, reached),
            None => prop_assert!(after > now),
        }
        prop_assert_eq!(hours.counted(start, after), span);
    }
}
