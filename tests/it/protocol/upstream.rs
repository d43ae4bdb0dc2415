//! The upstream, by hand: what has happened there, under which ids, and what it replays to whom.
//!
//! Its rules are those of the contract: what is asked for from behind an id is replayed from behind it, a
//! server that has started anew counts from 1 and has forgotten all, and nobody may trust it to replay no
//! more than was asked for.

use bellwire::sources::Frame;
use bytes::Bytes;
use jiff::Timestamp;

/// How much an upstream replays to whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Replay {
    /// What is behind the id that was asked for; all, where it does not know that id.
    Behind,
    /// All it has.
    Whole,
}

/// Events are told apart by their place in everything that ever happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Upstream {
    /// So many events there will be.
    events: u8,
    happened: u8,
    /// The first event after each of its starts.
    starts: Vec<u8>,
}

impl Upstream {
    pub(crate) fn new(events: u8) -> Self {
        Self {
            events,
            happened: 0,
            starts: vec![0],
        }
    }

    /// How many events are still to come.
    pub(crate) const fn to_come(&self) -> u8 {
        self.events - self.happened
    }

    /// Whether something has happened since its start.
    pub(crate) fn has_told(&self) -> bool {
        !self.buffer().is_empty()
    }

    /// All that has happened.
    pub(crate) fn events(&self) -> std::ops::Range<u8> {
        0..self.happened
    }

    /// All that it can still replay.
    pub(crate) fn buffer(&self) -> std::ops::Range<u8> {
        self.start(self.happened)..self.happened
    }

    pub(crate) const fn happen(&mut self) -> u8 {
        self.happened += 1;
        self.happened - 1
    }

    pub(crate) fn restart(&mut self) {
        self.starts.push(self.happened);
    }

    /// The id of an event, which another one may have had before a restart.
    pub(crate) fn id(&self, event: u8) -> u8 {
        event - self.start(event) + 1
    }

    /// What it replays to whoever has followed it as far as this event.
    pub(crate) fn replay(&self, cursor: Option<u8>, replay: Replay) -> Vec<u8> {
        let cursor = cursor.map(|cursor| self.id(cursor));
        self.replay_behind(cursor, replay)
    }

    /// What it replays to whoever asks for what is behind this id.
    pub(crate) fn replay_behind(&self, cursor: Option<u8>, replay: Replay) -> Vec<u8> {
        let newest = self.happened - self.start(self.happened);
        let known = cursor.filter(|id| *id <= newest && replay == Replay::Behind);
        self.buffer()
            .filter(|event| known.is_none_or(|id| self.id(*event) > id))
            .collect()
    }

    /// An event as a stream tells it. No two happen at the same time, whatever their ids.
    pub(crate) fn frame(&self, event: u8, received: Timestamp) -> Frame {
        let payload = format!(
            r#"{{"type":"tp_hit","timestamp":"2026-06-11T08:00:{event:02}.000Z","data":{{"number":{event}}}}}"#
        );
        Frame {
            kind: "message".to_owned(),
            own_id: Some(self.id(event).to_string()),
            payload: Bytes::from(payload),
            received,
        }
    }

    /// The first event of the life of the server that an event belongs to.
    fn start(&self, event: u8) -> u8 {
        let starts = self.starts.iter().rev();
        let start = starts.copied().find(|start| *start <= event);
        start.expect("the first one is 0")
    }
}
