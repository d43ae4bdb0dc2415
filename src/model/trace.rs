//! By which the steps of one event are found again, in our log lines and in those of its receivers.

use std::fmt;

use super::{DeliveryId, Event, digest};

/// One step in the trace of an event, as W3C Trace Context counts steps. It is worked out from what it
/// stands for, so every attempt is in the trace of its event, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    step: u64,
}

impl Trace {
    /// What an example shows, from the specification.
    pub const EXAMPLE: Self = Self {
        id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        step: 0x00f0_67aa_0ba9_02b7,
    };

    /// The arrival of an event, which its trace begins with.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        // The queue keeps microseconds.
        let received = event.received.as_microsecond().to_le_bytes();
        let id = event.id.as_deref().unwrap_or_default();
        let id = digests([
            event.source.as_str().as_bytes(),
            event.kind.as_bytes(),
            id.as_bytes(),
            &received,
            &event.payload,
        ]);
        let id = id.max(1);
        Self {
            id,
            step: fold(id).max(1),
        }
    }

    /// An attempt for one of the event's deliveries.
    #[must_use]
    pub fn attempt(self, delivery: &DeliveryId, number: u32) -> Self {
        let step = digests([delivery.as_str().as_bytes(), &number.to_le_bytes()]);
        Self {
            step: fold(step).max(1),
            ..self
        }
    }

    /// The trace, the same for every step of an event. Never 0.
    #[must_use]
    pub const fn id(self) -> u128 {
        self.id
    }

    /// The step. Never 0.
    #[must_use]
    pub const fn step(self) -> u64 {
        self.step
    }
}

/// As the header `traceparent` wants it, recorded: whoever follows the trace may want all of it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.id, self.step)
    }
}

/// The digest of parts, which also tells where each of them ends.
fn digests<const N: usize>(parts: [&[u8]; N]) -> u128 {
    parts.into_iter().fold(0, digest)
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are in it")]
const fn fold(hash: u128) -> u64 {
    (hash >> 64) as u64 ^ hash as u64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::super::{DataAt, Name};
    use super::*;

    fn event() -> Event {
        Event {
            source: Name::new("ttmt").expect("a name"),
            id: Some("7".into()),
            kind: "tp_hit".into(),
            time: None,
            received: Timestamp::from_nanosecond(1_760_000_000_000_001_999).expect("in range"),
            backfilled: false,
            identity: None,
            payload: Bytes::from_static(b"{}"),
            data: DataAt::Missing,
            about: None,
        }
    }

    #[test]
    fn every_attempt_is_in_the_trace_of_its_event_and_a_step_of_its_own() {
        let event = event();
        let kept = Event {
            received: Timestamp::from_microsecond(event.received.as_microsecond())
                .expect("in range"),
            ..event.clone()
        };
        let trace = Trace::of(&event);
        assert_eq!(Trace::of(&kept), trace, "out of the queue it is the same");
        let id = DeliveryId::new("msg_a_1");
        let [first, second] = [1, 2].map(|number| trace.attempt(&id, number));
        let other = trace.attempt(&DeliveryId::new("msg_a_2"), 1);
        assert!(
            [first, second, other]
                .iter()
                .all(|step| step.id() == trace.id())
        );
        let mut steps = [trace, first, second, other].map(Trace::step);
        steps.sort_unstable();
        assert!(steps.windows(2).all(|pair| pair[0] != pair[1]), "{steps:?}");
        let later = Event {
            received: event.received + jiff::SignedDuration::from_micros(1),
            ..event.clone()
        };
        assert_ne!(Trace::of(&later).id(), trace.id());
        let moved = Event {
            kind: "tp_hit7".into(),
            id: None,
            ..event
        };
        assert_ne!(Trace::of(&moved).id(), trace.id());
    }

    #[test]
    fn it_is_written_as_the_specification_has_it() {
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(Trace::EXAMPLE.to_string(), example);
    }
}
