//! Which event types a rule or a watch listens to.
//!
//! A file of its own because both say it in the same words, and are asked the same about it.

use super::index::TypePattern;
use crate::config::Problems;

/// Patterns of the event type.
#[derive(Debug)]
pub struct Types(pub(super) Option<Vec<TypePattern>>);

impl Types {
    /// Reads patterns as they stand in the table at `path`; `None` after a mistake, which is told.
    pub(super) fn compile(
        patterns: Option<&[String]>,
        path: &str,
        problems: &Problems,
    ) -> Option<Self> {
        let Some(patterns) = patterns else {
            return Some(Self(None));
        };
        let mut types = Vec::with_capacity(patterns.len());
        for (position, text) in patterns.iter().enumerate() {
            match TypePattern::new(text) {
                Ok(pattern) => types.push(pattern),
                Err(message) => problems.value(
                    &format!("{path}.events[{position}]"),
                    message,
                    Some(
                        "`*` stands for any text, `?` for one character, `[ab]` for `a` or `b`"
                            .to_owned(),
                    ),
                ),
            }
        }
        (types.len() == patterns.len()).then_some(Self(Some(types)))
    }

    /// Whether an event type is among them.
    pub(super) fn fit(&self, kind: &str) -> bool {
        let patterns = self.0.as_ref();
        patterns.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.fits(kind)))
    }

    /// The patterns as they were written; `None` for all types.
    #[must_use]
    pub fn events(&self) -> Option<Vec<&str>> {
        let patterns = self.0.as_ref()?;
        Some(patterns.iter().map(TypePattern::text).collect())
    }

    /// The patterns that fit none of these types, as they were written.
    #[must_use]
    pub fn fitting_none<'a>(&'a self, types: &[&str]) -> Vec<&'a str> {
        let patterns = self.0.iter().flatten();
        let fits_none = |pattern: &&TypePattern| !types.iter().any(|kind| pattern.fits(kind));
        patterns.filter(fits_none).map(TypePattern::text).collect()
    }
}
