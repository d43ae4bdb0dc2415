//! Sinks that step in for others: who has not accepted a delivery in time, or has given it up, is helped
//! out by the sink that its rule names.
//!
//! A file of its own because it belongs to no lane: it sleeps until the first of them is due, or one is
//! given up, and what it does is to put a delivery into the queue for the lane of the other sink.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Parts;
use crate::store::StoreError;

/// Wait before the queue is asked again after it failed.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// Longest sleep: a clock that is set forward is noticed within it.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

/// Has sinks step in until `stop`. `given_up` says that a delivery has become a dead letter.
pub(super) async fn run(parts: Parts, given_up: Arc<Notify>, stop: CancellationToken) {
    let mut nudge = parts.nudge.subscribe();
    let mut next = Some(Timestamp::MIN);
    while !stop.is_cancelled() {
        // Registered before looking, so that what happens in between is not missed.
        nudge.borrow_and_update();
        let has_fallback = parts
            .rules
            .get()
            .all()
            .iter()
            .any(|it| it.fallback.is_some());
        // Where no rule names one, only a nudge can bring one.
        let mut look_again = None;
        if has_fallback || next.is_some() {
            let wait = match parts.stand_in().await {
                Ok(then) => {
                    next = then;
                    next.map_or(LOOK_ANYWAY, |next| parts.clock.until(next))
                }
                Err(_) => STORE_AGAIN,
            };
            look_again = Some(Instant::now() + wait.min(LOOK_ANYWAY));
        }
        tokio::select! {
            () = stop.cancelled() => {}
            // Our own end of the line keeps it open.
            _ = nudge.changed() => {}
            () = given_up.notified() => {}
            () = at(look_again) => {}
        }
    }
}

/// Waits for a moment; for ever, where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Parts {
    /// Has step in who is due, and answers when the next one is.
    async fn stand_in(&self) -> Result<Option<Timestamp>, StoreError> {
        loop {
            let next = self.store.next_stand_in().await?;
            let now = self.clock.now();
            if next.is_none_or(|next| next > now) {
                return Ok(next);
            }
            let count = self.store.stand_in(now).await?;
            tracing::info!(count, "deliveries go to the sinks that step in");
            self.nudge
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
