//! The wording of events about bellwire itself.
//!
//! A file of its own because they are few, ours, and read by somebody who was just woken up: what is
//! wrong, with whom, and why, in this order.

use serde_json::Value;

use super::Tone;
use super::data::{Data, scalar};
use super::draft::Draft;
use super::other;

/// What is known of an event type: its headline, its tone, its tag and its priority.
const KNOWN: &[(&str, &str, Tone, &str, u8)] = &[
    (
        "bellwire.source_lost",
        "Source lost",
        Tone::Warning,
        "rotating_light",
        5,
    ),
    (
        "bellwire.source_recovered",
        "Source is back",
        Tone::Neutral,
        "white_check_mark",
        3,
    ),
    (
        "bellwire.auth_revoked",
        "Access revoked",
        Tone::Warning,
        "closed_lock_with_key",
        5,
    ),
    (
        "bellwire.gap",
        "Gap in the stream",
        Tone::Warning,
        "warning",
        4,
    ),
    (
        "bellwire.event_skipped",
        "Event skipped",
        Tone::Warning,
        "warning",
        3,
    ),
    (
        "bellwire.epoch",
        "Ids started over",
        Tone::Neutral,
        "arrows_counterclockwise",
        2,
    ),
    ("bellwire.started", "Started", Tone::Neutral, "bell", 2),
    ("bellwire.silence", "Silence", Tone::Warning, "mute", 4),
    (
        "bellwire.sink_failing",
        "Sink failing",
        Tone::Warning,
        "warning",
        5,
    ),
    (
        "bellwire.sink_suspended",
        "Sink suspended",
        Tone::Warning,
        "no_entry",
        5,
    ),
    (
        "bellwire.sink_recovered",
        "Sink is back",
        Tone::Neutral,
        "white_check_mark",
        3,
    ),
    (
        "bellwire.delivery_dead",
        "Delivery dead",
        Tone::Warning,
        "skull",
        4,
    ),
    (
        "bellwire.disk_full",
        "Disk full",
        Tone::Warning,
        "floppy_disk",
        5,
    ),
    ("bellwire.test", "Test message", Tone::Neutral, "bell", 3),
];

/// Keys that name whom it is about, nearest first.
const SUBJECTS: [&str; 5] = ["sink", "source", "watch", "name", "rule"];

/// The event types that are known here.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.0)
}

/// The wording of an internal event type.
pub(super) fn draft(kind: &str, data: &Data<'_>) -> Draft {
    let word = kind.strip_prefix("bellwire.").unwrap_or(kind);
    let known = KNOWN.iter().find(|known| known.0 == kind);
    let draft = match known {
        Some(&(_, headline, tone, tag, priority)) => {
            Draft::new(headlined(word, headline, data), tone, tag).priority(priority)
        }
        None => Draft::new(other::spoken(word), Tone::Neutral, "bell"),
    };
    let subject = SUBJECTS.into_iter().find(|key| data.word(key).is_some());
    // The headline tells the last two.
    let mut used = vec!["reason", "count", "state"];
    used.extend(subject);
    let draft = draft
        .news(subject.and_then(|key| data.label(key)))
        .news(event_type(data))
        .detail("Reason", data.sentence("reason"))
        .line();
    other::remaining(draft, data, &used)
}

fn headlined(word: &str, headline: &str, data: &Data<'_>) -> String {
    match data.count("count").filter(|count| *count > 1) {
        Some(count) if word == "delivery_dead" => format!("{count} deliveries dead"),
        Some(count) => format!("{headline} ({count} times)"),
        None => headline.to_owned(),
    }
}

/// The type of the event that a delivery was about.
fn event_type(data: &Data<'_>) -> Option<String> {
    let event = data.get("event")?;
    event.get("type").and_then(|kind: &Value| scalar(kind, 64))
}
