//! Tables for the arithmetic of waiting.

use bytes::Bytes;

use super::*;
use crate::model::{DataAt, Name};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) const RESTS: Rests = Rests {
    first: Duration::from_secs(10),
    max: Duration::from_secs(300),
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

pub(super) fn progress(step: u32) -> Progress {
    Progress {
        attempt: step + 1,
        step,
        plain: false,
        created: at(1_000_000),
        expires_at: None,
        early_for: None,
        woken: false,
        now: at(1_000_000),
        rests: 0,
        jitter: 1.0,
    }
}

pub(super) fn retry(slow: bool) -> Verdict {
    Verdict::Retry {
        reason: "503 Service Unavailable".to_owned(),
        slow,
    }
}

pub(super) fn later(wait: Option<u64>) -> Verdict {
    Verdict::RetryAfter {
        reason: "429 Too Many Requests".to_owned(),
        wait: wait.map(Duration::from_secs),
        kind_wide: false,
    }
}

fn waited(settled: &Settlement, progress: &Progress) -> Duration {
    Duration::try_from(settled.due.duration_since(progress.now)).expect("never in the past")
}

#[test]
fn waits_climb_by_the_factor_up_to_the_cap() {
    let ladder = Ladder::default();
    for (step, expected) in [
        (0, 1),
        (1, 3),
        (2, 9),
        (6, 729),
        (7, 2187),
        (8, 3600),
        (100_000, 3600),
    ] {
        let progress = progress(step);
        let settled = settle(&ladder, &RESTS, &progress, &retry(false));
        assert_eq!(
            waited(&settled, &progress).as_secs(),
            expected,
            "step {step}"
        );
        assert_eq!(settled.step, step + 1);
        assert_eq!(settled.state, State::Waiting);
    }
}

#[test]
fn jitter_takes_off_up_to_half() {
    for (jitter, expected) in [
        (0.0, 1350),
        (0.5, 2025),
        (1.0, 2700),
        (7.0, 2700),
        (-1.0, 1350),
        (f64::NAN, 2700),
    ] {
        let ladder = Ladder {
            initial: Duration::from_millis(2700),
            ..Ladder::default()
        };
        let progress = Progress {
            jitter,
            ..progress(0)
        };
        let settled = settle(&ladder, &RESTS, &progress, &retry(false));
        assert_eq!(
            waited(&settled, &progress).as_millis(),
            expected,
            "{jitter}"
        );
    }
}

#[test]
fn a_fault_that_a_person_has_to_mend_waits_five_minutes_at_least() {
    let progress = Progress {
        jitter: 0.0,
        ..progress(0)
    };
    let settled = settle(&Ladder::default(), &RESTS, &progress, &retry(true));
    assert_eq!(waited(&settled, &progress).as_secs(), 300);
    assert_eq!(settled.step, 1, "it uses one step, as any failure does");
    let short = Ladder {
        max: Duration::from_secs(2),
        ..Ladder::default()
    };
    let settled = settle(&short, &RESTS, &progress, &retry(true));
    assert!(waited(&settled, &progress) <= short.max, "the cap holds");
}

#[test]
fn the_age_limit_ends_a_delivery_with_its_last_failure() {
    let ladder = Ladder::default();
    let mut old = progress(40);
    old.now = after(old.created, 24 * HOUR);
    for verdict in [retry(false), retry(true), later(Some(5))] {
        let settled = settle(&ladder, &RESTS, &old, &verdict);
        let failure = verdict.reason().expect("it failed");
        assert_eq!(settled.state, State::Dead);
        assert_eq!(
            settled.reason,
            Some(format!("gave up after 41 attempts: {failure}"))
        );
    }
    let mut nearly = progress(40);
    nearly.now = after(nearly.created, 24 * HOUR - Duration::from_secs(7));
    let settled = settle(&ladder, &RESTS, &nearly, &retry(false));
    assert_eq!(
        waited(&settled, &nearly).as_secs(),
        7,
        "the last attempt is at the limit"
    );
}

#[test]
fn what_is_tried_early_costs_nothing_until_the_age_limit() {
    let ladder = Ladder {
        max_attempts: Some(3),
        ..Ladder::default()
    };
    let early = Progress {
        early_for: Some(at(1_000_500)),
        ..progress(2)
    };
    for slow in [false, true] {
        let settled = settle(&ladder, &RESTS, &early, &retry(slow));
        assert_eq!((settled.state, settled.step), (State::Waiting, 2));
        assert_eq!(settled.due, at(1_000_500), "its own time has not changed");
        let wake = if slow {
            Wake::OnSuccess
        } else {
            Wake::OnReturn
        };
        assert_eq!(settled.wake, wake);
    }
    let took_long = Progress {
        now: at(1_000_500),
        ..early
    };
    let settled = settle(&ladder, &RESTS, &took_long, &retry(false));
    assert_eq!(settled.state, State::Dead, "its time had come meanwhile");
    let old = Progress {
        early_for: Some(at(9_000_000)),
        now: at(8_000_000),
        ..early
    };
    let settled = settle(&ladder, &RESTS, &old, &retry(false));
    assert_eq!(settled.state, State::Dead);
}

#[test]
fn only_what_waits_for_its_sink_is_woken_by_it() {
    for (verdict, woken, wake) in [
        (retry(false), false, Wake::OnReturn),
        (retry(false), true, Wake::OnReturn),
        // A person has to mend it, and has when the sink accepts another one.
        (retry(true), false, Wake::OnSuccess),
        // It does not, and refuses this one again.
        (retry(true), true, Wake::Never),
        // The receiver has said when.
        (later(Some(5)), false, Wake::Never),
    ] {
        let progress = Progress {
            woken,
            ..progress(0)
        };
        let settled = settle(&Ladder::default(), &RESTS, &progress, &verdict);
        assert_eq!(settled.wake, wake, "{verdict:?}, {woken}");
    }
}

#[test]
fn the_attempt_limit_counts_failures_and_not_rests() {
    let ladder = Ladder {
        max_attempts: Some(3),
        ..Ladder::default()
    };
    let second = settle(&ladder, &RESTS, &progress(1), &retry(false));
    assert_eq!(second.state, State::Waiting);
    let third = settle(&ladder, &RESTS, &progress(2), &retry(false));
    assert_eq!(third.state, State::Dead);
    let rested = settle(&ladder, &RESTS, &progress(2), &later(Some(5)));
    assert_eq!((rested.state, rested.step), (State::Waiting, 2));
}

#[test]
fn a_rest_holds_the_delivery_and_the_lane_and_uses_no_step() {
    for (asked, rests, expected) in [
        (Some(5), 0, 5),
        (Some(5), 9, 5),
        (Some(90_000), 0, 3600),
        (None, 0, 10),
        (None, 1, 20),
        (None, 4, 160),
        (None, 5, 300),
        (None, u32::MAX, 300),
    ] {
        let progress = Progress {
            rests,
            ..progress(3)
        };
        let settled = settle(&Ladder::default(), &RESTS, &progress, &later(asked));
        assert_eq!(
            waited(&settled, &progress).as_secs(),
            expected,
            "{asked:?} {rests}"
        );
        assert_eq!(settled.rest_until, Some(settled.due));
        assert_eq!(settled.step, 3);
    }
}

#[test]
fn a_rest_holds_the_lane_even_when_the_delivery_is_too_old() {
    let mut old = progress(1);
    old.now = after(old.created, 48 * HOUR);
    let settled = settle(&Ladder::default(), &RESTS, &old, &later(Some(60)));
    assert_eq!(settled.state, State::Dead);
    assert_eq!(
        settled.rest_until,
        Some(after(old.now, Duration::from_secs(60)))
    );
}

#[test]
fn plain_text_is_tried_once_and_at_once() {
    let verdict = Verdict::RetryPlain {
        reason: "400 Bad Request".to_owned(),
    };
    let first = settle(&Ladder::default(), &RESTS, &progress(0), &verdict);
    assert_eq!(
        (first.state, first.plain, first.step),
        (State::Waiting, true, 0)
    );
    assert_eq!(first.due, progress(0).now);
    let plain = Progress {
        plain: true,
        ..progress(0)
    };
    let second = settle(&Ladder::default(), &RESTS, &plain, &verdict);
    assert_eq!(second.state, State::Dead);
    assert!(
        second
            .reason
            .is_some_and(|reason| reason.contains("400 Bad Request"))
    );
}

#[test]
fn a_suspended_sink_keeps_the_delivery() {
    let mut old = progress(2);
    old.now = after(old.created, 48 * HOUR);
    let verdict = Verdict::Suspend {
        reason: "410 Gone".to_owned(),
    };
    let settled = settle(&Ladder::default(), &RESTS, &old, &verdict);
    assert_eq!(settled.state, State::Waiting);
    assert_eq!(settled.suspend.as_deref(), Some("410 Gone"));
    assert_eq!(settled.step, 2);
}

#[test]
fn an_event_expires_by_its_own_time() {
    let event = Event {
        source: Name::new("feed").expect("a name"),
        id: None,
        kind: "tp_hit".into(),
        time: Some(at(1_000)),
        received: at(1_500),
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::new(),
        data: DataAt::Missing,
    };
    let minute = Some(Duration::from_secs(60));
    assert_eq!(expired(&event, minute, at(1_060)), None);
    assert_eq!(
        expired(&event, minute, at(1_061)),
        Some(Duration::from_secs(61))
    );
    assert_eq!(expired(&event, None, at(9_000_000)), None);
    assert_eq!(
        expired(&event, minute, at(0)),
        None,
        "a clock that went back"
    );
    // Whoever asks for it later wants it for as long as if it had just happened.
    for (asked, until) in [
        (None, 1_060),
        (Some(at(900)), 1_060),
        (Some(at(5_000)), 5_060),
    ] {
        assert_eq!(expiry(&event, minute, asked), Some(at(until)), "{asked:?}");
        assert_eq!(expiry(&event, None, asked), None);
    }
}

#[test]
fn what_cannot_be_changed_is_sent_anew_at_once_and_forgotten() {
    let progress = progress(2);
    let gone = Verdict::RetryAnew {
        reason: "404 Not Found".to_owned(),
    };
    let settled = settle(&Ladder::default(), &RESTS, &progress, &gone);
    assert_eq!((settled.state, settled.step), (State::Waiting, 2));
    assert_eq!((settled.due, settled.posted), (progress.now, Posted::Gone));
}

#[test]
fn what_would_expire_before_its_next_try_is_looked_at_when_it_does() {
    let ladder = Ladder::default();
    let expires_at = Some(at(1_000_008));
    for verdict in [retry(true), retry(false)] {
        let progress = Progress {
            expires_at,
            ..progress(3)
        };
        let settled = settle(&ladder, &RESTS, &progress, &verdict);
        let wait = waited(&settled, &progress);
        assert_eq!(wait, Duration::from_secs(8) + MOMENT, "{verdict:?}");
    }
    let soon = Progress {
        expires_at,
        ..progress(0)
    };
    let settled = settle(&ladder, &RESTS, &soon, &retry(false));
    assert_eq!(
        waited(&settled, &soon).as_secs(),
        1,
        "its own wait is shorter"
    );
}
