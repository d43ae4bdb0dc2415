//! The stream behind every connection to it: ids, the replay buffer, the one subscriber, and the ledger
//! of what was said.
//!
//! Its own file because order is decided here and nowhere else: an event gets its id, its time, its
//! place in the buffer, in the ledger and on the open connection under one lock. A subscriber that does
//! not keep up is cut, so memory does not grow with its backlog.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::super::ledger::Ledger;
use super::super::wire::Wire;
use super::message::{Message, MessageId, Outline, frame};
use crate::clock::Clock;

/// Frames that may wait for a subscriber.
const BACKLOG_MAX: usize = 1_024;

/// Bytes that may wait for a subscriber, and bytes that the replay buffer holds at most.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long a sender that can wait does so for a subscriber to keep up.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The body ends as it should.
    Close,
    /// The connection is cut inside the body.
    Cut,
    /// The connection is reset.
    Reset,
}

/// One thing for an open connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Bytes(Bytes),
    /// Bytes to be sent one by one.
    Shreds(Bytes),
    /// Nothing more, and no end either.
    Silence,
    End(Ending),
}

/// Ids, buffer, subscriber and ledger.
pub(super) struct Feed {
    clock: Clock,
    inner: Mutex<Inner>,
    listening: watch::Sender<bool>,
}

struct Inner {
    next_id: u64,
    buffer: VecDeque<Kept>,
    buffer_max: usize,
    buffer_bytes: usize,
    ledger: Ledger,
    live: Option<Live>,
    opened: u64,
}

/// An event that can be replayed.
struct Kept {
    id: u64,
    account: Option<String>,
    frame: Bytes,
}

/// The open connection, as seen from the feed.
struct Live {
    serial: u64,
    frames: mpsc::Sender<Frame>,
    waiting: Arc<AtomicUsize>,
    account: Option<String>,
    wire: Wire,
    /// Frames that are still to be sent byte by byte.
    shreds: u64,
    /// Whether an end or a silence is on its way, so that nothing more will be heard.
    deaf: bool,
}

/// The slot is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Feed {
    pub(super) fn new(first_id: u64, buffer_max: usize, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            inner: Mutex::new(Inner {
                next_id: first_id,
                buffer: VecDeque::new(),
                buffer_max,
                buffer_bytes: 0,
                ledger: Ledger::default(),
                live: None,
                opened: 0,
            }),
            listening: watch::Sender::new(false),
        })
    }

    /// Takes the one slot, with what the buffer holds after an id.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        after: Option<u64>,
        account: Option<String>,
        wire: Wire,
    ) -> Result<Subscription, Busy> {
        let mut inner = self.lock();
        if inner.live.is_some() {
            return Err(Busy);
        }
        let wanted = |kept: &&Kept| {
            after.is_some_and(|after| kept.id > after)
                && passes(account.as_deref(), kept.account.as_deref())
        };
        let replay = inner.buffer.iter().filter(wanted);
        let replay = replay.map(|kept| kept.frame.clone()).collect();
        let (sender, frames) = mpsc::channel(BACKLOG_MAX);
        let waiting = Arc::default();
        inner.opened += 1;
        let serial = inner.opened;
        inner.live = Some(Live {
            serial,
            frames: sender,
            waiting: Arc::clone(&waiting),
            account,
            wire,
            shreds: 0,
            deaf: false,
        });
        self.listening.send_replace(true);
        Ok(Subscription {
            replay,
            frames,
            waiting,
            slot: Slot {
                feed: Arc::clone(self),
                serial,
            },
        })
    }

    /// Sends a message; a control event is followed by the end of the connection. Returns the id, if
    /// the message has a numeric one.
    pub(super) fn send(&self, message: &Message) -> Option<u64> {
        let outline = Outline::of(&message.payload);
        let mut inner = self.lock();
        let id = match &message.id {
            MessageId::Auto => match outline.id {
                None if outline.control => None,
                None => Some(inner.next_id.to_string()),
                Some(id) => Some(id.to_string()),
            },
            MessageId::None => None,
            MessageId::Text(text) => Some(text.clone()),
        };
        let number = id.as_deref().and_then(|id| id.parse().ok());
        let bytes = frame(&message.payload, id.as_deref(), message.event.as_deref());
        if let Some(number) = number {
            inner.next_id = u64::saturating_add(number, 1);
            if !outline.control {
                inner.keep(number, outline.account.clone(), bytes.clone());
            }
        }
        inner.ledger.fold(&message.payload, self.clock.now());
        self.offer(&mut inner, outline.account.as_deref(), bytes);
        if outline.control {
            self.last(&mut inner, Frame::End(Ending::Close));
        }
        number
    }

    /// Sends an event that is written with the id and the time it gets.
    pub(super) fn publish(
        &self,
        account: Option<&str>,
        write: impl FnOnce(u64, Timestamp) -> Bytes,
    ) -> u64 {
        let mut inner = self.lock();
        let (id, now) = (inner.next_id, self.clock.now());
        inner.next_id = id.saturating_add(1);
        let payload = write(id, now);
        inner.ledger.fold(&payload, now);
        let bytes = frame(&payload, Some(&id.to_string()), None);
        inner.keep(id, account.map(str::to_owned), bytes.clone());
        self.offer(&mut inner, account, bytes);
        id
    }

    /// Notes an event from before the stream began, which nobody hears.
    pub(super) fn remember(&self, write: impl FnOnce(u64, Timestamp) -> Bytes) {
        let now = self.clock.now();
        self.lock().ledger.fold(&write(0, now), now);
    }

    /// Reads what was said so far, with nothing said in between.
    pub(super) fn ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.lock().ledger)
    }

    /// Puts bytes on the open connection as they are.
    pub(super) fn raw(&self, bytes: Bytes) {
        self.offer(&mut self.lock(), None, bytes);
    }

    /// Ends the open connection behind everything that was sent before.
    pub(super) fn end(&self, ending: Ending) {
        self.last(&mut self.lock(), Frame::End(ending));
    }

    /// Lets the open connection hear nothing more, not even an end. The next one hears again.
    pub(super) fn silence(&self) {
        self.last(&mut self.lock(), Frame::Silence);
    }

    /// Lets the open connection send its next frames byte by byte.
    pub(super) fn shred(&self, frames: u64) {
        if let Some(live) = &mut self.lock().live {
            live.shreds = frames;
        }
    }

    /// Counts from 1 again with an empty buffer.
    pub(super) fn restart(&self) {
        let mut inner = self.lock();
        inner.next_id = 1;
        inner.buffer.clear();
        inner.buffer_bytes = 0;
    }

    /// Events that the buffer can hold.
    pub(super) fn buffer_max(&self) -> usize {
        self.lock().buffer_max
    }

    /// The id of the next event.
    pub(super) fn next_id(&self) -> u64 {
        self.lock().next_id
    }

    /// Whether somebody listens.
    pub(super) fn is_heard(&self) -> bool {
        *self.listening.borrow()
    }

    /// Waits until somebody listens.
    pub(super) async fn heard(&self) {
        let mut listening = self.listening.subscribe();
        // The sender lives as long as the feed.
        let _ = listening.wait_for(|listening| *listening).await;
    }

    /// Waits until nobody listens.
    pub(super) async fn unheard(&self) {
        let mut listening = self.listening.subscribe();
        let _ = listening.wait_for(|listening| !*listening).await;
    }

    /// Waits, within limits, until the subscriber has room for so many more frames.
    pub(super) async fn room(&self, frames: usize) {
        let live = self.lock().live.as_ref().map(|live| live.frames.clone());
        if let Some(live) = live {
            let frames = frames.min(BACKLOG_MAX);
            let _ = tokio::time::timeout(PATIENCE, live.reserve_many(frames)).await;
        }
    }

    fn offer(&self, inner: &mut Inner, account: Option<&str>, bytes: Bytes) {
        let Some(live) = &mut inner.live else { return };
        if live.deaf || !passes(live.account.as_deref(), account) {
            return;
        }
        let size = bytes.len();
        let waiting = live.waiting.fetch_add(size, Ordering::AcqRel) + size;
        let frame = match live.shreds.checked_sub(1) {
            Some(fewer) => {
                live.shreds = fewer;
                Frame::Shreds(bytes)
            }
            None => Frame::Bytes(bytes),
        };
        if waiting > BYTES_MAX || live.frames.try_send(frame).is_err() {
            self.cut(inner);
        }
    }

    fn last(&self, inner: &mut Inner, frame: Frame) {
        let Some(live) = &mut inner.live else { return };
        // An end may follow a silence, so deafness alone is no reason to leave it out.
        live.deaf = true;
        let refused = live.frames.try_send(frame).is_err();
        self.listening.send_replace(false);
        if refused {
            self.cut(inner);
        }
    }

    /// Breaks a connection that does not keep up. Its slot is free once it is really gone.
    fn cut(&self, inner: &mut Inner) {
        if let Some(live) = &mut inner.live {
            live.deaf = true;
            live.wire.close();
            self.listening.send_replace(false);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, id: u64, account: Option<String>, frame: Bytes) {
        self.buffer_bytes += frame.len();
        self.buffer.push_back(Kept { id, account, frame });
        while self.buffer.len() > self.buffer_max || self.buffer_bytes > BYTES_MAX {
            let Some(oldest) = self.buffer.pop_front() else {
                break;
            };
            self.buffer_bytes -= oldest.frame.len();
        }
    }
}

/// Whether an event passes an account filter; one that belongs to no account always does.
fn passes(filter: Option<&str>, account: Option<&str>) -> bool {
    match (filter, account) {
        (Some(filter), Some(account)) => filter.eq_ignore_ascii_case(account),
        _ => true,
    }
}

/// One open connection, as seen from the connection.
pub(super) struct Subscription {
    /// What comes first.
    pub(super) replay: VecDeque<Bytes>,
    frames: mpsc::Receiver<Frame>,
    waiting: Arc<AtomicUsize>,
    /// Dropping it frees the slot.
    slot: Slot,
}

impl Subscription {
    /// The next frame. Can be dropped while waiting without losing one.
    pub(super) async fn next(&mut self) -> Frame {
        let frame = self.frames.recv().await;
        if let Some(Frame::Bytes(bytes) | Frame::Shreds(bytes)) = &frame {
            self.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
        }
        frame.unwrap_or(Frame::End(Ending::Cut))
    }

    /// Says that nothing more will be heard, although the slot is still taken.
    pub(super) fn deafen(&self) {
        let mut inner = self.slot.feed.lock();
        if let Some(live) = &mut inner.live {
            live.deaf = true;
            self.slot.feed.listening.send_replace(false);
        }
    }
}

struct Slot {
    feed: Arc<Feed>,
    serial: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inner = self.feed.lock();
        if inner
            .live
            .as_ref()
            .is_some_and(|it| it.serial == self.serial)
        {
            inner.live = None;
            self.feed.listening.send_replace(false);
        }
    }
}
