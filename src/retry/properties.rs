//! Generated cases for the arithmetic of waiting: whatever happens, every wait is in range and every
//! delivery ends.

use proptest::prelude::*;

use super::tests::{RESTS, at, later, progress, retry};
use super::*;

fn any_ladder() -> impl Strategy<Value = Ladder> {
    (
        1_u64..10_000,
        1.0_f64..10.0,
        1_u64..7_200_000,
        1_u64..200_000,
        proptest::option::of(1_u32..30),
    )
        .prop_map(|(initial, factor, max, max_age, max_attempts)| Ladder {
            initial: Duration::from_millis(initial.min(max)),
            factor,
            max: Duration::from_millis(max),
            max_age: Duration::from_secs(max_age),
            max_attempts,
        })
}

fn any_failure() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        any::<bool>().prop_map(retry),
        proptest::option::of(1_u64..100_000).prop_map(later),
        Just(Verdict::RetryPlain {
            reason: "400 Bad Request".to_owned()
        }),
    ]
}

proptest! {
    #[test]
    fn every_wait_is_in_range(
        ladder in any_ladder(),
        verdict in any_failure(),
        step in any::<u32>(),
        rests in any::<u32>(),
        jitter in any::<f64>(),
        age in -10_000_i64..300_000,
        expires in proptest::option::of(-10_000_i64..300_000),
    ) {
        let mut progress = Progress { step, rests, jitter, ..progress(0) };
        progress.now = at(1_000_000 + age);
        progress.expires_at = expires.map(|age| at(1_000_000 + age));
        let settled = settle(&ladder, &RESTS, &progress, &verdict);
        if settled.state == State::Waiting {
            let wait = Duration::try_from(settled.due.duration_since(progress.now));
            let cap = if settled.rest_until.is_some() { REST_MAX } else { ladder.max };
            prop_assert!(wait.is_ok_and(|wait| wait <= cap), "{settled:?}");
        }
    }

    #[test]
    fn every_delivery_ends_under_any_sequence_of_failures(
        ladder in any_ladder(),
        tries in proptest::collection::vec((any_failure(), 0.0_f64..1.0, proptest::option::of(0.0_f64..0.9)), 1..9),
    ) {
        // A ladder of tiny waits is as good as endless here, and its end is the same arithmetic.
        let ladder = Ladder {
            max_age: ladder.max_age.min(ladder.initial * 500),
            ..ladder
        };
        let start = progress(0);
        let deadline = deadline(&ladder, &start);
        // A wait is at least half of the first one, and an early try halves it at most once for each
        // try in time, so this many attempts fit below the age limit.
        let shortest = ladder.initial.min(Duration::from_secs(1)).as_millis();
        let most = 4 * ladder.max_age.as_millis() / shortest + 8;
        let mut now = start;
        let mut due = start.now;
        for (verdict, jitter, early) in tries.iter().cycle().take(usize::try_from(most).expect("few")) {
            // Every other try may come before its time, when the sink is probed.
            let left = Duration::try_from(due.duration_since(now.now)).expect("never in the past");
            let early = early.filter(|_| now.early_for.is_none() && !left.is_zero());
            now = Progress {
                attempt: now.attempt + 1,
                early_for: early.map(|_| due),
                now: early.map_or(due, |part| after(now.now, left.mul_f64(part))),
                jitter: *jitter,
                ..now
            };
            let settled = settle(&ladder, &RESTS, &now, verdict);
            if settled.state == State::Dead {
                let reason = settled.reason.expect("a dead letter has a reason");
                prop_assert!(reason.contains(verdict.reason().expect("it failed")));
                prop_assert!(now.now <= after(deadline, REST_MAX), "long after its age limit");
                return Ok(());
            }
            prop_assert_eq!(settled.state, State::Waiting);
            prop_assert!(settled.due >= now.now, "in the past: {:?}", settled);
            prop_assert!(settled.step >= now.step && settled.step <= now.step + 1);
            if settled.rest_until.is_none() && !matches!(verdict, Verdict::RetryPlain { .. }) {
                if let Some(own) = now.early_for {
                    prop_assert_eq!((settled.due, settled.step), (own, now.step), "an early try is free");
                } else {
                    prop_assert!(settled.due <= deadline, "{:?}", settled);
                }
            }
            due = settled.due;
            now = Progress { step: settled.step, plain: settled.plain, rests: now.rests + 1, ..now };
        }
        prop_assert!(false, "still waiting after {most} attempts");
    }

    #[test]
    fn every_delivery_that_keeps_failing_ends(
        ladder in any_ladder(),
        verdict in any_failure(),
        jitter in 0.0_f64..1.0,
    ) {
        let mut now = progress(0);
        now.jitter = jitter;
        let deadline = deadline(&ladder, &now);
        // A wait is at least half of the first one, so this many attempts fit below the age limit.
        let most = 2 * ladder.max_age.as_millis() / ladder.initial.min(Duration::from_secs(1)).as_millis() + 3;
        // A ladder of tiny waits is as good as endless here, and its end is the same arithmetic.
        prop_assume!(most < 200_000);
        for _ in 0..most {
            let settled = settle(&ladder, &RESTS, &now, &verdict);
            if settled.state == State::Dead {
                let reason = settled.reason.expect("a dead letter has a reason");
                prop_assert!(reason.contains(verdict.reason().expect("it failed")));
                return Ok(());
            }
            prop_assert!(settled.due <= deadline || settled.rest_until.is_some());
            now = Progress {
                attempt: now.attempt + 1,
                step: settled.step,
                plain: settled.plain,
                now: settled.due,
                rests: now.rests + 1,
                ..now
            };
        }
        prop_assert!(false, "still waiting after {most} attempts");
    }
}
