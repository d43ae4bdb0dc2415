//! A command that has failed: what people read of it, and the document that programs read instead.

use std::fmt;

use serde_json::{Value, json};

use super::Exit;
use crate::app::Refused;
use crate::config::Mistake;

/// Why a command has no result. It prints as people read it.
#[derive(Debug)]
pub(super) struct Failed {
    exit: Exit,
    error: String,
    help: Option<&'static str>,
    /// What people read where that is more than the error.
    report: Option<String>,
    /// What else the document says.
    facts: Vec<(&'static str, Value)>,
}

impl Failed {
    /// It failed while it ran.
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
            help: None,
            report: None,
            facts: Vec::new(),
        }
    }

    /// The command line or the configuration is wrong.
    pub(super) fn wrong(error: impl Into<String>) -> Self {
        Self {
            exit: Exit::Wrong,
            ..Self::new(error)
        }
    }

    /// With what to do about it.
    pub(super) fn help(self, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }

    /// With other words for people.
    pub(super) fn report(self, report: impl Into<String>) -> Self {
        Self {
            report: Some(report.into()),
            ..self
        }
    }

    /// With one more key in the document.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.facts.push((key, value.into()));
        self
    }

    /// What is wrong, without what to do about it.
    pub(super) fn error(&self) -> &str {
        &self.error
    }

    /// The exit status.
    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    /// What programs read.
    pub(super) fn document(&self) -> Value {
        let mut document = json!({ "error": self.error });
        if let Some(help) = self.help {
            document["help"] = json!(help);
        }
        for (key, value) in &self.facts {
            document[*key] = value.clone();
        }
        document
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.report, self.help) {
            (Some(report), _) => f.write_str(report),
            (None, Some(help)) => write!(f, "bellwire: {}; {help}", self.error),
            (None, None) => write!(f, "bellwire: {}", self.error),
        }
    }
}

impl std::error::Error for Failed {}

/// Any other error, with its causes.
impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        error
            .downcast()
            .unwrap_or_else(|error| Self::new(format!("{error:#}")))
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::wrong("the configuration is wrong")
            .report(refused.report)
            .with(
                "mistakes",
                refused.mistakes.iter().map(mistake).collect::<Value>(),
            )
            .with("warnings", refused.warnings)
    }
}

fn mistake(mistake: &Mistake) -> Value {
    json!({
        "file": mistake.file.as_ref().map(|file| file.display().to_string()),
        "line": mistake.line,
        "column": mistake.column,
        "text": mistake.text,
        "help": mistake.help,
    })
}
