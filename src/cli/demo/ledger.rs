//! Which event a message is about, for messages that do not say so: Slack and ntfy show a person the
//! news and not the event's type and time. The webhook does, and every event goes there, too, so its
//! entries explain the others.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;

use crate::model::{DataAt, Event, Name};
use crate::simulator::receivers::{Kind, Received, Ring};
use crate::sinks::Wording;

/// Events and unexplained rings that are remembered.
const REMEMBERED: usize = 64;

/// Longest text of a line.
const TEXT_CHARS_MAX: usize = 64;

/// A ring with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: Timestamp,
    pub(super) event_type: String,
    pub(super) sink: &'static str,
    pub(super) latency_ms: i128,
    pub(super) text: String,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    events: VecDeque<Entry>,
    unexplained: VecDeque<Ring>,
}

#[derive(Debug)]
struct Entry {
    title: String,
    event_type: String,
    time: Timestamp,
}

impl Ledger {
    /// Enters what arrived; answers with every ring that is explained by now.
    pub(super) fn enter(&mut self, received: &Received) -> Vec<Line> {
        let Some(ring) = Ring::of(received) else {
            return Vec::new();
        };
        if let Some(entry) = entry(received, &ring) {
            remember(&mut self.events, entry);
        }
        remember(&mut self.unexplained, ring);
        let mut lines = Vec::new();
        let events = &self.events;
        self.unexplained.retain(|ring| match explain(events, ring) {
            Some(line) => {
                lines.push(line);
                false
            }
            None => true,
        });
        lines
    }
}

fn explain(events: &VecDeque<Entry>, ring: &Ring) -> Option<Line> {
    let entry = events.iter().rev().find(|entry| match ring.kind {
        Kind::Webhook => ring.event_time == Some(entry.time),
        _ => ring.text.starts_with(&entry.title),
    })?;
    Some(Line {
        time: ring.time,
        event_type: entry.event_type.clone(),
        sink: ring.kind.name(),
        latency_ms: ring.time.duration_since(entry.time).as_millis(),
        text: short(&ring.text),
    })
}

/// What a webhook tells of its event, with the title that the other sinks show for it.
fn entry(received: &Received, ring: &Ring) -> Option<Entry> {
    if received.kind != Kind::Webhook {
        return None;
    }
    let (event_type, time) = (ring.event_type.clone()?, ring.event_time?);
    let body: serde_json::Value = serde_json::from_slice(&received.body).ok()?;
    let data = Bytes::from(body.get("data")?.to_string());
    let event = Event {
        source: Name::new("ttmt").expect("a name"),
        id: None,
        kind: event_type.as_str().into(),
        time: Some(time),
        received: received.time,
        backfilled: false,
        about: None,
        identity: None,
        data: DataAt::Json {
            start: 0,
            end: data.len(),
        },
        payload: data,
    };
    Some(Entry {
        title: Wording::of(&event).title,
        event_type,
        time,
    })
}

/// What fits behind the other columns of a terminal.
fn short(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}
