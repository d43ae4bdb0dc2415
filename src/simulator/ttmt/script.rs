//! A script: events and directives, one JSON object in each line.
//!
//! Its own file because a script is read whole before anything is served, with the number of the line
//! that is wrong. An event's line is kept as text and sent byte for byte.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fault::{Arguments, Fault};
use super::message::{Message, MessageId, Outline};

/// One line of a script.
#[derive(Clone, Debug)]
pub enum Line {
    /// An event. A line that is no directive is one as it stands; `{"simulate": "send"}` with
    /// `payload` and perhaps `id` (a string, a number, or null for none) and `event` says more.
    Message(Message),
    /// A directive: `{"simulate": NAME, …}` with the arguments of [`Fault`].
    Fault(Fault),
    /// `{"simulate": "await_stream"}`: go on when somebody listens.
    AwaitStream,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

/// Reads a script. Empty lines and lines that begin with `#` are left out.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Line>, ScriptError> {
    let lines = text.lines().enumerate();
    let said = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    said.map(|(index, line)| {
        Line::parse(line).map_err(|message| ScriptError {
            line: index + 1,
            message,
        })
    })
    .collect()
}

impl Line {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut object: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
        let Some(name) = object.shift_remove("simulate") else {
            let payload = Bytes::copy_from_slice(line.as_bytes());
            return Ok(Self::Message(Message::new(payload)));
        };
        let name = name.as_str().ok_or("`simulate` is a string")?;
        match name {
            "await_stream" => Arguments(object).finish().map(|()| Self::AwaitStream),
            "send" => message(object).map(Self::Message),
            other => Fault::parse(other, object).map(Self::Fault),
        }
    }

    /// When it happened, by its own account.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Message(message) => Outline::of(&message.payload).time,
            Self::Fault(_) | Self::AwaitStream => None,
        }
    }

    /// Whether it is about the open connection, so that it waits for one.
    pub(super) fn needs_listener(&self) -> bool {
        match self {
            Self::Message(message) => Outline::of(&message.payload).control,
            Self::Fault(fault) => fault.needs_listener(),
            Self::AwaitStream => true,
        }
    }
}

fn message(object: Map<String, Value>) -> Result<Message, String> {
    let mut given = Arguments(object);
    let mut message = Message::new(given.text("payload")?.into());
    message.id = match given.0.shift_remove("id") {
        None => MessageId::Auto,
        Some(Value::Null) => MessageId::None,
        Some(Value::String(text)) => MessageId::Text(text),
        Some(Value::Number(number)) => MessageId::Text(number.to_string()),
        Some(_) => return Err("`id` is a string, a number or null".to_owned()),
    };
    if given.0.contains_key("event") {
        message.event = Some(given.text("event")?);
    }
    given.finish()?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_events_or_directives() {
        let check = |line: &str, expected: &str| {
            let read = Line::parse(line).expect("a good line");
            assert!(
                format!("{read:?}").starts_with(expected),
                "{line}: {read:?}"
            );
        };
        check(r#" {"type":"x", "eventId":1.0} "#, "Message(");
        check(r#"{"simulate":"pause","ms":500}"#, "Fault(Pause(500ms))");
        check(r#"{"simulate":"raw","text":":\n"}"#, "Fault(Raw(");
        check(
            r#"{"simulate":"burst","count":3}"#,
            r#"Fault(Burst { count: 3, kind: "position_update" })"#,
        );
        check(r#"{"simulate":"await_stream"}"#, "AwaitStream");
        check(r#"{"simulate":"live","steps":300}"#, "Fault(Live(300))");
        check(r#"{"simulate":"overrun"}"#, "Fault(Overrun(None))");
        check(
            r#"{"simulate":"overrun","count":7}"#,
            "Fault(Overrun(Some(7)))",
        );
        check(r#"{"simulate":"shred"}"#, "Fault(Shred(1))");
        check(r#"{"simulate":"shred","frames":9}"#, "Fault(Shred(9))");
        check(r#"{"simulate":"away","ms":20}"#, "Fault(Away(20ms))");
        check(r#"{"simulate":"back"}"#, "Fault(Back)");
        check(
            r#"{"simulate":"send","payload":"{}","id":null}"#,
            r#"Message(Message { payload: b"{}", id: None"#,
        );
        check(
            r#"{"simulate":"answer","path":"/api/v1","status":502,"headers":{"A":"b"},"manner":"cut"}"#,
            "Fault(Answer",
        );
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number() {
        let check = |line: &str, message: &str| {
            let text = format!("# a comment\n\n{line}\n");
            let error = parse(&text).expect_err(line);
            assert_eq!(error.line, 3);
            assert!(error.message.contains(message), "{error}");
        };
        check("[]", "not a JSON object");
        check("{", "not a JSON object");
        check(r#"{"simulate":"explode"}"#, "no fault `explode`");
        check(r#"{"simulate":"pause"}"#, "`ms` is missing");
        check(r#"{"simulate":"pause","ms":-1}"#, "`ms` is a whole number");
        check(r#"{"simulate":"drop","ms":1}"#, "no argument `ms`");
        check(r#"{"simulate":"live"}"#, "`steps` is missing");
        check(r#"{"simulate":"overrun","count":null}"#, "`count`");
        check(r#"{"simulate":"oversized","bytes":1e99}"#, "`bytes`");
    }

    #[test]
    fn an_events_bytes_are_kept() {
        let text = " {\"type\" : \"x\",\t\"n\":1.10}";
        let Line::Message(message) = Line::parse(text).expect("a good line") else {
            panic!("an event");
        };
        assert_eq!(message.payload, text);
    }
}
