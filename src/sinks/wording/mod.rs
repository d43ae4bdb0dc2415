//! How an event reads: what a person wants on a lock screen in one line, and the details below it.
//!
//! A room of its own so that all sinks say the same and each only lays it out. Wording knows no
//! platform: it neither escapes nor cuts to a platform's limits. Everything that came from outside is
//! cleaned of line breaks and invisible characters and cut to a sensible length first.

mod bundle;
mod data;
mod draft;
mod internal;
mod other;
pub(super) mod text;
mod trade;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Filled;
use super::bundle::Collected;
use crate::model::{Event, Suppressed};
use data::Data;

/// Longest note, in code points.
const NOTE_MAX: usize = 300;

/// What an event says, ready to be laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The news, in one line; never empty.
    pub title: String,
    /// The details, in a few lines; may be empty.
    pub message: String,
    /// The details once more, apart, for sinks that lay out tables; empty when a template wrote the
    /// message.
    pub fields: Vec<Field>,
    /// Who wrote the title.
    pub title_by: Author,
    /// Who wrote the message.
    pub message_by: Author,
    /// How good the news is.
    pub tone: Tone,
    /// Emoji short codes that suit it.
    pub tags: Vec<&'static str>,
    /// How urgent it is unless a rule or sink says otherwise, from 1 to 5.
    pub priority: u8,
    /// One line about what went wrong with a template.
    pub note: Option<String>,
    /// What of title and message stands in the templates themselves, without what they looked up.
    pub literal: String,
    /// What templates made of the sink's other options.
    pub filled: Filled,
}

/// One detail with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is.
    pub label: String,
    /// What it says.
    pub value: String,
}

/// Who wrote a text. A template's author means the formatting in it; foreign text in ours does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// bellwire's own wording.
    BuiltIn,
    /// A template of the configuration.
    Template,
}

/// How good the news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Money was made.
    Gain,
    /// Money was lost.
    Loss,
    /// Neither.
    Neutral,
    /// Somebody had better look.
    Warning,
}

/// Every event type that has a wording of its own.
pub fn types() -> impl Iterator<Item = &'static str> {
    let collected = Collected::ALL.map(Collected::kind);
    trade::types().chain(internal::types()).chain(collected)
}

/// The parts that a backfilled event could not be given, as words.
fn unknown_parts(about: &Map<String, Value>) -> Vec<String> {
    match about.get("partial") {
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(Value::as_str)
            .map(|part| part.replace('_', " "))
            .collect(),
        _ => Vec::new(),
    }
}

impl Wording {
    /// Nothing, for a message that shows none of it.
    #[must_use]
    pub const fn unseen() -> Self {
        Self {
            title: String::new(),
            message: String::new(),
            fields: Vec::new(),
            title_by: Author::BuiltIn,
            message_by: Author::BuiltIn,
            tone: Tone::Neutral,
            tags: Vec::new(),
            priority: 3,
            note: None,
            literal: String::new(),
            filled: Filled::new(),
        }
    }

    /// The built-in wording of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let json = event.data_named();
        let about = event.about_json();
        let is_sole = about.get("sole_account").and_then(Value::as_bool) == Some(true);
        let now = event.time.unwrap_or(event.received);
        let data = Data::new(json.as_ref(), now).of_one_account(is_sole);
        let draft = if event.is_internal() {
            internal::draft(&event.kind, &data)
        } else {
            trade::draft(&event.kind, &data)
                .unwrap_or_else(|| other::draft(event, json.as_ref(), &data))
        };
        draft.finish(event.backfilled, &unknown_parts(&about))
    }

    /// The same with a line about what was suppressed before it, as seen at the time of its arrival.
    #[must_use]
    pub fn telling(mut self, suppressed: Option<Suppressed>, now: Timestamp) -> Self {
        let Some(Suppressed { count, since }) = suppressed else {
            return self;
        };
        let value = format!("{count} more since {}", data::moment(since, now));
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        self.message.push_str(&format!("and {value}"));
        let label = "Throttled".to_owned();
        self.fields.push(Field { label, value });
        self
    }

    /// The same with a line about why it comes here and not where its rule sends it first.
    #[must_use]
    pub fn standing_in(mut self, instead: Option<&str>) -> Self {
        let Some(instead) = instead else {
            return self;
        };
        let value = text::line(instead, NOTE_MAX);
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        self.message.push_str(&format!("fallback: {value}"));
        // Where a template wrote the message, that line is all.
        if self.message_by == Author::BuiltIn {
            let label = "Fallback".to_owned();
            self.fields.push(Field { label, value });
        }
        self
    }

    /// The same with what templates made of it. A title that came out blank changes nothing, so that
    /// no message is without one.
    #[must_use]
    pub fn with(
        mut self,
        title: Option<String>,
        message: Option<String>,
        note: Option<String>,
    ) -> Self {
        let title = title.map(|title| text::line(&title, text::BLOCK_MAX));
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            self.title = title;
            self.title_by = Author::Template;
        }
        if let Some(message) = message {
            self.message = text::block(&message);
            self.message_by = Author::Template;
            self.fields.clear();
        }
        self.note = note
            .map(|note| text::line(&note, NOTE_MAX))
            .filter(|note| !note.is_empty());
        self
    }

    /// The same with what of the templates' texts stands in the templates themselves.
    #[must_use]
    pub fn with_literal(mut self, literal: String) -> Self {
        self.literal = literal;
        self
    }

    /// The same with what templates made of the sink's other options.
    #[must_use]
    pub fn with_filled(mut self, filled: Filled) -> Self {
        self.filled = filled;
        self
    }

    /// Message and note, for sinks that have one place for both.
    #[must_use]
    pub fn details(&self) -> String {
        match &self.note {
            None => self.message.clone(),
            Some(note) if self.message.is_empty() => note.clone(),
            Some(note) => format!("{}\n{note}", self.message),
        }
    }

    /// Everything, for sinks that have one place for all of it.
    #[must_use]
    pub fn whole(&self) -> String {
        let details = self.details();
        if details.is_empty() {
            self.title.clone()
        } else {
            format!("{}\n{details}", self.title)
        }
    }
}
