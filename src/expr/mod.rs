//! Expressions and templates over an event: Jinja, compiled once, bounded, and with comparisons that
//! a missing value cannot break.
//!
//! A room of its own so that the language is decided in one place: `when`, `key`, titles, messages
//! and bodies all speak it, and nobody else names the engine. The engine is MiniJinja; what differs
//! from it is written down in `compare` (missing and differing types) and `text` (how values
//! print). It reads no file, has no clock and no randomness, and knows nothing of rules or sinks.

mod compare;
mod engine;
mod explain;
mod filters;
mod limits;
mod mistake;
mod program;
mod rewrite;
mod scope;
mod spelling;
#[cfg(test)]
mod tests;
mod text;
mod vocabulary;

use std::fmt;

pub use explain::{Cause, Seen};
pub use filters::{zone, zone_help};
pub use mistake::Mistake;
pub use program::Fault;
pub use scope::{Beside, Scope};

use program::Program;
use vocabulary::Vocabulary;

/// A condition or a key, such as `data.symbol == "XAUUSD" and data.realized_pl > 0`.
pub struct Expression(Program);

/// A text with expressions in it, such as `{{ data.symbol }} hit TP{{ data.tp_level }}`.
pub struct Template(Program);

/// What has been made of a text in this language.
pub trait Compiled {
    /// What is allowed in the text, but hardly meant.
    fn doubts(&self) -> &[Mistake];
}

impl Compiled for Expression {
    fn doubts(&self) -> &[Mistake] {
        self.0.doubts()
    }
}

impl Compiled for Template {
    fn doubts(&self) -> &[Mistake] {
        self.0.doubts()
    }
}

impl Expression {
    /// Longest key that [`Self::key`] yields, in bytes. Keys are kept for as long as a throttle
    /// remembers them, so a hostile event must not make them large.
    pub const KEY_BYTES_MAX: usize = 1024;

    /// Compiles the text of an expression.
    ///
    /// # Errors
    /// Every [`Mistake`] in it: unknown names and wrong arguments, in the order of the text. What cannot
    /// be read or is over a limit is one alone.
    pub fn compile(source: &str) -> Result<Self, Vec<Mistake>> {
        Program::expression(source, Vocabulary::Event).map(Self)
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Whether it is true of an event. A missing value, zero and an empty text or list are not.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be calculated for this event.
    pub fn matches(&self, scope: &Scope) -> Result<bool, Fault> {
        self.0.value(scope).map(|value| value.is_true())
    }

    /// What it says about an event, as text; `None` when that is missing or null.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be calculated for this event or is longer than
    /// [`Self::KEY_BYTES_MAX`].
    pub fn key(&self, scope: &Scope) -> Result<Option<String>, Fault> {
        let value = self.0.value(scope)?;
        if value.is_undefined() || value.is_none() {
            return Ok(None);
        }
        text::bounded(scope.digits(), &value, Self::KEY_BYTES_MAX)
            .map(Some)
            .map_err(|_| Fault::key_too_long())
    }
}

impl Template {
    /// Compiles the text of a template that speaks of one event.
    ///
    /// # Errors
    /// Every [`Mistake`] in it: unknown names and wrong arguments, in the order of the text. What cannot
    /// be read or is over a limit is one alone.
    pub fn compile(source: &str) -> Result<Self, Vec<Mistake>> {
        Program::template(source, Vocabulary::Event).map(Self)
    }

    /// Compiles the text of a template that may also speak of `events` and `count`. It is to be
    /// rendered with [`Scope::bundle`].
    ///
    /// # Errors
    /// Every [`Mistake`] in it: unknown names and wrong arguments, in the order of the text. What cannot
    /// be read or is over a limit is one alone.
    pub fn compile_coalesced(source: &str) -> Result<Self, Vec<Mistake>> {
        Program::template(source, Vocabulary::Burst).map(Self)
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The text that it makes of an event.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be made for this event.
    pub fn render(&self, scope: &Scope) -> Result<String, Fault> {
        self.0.text(scope)
    }

    /// The part of that text which stands in the template itself: nothing that the event has brought
    /// in is part of it, nor joins two parts of it.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be made for this event.
    pub fn literal(&self, scope: &Scope) -> Result<String, Fault> {
        self.0.text(&scope.literal())
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}
