//! Reading one open connection to its end: one item, whatever else has arrived until the commit before is done,
//! one commit.
//!
//! A file of its own because this loop holds the promise that nothing counts as received before it is
//! committed, and nothing is read past one load more, which is back-pressure and durability in one.
//! Why a connection ended, and what comes next, is not its business.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::catchup;
use super::desk::{Desk, Turn};
use super::gap::{Cause, Doubt, GRACE, Gap};
use super::load::Load;
use crate::model::{Accepted, Batch, Checkpoint, Cursor};
use crate::sources::checkpoint::Track;
use crate::sources::picture::Since;
use crate::sources::{End, Item, Items, What};

/// A connection that lives this long is good even when nothing happens on it.
const PROOF: Duration = Duration::from_secs(5);

/// Turns that the connection's task gets for each further item: one to read and one to hand it over, and no more,
/// since an event alone in the world has to pass all of them.
const TURNS: usize = 2;

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
        if let Some(item) = items.arrived() {
            return Some(item);
        }
        tokio::task::yield_now().await;
    }
    None
}

impl Line<'_, '_> {
    /// Reads load after load and commits each. While one is on its way to the disk, the next is filled with
    /// what arrives, unless there is a picture: that would be ahead of the events.
    async fn read(&mut self, items: &mut dyn Items, track: &mut Track) -> End {
        let desk = self.desk;
        let mut load = Load::default();
        let mut held = None;
        loop {
            let mut next = None;
            if load.is_empty() {
                let first = match held.take() {
                    Some(item) => item,
                    None => self.wait(items).await,
                };
                self.look_at(&first).await;
                next = Some(first);
            }
            let turn = desk.turn().await;
            held = self.fill(&mut load, next, items, track).await;
            let mut ahead = Load::default();
            let accepted = match self.seal(&mut load, track) {
                None => None,
                Some(batch) if desk.has_picture() => Some(desk.commit(&turn, batch).await),
                Some(batch) => Some(self.commit(&turn, batch, &mut ahead, items, track).await),
            };
            if let Some(end) = self.finish(load, accepted) {
                return end;
            }
            load = ahead;
        }
    }

    /// Commits a batch, and fills the load behind it with what arrives until that is done.
    async fn commit(
        &mut self,
        turn: &Turn<'_>,
        batch: Batch,
        ahead: &mut Load,
        items: &mut dyn Items,
        track: &mut Track,
    ) -> Accepted {
        let mut commit = pin!(self.desk.commit(turn, batch));
        let fill = async {
            while !ahead.is_full() {
                let next = items.next().await;
                // Nobody but the stream takes something in here, so nothing is ever held.
                self.fill(ahead, Some(next), items, track).await;
            }
        };
        tokio::select! {
            biased;
            accepted = &mut commit => accepted,
            () = fill => commit.await,
        }
    }

    /// Fills a load with an item and what else has arrived; answers what has arrived and has to wait for
    /// another turn. It waits only where every item is in the load, so dropping this future loses none.
    async fn fill(
        &mut self,
        load: &mut Load,
        first: Option<Result<Item, End>>,
        items: &mut dyn Items,
        track: &mut Track,
    ) -> Option<Result<Item, End>> {
        let now = Instant::now();
        let mut next = first;
        while !load.is_full() {
            let item = match next.take() {
                Some(item) => item,
                None => match arrived(items).await? {
                    // Its names have to be asked for, which nobody may do who has the turn.
                    Ok(item) if self.is_nameless(&item) => return Some(Ok(item)),
                    item => item,
                },
            };
            match item {
                Ok(item) => {
                    self.heard = now;
                    self.clear_up(&item);
                    self.take(item, load, track);
                }
                Err(end) => load.end = Some(end),
            }
        }
        None
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
        if self.doubt.is_none() {
            return;
        }
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

    /// Ends a load; what has to be committed of it.
    fn seal(&mut self, load: &mut Load, track: &Track) -> Option<Batch> {
        self.retry = load.retry.or(self.retry);
        if load.epoch {
            self.desk
                .notice(Gap::new(Cause::Epoch, self.since, self.away));
        }
        if load.unread {
            self.desk.notice_unread(self.since());
        }
        load.seal(&self.desk.parts.name, &self.stored, track.checkpoint())
    }

    /// Says what became of a load; the end of the connection, if it brought one.
    fn finish(&mut self, mut load: Load, accepted: Option<Accepted>) -> Option<End> {
        let report = self.desk.report;
        if let Some(checkpoint) = load.checkpoint.take() {
            self.stored = checkpoint;
        }
        if let Some(accepted) = &accepted {
            self.new |= accepted.new > 0;
            report.accepted(accepted, load.had_events);
        }
        if load.had_events {
            self.desk.hear();
        }
        if self.has_advanced() || load.end == Some(End::Recycled) {
            report.proven();
        }
        let end = load.end.take();
        load.remark(report, &accepted.unwrap_or_default().repeated);
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
