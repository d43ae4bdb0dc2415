//! The life of one source: connect, read, see how it ended, wait, again.
//!
//! A file of its own because it only carries out what the policy decides. It opens one connection at
//! a time, from the cursor that is on disk, and never a second one before the first is closed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};

use super::drive::{Driven, drive};
use super::polling::poll;
use super::report::{Report, Withdrawn};
use super::{Parts, words};
use crate::model::{Checkpoint, Cursor};
use crate::sources::checkpoint::Track;
use crate::sources::policy::{Alarm, Next, Policy, Progress, Step};
use crate::sources::ttmt_rest::Probe;
use crate::sources::{End, Items, Refusal};

/// The wait between two tries to read the checkpoint.
const LOAD_WAIT: Duration = Duration::from_secs(1);

/// First connects of sources on one host are spread over this time.
const SPREAD: Duration = Duration::from_millis(500);

/// The polls that run beside the attempts to reconnect.
type Polling<'a> = Pin<Box<dyn Future<Output = Withdrawn> + Send + 'a>>;

/// Follows one source.
pub(super) struct Follower<'a> {
    parts: Parts,
    report: &'a Report,
}

/// What changes while a source is followed.
struct Course<'a> {
    parts: &'a Parts,
    report: &'a Report,
    policy: Policy,
    track: Track,
    /// The reconnection time that the server last asked for.
    retry: Option<Duration>,
    /// The next connection goes without the cursor, because the server refuses it.
    without_cursor: bool,
    polling: Option<Polling<'a>>,
    start: Instant,
}

/// The key turned out to be refused while something else was awaited.
struct Refused(Withdrawn);

impl<'a> Follower<'a> {
    pub(super) const fn new(parts: Parts, report: &'a Report) -> Self {
        Self { parts, report }
    }

    /// Follows the source for as long as it is polled.
    pub(super) async fn run(&self) {
        let checkpoint = self.load().await;
        if self.parts.dial.is_shared() {
            sleep(SPREAD.mul_f64((self.parts.jitter)().clamp(0.0, 1.0))).await;
        }
        let mut course = Course {
            parts: &self.parts,
            report: self.report,
            policy: Policy::new(self.parts.kind),
            track: Track::new(checkpoint),
            retry: None,
            without_cursor: false,
            polling: None,
            start: Instant::now(),
        };
        course.run().await;
    }

    async fn load(&self) -> Checkpoint {
        let mut failed = false;
        loop {
            match self.parts.queue.checkpoint(&self.parts.name).await {
                Ok(checkpoint) => return checkpoint,
                Err(reason) => {
                    if !failed {
                        tracing::error!(source = %self.parts.name, reason, "no checkpoint");
                        failed = true;
                    }
                    self.report
                        .activity(format!("waiting for the store: {reason}"));
                    sleep(LOAD_WAIT).await;
                }
            }
        }
    }
}

impl<'a> Course<'a> {
    async fn run(&mut self) {
        loop {
            let (end, progress) = match self.attempt().await {
                Ok(ended) => ended,
                Err(Refused(how)) => {
                    self.withdrawn(how).await;
                    continue;
                }
            };
            self.report.ended(&end);
            let parts = self.parts;
            let step = self.policy.next(&end, &progress, &mut || (parts.jitter)());
            self.sound(&step, &end);
            if let Err(Refused(how)) = self.take(step.next, &end).await {
                self.withdrawn(how).await;
            }
        }
    }

    /// Makes one connection and reads it to its end, or learns why there is none.
    async fn attempt(&mut self) -> Result<(End, Progress), Refused> {
        self.report.activity("connecting");
        let cursor = if self.without_cursor {
            Cursor::Cleared
        } else {
            self.track.checkpoint().cursor.clone()
        };
        let dialled = beside(&mut self.polling, dial(self.parts, &cursor)).await??;
        self.note_left(&dialled);
        let mut progress = Progress {
            cursor_sent: cursor.header().is_some(),
            retry: self.retry,
            ..Progress::default()
        };
        // A server that was not reached has not judged the request without the cursor.
        let judged = matches!(dialled, Ok(_) | Err(End::Status(_)));
        let end = match dialled {
            Ok(items) => {
                let driven = self.drive(items).await;
                self.retry = driven.retry.or(self.retry);
                progress.opened = true;
                progress.advanced = driven.advanced;
                progress.lived = driven.lived;
                progress.retry = self.retry;
                driven.end
            }
            Err(end) => end,
        };
        self.without_cursor &= !judged;
        progress.at = self.start.elapsed();
        Ok((end, progress))
    }

    async fn drive(&mut self, items: Box<dyn Items>) -> Driven {
        self.polling = None;
        self.report.opened();
        if self.without_cursor {
            self.track.clear();
        }
        drive(items, self.parts, self.report, &mut self.track).await
    }

    /// Says what is out of the ordinary.
    fn sound(&mut self, step: &Step, end: &End) {
        match step.alarm {
            None => {}
            Some(Alarm::Person) => self.report.fault(&words::fault(end)),
            Some(Alarm::KeyElsewhere) => {
                self.report.fault(words::KEY_ELSEWHERE);
                self.report.lost(words::KEY_ELSEWHERE);
            }
            Some(Alarm::Stuck) => {
                let name = words::name(end);
                let reason = format!("the stream keeps failing at the same place: {name}");
                self.report.lost(&reason);
            }
            Some(Alarm::CursorRejected) => {
                self.without_cursor = true;
                let cursor = self.track.checkpoint().cursor.header();
                self.report.cursor_rejected(cursor, &words::name(end));
            }
        }
    }

    /// Does what the policy decided, up to the moment of the next attempt.
    async fn take(&mut self, next: Next, end: &End) -> Result<(), Refused> {
        match next {
            Next::Now => Ok(()),
            Next::Wait(wait) => {
                self.rest_key(end, wait);
                self.wait(wait, &words::name(end)).await
            }
            Next::Poll(wait) => {
                self.start_polling();
                self.wait(wait, &words::name(end)).await
            }
            Next::Probe => self.probe().await,
            Next::Suspended => Err(Refused(Withdrawn::AccessDisabled)),
            Next::Park if matches!(end, End::Status(Refusal { status: 401, .. })) => {
                Err(Refused(Withdrawn::Revoked))
            }
            Next::Park => self.park(&words::fault(end)).await,
        }
    }

    /// The answers of the stream, too, say what is left of the key's minute.
    fn note_left(&self, dialled: &Result<Box<dyn Items>, End>) {
        let left = match dialled {
            Ok(items) => items.requests_left(),
            Err(End::Status(refusal)) => refusal.remaining,
            Err(_) => None,
        };
        if let (Some(left), Some(budget)) = (left, &self.parts.budget) {
            budget.remaining(left);
        }
    }

    /// A 429 rests everybody who uses the key, not just the stream.
    fn rest_key(&self, end: &End, wait: Duration) {
        if let (End::Status(Refusal { status: 429, .. }), Some(budget)) = (end, &self.parts.budget)
        {
            budget.rest(wait);
        }
    }

    fn start_polling(&mut self) {
        if let (None, Some(account)) = (&self.polling, &self.parts.account) {
            let polling = poll(Arc::clone(account), self.parts, self.report);
            self.polling = Some(Box::pin(polling));
        }
    }

    async fn wait(&mut self, wait: Duration, why: &str) -> Result<(), Refused> {
        self.report
            .activity(format!("waiting {} s: {why}", shown(wait)));
        beside(&mut self.polling, sleep(wait)).await
    }

    /// One request tells what became of the key.
    async fn probe(&mut self) -> Result<(), Refused> {
        let Some(account) = &self.parts.account else {
            return self.resume("access in doubt").await;
        };
        self.report.activity("asking what became of the key");
        match account.probe().await {
            Probe::Revoked => Err(Refused(Withdrawn::Revoked)),
            Probe::Suspended => Err(Refused(Withdrawn::AccessDisabled)),
            Probe::Valid => self.resume("the key is good after all").await,
            Probe::Unknown(reason) => self.resume(&reason).await,
        }
    }

    async fn resume(&mut self, why: &str) -> Result<(), Refused> {
        let parts = self.parts;
        match self.policy.resume(&mut || (parts.jitter)()) {
            Next::Wait(wait) => self.wait(wait, why).await,
            _ => Ok(()),
        }
    }

    /// The key is refused: for good, or until a slow probe finds it good again.
    async fn withdrawn(&mut self, how: Withdrawn) {
        self.polling = None;
        self.report.withdrawn(how);
        if how == Withdrawn::Revoked || !self.is_back().await {
            self.report.withdrawn(Withdrawn::Revoked);
            if let Some(budget) = &self.parts.budget {
                budget.close();
            }
            self.park(words::REVOKED).await
        }
    }

    /// Probes slowly until access is back; false once the key is refused for good.
    async fn is_back(&mut self) -> bool {
        let parts = self.parts;
        loop {
            let wait = self.policy.probe_wait(&mut || (parts.jitter)());
            self.report.activity(format!(
                "asking again in {} s: {}",
                shown(wait),
                words::SUSPENDED
            ));
            sleep(wait).await;
            let Some(account) = &parts.account else {
                return true;
            };
            match account.probe().await {
                Probe::Valid => return true,
                Probe::Revoked => return false,
                Probe::Suspended | Probe::Unknown(_) => {}
            }
        }
    }

    /// Nothing more is sent until the configuration changes, which starts the source anew.
    async fn park<T>(&mut self, reason: &str) -> T {
        self.report.fault(reason);
        self.report.activity(format!("stopped: {reason}"));
        tracing::error!(source = %self.parts.name, reason, "source parked");
        std::future::pending().await
    }
}

/// Opens a connection once the key's allowance and the host's gate let it through. The allowance is
/// spent when the request leaves, not when it lines up at the gate.
async fn dial(parts: &Parts, cursor: &Cursor) -> Result<Result<Box<dyn Items>, End>, Refused> {
    let _slot = slot(parts).await?;
    Ok(parts.connector.connect(cursor).await)
}

async fn slot(parts: &Parts) -> Result<SemaphorePermit<'_>, Refused> {
    let Some(budget) = &parts.budget else {
        return Ok(parts.dial.slot().await);
    };
    loop {
        budget
            .ready()
            .await
            .map_err(|_| Refused(Withdrawn::Revoked))?;
        let slot = parts.dial.slot().await;
        if budget.take().is_ok() {
            return Ok(slot);
        }
    }
}

/// Awaits something while the polls, if there are any, go on.
async fn beside<T>(
    polling: &mut Option<Polling<'_>>,
    awaited: impl Future<Output = T>,
) -> Result<T, Refused> {
    let Some(polls) = polling else {
        return Ok(awaited.await);
    };
    let how = tokio::select! {
        biased;
        done = awaited => return Ok(done),
        how = polls => how,
    };
    *polling = None;
    Err(Refused(how))
}

/// Seconds as people read them: tenths for a short wait.
fn shown(wait: Duration) -> String {
    if wait < Duration::from_secs(10) {
        format!("{:.1}", wait.as_secs_f64())
    } else {
        wait.as_secs().to_string()
    }
}
