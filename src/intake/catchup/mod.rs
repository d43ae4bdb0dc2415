//! Catching up: REST is read beside the stream, whenever the stream may have missed something, and in
//! its place while it is away.
//!
//! A folder of its own because the stream must not wait for it. It takes what it reads to the desk and
//! never touches the connection; when to connect is the follower's. Whatever takes something in runs to
//! its end: only waits are given up for something else.

mod closing;
mod lists;
mod names;
mod poll;
mod read;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep_until;

use self::closing::Closing;
use self::poll::Polls;
use self::silence::Silence;
use super::closing::Outcome;
use super::desk::Desk;
use crate::sources::picture::Tally;
use crate::sources::ttmt_rest::Account;

pub(super) use names::{is_nameless, name};

/// A gap that is still open after this long is told as such.
const TELL_AFTER: Duration = Duration::from_secs(110);

/// Catches up for as long as it is polled.
pub(super) async fn run(desk: &Desk<'_>) {
    match &desk.parts.backfill {
        // Boxed, so that sources without an API do not carry the room that this needs.
        Some(rest) => Box::pin(with_rest(desk, &rest.bulk)).await,
        None => without_rest(desk).await,
    }
}

async fn with_rest(desk: &Desk<'_>, account: &Arc<dyn Account>) {
    let mut polls = Polls::new(account);
    let mut silence = Silence::default();
    let mut closing: Option<Closing<'_, '_>> = None;
    loop {
        let due = closing.as_ref().map(Closing::due);
        tokio::select! {
            biased;
            gap = desk.gap() => match &mut closing {
                Some(closing) => closing.more(gap),
                None => closing = Some(Closing::new(desk, account, gap)),
            },
            () = async { sleep_until(due.unwrap_or_else(far)).await }, if due.is_some() => {
                if let Some(current) = &mut closing
                    && current.go_on().await
                {
                    closing = None;
                }
            }
            () = polls.due(desk) => polls.make(desk).await,
            gap = silence.looked_into(desk), if closing.is_none() => desk.notice(gap),
        }
    }
}

/// Says that there is a gap, since nothing can be done about it.
async fn without_rest(desk: &Desk<'_>) {
    if let Some(mut picture) = desk.picture() {
        picture.neglect();
    }
    loop {
        let gap = desk.gap().await;
        if gap.alarm {
            desk.report.gap(&gap, &Tally::new(), &Outcome::Off);
        }
    }
}

/// A moment for where there is none; nobody waits for it.
fn far() -> tokio::time::Instant {
    tokio::time::Instant::now() + TELL_AFTER
}
