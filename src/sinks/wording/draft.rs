//! A wording in the making: parts of the title, and lines of details.
//!
//! A file of its own so that each event type lists what it has to say and nothing else. A detail is
//! written once and used twice: as a phrase in a line of the message, and with its label as a field.

use super::super::Filled;
use super::data::{Data, joined};
use super::{Author, Field, Tone, Wording};

/// What separates parts of a line.
const SEPARATOR: &str = " · ";

/// A wording in the making.
#[derive(Debug)]
pub(super) struct Draft {
    title: Vec<String>,
    lines: Vec<Vec<String>>,
    fields: Vec<Field>,
    tone: Tone,
    tag: &'static str,
    priority: u8,
}

impl Draft {
    /// Starts with the headline.
    pub(super) fn new(headline: impl Into<String>, tone: Tone, tag: &'static str) -> Self {
        Self {
            title: vec![headline.into()],
            lines: vec![Vec::new()],
            fields: Vec::new(),
            tone,
            tag,
            priority: 3,
        }
    }

    /// Sets how urgent it is.
    pub(super) fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Adds a part to the title, if it is there.
    pub(super) fn news(mut self, part: Option<String>) -> Self {
        self.title.extend(part);
        self
    }

    /// Adds a detail that needs no label in a line.
    pub(super) fn detail(self, label: &str, value: Option<String>) -> Self {
        self.phrased(label, value, |value| value.to_owned())
    }

    /// Adds a detail that stands in a line as `phrase` makes it.
    pub(super) fn phrased(
        mut self,
        label: &str,
        value: Option<String>,
        phrase: fn(&str) -> String,
    ) -> Self {
        if let Some(value) = value {
            if let Some(line) = self.lines.last_mut() {
                line.push(phrase(&value));
            }
            self.fields.push(Field {
                label: label.to_owned(),
                value,
            });
        }
        self
    }

    /// Adds a detail that stands in a line behind its label.
    pub(super) fn labelled(mut self, label: &str, value: String) -> Self {
        if let Some(line) = self.lines.last_mut() {
            line.push(format!("{label}: {value}"));
        }
        self.fields.push(Field {
            label: label.to_owned(),
            value,
        });
        self
    }

    /// Starts a new line of details.
    pub(super) fn line(mut self) -> Self {
        self.lines.push(Vec::new());
        self
    }

    /// Adds the line that says where it happened: the account, unless there is one alone, and the
    /// trade.
    pub(super) fn place(self, data: &Data<'_>) -> Self {
        self.line()
            .detail("Account", data.account())
            .phrased("Trade", data.id("trade_id"), |id| format!("trade {id}"))
    }

    /// The finished wording, with a line about what could not be found out.
    pub(super) fn finish(mut self, backfilled: bool, unknown: &[String]) -> Wording {
        if !unknown.is_empty() {
            self = self.line().labelled("Not known", unknown.join(", "));
        }
        let mut title = self.title.join(SEPARATOR);
        if backfilled {
            title.push_str(" (backfilled)");
        }
        let lines = self
            .lines
            .into_iter()
            .map(|line| joined(line.into_iter().map(Some), SEPARATOR));
        Wording {
            title,
            message: joined(lines, "\n").unwrap_or_default(),
            fields: self.fields,
            title_by: Author::BuiltIn,
            message_by: Author::BuiltIn,
            tone: self.tone,
            tags: vec![self.tag],
            priority: self.priority,
            note: None,
            literal: String::new(),
            filled: Filled::new(),
        }
    }
}
