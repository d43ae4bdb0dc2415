//! The life of one source: connect, read, see how it ended, wait, again.
//!
//! A file of its own because it only carries out what the policy decides. It opens one connection at
//! a time, from the cursor that is on disk, and never a second one before the first is closed.

mod key;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};

use super::catchup;
use super::desk::Desk;
use super::drive::drive;
use super::gap::{Cause, Doubt, Gap, ORDINARY};
use super::report::{Report, Withdrawn};
use super::{Parts, words};
use crate::model::Cursor;
use crate::sources::checkpoint::Track;
use crate::sources::picture::{Picture, Since};
use crate::sources::policy::{Alarm, Kind, Next, Policy, Progress, Step};
use crate::sources::{End, Items, Pending, Refusal};

/// The wait between two tries to read what is stored.
const LOAD_WAIT: Duration = Duration::from_secs(1);

/// First connects of sources on one host are spread over this time.
const SPREAD: Duration = Duration::from_millis(500);

/// What changes while a source is followed.
struct Course<'a, 'd> {
    parts: &'a Parts,
    report: &'a Report,
    desk: &'d Desk<'a>,
    policy: Policy,
    track: Track,
    /// The reconnection time that the server last asked for.
    retry: Option<Duration>,
    /// The next connection goes without the cursor, because the server refuses it.
    without_cursor: bool,
    /// When the upstream was last in touch; never, since the start.
    contact: Option<Instant>,
    /// The container was down since the last stream.
    was_down: bool,
    /// What the last stream has not cleared up.
    doubt: Option<Doubt>,
    start: Instant,
}

/// The key turned out to be refused while something else was awaited.
struct Refused(Withdrawn);

/// Follows the source for as long as it is polled.
pub(super) async fn run(parts: &Parts, report: &Report) {
    let checkpoint = load(parts, report, || parts.queue.checkpoint(&parts.name)).await;
    let rows = load(parts, report, || parts.queue.picture(&parts.name)).await;
    if parts.dial.is_shared() {
        sleep(SPREAD.mul_f64((parts.jitter)().clamp(0.0, 1.0))).await;
    }
    let has_picture = parts.kind == Kind::Ttmt;
    let picture = has_picture.then(|| {
        let mut picture = Picture::load(parts.name.clone(), &rows);
        if parts.filtered {
            picture.follow_one_account();
        }
        picture
    });
    let desk = Desk::new(parts, report, picture);
    let mut course = Course {
        parts,
        report,
        desk: &desk,
        policy: Policy::new(parts.kind),
        track: Track::new(checkpoint),
        retry: None,
        without_cursor: false,
        contact: None,
        was_down: false,
        doubt: None,
        start: Instant::now(),
    };
    tokio::join!(course.run(), catchup::run(&desk));
}

/// Reads something that is stored, however long it takes until it can be read.
async fn load<'a, T>(
    parts: &Parts,
    report: &Report,
    read: impl Fn() -> Pending<'a, Result<T, String>>,
) -> T {
    let mut failed = false;
    loop {
        match read().await {
            Ok(stored) => return stored,
            Err(reason) => {
                if !failed {
                    tracing::error!(source = %parts.name, reason, "the store cannot be read");
                    failed = true;
                }
                report.activity(format!("waiting for the store: {reason}"));
                sleep(LOAD_WAIT).await;
            }
        }
    }
}

impl Course<'_, '_> {
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
        let dialled = self.unless_refused(dial(self.parts, &cursor)).await??;
        self.note_left(&dialled);
        let mut progress = Progress {
            cursor_sent: cursor.header().is_some(),
            retry: self.retry,
            ..Progress::default()
        };
        // A server that was not reached has not judged the request without the cursor.
        let judged = matches!(dialled, Ok(_) | Err(End::Status(_)));
        let end = match dialled {
            Ok(items) => self.drive(items, &mut progress).await,
            Err(end) => end,
        };
        self.without_cursor &= !judged;
        progress.at = self.start.elapsed();
        Ok((end, progress))
    }

    /// Reads an open connection to its end.
    async fn drive(&mut self, items: Box<dyn Items>, progress: &mut Progress) -> End {
        self.desk.poll(None);
        self.report.opened();
        let doubt = self.doubt();
        if self.without_cursor {
            self.track.clear();
        }
        self.was_down = false;
        let driven = drive(items, self.desk, &mut self.track, doubt).await;
        self.contact = Some(match driven.end {
            // The upstream was there to say so.
            End::Recycled | End::AuthRevoked | End::Eof | End::EofInEvent => Instant::now(),
            _ => driven.heard,
        });
        self.doubt = driven.doubt;
        self.retry = driven.retry.or(self.retry);
        progress.opened = true;
        progress.advanced = driven.advanced;
        progress.lived = driven.lived;
        progress.retry = self.retry;
        driven.end
    }

    /// What the connection that is open now has to clear up: whether anything was missed before it.
    fn doubt(&mut self) -> Option<Doubt> {
        let earlier = self.doubt.take();
        let picture = self.desk.picture()?;
        let (is_complete, looked) = (picture.is_complete(), picture.looked());
        // What this process has noticed is on the desk.
        let left_open = picture.gap().filter(|_| self.contact.is_none());
        drop(picture);
        let checkpoint = self.track.checkpoint();
        let is_new = checkpoint.cursor == Cursor::Unknown && checkpoint.high_time.is_none();
        if is_new && !is_complete {
            self.look_first(is_complete);
            return None;
        }
        let since = self
            .desk
            .since(self.since().map_or(Since::Unknown, Since::Moment));
        let away = self.away(looked);
        let cause = if self.without_cursor {
            Some(Cause::Refused)
        } else if self.was_down {
            Some(Cause::Container)
        } else if self.contact.is_none() {
            Some(Cause::Stopped)
        } else {
            (away > ORDINARY).then_some(Cause::Away)
        };
        let is_filtered = self.parts.filtered && self.parts.backfill.is_some();
        let doubt = Doubt {
            gap: cause.map(|cause| Gap {
                after: checkpoint.cursor.header().map(str::to_owned),
                alarm: cause == Cause::Refused,
                ..Gap::new(cause, since, away)
            }),
            certain: self.without_cursor || self.was_down || !is_complete || left_open.is_some(),
            high: checkpoint.high_id,
            after: checkpoint.cursor.header().map(str::to_owned),
            since,
            away,
            alarm: !is_filtered,
        };
        Some(doubt.with(earlier))
    }

    /// Since when something may have been missed: the last event, or the last look where there was none.
    fn since(&self) -> Option<Timestamp> {
        let looked = || self.desk.picture().and_then(|picture| picture.looked());
        self.track.checkpoint().high_time.or_else(looked)
    }

    /// Has the account looked at before anything can be missed. Nobody hears of the past.
    fn look_first(&self, is_complete: bool) {
        if !is_complete && self.parts.backfill.is_some() {
            let gap = Gap::new(Cause::FirstLook, Since::Now, Duration::ZERO);
            self.desk.notice(gap);
        }
    }

    /// How long the upstream was out of touch.
    fn away(&self, looked: Option<Timestamp>) -> Duration {
        if let Some(contact) = self.contact {
            return contact.elapsed();
        }
        let now = self.parts.clock.now();
        let last = self.track.checkpoint().high_time.or(looked);
        let away = last.map(|last| now.duration_since(last));
        away.and_then(|away| Duration::try_from(away).ok())
            .unwrap_or_default()
    }

    /// Says what is out of the ordinary.
    fn sound(&mut self, step: &Step, end: &End) {
        match step.alarm {
            None => {}
            // A plain feed has nobody who could be asked about a key; it is tried on, slowly.
            Some(Alarm::Person) if is_shut_out(end) => {
                self.report.refused("refused", &words::fault(end));
            }
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
                if self.parts.backfill.is_none() {
                    let cursor = self.track.checkpoint().cursor.header();
                    self.report.cursor_rejected(cursor, &words::name(end));
                }
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

    /// Has REST asked in place of the stream.
    fn start_polling(&mut self) {
        self.was_down = true;
        let checkpoint = self.track.checkpoint();
        if checkpoint.cursor == Cursor::Unknown && self.desk.polling().borrow().is_none() {
            let is_complete = self
                .desk
                .picture()
                .is_none_or(|picture| picture.is_complete());
            self.look_first(is_complete);
        }
        let since = self.since().unwrap_or_else(|| self.parts.clock.now());
        self.desk.poll(Some(Since::Moment(since)));
    }

    async fn wait(&mut self, wait: Duration, why: &str) -> Result<(), Refused> {
        self.report
            .activity(format!("waiting {} s: {why}", shown(wait)));
        self.unless_refused(sleep(wait)).await
    }

    /// Awaits something, unless the key turns out to be refused.
    async fn unless_refused<T>(&self, awaited: impl Future<Output = T>) -> Result<T, Refused> {
        tokio::select! {
            biased;
            done = awaited => Ok(done),
            how = self.desk.withdrawn() => Err(Refused(how)),
        }
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

/// Whether the credentials are refused.
fn is_shut_out(end: &End) -> bool {
    matches!(end, End::Status(refusal) if matches!(refusal.status, 401 | 403))
}

/// Seconds as people read them: tenths for a short wait.
fn shown(wait: Duration) -> String {
    if wait < Duration::from_secs(10) {
        format!("{:.1}", wait.as_secs_f64())
    } else {
        wait.as_secs().to_string()
    }
}
