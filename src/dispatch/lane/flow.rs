//! How many deliveries a lane holds: those on their way, and those that wait in its hand for a place.
//!
//! A sink that answers within a millisecond would spend most of its time waiting for the disk if each
//! delivery were asked for when a place is free. So a lane has as many in hand as were answered while
//! something was last written down, twice, and more whenever it has run dry: as much as it sends until the
//! disk has answered again. A sink that takes a second has none in hand, and what is urgent never waits
//! behind them for more than moments.

use std::collections::VecDeque;

use crate::model::{Back, Claim};

/// Most deliveries in hand.
const IN_HAND_MAX: usize = 512;

/// Bytes of events in hand that are enough.
const BYTES_MAX: usize = 1 << 20;

/// Most deliveries whose answers are there and not yet flushed. A power cut has these repeated, as it has
/// those that are on their way.
const UNWRITTEN_MAX: usize = 1024;

/// What a lane holds.
#[derive(Debug)]
pub(super) struct Flow {
    /// Most that may be on their way at once.
    concurrency: usize,
    /// Taken, and not begun.
    in_hand: VecDeque<Claim>,
    /// The bytes of their events.
    bytes: usize,
    /// Answered, and not yet flushed.
    pub(super) unwritten: usize,
    /// Answers so far.
    answered: u64,
    /// So many are to be in hand.
    ahead: usize,
}

impl Flow {
    pub(super) const fn new(concurrency: usize) -> Self {
        Self {
            concurrency,
            in_hand: VecDeque::new(),
            bytes: 0,
            unwritten: 0,
            answered: 0,
            ahead: 0,
        }
    }

    /// How many are in hand.
    pub(super) fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// Takes one in hand.
    pub(super) fn hold(&mut self, claim: Claim) {
        self.bytes += bytes(&claim);
        self.in_hand.push_back(claim);
    }

    /// The next one that is to begin, while so many are on their way.
    pub(super) fn next(&mut self, on_their_way: usize) -> Option<Claim> {
        let has_place = on_their_way < self.concurrency && self.unwritten < UNWRITTEN_MAX;
        let claim = self.in_hand.pop_front_if(|_| has_place)?;
        self.bytes -= bytes(&claim);
        Some(claim)
    }

    /// All that is in hand, which is nothing then.
    pub(super) fn give_up(&mut self) -> Vec<Back> {
        self.bytes = 0;
        self.in_hand.drain(..).map(|claim| claim.back()).collect()
    }

    /// An answer is there.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
        self.unwritten += 1;
    }

    /// Answers are being written down from now on. What this answers is for [`Flow::written`].
    pub(super) const fn mark(&self) -> u64 {
        self.answered
    }

    /// So many answers have been written down that were there at a mark.
    pub(super) fn written(&mut self, count: usize, mark: u64) {
        self.unwritten -= count;
        let meanwhile = usize::try_from(self.answered - mark).unwrap_or(usize::MAX);
        let less = self.ahead - self.ahead.div_ceil(8);
        self.ahead = meanwhile.saturating_mul(2).clamp(less, IN_HAND_MAX);
    }

    /// Something has come from the queue, while so many were on their way, and more is due.
    pub(super) fn came(&mut self, on_their_way: usize) {
        let is_dry = self.in_hand.is_empty() && on_their_way < self.concurrency;
        if is_dry {
            self.ahead = (self.ahead * 2).clamp(self.concurrency, IN_HAND_MAX);
        }
    }

    /// How many more are wanted while so many are on their way. Large events are not gathered.
    pub(super) fn room(&self, on_their_way: usize) -> usize {
        if self.bytes >= BYTES_MAX {
            return 0;
        }
        (self.concurrency + self.ahead).saturating_sub(on_their_way + self.in_hand.len())
    }

    /// Whether so few are left in hand, while so many are on their way, that it is time to ask for more.
    pub(super) fn wants_more(&self, on_their_way: usize) -> bool {
        self.in_hand.len() <= self.ahead / 2 && self.room(on_their_way) > 0
    }
}

fn bytes(claim: &Claim) -> usize {
    let of_bundle = claim.bundle.iter().map(|event| event.payload.len());
    claim.event.payload.len() + of_bundle.sum::<usize>()
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{DataAt, DeliveryId, Event, Name};

    #[test]
    fn as_many_are_in_hand_as_are_sent_while_the_disk_works_twice() {
        let mut flow = Flow::new(4);
        assert_eq!(flow.room(0), 4, "nothing ahead before anything is known");
        assert_eq!(flow.room(3), 1);
        let mark = flow.mark();
        (0..10).for_each(|_| flow.answered());
        flow.written(4, mark);
        assert_eq!(flow.unwritten, 6);
        assert_eq!(flow.room(4), 20);
        for _ in 0..30 {
            flow.answered();
            let mark = flow.mark();
            flow.written(1, mark);
        }
        assert_eq!(flow.room(4), 0, "a slow sink has none in hand");
    }

    #[test]
    fn a_lane_that_runs_dry_has_more_in_hand_the_next_time() {
        let mut flow = Flow::new(4);
        flow.came(4);
        assert_eq!(
            flow.room(4),
            0,
            "every place is taken: it is the sink that is slow"
        );
        for ahead in [4, 8, 16, 32, 64, 128, 256, 512, 512] {
            flow.came(3);
            assert_eq!(flow.room(4), ahead);
        }
    }

    #[test]
    fn neither_the_hand_nor_what_is_unwritten_grows_without_end() {
        let mut flow = Flow::new(16);
        (0..4).for_each(|_| flow.hold(claim(10)));
        assert!(flow.next(15).is_some() && flow.next(16).is_none());
        let mark = flow.mark();
        (1..UNWRITTEN_MAX).for_each(|_| flow.answered());
        assert!(flow.next(0).is_some());
        flow.answered();
        assert!(flow.next(0).is_none(), "the disk has to answer first");
        assert_eq!(flow.give_up().len(), 2);
        (0..9_999).for_each(|_| flow.answered());
        flow.written(UNWRITTEN_MAX, mark);
        assert_eq!(flow.room(16), IN_HAND_MAX);
    }

    #[test]
    fn large_events_are_not_gathered_in_hand() {
        let mut flow = Flow::new(16);
        flow.hold(claim(BYTES_MAX - 1));
        assert_eq!(flow.room(0), 15);
        flow.hold(claim(1));
        assert_eq!(flow.room(0), 0);
        assert!(!flow.wants_more(0));
        assert!(flow.next(0).is_some());
        assert_eq!(
            flow.room(1),
            14,
            "there is room again once the large one has begun"
        );
        flow.hold(claim(BYTES_MAX));
        flow.give_up();
        assert_eq!(flow.room(0), 16);
    }

    /// A claim of an event of this size.
    pub(in super::super) fn claim(bytes: usize) -> Claim {
        let now = Timestamp::UNIX_EPOCH;
        Claim {
            row: 1,
            id: DeliveryId::new("msg_a_1"),
            sink: Name::new("phone").expect("a name"),
            rule: "r".into(),
            attempt: 1,
            step: 0,
            plain: false,
            created: now,
            due: now,
            early_for: None,
            asked: None,
            woken: false,
            living: None,
            suppressed: None,
            alone: true,
            instead: None,
            event: Event {
                source: Name::new("feed").expect("a name"),
                id: None,
                kind: "tp_hit".into(),
                time: None,
                received: now,
                backfilled: false,
                identity: None,
                data: DataAt::Missing,
                payload: vec![b'x'; bytes].into(),
                about: None,
            },
            bundle: Vec::new(),
        }
    }
}
