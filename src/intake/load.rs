//! What has been read and is not yet committed: items in, one batch out.
//!
//! A file of its own because it is the pure part of reading a stream: it follows the checkpoint
//! through the items and keeps what is to be said about them until they are durable.

use std::time::Duration;

use super::Router;
use super::report::Report;
use crate::model::{Batch, Checkpoint, Cursor, Event, Name, Route};
use crate::sources::checkpoint::{Move, Track};
use crate::sources::picture::Picture;
use crate::sources::policy::{RETRY_MAX, RETRY_MIN};
use crate::sources::{End, Item, What};

/// Most items of one batch. Many share a flush; not so many that whoever else needs the store has to wait long.
const ITEMS_MAX: usize = 1024;

/// Most of them that go somewhere, which takes the store several times as long.
const WANTED_MAX: usize = 256;

/// Payload after which a batch is full. One event beyond it still fits, whatever its size. A small queue that is
/// nearly full has room for as much before it has room for more.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The items of one batch.
#[derive(Debug, Default)]
pub(super) struct Load {
    events: Vec<(Event, Vec<Route>)>,
    items: usize,
    wanted: usize,
    payload_bytes: usize,
    remarks: Vec<Remark>,
    /// How far the source has been followed once it is committed, if that moves on with it.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Whether it held events when it was sealed.
    pub(super) had_events: bool,
    /// Whether ids started over in it.
    pub(super) epoch: bool,
    /// Whether something in it could not be read.
    pub(super) unread: bool,
    /// The reconnection time that the server asked for.
    pub(super) retry: Option<Duration>,
    /// What ends the connection once this load is committed.
    pub(super) end: Option<End>,
}

/// What is to be said once the load is durable.
#[derive(Debug)]
enum Remark {
    Skipped {
        bytes: u64,
        id: Option<String>,
    },
    Undecodable {
        reason: String,
        id: Option<String>,
    },
    UnusableId,
    Epoch {
        checkpoint: Checkpoint,
        /// Of the event that showed it, in the batch; `None` where the item was no event. A replay shows nothing.
        place: Option<usize>,
    },
    Cleared,
}

impl Load {
    /// Whether anything more has to wait for the next load.
    pub(super) const fn is_full(&self) -> bool {
        self.end.is_some()
            || self.items >= ITEMS_MAX
            || self.wanted >= WANTED_MAX
            || self.payload_bytes >= PAYLOAD_BYTES_MAX
    }

    /// Whether nothing has been read.
    pub(super) const fn is_empty(&self) -> bool {
        self.items == 0 && self.end.is_none()
    }

    /// Takes the next item of the stream. What repeats something that REST told before is kept, and
    /// goes nowhere.
    pub(super) fn take(
        &mut self,
        item: Item,
        track: &mut Track,
        router: &dyn Router,
        picture: Option<&mut Picture>,
    ) {
        self.items += 1;
        let time = match &item.what {
            What::Event(event) => event.time,
            _ => None,
        };
        let told = item
            .cursor
            .as_ref()
            .filter(|_| matches!(item.what, What::Undecodable { .. }));
        let id = told.and_then(Cursor::header).map(str::to_owned);
        match item.cursor.map(|cursor| track.follow(cursor, time)) {
            Some(Move::Epoch) => {
                self.epoch = true;
                let place = matches!(item.what, What::Event(_)).then_some(self.events.len());
                let checkpoint = track.checkpoint().clone();
                self.remarks.push(Remark::Epoch { checkpoint, place });
            }
            Some(Move::Cleared) => self.remarks.push(Remark::Cleared),
            Some(Move::On | Move::Late) | None => {}
        }
        match item.what {
            What::Event(mut event) => {
                self.payload_bytes += event.payload.len();
                let mut copy = false;
                if let Some(picture) = picture {
                    let heard = picture.hear(&event);
                    (copy, event.about) = (heard.copy, heard.about);
                    picture.mark(&mut event);
                }
                let mut routes = router.routes(&event);
                if copy {
                    // Whoever was sent the other account of it does not hear it again.
                    let told = router.routes(&Event {
                        backfilled: true,
                        ..event.clone()
                    });
                    routes.retain(|route| !told.iter().any(|told| told.sink == route.sink));
                }
                self.wanted += usize::from(!routes.is_empty());
                self.events.push((event, routes));
            }
            What::Skipped { bytes, id } => {
                self.unread = true;
                self.remarks.push(Remark::Skipped { bytes, id });
            }
            What::Undecodable { reason } => {
                self.unread = true;
                self.remarks.push(Remark::Undecodable { reason, id });
            }
            What::UnusableId => self.remarks.push(Remark::UnusableId),
            What::Retry(wish) => self.retry = Some(wish.clamp(RETRY_MIN, RETRY_MAX)),
            // What is announced comes as the connection's end: to be there again before the server has let
            // go of it would be a second connection.
            What::Control(_) | What::Resume | What::Alive => {}
        }
    }

    /// Ends it where the source has been followed so far; what has to be committed, if anything has.
    pub(super) fn seal(
        &mut self,
        source: &Name,
        stored: &Checkpoint,
        followed: &Checkpoint,
    ) -> Option<Batch> {
        let events = std::mem::take(&mut self.events);
        self.had_events = !events.is_empty();
        self.checkpoint = (followed != stored).then(|| followed.clone());
        (self.had_events || self.checkpoint.is_some()).then(|| Batch {
            source: source.clone(),
            events,
            checkpoint: self.checkpoint.clone(),
            picture: Vec::new(),
            heard: Vec::new(),
        })
    }

    /// Says what there is to say, now that it is durable and known which of its events were replays.
    pub(super) fn remark(self, report: &Report, repeated: &[usize]) {
        for remark in self.remarks {
            match remark {
                Remark::Skipped { bytes, id } => report.skipped(bytes, id.as_deref()),
                Remark::Undecodable { reason, id } => report.undecodable(&reason, id.as_deref()),
                Remark::UnusableId => report.unusable_id(),
                Remark::Epoch { checkpoint, place } => {
                    if place.is_none_or(|place| repeated.binary_search(&place).is_err()) {
                        report.epoch(&checkpoint);
                    }
                }
                Remark::Cleared => report.cleared(),
            }
        }
    }
}
