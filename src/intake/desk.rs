//! What the stream and the catching up of one source share: the picture, whose turn it is to commit,
//! and what each has to ask of the other.
//!
//! A file of its own because events come in by two ways, the stream and REST, and the picture must
//! never be ahead of the events that it stands for. So whoever takes something in has the turn until
//! it is durable: what is heard or found, and the rows that change with it, are one commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep};

use super::Parts;
use super::gap::{Cause, Gap};
use super::names::Names;
use super::report::{Report, Withdrawn};
use crate::model::{Accepted, Batch};
use crate::sources::picture::{Found, Picture, Since, Tally};
use crate::telemetry;

/// The wait between two tries to commit the same batch.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// Unreadable events lead to one reading in this time.
const UNREAD_PERIOD: Duration = Duration::from_mins(1);

/// What the ways into a source share.
pub(super) struct Desk<'a> {
    pub(super) parts: &'a Parts,
    pub(super) report: &'a Report,
    picture: Option<Mutex<Picture>>,
    turn: Semaphore,
    gap: Mutex<Option<Gap>>,
    gap_noticed: Notify,
    /// Since when REST is asked in place of the stream.
    polling: watch::Sender<Option<Since>>,
    /// How the key was lost, until it works again.
    withdrawn: watch::Sender<Option<Withdrawn>>,
    /// When an event was last heard.
    heard: watch::Sender<Instant>,
    names: Mutex<Names>,
    /// When an unreadable event last led to a reading.
    unread: Mutex<Option<Instant>>,
}

/// The right to take something in and commit it, until it is dropped.
pub(super) struct Turn<'a>(#[expect(dead_code, reason = "holding it is all")] SemaphorePermit<'a>);

impl<'a> Desk<'a> {
    pub(super) fn new(parts: &'a Parts, report: &'a Report, picture: Option<Picture>) -> Self {
        Self {
            parts,
            report,
            picture: picture.map(Mutex::new),
            turn: Semaphore::new(1),
            gap: Mutex::default(),
            gap_noticed: Notify::new(),
            polling: watch::Sender::new(None),
            withdrawn: watch::Sender::new(None),
            heard: watch::Sender::new(Instant::now()),
            names: Mutex::default(),
            unread: Mutex::default(),
        }
    }

    /// The picture of the source, where it has one.
    pub(super) fn picture(&self) -> Option<MutexGuard<'_, Picture>> {
        self.picture.as_ref().map(lock)
    }

    /// Whether it has one, so that REST takes something in beside the stream.
    pub(super) const fn has_picture(&self) -> bool {
        self.picture.is_some()
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let permit = self.turn.acquire().await;
        Turn(permit.expect("the desk is never closed"))
    }

    /// Commits a batch with what it changes in the picture, however long the store cannot. Meanwhile
    /// nothing else of this source is taken in.
    pub(super) async fn commit(&self, _turn: &Turn<'_>, mut batch: Batch) -> Accepted {
        if let Some(mut picture) = self.picture() {
            batch.picture = picture.take_changes();
        }
        let parts = self.parts;
        let _until_durable = telemetry::arrivals(&batch);
        let mut batch = Arc::new(batch);
        let mut failed = false;
        let accepted = loop {
            match parts.queue.accept(&mut batch).await {
                Ok(accepted) => break accepted,
                Err(reason) => {
                    if !failed {
                        tracing::error!(source = %parts.name, reason, "store refused a batch");
                        failed = true;
                    }
                    let waiting = format!("waiting for the store: {reason}");
                    self.report.activity(waiting);
                }
            }
            sleep(COMMIT_WAIT).await;
        };
        if failed {
            tracing::info!(source = %parts.name, "the store takes events again");
            self.report.activity("streaming");
        }
        // What has gone to its lane needs nobody to look for it.
        if accepted.deliveries > accepted.handed {
            let count = |count: &mut u64| *count = count.wrapping_add(1);
            parts.nudge.send_modify(count);
        }
        accepted
    }

    /// Takes in what REST shows: whatever it finds is routed and committed like what the stream tells.
    pub(super) async fn take_in(&self, see: impl FnOnce(&mut Picture) -> Vec<Found>) {
        let turn = self.turn().await;
        let mut found = match self.picture() {
            Some(mut picture) => see(&mut picture),
            None => return,
        };
        if found.is_empty() && !self.picture().is_some_and(|picture| picture.has_changed()) {
            return;
        }
        found.sort_by_key(Found::latest);
        let received = self.parts.clock.now();
        let mut events = Vec::with_capacity(found.len());
        for one in found {
            let mut picture = self.picture();
            if let Some(picture) = &mut picture {
                picture.count(&one);
            }
            let mut event = one.event(&self.parts.name, received);
            if let Some(picture) = picture {
                picture.mark(&mut event);
            }
            let routes = self.parts.router.routes(&event);
            events.push((event, routes));
        }
        let batch = Batch {
            source: self.parts.name.clone(),
            events,
            checkpoint: None,
            picture: Vec::new(),
            heard: Vec::new(),
        };
        let accepted = self.commit(&turn, batch).await;
        self.report.backfilled(&accepted);
    }

    /// Asks for a gap to be closed. To be called before what comes behind it is committed, so that a
    /// process that ends in between leaves word of it.
    pub(super) fn notice(&self, gap: Gap) {
        // Where nobody reads, the word would only grow older.
        let is_read = self.parts.backfill.is_some();
        if let (true, Since::Moment(since), Some(mut picture)) =
            (is_read, gap.since, self.picture())
        {
            picture.open_gap(since);
        }
        let mut pending = lock(&self.gap);
        *pending = Some(match pending.take() {
            Some(earlier) => earlier.with(gap),
            None => gap,
        });
        self.gap_noticed.notify_one();
    }

    /// Asks for what an unreadable event may have told, unless that was asked for a moment ago: a stream
    /// that is nothing but unreadable must not spend the key's allowance.
    pub(super) fn notice_unread(&self, since: Since) {
        let mut unread = lock(&self.unread);
        if unread.is_none_or(|last| last.elapsed() >= UNREAD_PERIOD) {
            *unread = Some(Instant::now());
            drop(unread);
            self.notice(Gap::new(Cause::Unread, since, Duration::ZERO));
        }
    }

    /// Waits for a gap.
    pub(super) async fn gap(&self) -> Gap {
        loop {
            if let Some(gap) = self.pending_gap() {
                return gap;
            }
            self.gap_noticed.notified().await;
        }
    }

    /// Notes that everything was read that may have been missed, in a reading that began at this moment,
    /// unless more was noticed meanwhile.
    pub(super) fn caught_up(&self, begun: Timestamp, is_complete: bool) {
        let is_more = lock(&self.gap).is_some();
        if let Some(mut picture) = self.picture() {
            if is_complete {
                picture.complete(begun);
            }
            if !is_more {
                picture.close_gap();
            }
        }
    }

    /// Since when a reading has to look: since this, or since an earlier gap that is still open.
    pub(super) fn since(&self, since: Since) -> Since {
        let open = self.picture().and_then(|picture| picture.gap());
        match (since, open) {
            (Since::Moment(since), Some(open)) => Since::Moment(since.min(open)),
            (since, _) => since,
        }
    }

    /// A gap that has been noticed and not been taken up.
    pub(super) fn pending_gap(&self) -> Option<Gap> {
        lock(&self.gap).take()
    }

    /// Says whether REST is to be asked in place of the stream, and since when that may be missing
    /// something.
    pub(super) fn poll(&self, since: Option<Since>) {
        self.polling.send_if_modified(|polling| {
            let changes = polling.is_some() != since.is_some();
            if changes {
                *polling = since;
            }
            changes
        });
    }

    /// Since when REST is asked in place of the stream, as it changes.
    pub(super) fn polling(&self) -> watch::Receiver<Option<Since>> {
        self.polling.subscribe()
    }

    /// Says that the key is refused, or works again.
    pub(super) fn set_withdrawn(&self, how: Option<Withdrawn>) {
        self.withdrawn.send_replace(how);
    }

    /// Waits until the key is refused.
    pub(super) async fn withdrawn(&self) -> Withdrawn {
        let mut withdrawn = self.withdrawn.subscribe();
        // The sender lives as long as the desk does.
        match withdrawn.wait_for(Option::is_some).await.map(|how| *how) {
            Ok(Some(how)) => how,
            _ => std::future::pending().await,
        }
    }

    /// Waits until the key is not refused.
    pub(super) async fn admitted(&self) {
        let mut withdrawn = self.withdrawn.subscribe();
        if withdrawn.wait_for(Option::is_none).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Notes that an event was heard.
    pub(super) fn hear(&self) {
        self.heard.send_replace(Instant::now());
    }

    /// When an event was last heard, as it changes.
    pub(super) fn heard(&self) -> watch::Receiver<Instant> {
        self.heard.subscribe()
    }

    /// What was found since this was last asked.
    pub(super) fn take_tally(&self) -> Tally {
        self.picture()
            .map(|mut picture| picture.take_tally())
            .unwrap_or_default()
    }

    /// What was asked for to name events, and in vain.
    pub(super) fn names(&self) -> MutexGuard<'_, Names> {
        lock(&self.names)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
