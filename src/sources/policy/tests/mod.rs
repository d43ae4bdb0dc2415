//! Tables: a run of ends goes in, the steps come out.
//!
//! A file of its own because the tables are longer than the policy. One table file for each schedule.

mod sse;
mod ttmt;

use super::*;
use crate::model::Failure;

const NOTHING: Progress = Progress {
    opened: false,
    advanced: false,
    lived: Duration::ZERO,
    retry: None,
    cursor_sent: false,
    at: Duration::ZERO,
};
const OPENED: Progress = Progress {
    opened: true,
    ..NOTHING
};
const DELIVERED: Progress = Progress {
    advanced: true,
    ..OPENED
};
const LONG: Progress = Progress {
    lived: GOOD_LIFE,
    ..OPENED
};
const RESUMED: Progress = Progress {
    cursor_sent: true,
    ..NOTHING
};

fn status(status: u16) -> End {
    asking(status, None)
}

fn asking(status: u16, retry_after: Option<u64>) -> End {
    End::Status(Refusal {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        problem: None,
        remaining: None,
        body: String::new(),
    })
}

fn unreachable() -> End {
    End::Unreachable(Failure::Refused)
}

fn broken() -> End {
    End::Broken(Failure::Reset)
}

fn wait(seconds: u64) -> Step {
    step(Next::Wait(Duration::from_secs(seconds)))
}

fn poll(seconds: u64) -> Step {
    step(Next::Poll(Duration::from_secs(seconds)))
}

fn alarmed(step: Step, alarm: Alarm) -> Step {
    Step {
        alarm: Some(alarm),
        ..step
    }
}

fn now() -> Step {
    step(Next::Now)
}

/// Feeds a run of ends to a fresh policy, with chance at its latest.
#[track_caller]
fn check<const N: usize>(kind: Kind, run: [(End, Progress, Step); N]) {
    let mut policy = Policy::new(kind);
    for (turn, (end, progress, expected)) in run.into_iter().enumerate() {
        let step = policy.next(&end, &progress, &mut || 1.0);
        assert_eq!(step, expected, "{kind:?} turn {turn}: {end:?}");
    }
}
