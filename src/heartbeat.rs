//! A dead-man's switch outside is told that all is well, for as long as an alert would get through.
//!
//! A room of its own because nobody else can say that bellwire is deaf when it cannot speak: not an event,
//! nor a sink, nor the page. It asks `status` what `/readyz` asks and says nothing of its own. When all is
//! not well it keeps silent, which is what trips the switch; a form that has a word for failure is told so
//! once. It sleeps until it has something to say or something has changed.

mod switch;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::{Failure, Reply};
use crate::status::{Readiness, Status};
use crate::transport::{Client, Reach};

use switch::Word;

pub use switch::Switch;

/// Longest wait for an answer; less where it is told more often.
const TIMEOUT_MAX: Duration = Duration::from_secs(15);

/// Changes of the status are looked at no more often than this.
const PACE: Duration = Duration::from_millis(500);

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// Carries a request, and brings back its answer within a time.
pub type Carrier = Arc<dyn Fn(http::Request<Bytes>, Duration) -> Answer + Send + Sync>;

/// What this room works with.
#[derive(Clone)]
pub struct Parts {
    /// Carries what it says.
    pub carrier: Carrier,
    /// Whether an alert would get through; and where it shows what became of what it said.
    pub status: Status,
    /// The time.
    pub clock: Clock,
    /// The switch that is configured, if one is.
    pub switch: watch::Receiver<Option<Arc<Switch>>>,
}

/// The carrier for a running instance. It dials no link-local address and follows no redirect.
#[must_use]
pub fn carrier(client: Client) -> Carrier {
    Arc::new(move |request, timeout| {
        let client = client.clone();
        Box::pin(async move { client.send(request, timeout, Reach::Guarded).await })
    })
}

/// Works until `stop`, and then says no last word.
pub async fn run(parts: Parts, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = parts.serve() => {}
    }
}

/// What the switch was told.
#[derive(Debug, Default)]
struct Told {
    /// Whether it has heard of the start, or was not to be reached then.
    start: bool,
    /// When it was last told that all is well, since it last took that it is not.
    up: Option<Instant>,
    /// When it was last told that it is not.
    down: Option<Instant>,
    /// Whether all was well since it was first told something.
    was_ready: bool,
    /// Whether it has taken that all is not well, which holds still.
    knows: bool,
    /// Whether what it was last told did not arrive.
    failing: bool,
}

/// What there is to do next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Say(Word),
    /// Nothing before this moment, or before something changes.
    Wait(Option<Instant>),
}

impl Parts {
    async fn serve(mut self) {
        let mut told = Told::default();
        let mut before: Option<Arc<Switch>> = None;
        loop {
            let now = self.switch.borrow_and_update().clone();
            let is_same =
                matches!((&before, &now), (Some(before), Some(now)) if before.is_same(now));
            if !is_same {
                told = Told::default();
                self.status.heartbeat(|heartbeat| *heartbeat = None);
            }
            let mut switch = self.switch.clone();
            let beating = async {
                match &now {
                    Some(now) => self.beat(now, &mut told).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = beating => {}
                changed = switch.changed() => {
                    if changed.is_err() {
                        // Nobody is left who could configure another one; the stop is near.
                        std::future::pending::<()>().await;
                    }
                }
            }
            before = now;
        }
    }

    /// Tells a switch, for as long as it is the one that is configured.
    async fn beat(&self, switch: &Switch, told: &mut Told) {
        let mut changes = self.status.changes();
        loop {
            changes.mark_unchanged();
            let looked = Instant::now();
            let now = self.clock.now();
            let readiness = self.status.readiness(now);
            let again = readiness.again;
            let again = again.map(|again| looked + self.clock.until(again));
            let wait = match told.next(switch, readiness, looked) {
                Next::Say(word) => {
                    self.say(switch, word, told).await;
                    continue;
                }
                Next::Wait(wait) => wait,
            };
            let wait = [wait, again].into_iter().flatten().min();
            let due = async {
                match wait {
                    Some(moment) => sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                Ok(()) = changes.changed() => sleep_until(looked + PACE).await,
            }
        }
    }

    async fn say(&self, switch: &Switch, word: Word, told: &mut Told) {
        let at = Instant::now();
        let timeout = TIMEOUT_MAX.min(switch.every());
        let heard = match switch.request(&word) {
            Some(request) => match (self.carrier)(request, timeout).await {
                Ok(reply) => switch.judge(&reply),
                // There is no option that lifts it here.
                Err(Failure::Blocked(_)) => {
                    Err("its address is link-local or of a metadata service".to_owned())
                }
                Err(failure) => Err(failure.to_string()),
            },
            None => Err("its address cannot be used".to_owned()),
        };
        match (&heard, told.failing) {
            (Err(reason), false) => tracing::warn!(
                place = switch.place,
                reason,
                "the heartbeat does not arrive; said once until it does"
            ),
            (Ok(()), true) => tracing::info!(place = switch.place, "the heartbeat arrives again"),
            _ => {}
        }
        told.said(&word, at, heard.is_ok());
        let now = self.clock.now();
        self.status.heartbeat(|heartbeat| {
            let heartbeat = heartbeat.get_or_insert_default();
            if heard.is_ok() {
                heartbeat.last_taken = Some(now);
            }
            heartbeat.failure = heard.err();
        });
    }
}

impl Told {
    /// What there is to say now. That all is well is said every so often, and at once after the switch has
    /// taken that it is not; that it is not no more often than that, however things waver. What did not
    /// arrive waits as long as what did.
    fn next(&mut self, switch: &Switch, readiness: Readiness, now: Instant) -> Next {
        if switch.hears_starts() && !self.start {
            return Next::Say(Word::Start);
        }
        let later = |last: Option<Instant>| {
            let due = last.map(|last| last + switch.every());
            due.filter(|due| *due > now)
        };
        if readiness.obstacles.is_empty() {
            self.was_ready = true;
            self.knows = false;
            return match later(self.up) {
                Some(due) => Next::Wait(Some(due)),
                None => Next::Say(Word::Up),
            };
        }
        // What was never well has not turned bad: it has only not been heard of yet.
        if !switch.hears_failures() || !self.was_ready || self.knows {
            return Next::Wait(None);
        }
        match later(self.down) {
            Some(due) => Next::Wait(Some(due)),
            None => Next::Say(Word::Down(readiness.obstacles)),
        }
    }

    fn said(&mut self, word: &Word, at: Instant, arrived: bool) {
        self.failing = !arrived;
        match word {
            Word::Start => self.start = true,
            Word::Up => self.up = Some(at),
            Word::Down(_) => {
                self.down = Some(at);
                if arrived {
                    self.knows = true;
                    self.up = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
