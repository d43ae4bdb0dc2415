//! Why a rule matches an event or does not: the same questions as routing, in the same order, asked
//! of every rule and with their answers kept.

use jiff::Timestamp;

use super::Rule;
use crate::expr::Scope;
use crate::model::Event;

/// What a rule says about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It matches.
    Matched,
    /// It does not listen to this source.
    Source,
    /// None of its patterns fits the event's type.
    Type,
    /// It skips events fetched after a gap.
    Backfilled,
    /// It is outside its hours, as [`super::Hours::beside`] puts it.
    Hours(String),
    /// Its condition is not true of this event.
    When {
        /// The condition.
        condition: String,
    },
    /// Its condition could not be worked out, which counts as not matched.
    Fault(String),
}

impl Rule {
    pub(super) fn explain(&self, event: &Event, moment: Option<Timestamp>, scope: &Scope) -> Why {
        if !self.listens_to(event) {
            return Why::Source;
        }
        if !self.types.fit(&event.kind) {
            return Why::Type;
        }
        if self.skips(event) {
            return Why::Backfilled;
        }
        if let Some(moment) = moment
            && let Some(hours) = &self.hours
            && self.sleeps(moment)
        {
            return Why::Hours(hours.beside(moment));
        }
        let Some(condition) = &self.when else {
            return Why::Matched;
        };
        match condition.matches(scope) {
            Ok(true) => Why::Matched,
            Ok(false) => Why::When {
                condition: condition.source().to_owned(),
            },
            Err(fault) => Why::Fault(fault.to_string()),
        }
    }
}
