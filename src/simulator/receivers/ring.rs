//! One arrived message as a line for people.
//!
//! Its own file because it reads the four formats from the receiver's side: it takes what a person
//! would see on the phone and nothing else.

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{Kind, Received};

/// The longest line.
const TEXT_MAX: usize = 200;

/// A message that made somebody look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// When it arrived, by the runtime's clock.
    pub at: Instant,
    /// When it arrived, by the wall clock.
    pub time: Timestamp,
    /// Where.
    pub kind: Kind,
    /// The type of the event, where the message tells.
    pub event_type: Option<String>,
    /// When the event happened, where the message tells.
    pub event_time: Option<Timestamp>,
    /// The message in one line, without control characters.
    pub text: String,
}

impl Ring {
    /// What a request shows to people; nothing if it is a probe or cannot be read.
    #[must_use]
    pub fn of(received: &Received) -> Option<Self> {
        if !matches!(received.method.as_str(), "POST" | "PUT" | "PATCH") {
            return None;
        }
        let body: Option<Value> = serde_json::from_slice(&received.body).ok();
        let body = body.unwrap_or_default();
        let text = match received.kind {
            Kind::Webhook => webhook(&body),
            Kind::Discord => discord(&body),
            Kind::Slack => text_at(&body, "/text").map(str::to_owned),
            Kind::Ntfy => joined(&[text_at(&body, "/title"), text_at(&body, "/message")]),
        };
        let own = received.kind == Kind::Webhook;
        let event_type = text_at(&body, "/type").filter(|_| own);
        let time = text_at(&body, "/timestamp").filter(|_| own);
        let time = time.or_else(|| text_at(&body, "/embeds/0/timestamp"));
        Some(Self {
            at: received.at,
            time: received.time,
            kind: received.kind,
            event_type: event_type.map(one_line),
            event_time: time.and_then(|time| time.parse().ok()),
            text: one_line(&text?),
        })
    }
}

fn webhook(body: &Value) -> Option<String> {
    let result = body.pointer("/data/realized_pl").map(Value::to_string);
    joined_by(
        " ",
        &[
            text_at(body, "/type"),
            text_at(body, "/data/symbol"),
            result.as_deref().filter(|result| *result != "null"),
        ],
    )
}

fn discord(body: &Value) -> Option<String> {
    joined(&[
        text_at(body, "/content"),
        text_at(body, "/embeds/0/title"),
        text_at(body, "/embeds/0/description"),
    ])
}

fn joined(parts: &[Option<&str>]) -> Option<String> {
    joined_by(": ", parts)
}

fn joined_by(between: &str, parts: &[Option<&str>]) -> Option<String> {
    let parts: Vec<&str> = parts.iter().copied().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

fn text_at<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    let text = body.pointer(pointer)?.as_str()?;
    (!text.trim().is_empty()).then_some(text)
}

fn one_line(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").chars().take(TEXT_MAX).collect()
}
