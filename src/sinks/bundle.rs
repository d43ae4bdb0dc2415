//! Several events as one, for receivers that get data and not words.
//!
//! A file of its own because every kind of sink sends it like any other event: it has the shape of an
//! internal one, and the payloads that it collects stand in it as they came.

use bytes::Bytes;
use serde::Serialize;

use super::record::RawData;
use crate::model::{DataAt, Event};

/// Why events are in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// They came close together.
    Coalesced,
    /// They came since the last digest.
    Digest,
}

#[derive(Serialize)]
struct Data<'a> {
    count: usize,
    since: String,
    until: String,
    events: Vec<RawData<'a>>,
}

/// The event that stands for these, oldest first: of the type `bellwire.coalesced` or `bellwire.digest`,
/// with their payloads as `data.events`. It comes from where the newest does, and at its time. `None` where
/// there are none.
#[must_use]
pub fn collected(events: &[Event], why: Collected) -> Option<Event> {
    let (oldest, newest) = (events.first()?, events.last()?);
    let time = |event: &Event| event.time.unwrap_or(event.received);
    let data = Data {
        count: events.len(),
        since: format!("{:.3}", time(oldest)),
        until: format!("{:.3}", time(newest)),
        events: events.iter().map(|it| RawData::of(&it.payload)).collect(),
    };
    let kind = why.kind();
    let mut payload = format!(
        "{{\"type\":\"{kind}\",\"timestamp\":\"{}\",\"data\":",
        data.until
    )
    .into_bytes();
    let start = payload.len();
    serde_json::to_writer(&mut payload, &data).expect("text and numbers have a JSON form");
    let end = payload.len();
    payload.push(b'}');
    Some(Event {
        source: newest.source.clone(),
        id: None,
        kind: kind.into(),
        time: Some(time(newest)),
        received: newest.received,
        backfilled: events.iter().all(|event| event.backfilled),
        identity: None,
        payload: Bytes::from(payload),
        data: DataAt::Json { start, end },
        about: None,
    })
}

impl Collected {
    /// Every reason.
    pub(super) const ALL: [Self; 2] = [Self::Coalesced, Self::Digest];

    /// The type of the event that stands for several.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Coalesced => "bellwire.coalesced",
            Self::Digest => "bellwire.digest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::recorded_with_id;
    use super::*;

    #[test]
    fn what_came_stands_in_it_byte_for_byte() {
        let mut events = ["215", "216", "217"].map(recorded_with_id);
        events[1].payload = Bytes::from_static(b"no \xffJSON\n");
        let whole = collected(&events, Collected::Digest).expect("three events");
        let text = std::str::from_utf8(&whole.payload).expect("UTF-8");
        let raw = |event: &Event| String::from_utf8_lossy(&event.payload).into_owned();
        let expected = format!(
            r#""events":[{},"no \u{{fffd}}JSON\n",{}]}}}}"#,
            raw(&events[0]),
            raw(&events[2])
        );
        let expected = expected.replace("\\u{fffd}", "\u{fffd}");
        assert!(text.ends_with(&expected), "{text}\n{expected}");
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(json["type"], "bellwire.digest");
        assert_eq!(json["data"]["count"], 3);
        assert_eq!(whole.data_json().as_ref(), Some(&json["data"]));
        assert_eq!(whole.time, events[2].time);
        assert_eq!(collected(&[], Collected::Digest), None);
    }
}
