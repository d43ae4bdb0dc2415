//! The rules that are in force, which a reload exchanges while events go on.
//!
//! A file of its own because it is the only part of this room that changes; whoever decides about one
//! event asks once, so that no event is decided by halves of two sets.

use std::sync::{Arc, PoisonError, RwLock};

use super::Rules;

/// A handle to the rules in force. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Current(Arc<RwLock<Arc<Rules>>>);

impl Current {
    /// These rules, for now.
    #[must_use]
    pub fn new(rules: Arc<Rules>) -> Self {
        Self(Arc::new(RwLock::new(rules)))
    }

    /// The rules that are in force now. They stay whole for as long as they are held.
    #[must_use]
    pub fn get(&self) -> Arc<Rules> {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&rules)
    }

    /// Puts others in force.
    pub fn exchange(&self, rules: Arc<Rules>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}
