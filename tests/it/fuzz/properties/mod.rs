//! What has to hold of anything that comes from outside, a function for each target of the fuzzer.
//!
//! A folder of its own because two programs are made of it: the fuzzer's, which makes inputs up, and the
//! tests, which keep those that were worth keeping. It is a workspace's root there and a module here.

mod answer;
mod configuration;
mod cursor;
mod event;
mod expression;
mod reading;
mod refusal;
mod retry_after;
mod schedule;
mod simulator;
mod stream;
mod verdict;

pub use configuration::configuration;
pub use cursor::cursor;
pub use event::event;
pub use expression::expression;
pub use refusal::refusal;
pub use retry_after::retry_after;
pub use schedule::schedule;
pub use simulator::simulator;
pub use stream::stream;
pub use verdict::verdict;

use bellwire::model::{DeliveryId, Event, Trace};
use bellwire::sinks::{Message, Wording};
use jiff::Timestamp;

/// A property and the name of its target.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("configuration", configuration),
    ("cursor", cursor),
    ("event", event),
    ("expression", expression),
    ("refusal", refusal),
    ("retry_after", retry_after),
    ("schedule", schedule),
    ("simulator", simulator),
    ("stream", stream),
    ("verdict", verdict),
];

/// The time of everything here.
fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).expect("in range")
}

/// A message as most of them are.
fn message<'m>(id: &'m DeliveryId, event: &'m Event, wording: &'m Wording) -> Message<'m> {
    Message {
        id,
        now: now(),
        event,
        wording,
        priority: None,
        quiet: false,
        instead: None,
        living: None,
        plain: false,
        trace: Trace::of(event),
    }
}
