//! What is wrong with a text, and where in it.
//!
//! A file of its own because every step of compiling finds some: the limits, the parser, the copy of the
//! tree.

use minijinja::Error;
use minijinja::machinery::Span;

/// What is wrong with an expression or template, found before any event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
    /// The line of the source, from 1, where that is known.
    pub line: Option<usize>,
}

impl Mistake {
    /// What is wrong, with the line where the text has several.
    #[must_use]
    pub fn in_text(&self, text: &str) -> String {
        match self.line {
            Some(line) if text.contains('\n') => {
                format!("{} (line {line} of this text)", self.message)
            }
            _ => self.message.clone(),
        }
    }

    /// All of it in one line.
    #[must_use]
    pub fn in_one_line(&self, text: &str) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.in_text(text)),
            None => self.in_text(text),
        }
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            line: None,
        }
    }

    pub(super) fn syntax(error: &Error) -> Self {
        let message = match error.detail() {
            Some(detail) => detail.to_owned(),
            None => error.kind().to_string(),
        };
        Self {
            line: error.line(),
            ..Self::new(message)
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, span: Span) -> Self {
        self.line = Some(usize::from(span.start_line));
        self
    }
}
