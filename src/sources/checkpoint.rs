//! How far a source has been followed, from one item of its stream to the next.
//!
//! A file of its own because telling a restarted server from an old event is a decision without any
//! input or output: position and time in, new checkpoint out. It writes nothing; `intake` commits.

use jiff::Timestamp;

use crate::model::{Checkpoint, Cursor};

/// The checkpoint of a source while its stream is read.
#[derive(Clone, Debug)]
pub struct Track(Checkpoint);

/// What a position in the stream meant for the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// On from where it was, or still there.
    On,
    /// The ids started over: this is the first one of a new epoch.
    Epoch,
    /// An older event came late; nothing moved back.
    Late,
    /// The server took the id away: the next connection starts wherever it likes.
    Cleared,
}

impl Track {
    /// Goes on from a stored checkpoint.
    #[must_use]
    pub const fn new(checkpoint: Checkpoint) -> Self {
        Self(checkpoint)
    }

    /// How far the source has been followed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.0
    }

    /// Follows the stream to a position, which may come with the time of the event that stands there.
    ///
    /// Ids that are no numbers have no order, so the cursor simply follows them. Where a smaller
    /// number cannot be shown to be older, it counts as a new epoch: going back too far costs a
    /// replay that is recognised, staying too far ahead would make a restarted server inaudible.
    pub fn follow(&mut self, cursor: Cursor, time: Option<Timestamp>) -> Move {
        let Cursor::At(id) = &cursor else {
            return self.clear();
        };
        let Some(number) = number(id) else {
            self.0.cursor = cursor;
            return Move::On;
        };
        let made = self.place(number, time);
        match made {
            Move::Late => return made,
            Move::Epoch => {
                self.0.epoch = self.0.epoch.saturating_add(1);
                self.0.high_time = time;
            }
            Move::On | Move::Cleared => self.0.high_time = self.0.high_time.max(time),
        }
        self.0.high_id = Some(number);
        self.0.cursor = cursor;
        made
    }

    /// Forgets the cursor, because the server cleared it or refuses it.
    pub fn clear(&mut self) -> Move {
        self.0.cursor = Cursor::Cleared;
        Move::Cleared
    }

    fn place(&self, number: u64, time: Option<Timestamp>) -> Move {
        let Some(high) = self.0.high_id.filter(|high| number <= *high) else {
            return Move::On;
        };
        match (time, self.0.high_time) {
            (Some(time), Some(high_time)) if time > high_time => Move::Epoch,
            _ if number == high => Move::On,
            (Some(_), Some(_)) => Move::Late,
            _ => Move::Epoch,
        }
    }
}

/// An id that is a plain decimal number.
fn number(id: &str) -> Option<u64> {
    let plain = id.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| id.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn track(id: &str, time: Option<Timestamp>) -> Track {
        let mut track = Track::new(Checkpoint::default());
        assert_eq!(track.follow(Cursor::At(id.to_owned()), time), Move::On);
        track
    }

    /// Follows `next` after `first`: the move, and then cursor, epoch and highest id.
    #[track_caller]
    fn check(
        first: (&str, Option<Timestamp>),
        next: (&str, Option<Timestamp>),
        made: Move,
        cursor: &str,
        epoch: u32,
        high: Option<u64>,
    ) {
        let mut track = track(first.0, first.1);
        assert_eq!(
            track.follow(Cursor::At(next.0.to_owned()), next.1),
            made,
            "{first:?} then {next:?}"
        );
        let checkpoint = track.checkpoint();
        assert_eq!(checkpoint.cursor, Cursor::At(cursor.to_owned()));
        assert_eq!(checkpoint.epoch, epoch);
        assert_eq!(checkpoint.high_id, high);
    }

    #[test]
    fn a_larger_id_moves_the_checkpoint_on() {
        check(("7", at(10)), ("9", at(11)), Move::On, "9", 0, Some(9));
        check(("7", at(10)), ("9", None), Move::On, "9", 0, Some(9));
    }

    #[test]
    fn res_3_the_same_id_and_time_is_a_replay_and_moves_nothing() {
        check(("7", at(10)), ("7", at(10)), Move::On, "7", 0, Some(7));
        check(("7", at(10)), ("7", None), Move::On, "7", 0, Some(7));
    }

    #[test]
    fn res_4_a_smaller_or_equal_id_with_a_newer_time_starts_an_epoch() {
        check(("70", at(10)), ("3", at(11)), Move::Epoch, "3", 1, Some(3));
        check(
            ("70", at(10)),
            ("70", at(11)),
            Move::Epoch,
            "70",
            1,
            Some(70),
        );
        check(("70", at(10)), ("3", None), Move::Epoch, "3", 1, Some(3));
        check(("70", None), ("3", at(11)), Move::Epoch, "3", 1, Some(3));
    }

    #[test]
    fn res_5_an_older_event_that_comes_late_moves_nothing_back() {
        check(("70", at(10)), ("69", at(9)), Move::Late, "70", 0, Some(70));
        check(
            ("70", at(10)),
            ("69", at(10)),
            Move::Late,
            "70",
            0,
            Some(70),
        );
        let mut track = track("70", at(10));
        track.follow(Cursor::At("71".to_owned()), at(8));
        assert_eq!(track.checkpoint().high_time, at(10), "nor does the time");
    }

    #[test]
    fn ids_that_are_no_numbers_are_followed_as_they_come() {
        check(("b", at(10)), ("a", at(9)), Move::On, "a", 0, None);
        check(("7", at(10)), ("+3", at(11)), Move::On, "+3", 0, Some(7));
        let huge = "99999999999999999999999";
        check(("7", at(10)), (huge, at(11)), Move::On, huge, 0, Some(7));
    }

    #[test]
    fn feed_l6_a_cleared_cursor_is_not_one_that_never_was() {
        let mut track = track("7", at(10));
        assert_eq!(track.follow(Cursor::Cleared, None), Move::Cleared);
        assert_eq!(track.checkpoint().cursor, Cursor::Cleared);
        assert_eq!(track.checkpoint().high_id, Some(7), "the epoch goes on");
    }
}
