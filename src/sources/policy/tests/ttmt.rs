//! The schedule of the TTMT contract.
//!
//! A file of its own because it overrules the defaults of other feeds; those are beside it.

use super::*;

#[test]
fn ctrl_1_a_recycle_is_answered_at_once_and_starts_the_waits_over() {
    check(
        Kind::Ttmt,
        [
            (unreachable(), NOTHING, wait(1)),
            (unreachable(), NOTHING, wait(2)),
            (End::Recycled, OPENED, now()),
            (End::Recycled, OPENED, now()),
            (unreachable(), NOTHING, wait(1)),
        ],
    );
}

#[test]
fn ctrl_6_the_loss_of_a_ttmt_stream_is_answered_at_once_the_first_time() {
    for end in [End::Eof, End::Idle, End::TooOld] {
        check(
            Kind::Ttmt,
            [
                (end.clone(), OPENED, now()),
                (end.clone(), OPENED, wait(1)),
                (unreachable(), NOTHING, wait(2)),
                (end.clone(), OPENED, wait(4)),
                (end.clone(), DELIVERED, now()),
                (end.clone(), OPENED, wait(1)),
                (end.clone(), LONG, now()),
            ],
        );
    }
    check(Kind::Ttmt, [(broken(), OPENED, now())]);
    check(Kind::Ttmt, [(unreachable(), NOTHING, wait(1))]);
}

#[test]
fn err_5_failures_of_ttmt_double_from_one_to_thirty_seconds() {
    check(
        Kind::Ttmt,
        [
            (unreachable(), NOTHING, wait(1)),
            (status(500), NOTHING, wait(2)),
            (End::NoHead, NOTHING, wait(4)),
            (status(502), NOTHING, wait(8)),
            (status(408), NOTHING, wait(16)),
            (unreachable(), NOTHING, wait(30)),
            (unreachable(), NOTHING, wait(30)),
        ],
    );
}

#[test]
fn ctrl_8_a_conflict_waits_three_to_five_seconds_and_is_reported_after_five_minutes() {
    let at = |seconds| Progress {
        at: Duration::from_secs(seconds),
        ..NOTHING
    };
    check(
        Kind::Ttmt,
        [
            (status(409), at(0), wait(5)),
            (status(409), at(299), wait(5)),
            (unreachable(), at(300), wait(1)),
            (status(409), at(310), wait(5)),
            (status(409), at(609), wait(5)),
            (status(409), at(610), alarmed(wait(5), Alarm::KeyElsewhere)),
            (status(409), at(700), wait(5)),
        ],
    );
    let earliest = Policy::new(Kind::Ttmt).next(&status(409), &NOTHING, &mut || 0.0);
    assert_eq!(earliest, wait(3));
}

#[test]
fn ctrl_9_a_503_of_ttmt_doubles_from_five_to_sixty_seconds_with_polling() {
    check(
        Kind::Ttmt,
        [
            (status(503), NOTHING, poll(5)),
            (status(503), NOTHING, poll(10)),
            (status(503), NOTHING, poll(20)),
            (status(503), NOTHING, poll(40)),
            (status(503), NOTHING, poll(60)),
            (asking(503, Some(90)), NOTHING, poll(90)),
        ],
    );
}

#[test]
fn the_key_of_ttmt_decides_by_its_status() {
    let parked = alarmed(step(Next::Park), Alarm::Person);
    check(Kind::Ttmt, [(status(401), NOTHING, step(Next::Park))]);
    check(Kind::Ttmt, [(status(403), NOTHING, step(Next::Suspended))]);
    check(Kind::Ttmt, [(End::AuthRevoked, OPENED, step(Next::Probe))]);
    check(Kind::Ttmt, [(status(400), NOTHING, parked)]);
    check(Kind::Ttmt, [(status(405), NOTHING, parked)]);
    check(
        Kind::Ttmt,
        [(status(404), NOTHING, alarmed(wait(300), Alarm::Person))],
    );
}

#[test]
fn rate_2_a_429_of_ttmt_waits_what_it_says_or_a_minute() {
    check(
        Kind::Ttmt,
        [
            (asking(429, Some(7)), NOTHING, wait(8)),
            (asking(429, None), NOTHING, wait(61)),
            (asking(429, Some(999_999)), NOTHING, wait(3601)),
            (unreachable(), NOTHING, wait(1)),
        ],
    );
}

#[test]
fn auth_5_probes_are_a_minute_apart_and_grow_to_five_minutes() {
    let mut policy = Policy::new(Kind::Ttmt);
    let waits: Vec<_> = (0..5)
        .map(|_| policy.probe_wait(&mut || 0.0).as_secs())
        .collect();
    assert_eq!(waits, [60, 120, 240, 300, 300]);
    policy.next(&End::Eof, &OPENED, &mut || 1.0);
    assert_eq!(policy.probe_wait(&mut || 1.0).as_secs(), 66);
}
