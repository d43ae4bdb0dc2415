//! Everything that can be made to go wrong, by name.
//!
//! Its own file because the same list stands behind script directives, the control address and the
//! handle. It says what a fault is and how it is written; the API does it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::super::answer::{Answer, Manner};

/// The longest time that a fault may last.
const TIME_MAX: u64 = 24 * 60 * 60 * 1_000;

/// The most events that one burst may have, and the most steps that the world may take at once.
const COUNT_MAX: u64 = 100_000;

/// The largest event.
const BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Something that goes wrong on purpose, and the ways to make it right again.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing happens in the world for a while. `pause`, with `ms`.
    Pause(Duration),
    /// The open connection is cut in the middle of the body. `drop`.
    Drop,
    /// The open connection ends properly, without a word. `close`.
    Close,
    /// The open connection is reset. `reset`.
    Reset,
    /// The open connection hears nothing more and is not ended either. `silence`.
    Silence,
    /// The open connection is recycled before its time. `recycle`.
    Recycle,
    /// The server is deployed anew: connection cut, ids from 1, buffer and rate limit empty. `restart`.
    Restart,
    /// The container is down for a while: connection cut, then 503. `unavailable`, with `ms`.
    Unavailable(Duration),
    /// The container is back before its time. `available`.
    Available,
    /// The network is gone for a while: connection cut, then every request finds its connection closed,
    /// while the world goes on. `away`, with `ms`.
    Away(Duration),
    /// The network is back before its time. `back`.
    Back,
    /// The key is revoked. `revoke`.
    Revoke,
    /// The account's access is suspended. `suspend`.
    Suspend,
    /// The key works again, whatever was wrong with it. `restore`.
    Restore,
    /// The world takes so many steps at once, whoever listens and whatever is played. `live`, with
    /// `steps`.
    Live(u64),
    /// Many events at once. `burst`, with `count` and perhaps `type`.
    Burst {
        /// How many.
        count: u64,
        /// Their type.
        kind: String,
    },
    /// More updates than the replay buffer holds, whoever listens. `overrun`, perhaps with `count`.
    Overrun(Option<u64>),
    /// One event of this many bytes. `oversized`, with `bytes`.
    Oversized(usize),
    /// One event of a type that nobody documented. `unknown`, perhaps with `type`.
    Unknown(String),
    /// These bytes on the body of the open stream, as they are. `raw`, with `text`.
    Raw(Bytes),
    /// The next frames arrive byte by byte on the open stream. `shred`, perhaps with `frames`, else 1.
    Shred(u64),
    /// This answer to the next request for a path or below it. `answer`, with `path` and `status` and
    /// perhaps `headers`, `body`, `delay_ms`, `manner` (`whole`, `cut`, `hang`, `reset`).
    Answer {
        /// The path.
        path: String,
        /// The answer.
        answer: Answer,
    },
}

impl Fault {
    /// Reads a fault.
    ///
    /// # Errors
    /// What is wrong with its name or its arguments.
    pub fn parse(name: &str, arguments: Map<String, Value>) -> Result<Self, String> {
        let mut given = Arguments(arguments);
        let fault = match name {
            "pause" => Self::Pause(given.time("ms")?),
            "drop" => Self::Drop,
            "close" => Self::Close,
            "reset" => Self::Reset,
            "silence" => Self::Silence,
            "recycle" => Self::Recycle,
            "restart" => Self::Restart,
            "unavailable" => Self::Unavailable(given.time("ms")?),
            "available" => Self::Available,
            "away" => Self::Away(given.time("ms")?),
            "back" => Self::Back,
            "revoke" => Self::Revoke,
            "suspend" => Self::Suspend,
            "restore" => Self::Restore,
            "live" => Self::Live(given.number("steps", COUNT_MAX)?),
            "burst" => Self::Burst {
                count: given.number("count", COUNT_MAX)?,
                kind: given.text_or("type", "position_update")?,
            },
            "overrun" => Self::Overrun(given.number_or_none("count", COUNT_MAX)?),
            "oversized" => {
                let bytes = given.number("bytes", BYTES_MAX)?;
                Self::Oversized(usize::try_from(bytes).unwrap_or(usize::MAX))
            }
            "unknown" => Self::Unknown(given.text_or("type", "engine_status")?),
            "raw" => Self::Raw(given.text("text")?.into()),
            "shred" => {
                let frames = given.number_or_none("frames", COUNT_MAX)?;
                Self::Shred(frames.unwrap_or(1))
            }
            "answer" => Self::Answer {
                path: given.text("path")?,
                answer: given.answer()?,
            },
            other => return Err(format!("there is no fault `{other}`")),
        };
        given.finish()?;
        Ok(fault)
    }

    /// Whether it is about the open connection, so that without one it would do nothing.
    pub(super) const fn needs_listener(&self) -> bool {
        matches!(
            self,
            Self::Drop
                | Self::Close
                | Self::Reset
                | Self::Silence
                | Self::Recycle
                | Self::Raw(_)
                | Self::Shred(_)
        )
    }

    /// The same, over so many times sooner.
    pub(super) fn hastened(self, speed: f64) -> Self {
        match self {
            Self::Pause(time) => Self::Pause(shortened(time, speed)),
            Self::Unavailable(time) => Self::Unavailable(shortened(time, speed)),
            Self::Away(time) => Self::Away(shortened(time, speed)),
            other => other,
        }
    }
}

/// A time at this speed. One that is too long for the clock is as good as for ever.
pub(super) fn shortened(time: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() / speed).unwrap_or(Duration::MAX)
}

/// What was given with a name; each argument is taken once.
pub(super) struct Arguments(pub(super) Map<String, Value>);

impl Arguments {
    pub(super) fn text(&mut self, name: &str) -> Result<String, String> {
        match self.0.shift_remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("`{name}` is a string")),
            None => Err(format!("`{name}` is missing")),
        }
    }

    fn text_or(&mut self, name: &str, usual: &str) -> Result<String, String> {
        if self.0.contains_key(name) {
            self.text(name)
        } else {
            Ok(usual.to_owned())
        }
    }

    fn number(&mut self, name: &str, max: u64) -> Result<u64, String> {
        let value = self.0.shift_remove(name);
        let value = value.ok_or_else(|| format!("`{name}` is missing"))?;
        let number = value.as_u64().filter(|number| *number <= max);
        number.ok_or_else(|| format!("`{name}` is a whole number up to {max}"))
    }

    fn number_or_none(&mut self, name: &str, max: u64) -> Result<Option<u64>, String> {
        if self.0.contains_key(name) {
            self.number(name, max).map(Some)
        } else {
            Ok(None)
        }
    }

    fn time(&mut self, name: &str) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.number(name, TIME_MAX)?))
    }

    fn answer(&mut self) -> Result<Answer, String> {
        let status = self.number("status", 999)?;
        let mut answer = Answer::status(u16::try_from(status).unwrap_or(u16::MAX));
        if let Some(headers) = self.0.shift_remove("headers") {
            let headers = headers.as_object().ok_or("`headers` is an object")?;
            for (name, value) in headers {
                let value = value.as_str().ok_or("each of `headers` is a string")?;
                answer = answer.header(name, value);
            }
        }
        answer = answer.body(self.text_or("body", "")?);
        if self.0.contains_key("delay_ms") {
            answer = answer.after(self.time("delay_ms")?);
        }
        let manner = match self.text_or("manner", "whole")?.as_str() {
            "whole" => Manner::Whole,
            "cut" => Manner::Cut,
            "hang" => Manner::Hang,
            "reset" => Manner::Reset,
            other => return Err(format!("there is no manner `{other}`")),
        };
        Ok(answer.sent(manner))
    }

    pub(super) fn finish(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("there is no argument `{name}`")),
            None => Ok(()),
        }
    }
}
