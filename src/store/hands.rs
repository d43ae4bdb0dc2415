//! Deliveries that go straight to the lane that sends them, from whoever puts them into the queue.
//!
//! A lane that has taken all that is due says how many more it has room for. A delivery that finds room
//! is written as taken by the very transaction that brings it, and is handed over once that is on the
//! disk: one flush for what would otherwise be two, and nothing is read back that was just written. It
//! counts as an attempt as any other that is taken, and a crash leaves it in flight as any other.
//!
//! What finds no room waits in the queue, and from then on all that comes behind it does too, until the
//! lane has claimed everything that is due. What it claims comes the same way, so that its order among
//! all that is handed over is kept: nothing overtakes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Claims;
use super::lead::Held;
use crate::model::{Claim, Name};

/// What comes into an inbox.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are new, and a box for each would cost more"
)]
pub enum Handed {
    /// A delivery that has just come in.
    New(Claim),
    /// What was claimed.
    Claimed(Claims),
}

/// A lane's end.
#[derive(Debug)]
pub struct Inbox {
    room: Arc<AtomicUsize>,
    handed: mpsc::UnboundedReceiver<Handed>,
    /// Room given so far, less what has been received and taken back.
    given: usize,
}

impl Inbox {
    /// Says how many more deliveries there is room for. Fewer than before may come too late for what is
    /// being handed over already.
    pub fn set_room(&mut self, room: usize) {
        if room > self.given {
            self.room.fetch_add(room - self.given, Ordering::AcqRel);
            self.given = room;
        } else if room < self.given {
            let excess = self.given - room;
            let found = self
                .room
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                    Some(left.saturating_sub(excess))
                });
            self.given -= excess.min(found.unwrap_or_default());
        }
    }

    /// The next of it, once there is one; `None` when nothing will come any more.
    pub async fn next(&mut self) -> Option<Handed> {
        let handed = self.handed.recv().await;
        self.note(handed)
    }

    /// The next of it, if it is there.
    pub fn try_next(&mut self) -> Option<Handed> {
        let handed = self.handed.try_recv().ok();
        self.note(handed)
    }

    fn note(&mut self, handed: Option<Handed>) -> Option<Handed> {
        self.given -= usize::from(matches!(handed, Some(Handed::New(_))));
        handed
    }
}

/// The lanes that take deliveries as they come in, and what one transaction hands over to them.
#[derive(Debug, Default)]
pub(super) struct Hands {
    open: HashMap<Name, Hand>,
    pending: Vec<(Name, Handed)>,
    /// There may be something to send for lanes of other instances.
    tells_others: bool,
}

#[derive(Debug)]
struct Hand {
    /// The duty of the lane, where it is one.
    by: Option<Arc<Held>>,
    is_fenced: bool,
    room: Arc<AtomicUsize>,
    out: mpsc::UnboundedSender<Handed>,
    /// Something due waits in the queue, as far as is known.
    is_behind: bool,
    /// When the latest of what passed it by is due.
    passed: Timestamp,
}

impl Hands {
    /// Opens the hand of a sink's lane, in place of an earlier one. Until the lane has looked into the
    /// queue nothing is handed over.
    pub(super) fn attend(&mut self, sink: &Name, by: Option<Arc<Held>>) -> Inbox {
        let (out, handed) = mpsc::unbounded_channel();
        let room = Arc::default();
        let hand = Hand {
            by,
            is_fenced: false,
            room: Arc::clone(&room),
            out,
            is_behind: true,
            passed: Timestamp::MIN,
        };
        self.open.insert(sink.clone(), hand);
        Inbox {
            room,
            handed,
            given: 0,
        }
    }

    /// Closes the hand of a lane: whatever was handed over is in its inbox now, and nothing follows.
    pub(super) fn leave(&mut self, sink: &Name) {
        self.open.remove(sink);
    }

    /// Takes a place in a lane's hand, if nothing that is due waits before it and there is one.
    pub(super) fn has_room(&mut self, sink: &Name) -> bool {
        let Some(hand) = self.open.get_mut(sink) else {
            return false;
        };
        let left = |room: usize| room.checked_sub(1);
        let update = |room: &AtomicUsize| {
            room.fetch_update(Ordering::AcqRel, Ordering::Acquire, left)
                .is_ok()
        };
        !hand.is_behind && !hand.is_fenced && update(&hand.room)
    }

    /// A delivery waits for a lane, perhaps of another instance.
    pub(super) fn waits_for(&mut self, sink: &Name) {
        self.tells_others |= self.open.get(sink).is_none_or(|hand| hand.is_fenced);
    }

    /// There may be something to send for anybody.
    pub(super) const fn wake_all(&mut self) {
        self.tells_others = true;
    }

    /// Whether other instances are to be told.
    pub(super) const fn tells_others(&mut self) -> bool {
        std::mem::replace(&mut self.tells_others, false)
    }

    /// The duties of the lanes.
    pub(super) fn by(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.open.values().filter_map(|hand| hand.by.as_ref())
    }

    /// Hands nothing over to lanes whose duty is none of these.
    pub(super) fn fence(&mut self, held: &HashSet<Held>) {
        for hand in self.open.values_mut() {
            hand.is_fenced = hand.by.as_ref().is_some_and(|by| !held.contains(&**by));
        }
    }

    /// A delivery that is due then goes into the queue: what comes after it has to as well.
    pub(super) fn pass_by(&mut self, sink: &Name, due: Timestamp) {
        if let Some(hand) = self.open.get_mut(sink) {
            hand.is_behind = true;
            hand.passed = hand.passed.max(due);
        }
    }

    /// The moment up to which a lane claims that has read this one from the clock: what has come in since
    /// and passed its hand by is due as well, or what comes next would overtake it.
    pub(super) fn claims_until(&self, sink: &Name, now: Timestamp) -> Timestamp {
        self.open.get(sink).map_or(now, |hand| now.max(hand.passed))
    }

    /// The lane has taken all that was due.
    pub(super) fn caught_up(&mut self, sink: &Name) {
        if let Some(hand) = self.open.get_mut(sink) {
            hand.is_behind = false;
            hand.passed = Timestamp::MIN;
        }
    }

    /// Hands something over once the transaction is on the disk.
    pub(super) fn hold(&mut self, sink: &Name, handed: Handed) {
        self.pending.push((sink.clone(), handed));
    }

    /// The transaction is on the disk. Answers with what nobody took.
    pub(super) fn committed(&mut self) -> Vec<Claim> {
        let mut left = Vec::new();
        for (sink, handed) in self.pending.drain(..) {
            let refused = match self.open.get(&sink) {
                Some(hand) => hand.out.send(handed).err().map(|refused| refused.0),
                None => Some(handed),
            };
            match refused {
                None => {}
                Some(Handed::New(claim)) => left.push(claim),
                Some(Handed::Claimed(claims)) => left.extend(claims.claims),
            }
        }
        left
    }

    /// The claims that would be handed over.
    pub(super) fn pending(&self) -> Vec<Claim> {
        let claims = self.pending.iter().map(|(_, handed)| match handed {
            Handed::New(claim) => std::slice::from_ref(claim),
            Handed::Claimed(claims) => &claims.claims,
        });
        claims.flatten().cloned().collect()
    }

    /// The transaction has changed nothing: neither are the places taken, nor has anybody caught up.
    pub(super) fn rolled_back(&mut self) {
        self.tells_others = false;
        for (sink, handed) in self.pending.drain(..) {
            if let (Handed::New(_), Some(hand)) = (handed, self.open.get(&sink)) {
                hand.room.fetch_add(1, Ordering::AcqRel);
            }
        }
        for hand in self.open.values_mut() {
            hand.is_behind = true;
        }
    }
}
