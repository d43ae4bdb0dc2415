//! Silences that have lasted too long, and their ends, become internal events.
//!
//! A file of its own because nothing asks for it: a silence is what does not happen. It sleeps until the
//! first watch is due, and keeps nothing to itself that a restart would lose: what was heard and what was
//! told stands in the queue, in the transaction of the event that was heard and of the notice that told.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ears::{Ears, Known, Look};
use super::{Router, WRITE_AGAIN, internal_event, internal_source};
use crate::clock::Clock;
use crate::model::{Batch, Notice};
use crate::rules::Watch;
use crate::status::Status;
use crate::store::{Store, StoreError, WatchNews};
use crate::telemetry;

/// After a start the stream has so long to replay what came while nobody listened.
const GRACE: Duration = Duration::from_mins(1);

/// The longest sleep, so that a clock that was set and a machine that was suspended are noticed.
const SLEEP_MAX: Duration = Duration::from_hours(1);

/// The same where other instances hear events too.
const SHARED_SLEEP_MAX: Duration = Duration::from_secs(5);

/// Tells of silences.
#[derive(Clone)]
pub(super) struct Silences {
    pub(super) store: Store,
    pub(super) router: Router,
    pub(super) status: Status,
    pub(super) clock: Clock,
    pub(super) nudge: watch::Sender<u64>,
    pub(super) ears: Ears,
}

impl Silences {
    /// Tells of them until `stop`.
    pub(super) async fn run(self, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let begun = Instant::now();
        let mut familiar = None;
        let mut failed = false;
        loop {
            let wait = match self.look(begun, &mut familiar).await {
                Ok(wait) => {
                    failed = false;
                    wait
                }
                Err(error) => {
                    if !failed {
                        tracing::warn!(%error, "silences cannot be told of");
                    }
                    failed = true;
                    WRITE_AGAIN
                }
            };
            tokio::select! {
                () = self.ears.woken() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Tells what there is to tell; answers how long until there may be more. `familiar` is the version of
    /// the watches whose rows were read.
    async fn look(
        &self,
        begun: Instant,
        familiar: &mut Option<u64>,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let mut look = self.ears.look();
        if *familiar != Some(look.version) || look.known.values().any(|known| known.heard > now) {
            look = self.acquaint(look, now).await?;
            *familiar = Some(look.version);
        }
        let mut wait = SLEEP_MAX;
        for watch in look.watches.iter() {
            let Some(known) = look.known.get(&watch.name) else {
                continue;
            };
            let news = match known.told {
                Some(told) if told != known.heard => WatchNews::Over(told),
                Some(_) => continue,
                None => {
                    let grace = begun + GRACE.min(watch.silent_for);
                    let grace = grace.saturating_duration_since(Instant::now());
                    let left = self.clock.until(watch.due(known.heard)).max(grace);
                    if !left.is_zero() {
                        wait = wait.min(left);
                        continue;
                    }
                    WatchNews::Silence(known.heard)
                }
            };
            if !self.tell(watch, *known, news).await? {
                // Something was heard meanwhile, and whoever committed it has not said so yet.
                *familiar = None;
            }
            // When it is due next is seen at the next look.
            wait = Duration::ZERO;
        }
        if self.store.is_shared() {
            // What other instances hear only the queue tells.
            *familiar = None;
            wait = wait.min(SHARED_SLEEP_MAX);
        }
        Ok(wait)
    }

    /// Reads what the queue knows of the watches in force, and has it forget all others.
    async fn acquaint(&self, look: Look, now: Timestamp) -> Result<Look, StoreError> {
        let names = look.watches.iter().map(|watch| Arc::clone(&watch.name));
        let rows = self.store.keep_watches(names.collect(), now).await?;
        self.ears.learn(rows, now);
        let known = self.ears.look().known;
        Ok(Look { known, ..look })
    }

    /// Puts a notice into the queue; answers whether it was still true.
    async fn tell(&self, watch: &Watch, known: Known, news: WatchNews) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let notice = notice(watch, known, news, now);
        let event = internal_event(&notice, now);
        let routes = (self.router)(&event);
        let batch = Batch {
            source: internal_source(),
            events: vec![(event, routes)],
            checkpoint: None,
            picture: Vec::new(),
            // No watch hears of silences.
            heard: Vec::new(),
        };
        let _until_durable = telemetry::arrivals(&batch);
        let name = Arc::clone(&watch.name);
        let Some(accepted) = self.store.tell_of_watch(name, news, batch).await? else {
            return Ok(false);
        };
        let told = match news {
            WatchNews::Silence(since) => Some(since),
            WatchNews::Over(_) => None,
        };
        self.ears.told(&watch.name, told);
        self.status.accepted(&accepted, true);
        self.nudge
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(true)
    }
}

fn notice(watch: &Watch, known: Known, news: WatchNews, now: Timestamp) -> Notice {
    let moment = |moment: Timestamp| format!("{moment:.3}");
    let span = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs().max(0);
    let mut data = Map::new();
    let mut say = |key: &str, value: Value| data.insert(key.to_owned(), value);
    say("watch", json!(&*watch.name));
    let kind = match news {
        WatchNews::Silence(since) => {
            let silent_for = humantime::format_duration(watch.silent_for);
            say("silent_for", json!(silent_for.to_string()));
            say("silent_seconds", json!(span(since, now)));
            say("since", json!(moment(since)));
            if let Some(from) = &watch.from {
                let from = from.iter().map(|name| name.as_str());
                say("from", from.collect());
            }
            if let Some(events) = watch.types.events() {
                say("events", json!(events));
            }
            "bellwire.silence"
        }
        WatchNews::Over(since) => {
            say("silent_seconds", json!(span(since, known.heard)));
            say("since", json!(moment(since)));
            say("until", json!(moment(known.heard)));
            "bellwire.silence_over"
        }
    };
    Notice {
        kind,
        time: now,
        data: Value::Object(data),
        told: None,
    }
}

#[cfg(test)]
mod tests;
