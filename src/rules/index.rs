//! From an event type to the rules that could want it, without asking each.
//!
//! Types written out in full are found in a hash table; patterns with wildcards are matched all at
//! once by one automaton; rules without `events` are always candidates. The result is in the order
//! of the file, because the first matching rule gives an event its wording.

use std::collections::HashMap;

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use super::Rule;
use crate::config::Problems;

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256;

/// A pattern of the event type: `*`, `?`, `[ab]`; upper and lower case differ.
#[derive(Debug)]
pub(super) enum TypePattern {
    /// A type written out in full.
    Exact(String),
    /// A pattern with wildcards.
    Wild(Box<GlobMatcher>),
}

impl TypePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!(
                "a pattern has at most {PATTERN_BYTES_MAX} characters"
            ));
        }
        if !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            return Ok(Self::Exact(text.to_owned()));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))?;
        Ok(Self::Wild(Box::new(glob.compile_matcher())))
    }

    /// The pattern as it was written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::Wild(matcher) => matcher.glob().glob(),
        }
    }

    /// Whether it fits an event type.
    pub(super) fn fits(&self, kind: &str) -> bool {
        match self {
            Self::Exact(text) => text == kind,
            Self::Wild(matcher) => matcher.is_match(kind),
        }
    }
}

/// The index over all rules.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Positions of the rules that take every type.
    every: Vec<usize>,
    /// Positions by type.
    exact: HashMap<String, Vec<usize>>,
    /// All patterns with wildcards.
    wild: GlobSet,
    /// For each of them, the position of its rule.
    wild_rules: Vec<usize>,
}

impl Index {
    pub(super) fn new(rules: &[Rule], problems: &Problems) -> Self {
        let mut index = Self::default();
        let mut wild = GlobSetBuilder::new();
        for (position, rule) in rules.iter().enumerate() {
            let Some(types) = &rule.types.0 else {
                index.every.push(position);
                continue;
            };
            for pattern in types {
                match pattern {
                    TypePattern::Exact(text) => {
                        index.exact.entry(text.clone()).or_default().push(position);
                    }
                    TypePattern::Wild(matcher) => {
                        wild.add(Glob::clone(matcher.glob()));
                        index.wild_rules.push(position);
                    }
                }
            }
        }
        match wild.build() {
            Ok(wild) => index.wild = wild,
            Err(error) => problems.key(
                "rules",
                format!(
                    "the patterns of all rules together are too large: {}",
                    error.kind()
                ),
                Some("use fewer patterns with wildcards".to_owned()),
            ),
        }
        index
    }

    /// Positions of the rules that take a type, in the order of the file.
    pub(super) fn of_type(&self, kind: &str) -> Vec<usize> {
        let mut positions = self.every.clone();
        if let Some(exact) = self.exact.get(kind) {
            positions.extend(exact);
        }
        if !self.wild.is_empty() {
            let wild = self.wild.matches(kind);
            positions.extend(wild.into_iter().map(|glob| self.wild_rules[glob]));
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}
