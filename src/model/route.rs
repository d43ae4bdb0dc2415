//! What rules decide about an event, what intake commits, and what bellwire says about itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Cursor, Event, Name};

/// One event to one sink, with the wording of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it goes.
    pub sink: Name,
    /// The first rule that sends it there.
    pub rule: Arc<str>,
    /// From 1 to 5: of what waits for a sink, the highest goes first.
    pub priority: u8,
    /// Deliveries to one sink with the same key are sent one after the other, in the order of the
    /// queue; one without a key waits for no other.
    pub key: Option<Arc<str>>,
    /// The key of the notification that it changes, where each does not have one of its own.
    pub living: Option<Arc<str>>,
    /// What that rule's throttle allows, where it has one that this event counts for.
    pub throttle: Option<Throttle>,
    /// Which message it shares with others, where that rule collects them.
    pub bundle: Option<Bundle>,
    /// Who gets it where this sink does not accept it in time.
    pub fallback: Option<Fallback>,
}

impl Route {
    /// The priority where no rule sets one.
    pub const PRIORITY: u8 = 3;

    /// A route that is nothing but the way to a sink.
    #[must_use]
    pub const fn new(sink: Name, rule: Arc<str>) -> Self {
        Self {
            sink,
            rule,
            priority: Self::PRIORITY,
            key: None,
            living: None,
            throttle: None,
            bundle: None,
            fallback: None,
        }
    }
}

/// One message for several deliveries of a rule to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// What they are collected by.
    pub key: Arc<str>,
    /// When the message is due; what arrives later opens another bundle.
    pub closes: Timestamp,
    /// Most events in one message.
    pub max: u32,
    /// Whether a full one leaves at once, and not when it closes.
    pub leaves_full: bool,
}

/// Who steps in for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The sink that steps in.
    pub to: Name,
    /// How long the first one has.
    pub after: Duration,
    /// The key by which it keeps its order there, as with any delivery.
    pub key: Option<Arc<str>>,
}

/// At most so many deliveries of a rule to a sink in so long, for each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// At most this many.
    pub limit: u32,
    /// In this long.
    pub per: Duration,
    /// What they are counted by.
    pub key: Arc<str>,
}

/// What a throttle has suppressed since it last let something pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// So many deliveries.
    pub count: u64,
    /// When the first of them arrived.
    pub since: Timestamp,
}

/// How far a source has been followed: the cursor, and what is needed to tell a restarted server
/// from an old event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where to resume.
    pub cursor: Cursor,
    /// How often the upstream's ids have started over.
    pub epoch: u32,
    /// The highest numeric id of this epoch, where ids are numbers.
    pub high_id: Option<u64>,
    /// The time of the event with that id.
    pub high_time: Option<Timestamp>,
}

/// Everything that one commit of a source makes durable at once.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The source.
    pub source: Name,
    /// Its events in the order of the stream, each with where it goes.
    pub events: Vec<(Event, Vec<Route>)>,
    /// How far the source has been followed once this is committed; `None` leaves it as it is.
    pub checkpoint: Option<Checkpoint>,
    /// What changes in the stored picture of the source.
    pub picture: Vec<PictureRow>,
    /// Which watches hear which of its events.
    pub heard: Vec<Heard>,
}

/// The events of a batch that a watch listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The watch.
    pub watch: Arc<str>,
    /// Their places among the events of the batch, in its order.
    pub events: Vec<usize>,
}

/// One row of the stored picture of a source, which only those who make it can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureRow {
    /// What it is about; unique within the source.
    pub key: String,
    /// What stands there from now on; `None` removes the row.
    pub body: Option<Vec<u8>>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that were not there before.
    pub new: usize,
    /// Which events of the batch were replays, which added nothing, by their places in it.
    pub repeated: Vec<usize>,
    /// Deliveries put into the queue.
    pub deliveries: usize,
    /// How many of these have gone to their lanes already, and need nobody else to look after them.
    pub handed: usize,
    /// How many of the new events there were of each type.
    pub types: Vec<(Arc<str>, u64)>,
    /// How many deliveries to each sink were throttled.
    pub throttled: Vec<(Name, u64)>,
    /// How many deliveries to each sink go out inside the message of another one.
    pub merged: Vec<(Name, u64)>,
    /// The watches that heard a new event, each with when the last of them arrived.
    pub heard: Vec<(Arc<str>, Timestamp)>,
}

impl Accepted {
    /// Counts a new event of this type.
    pub fn count(&mut self, kind: &Arc<str>) {
        self.new += 1;
        add(&mut self.types, kind);
    }

    /// Counts a delivery to this sink that is throttled.
    pub fn throttled(&mut self, sink: &Name) {
        add(&mut self.throttled, sink);
    }

    /// Counts a delivery to this sink that goes out inside the message of another one.
    pub fn merged(&mut self, sink: &Name) {
        self.deliveries += 1;
        add(&mut self.merged, sink);
    }
}

/// A batch has few types and sinks, so going through them is faster than a map.
fn add<T: Clone + PartialEq>(counts: &mut Vec<(T, u64)>, one: &T) {
    match counts.iter_mut().find(|(known, _)| known == one) {
        Some((_, count)) => *count += 1,
        None => counts.push((one.clone(), 1)),
    }
}

/// Something that bellwire has to say about itself; it becomes an event of the source `bellwire`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The event type, such as `bellwire.source_lost`.
    pub kind: &'static str,
    /// When it happened.
    pub time: Timestamp,
    /// What rules see as `data`.
    pub data: serde_json::Value,
    /// The dead letters that count as told once its event is in the queue.
    pub told: Option<Told>,
}

/// How many of a sink's dead letters have been told, of all that there have ever been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The sink.
    pub sink: Name,
    /// How many.
    pub deaths: u64,
    /// When the last of them were told.
    pub at: Timestamp,
}
