//! Reading one open connection to its end: one item, whatever else has already arrived, one commit.
//!
//! A file of its own because this loop holds the promise that nothing is read past a batch that is
//! not committed, which is back-pressure and durability in one. Why a connection ended, and what
//! comes next, is not its business.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::load::Load;
use super::report::Report;
use super::{Parts, Queue};
use crate::model::{Accepted, Batch, Checkpoint, Cursor};
use crate::sources::checkpoint::Track;
use crate::sources::{End, Item, Items};

/// The wait between two tries to commit the same batch.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// A connection that lives this long is good even when nothing happens on it.
const PROOF: Duration = Duration::from_secs(5);

/// Turns that the connection's task gets for each further item: a few, since it may be busy on another
/// thread, and no more, since an event alone in the world has to pass all of them.
const TURNS: usize = 4;

/// What a connection came to.
pub(super) struct Driven {
    /// How it ended.
    pub(super) end: End,
    /// Whether it brought a new event or moved the cursor.
    pub(super) advanced: bool,
    /// How long it was open.
    pub(super) lived: Duration,
    /// The reconnection time that the server asked for.
    pub(super) retry: Option<Duration>,
}

/// Reads an open connection until it ends, then closes it.
pub(super) async fn drive(
    mut items: Box<dyn Items>,
    parts: &Parts,
    report: &Report,
    track: &mut Track,
) -> Driven {
    let mut line = Line {
        parts,
        report,
        stored: track.checkpoint().clone(),
        opened: Instant::now(),
        start: track.checkpoint().cursor.clone(),
        new: false,
        retry: None,
    };
    let end = line.read(items.as_mut(), track).await;
    Driven {
        end,
        advanced: line.has_advanced(),
        lived: line.opened.elapsed(),
        retry: line.retry,
    }
}

struct Line<'a> {
    parts: &'a Parts,
    report: &'a Report,
    /// The checkpoint on disk.
    stored: Checkpoint,
    opened: Instant,
    /// The cursor it was opened with.
    start: Cursor,
    /// Whether an event was new.
    new: bool,
    retry: Option<Duration>,
}

/// The next item, if it has arrived. The HTTP library hands the body over piece by piece from a task of
/// its own, which needs a turn for each piece: without one, every event of a burst would be a batch and
/// a flush of its own.
async fn arrived(items: &mut dyn Items) -> Option<Result<Item, End>> {
    for _ in 0..TURNS {
        if let Some(item) = items.next().now_or_never() {
            return Some(item);
        }
        tokio::task::yield_now().await;
    }
    None
}

impl Line<'_> {
    async fn read(&mut self, items: &mut dyn Items, track: &mut Track) -> End {
        loop {
            let first = tokio::select! {
                biased;
                first = items.next() => first,
                () = self.proof() => {
                    self.report.proven();
                    items.next().await
                }
            };
            let mut load = Load::default();
            let mut next = Some(first);
            while let Some(item) = next.take() {
                match item {
                    Ok(item) => load.take(item, track, self.parts.router.as_ref()),
                    Err(end) => load.end = Some(end),
                }
                if !load.is_full() {
                    next = arrived(items).await;
                }
            }
            if let Some(end) = self.finish(load, track).await {
                return end;
            }
        }
    }

    /// Commits a load and says what became of it; the end of the connection, if it brought one.
    async fn finish(&mut self, mut load: Load, track: &Track) -> Option<End> {
        self.retry = load.retry.or(self.retry);
        let checkpoint = track.checkpoint();
        let changed = (*checkpoint != self.stored).then(|| checkpoint.clone());
        let any = load.has_events();
        if let Some(batch) = load.batch(&self.parts.name, changed) {
            let accepted = self.commit(batch).await;
            self.stored.clone_from(checkpoint);
            self.new |= accepted.new > 0;
            self.report.accepted(accepted, any);
            if accepted.deliveries > 0 {
                let count = |count: &mut u64| *count = count.wrapping_add(1);
                self.parts.nudge.send_modify(count);
            }
        }
        if self.has_advanced() || load.end == Some(End::Recycled) {
            self.report.proven();
        }
        let end = load.end.take();
        load.remark(self.report);
        end
    }

    /// Commits a batch, however long the store cannot. Meanwhile nothing is read.
    async fn commit(&self, batch: Batch) -> Accepted {
        let queue: &Arc<dyn Queue> = &self.parts.queue;
        let mut failed = false;
        loop {
            match queue.accept(batch.clone()).await {
                Ok(accepted) => {
                    if failed {
                        tracing::info!(source = %self.parts.name, "the store takes events again");
                        self.report.activity("streaming");
                    }
                    return accepted;
                }
                Err(reason) => {
                    if !failed {
                        tracing::error!(source = %self.parts.name, reason, "store refused a batch");
                        failed = true;
                    }
                    self.report
                        .activity(format!("waiting for the store: {reason}"));
                }
            }
            sleep(COMMIT_WAIT).await;
        }
    }

    /// Ends when the connection has lived long enough; never again after that.
    async fn proof(&self) {
        let moment = self.opened + PROOF;
        if moment <= Instant::now() {
            return std::future::pending().await;
        }
        sleep_until(moment).await;
    }

    fn has_advanced(&self) -> bool {
        self.new || self.stored.cursor != self.start
    }
}
