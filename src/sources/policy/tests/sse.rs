//! The schedule of any other feed, and what holds for both.
//!
//! A file of its own because most of it does not hold for TTMT, whose table is beside it.

use super::*;

#[test]
fn feed_t5_retry_after_is_a_lower_bound_that_is_capped() {
    check(
        Kind::Sse,
        [
            (asking(429, Some(7)), NOTHING, wait(7)),
            (asking(503, Some(1)), NOTHING, wait(2)),
            (asking(503, Some(999_999)), NOTHING, wait(3600)),
            (
                asking(404, Some(600)),
                NOTHING,
                alarmed(wait(600), Alarm::Person),
            ),
        ],
    );
}

#[test]
fn feed_r5_refusals_that_a_person_has_to_look_at_are_tried_slowly() {
    let slow = |seconds| alarmed(wait(seconds), Alarm::Person);
    for end in [
        status(206),
        status(302),
        status(404),
        status(405),
        status(451),
        End::ContentType(String::new()),
        End::Encoding(String::new()),
        End::Redirect(String::new()),
    ] {
        check(Kind::Sse, [(end.clone(), NOTHING, slow(60))]);
        if !matches!(
            end,
            End::Status(Refusal {
                status: 404 | 405,
                ..
            })
        ) {
            check(Kind::Ttmt, [(end, NOTHING, slow(30))]);
        }
    }
}

#[test]
fn a_credential_that_a_plain_feed_refuses_is_read_anew_once_and_then_tried_slowly() {
    for code in [401, 403] {
        let slow = alarmed(wait(60), Alarm::Person);
        check(
            Kind::Sse,
            [
                (status(code), NOTHING, wait(1)),
                (status(code), NOTHING, slow),
                (End::Eof, DELIVERED, wait(1)),
                (status(code), NOTHING, wait(2)),
                (status(code), NOTHING, slow),
            ],
        );
    }
}

#[test]
fn feed_r4_a_plain_feed_that_says_stop_is_left_alone() {
    for code in [204, 410] {
        let parked = alarmed(step(Next::Park), Alarm::Person);
        check(Kind::Sse, [(status(code), NOTHING, parked)]);
    }
}

#[test]
fn feed_t1_the_servers_wish_replaces_the_first_wait_within_limits() {
    let wish = |wish| Progress {
        retry: Some(wish),
        ..DELIVERED
    };
    check(
        Kind::Sse,
        [
            (End::Eof, wish(Duration::from_secs(7)), wait(7)),
            (End::Eof, wish(Duration::MAX), wait(300)),
            (
                End::Eof,
                wish(Duration::ZERO),
                step(Next::Wait(Duration::from_millis(250))),
            ),
        ],
    );
    let failed = |seconds| Progress {
        retry: Some(Duration::from_secs(seconds)),
        ..NOTHING
    };
    check(
        Kind::Sse,
        [
            (unreachable(), failed(20), wait(20)),
            (unreachable(), failed(20), wait(40)),
            (unreachable(), failed(20), wait(60)),
            (unreachable(), failed(200), wait(200)),
        ],
    );
}

#[test]
fn feed_t2_every_wait_is_spread_over_its_upper_half() {
    for (chance, millis) in [
        (0.0, 500),
        (0.5, 750),
        (1.0, 1000),
        (9.0, 1000),
        (-9.0, 500),
        (f64::NAN, 500),
    ] {
        let step = Policy::new(Kind::Sse).next(&unreachable(), &NOTHING, &mut || chance);
        assert_eq!(step.next, Next::Wait(Duration::from_millis(millis)));
    }
}

#[test]
fn feed_t2_the_wait_stays_at_its_cap_however_long_it_goes_on() {
    let mut policy = Policy::new(Kind::Sse);
    for _ in 0..100_000 {
        policy.next(&unreachable(), &NOTHING, &mut || 1.0);
    }
    assert_eq!(policy.next(&unreachable(), &NOTHING, &mut || 1.0), wait(60));
}

#[test]
fn feed_t12_the_third_like_failure_at_one_place_is_slow_and_said_once() {
    for end in [
        End::EofInEvent,
        broken(),
        End::Flood,
        End::Library(String::new()),
    ] {
        check(
            Kind::Sse,
            [
                (end.clone(), DELIVERED, wait(1)),
                (end.clone(), OPENED, wait(2)),
                (end.clone(), OPENED, alarmed(wait(60), Alarm::Stuck)),
                (end.clone(), OPENED, wait(60)),
                (end.clone(), DELIVERED, wait(1)),
            ],
        );
    }
}

#[test]
fn feed_t12_other_failures_or_long_lives_between_make_no_rut() {
    check(
        Kind::Sse,
        [
            (End::EofInEvent, OPENED, wait(1)),
            (End::EofInEvent, OPENED, wait(2)),
            (broken(), OPENED, wait(4)),
            (End::EofInEvent, OPENED, wait(8)),
        ],
    );
    check(
        Kind::Sse,
        [
            (broken(), LONG, wait(1)),
            (broken(), LONG, wait(1)),
            (broken(), LONG, wait(1)),
        ],
    );
    check(
        Kind::Sse,
        [
            (broken(), OPENED, wait(1)),
            (unreachable(), NOTHING, wait(2)),
            (broken(), OPENED, wait(4)),
            (unreachable(), NOTHING, wait(8)),
            (broken(), OPENED, alarmed(wait(60), Alarm::Stuck)),
        ],
    );
}

#[test]
fn feed_l9_the_second_refusal_that_may_blame_the_cursor_gives_it_up() {
    for code in [400, 412, 416] {
        check(
            Kind::Sse,
            [
                (status(code), RESUMED, wait(1)),
                (unreachable(), NOTHING, wait(2)),
                (status(code), RESUMED, wait(4)),
                (
                    status(code),
                    RESUMED,
                    alarmed(wait(8), Alarm::CursorRejected),
                ),
                (status(code), NOTHING, alarmed(wait(60), Alarm::Person)),
                (status(code), RESUMED, alarmed(wait(60), Alarm::Person)),
            ],
        );
    }
    check(
        Kind::Ttmt,
        [(
            status(400),
            RESUMED,
            alarmed(wait(1), Alarm::CursorRejected),
        )],
    );
}
