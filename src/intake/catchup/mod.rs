//! Catching up: REST is read beside the stream, whenever the stream may have missed something, and in
//! its place while it is away.
//!
//! A folder of its own because the stream must not wait for it. It takes what it reads to the desk and
//! never touches the connection; when to connect is the follower's.

mod poll;
mod read;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use self::poll::Polls;
use self::read::{Reader, Trouble};
use super::closing::Closing;
use super::desk::{Desk, Tally};
use super::gap::{Cause, Gap};
use crate::model::Event;
use crate::sources::picture::{LookUp, Since};
use crate::sources::ttmt_rest::Account;

/// What the upstream replays comes first: it knows more than REST does.
const SETTLE: Duration = Duration::from_secs(1);

/// A gap that is still open after this long is told as such.
const TELL_AFTER: Duration = Duration::from_secs(110);

/// Without an event for this long, while something is open, REST is looked at once.
const SILENCE: Duration = Duration::from_mins(10);

/// Longest wait for the names of what an event is about.
const NAMES_WAIT: Duration = Duration::from_secs(5);

/// Waits between two readings that failed: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Catches up for as long as it is polled.
pub(super) async fn run(desk: &Desk<'_>) {
    let Some(account) = desk.parts.backfill.as_ref().map(|rest| &rest.bulk) else {
        return without_rest(desk).await;
    };
    let mut polls = Polls::new(account);
    loop {
        tokio::select! {
            biased;
            gap = desk.gap() => close(desk, account, gap).await,
            () = silence(desk) => desk.notice(silent(desk)),
            () = polls.next(desk) => {}
        }
    }
}

/// Says that there is a gap, since nothing can be done about it.
async fn without_rest(desk: &Desk<'_>) {
    loop {
        let gap = desk.gap().await;
        if gap.alarm {
            desk.report.gap(&gap, &Tally::new(), &Closing::Off);
        }
    }
}

/// Reads REST until all that it can tell about a gap is told, and says what came of it: once, when it is
/// done or when it takes too long.
async fn close(desk: &Desk<'_>, account: &Arc<dyn Account>, mut gap: Gap) {
    let reader = Reader::new(desk, account);
    let mut is_told = false;
    let mut failures = 0;
    sleep(SETTLE).await;
    loop {
        // What was noticed meanwhile is read for as well.
        if let Some(more) = desk.pending_gap() {
            gap = gap.with(more);
        }
        let round = round(&reader, &gap, &mut failures);
        let Some(left_out) = telling(desk, &reader, &gap, &mut is_told, round).await else {
            continue;
        };
        let tally = desk.take_tally();
        if is_told || !gap.is_worth_telling(&tally) {
            desk.report.gap_closed(&gap, &tally);
        } else {
            desk.report.gap(&gap, &tally, &Closing::Done(left_out));
        }
        return;
    }
}

/// One reading; after one that failed, the wait before the next.
async fn round(reader: &Reader<'_, '_>, gap: &Gap, failures: &mut u32) -> Option<Vec<String>> {
    let desk = reader.desk();
    match reader.read(gap).await {
        Ok(left_out) => return Some(left_out),
        Err(Trouble::Withdrawn(how)) => {
            desk.set_withdrawn(Some(how));
            desk.admitted().await;
        }
        Err(Trouble::Failed(reason)) => {
            tracing::warn!(source = %desk.parts.name, reason, "a gap could not be closed yet");
            let (first, longest) = AGAIN;
            let wait = first.saturating_mul(1 << (*failures).min(4)).min(longest);
            *failures += 1;
            let chance = (desk.parts.jitter)().clamp(0.0, 1.0);
            sleep(wait.mul_f64(f64::midpoint(1.0, chance))).await;
        }
    }
    None
}

/// Awaits a round, and says that the gap is still open when that takes too long.
async fn telling<T>(
    desk: &Desk<'_>,
    reader: &Reader<'_, '_>,
    gap: &Gap,
    is_told: &mut bool,
    round: impl Future<Output = T>,
) -> T {
    let mut round = std::pin::pin!(round);
    loop {
        tokio::select! {
            biased;
            done = &mut round => return done,
            () = sleep_until(gap.noticed + TELL_AFTER), if !*is_told && gap.is_worth_a_warning() => {
                *is_told = true;
                let closing = Closing::Open(reader.trouble());
                desk.report.gap(gap, &desk.take_tally(), &closing);
            }
        }
    }
}

/// Finds the names of what an event is about, if it has none and REST has: within a time limit, since an
/// alert without names is better than none.
pub(super) async fn name(desk: &Desk<'_>, event: &Event) {
    let Some(account) = desk.parts.backfill.as_ref().map(|rest| &rest.urgent) else {
        return;
    };
    let Some(wanted) = wanted(desk, event) else {
        return;
    };
    let looking = Reader::new(desk, account);
    let found = tokio::time::timeout(NAMES_WAIT, looking.look_up(&wanted)).await;
    if found.is_err() {
        tracing::warn!(source = %desk.parts.name, "nobody could be asked in time what an event is about");
    }
    let is_named = desk
        .picture()
        .is_some_and(|picture| picture.look_up(event).is_none());
    if !is_named {
        desk.note_unknown(&wanted.position);
    }
}

/// Whether REST should be asked what an event is about before it is taken in.
pub(super) fn is_nameless(desk: &Desk<'_>, event: &Event) -> bool {
    desk.parts.backfill.is_some() && wanted(desk, event).is_some()
}

fn wanted(desk: &Desk<'_>, event: &Event) -> Option<LookUp> {
    let wanted = desk.picture()?.look_up(event)?;
    (!desk.is_unknown(&wanted.position)).then_some(wanted)
}

/// Waits until nothing was heard for long while something is open. Each silence ends it once.
async fn silence(desk: &Desk<'_>) {
    let mut heard: watch::Receiver<Instant> = desk.heard();
    loop {
        let last = *heard.borrow_and_update();
        let over = last + SILENCE;
        if over <= Instant::now() {
            // This silence was looked into already, or there was nothing to look into.
            if heard.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        }
        tokio::select! {
            changed = heard.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
            }
            () = sleep_until(over) => {
                let is_open = desk.picture().is_some_and(|picture| picture.has_open());
                if is_open && desk.polling().borrow().is_none() {
                    return;
                }
            }
        }
    }
}

fn silent(desk: &Desk<'_>) -> Gap {
    let since = desk.parts.clock.now() - SILENCE;
    Gap::new(Cause::Silence, Since::Moment(since), SILENCE)
}
