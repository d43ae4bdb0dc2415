//! Reading one open connection to its end: one item, whatever else has already arrived, one commit.
//!
//! A file of its own because this loop holds the promise that nothing is read past a batch that is
//! not committed, which is back-pressure and durability in one. Why a connection ended, and what
//! comes next, is not its business.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};

use super::catchup;
use super::desk::{Desk, Turn};
use super::gap::{Cause, Doubt, GRACE, Gap};
use super::load::Load;
use crate::model::{Checkpoint, Cursor};
use crate::sources::checkpoint::Track;
use crate::sources::picture::Since;
use crate::sources::{End, Item, Items, What};

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
    /// When something was last heard on it.
    pub(super) heard: Instant,
    /// The reconnection time that the server asked for.
    pub(super) retry: Option<Duration>,
    /// What it has not cleared up.
    pub(super) doubt: Option<Doubt>,
}

/// Reads an open connection until it ends, then closes it.
pub(super) async fn drive(
    mut items: Box<dyn Items>,
    desk: &Desk<'_>,
    track: &mut Track,
    doubt: Option<Doubt>,
) -> Driven {
    let checkpoint = track.checkpoint().clone();
    let mut line = Line {
        desk,
        opened: Instant::now(),
        heard: Instant::now(),
        start: checkpoint.cursor.clone(),
        since: checkpoint.high_time.map_or(Since::Unknown, Since::Moment),
        stored: checkpoint,
        away: doubt.as_ref().map_or(Duration::ZERO, |doubt| doubt.away),
        doubt,
        new: false,
        retry: None,
    };
    let end = line.read(items.as_mut(), track).await;
    Driven {
        end,
        advanced: line.has_advanced(),
        lived: line.opened.elapsed(),
        heard: line.heard,
        retry: line.retry,
        doubt: line.doubt,
    }
}

struct Line<'a, 'd> {
    desk: &'a Desk<'d>,
    /// The checkpoint on disk.
    stored: Checkpoint,
    opened: Instant,
    /// When something was last heard.
    heard: Instant,
    /// The cursor it was opened with.
    start: Cursor,
    /// The time of the newest event before it was opened.
    since: Since,
    /// How long nothing was heard before it was opened.
    away: Duration,
    /// Whether something is missing before it, until the stream shows.
    doubt: Option<Doubt>,
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

impl Line<'_, '_> {
    async fn read(&mut self, items: &mut dyn Items, track: &mut Track) -> End {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(item) => item,
                None => self.wait(items).await,
            };
            self.look_at(&first).await;
            let turn = self.desk.turn().await;
            let mut load = Load::default();
            let mut next = Some(first);
            while let Some(item) = next.take() {
                match item {
                    Ok(item) => self.take(item, &mut load, track),
                    Err(end) => load.end = Some(end),
                }
                if load.is_full() {
                    break;
                }
                match arrived(items).await {
                    // Its names have to be asked for, which nobody may do who has the turn.
                    Some(Ok(item)) if self.is_nameless(&item) => held = Some(Ok(item)),
                    other => next = other,
                }
                if let Some(Ok(item)) = &next {
                    self.clear_up(item);
                }
            }
            if let Some(end) = self.finish(load, track, &turn).await {
                return end;
            }
        }
    }

    /// Waits for the next item, and minds what is due meanwhile.
    async fn wait(&mut self, items: &mut dyn Items) -> Result<Item, End> {
        loop {
            tokio::select! {
                biased;
                item = items.next() => return item,
                _ = self.desk.withdrawn() => return Err(End::AuthRevoked),
                () = at_once_after(self.opened + PROOF) => self.desk.report.proven(),
                () = sleep_until(self.opened + GRACE), if self.doubt.is_some() => {
                    let gap = self.doubt.take().and_then(|doubt| doubt.gap);
                    gap.into_iter().for_each(|gap| self.desk.notice(gap));
                }
            }
        }
    }

    /// Looks at the item that a load begins with, before the turn is taken.
    async fn look_at(&mut self, item: &Result<Item, End>) {
        // An end is not heard: it may be that nothing was, for long.
        let Ok(item) = item else { return };
        self.heard = Instant::now();
        self.clear_up(item);
        if let What::Event(event) = &item.what {
            catchup::name(self.desk, event).await;
        }
    }

    fn is_nameless(&self, item: &Item) -> bool {
        matches!(&item.what, What::Event(event) if catchup::is_nameless(self.desk, event))
    }

    /// The first id of a connection shows whether something is missing before it.
    fn clear_up(&mut self, item: &Item) {
        let Some(id) = item.cursor.as_ref().and_then(Cursor::header) else {
            return;
        };
        if let Some(gap) = self.doubt.take().and_then(|doubt| doubt.judge(id)) {
            self.desk.notice(gap);
        }
    }

    fn take(&self, item: Item, load: &mut Load, track: &mut Track) {
        let mut picture = self.desk.picture();
        let router = self.desk.parts.router.as_ref();
        load.take(item, track, router, picture.as_deref_mut());
    }

    /// Commits a load and says what became of it; the end of the connection, if it brought one.
    async fn finish(&mut self, mut load: Load, track: &Track, turn: &Turn<'_>) -> Option<End> {
        let report = self.desk.report;
        self.retry = load.retry.or(self.retry);
        let checkpoint = track.checkpoint();
        let changed = (*checkpoint != self.stored).then(|| checkpoint.clone());
        let any = load.has_events();
        if load.epoch {
            self.desk
                .notice(Gap::new(Cause::Epoch, self.since, self.away));
        }
        if load.unread {
            self.desk.notice_unread(self.since());
        }
        if let Some(batch) = load.batch(&self.desk.parts.name, changed) {
            let accepted = self.desk.commit(turn, batch).await;
            self.stored.clone_from(checkpoint);
            self.new |= accepted.new > 0;
            report.accepted(&accepted, any);
        }
        if any {
            self.desk.hear();
        }
        if self.has_advanced() || load.end == Some(End::Recycled) {
            report.proven();
        }
        let end = load.end.take();
        load.remark(report);
        end
    }

    /// The time of the newest event that is on disk.
    fn since(&self) -> Since {
        let last = self.stored.high_time;
        last.map_or(self.since, Since::Moment)
    }

    fn has_advanced(&self) -> bool {
        self.new || self.stored.cursor != self.start
    }
}

/// Ends at a moment, and never again after it.
async fn at_once_after(moment: Instant) {
    if moment <= Instant::now() {
        return std::future::pending().await;
    }
    sleep_until(moment).await;
}
