//! What all tables of one configuration share: where secrets are looked up, where mistakes go, and
//! what has been read so far and how.
//!
//! A file of its own because rooms above read their tables long after the file was parsed, and the
//! report still has to know which values they read as secrets. It reads nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keypath;
use super::problem::Problems;
use crate::model::{Secret, Zeroize};

/// What is handed out in place of a secret, given its full key and its text.
pub type StandIn = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

/// Variables of the environment, wiped when dropped.
#[derive(Clone, Default)]
pub(super) struct Environment(pub(super) BTreeMap<String, String>);

impl Deref for Environment {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

/// What every table of one configuration shares.
#[derive(Default)]
pub(super) struct Context {
    /// The environment that `{ env = "NAME" }` looks into.
    pub(super) environment: Environment,
    /// The folder that relative paths count from.
    pub(super) folder: PathBuf,
    /// Where mistakes go.
    pub(super) problems: Problems,
    /// The settings that environment variables gave, by full key, with the variable's name.
    pub(super) variables: BTreeMap<String, String>,
    /// What has been read.
    pub(super) marks: Mutex<Marks>,
    /// Secrets that were handed out, each with its full key.
    pub(super) handed_out: Mutex<Vec<(String, Secret)>>,
    /// What is handed out in place of secrets, if they are not to be.
    pub(super) stand_in: Option<StandIn>,
}

/// What has been read, by full key.
#[derive(Clone, Default)]
pub(super) struct Marks {
    /// Keys that a reader asked for, there or not.
    pub(super) asked: BTreeSet<String>,
    /// Values that were read as something that may be shown.
    open: BTreeSet<String>,
    /// Values that were read as secrets.
    secret: BTreeSet<String>,
}

/// Whether and how a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Showing {
    /// As it stands.
    Open,
    /// Not at all, since a reader took it as a secret.
    Secret,
    /// Not at all, since nobody read it and it may be anything.
    Unread,
}

impl Context {
    /// The same configuration for a reader who is to get no secret of it, with a list of problems of
    /// its own.
    pub(super) fn standing_in(&self, stand_in: StandIn) -> Self {
        Self {
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            variables: self.variables.clone(),
            stand_in: Some(stand_in),
            ..Self::default()
        }
    }

    /// The variable that gave a value, or the list that it is an item of.
    pub(super) fn variable(&self, path: &str) -> Option<&str> {
        self.variables.get(path).map(String::as_str)
    }

    /// A variable that gave something inside a table.
    pub(super) fn variable_inside(&self, path: &str) -> Option<&str> {
        self.variables
            .range(path.to_owned()..)
            .take_while(|(at, _)| at.starts_with(path))
            .find(|(at, _)| keypath::is_inside(at, path))
            .map(|(_, variable)| variable.as_str())
    }

    /// Remembers that a key was asked for.
    pub(super) fn asked(&self, path: String) {
        self.lock().asked.insert(path);
    }

    /// Remembers that a value, with all in it, may be shown.
    pub(super) fn open(&self, path: String) {
        self.lock().open.insert(path);
    }

    /// Remembers that a value, with all in it, must not be shown, whoever else reads it.
    pub(super) fn secret(&self, path: String) {
        self.lock().secret.insert(path);
    }

    /// Remembers a secret that a reader was given.
    pub(super) fn hand_out(&self, path: &str, secret: &Secret) {
        let mut all = self
            .handed_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push((path.to_owned(), secret.clone()));
    }

    /// Every secret inside a table that some reader was given.
    pub(super) fn secrets_inside(&self, path: &str) -> Vec<Secret> {
        let all = self
            .handed_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let inside = all.iter().filter(|(at, _)| keypath::is_inside(at, path));
        inside.map(|(_, secret)| secret.clone()).collect()
    }

    /// What has been read so far.
    pub(super) fn marks(&self) -> Marks {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    /// Whether a value may be shown.
    pub(super) fn showing(&self, path: &str) -> Showing {
        if keypath::outward(path).any(|outer| self.secret.contains(outer)) {
            Showing::Secret
        } else if keypath::outward(path).any(|outer| self.open.contains(outer)) {
            Showing::Open
        } else {
            Showing::Unread
        }
    }
}

// The environment holds every secret of the machine, so it is never printed.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("folder", &self.folder)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_before_somebody_read_it_as_harmless() {
        let context = Context::default();
        context.open("sinks.a.tags".to_owned());
        context.open("sinks.a.url".to_owned());
        context.secret("sinks.a.url".to_owned());
        let marks = context.marks();
        assert_eq!(marks.showing("sinks.a.tags[1]"), Showing::Open);
        assert_eq!(marks.showing("sinks.a.tagsy"), Showing::Unread);
        assert_eq!(
            marks.showing("sinks.a.url"),
            Showing::Secret,
            "a secret wins"
        );
        assert_eq!(marks.showing("sinks.a.url.env"), Showing::Secret);
    }

    #[test]
    fn finds_the_variable_inside_a_table_and_not_beside_it() {
        let mut context = Context::default();
        for path in ["sinks.a-b.x", "sinks.a.tok.env"] {
            context
                .variables
                .insert(path.to_owned(), path.to_uppercase());
        }
        assert_eq!(context.variable_inside("sinks.a"), Some("SINKS.A.TOK.ENV"));
        assert_eq!(context.variable_inside("sinks.a.to"), None);
        assert_eq!(context.variable("sinks.a"), None);
    }
}
