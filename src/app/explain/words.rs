//! Why a rule does not match, in words for people.

use std::fmt::Display;

use crate::expr::Cause;
use crate::rules::{Rule, Why};

/// Most names or patterns that are listed.
const LISTED_MAX: usize = 12;

/// The reason; none where the rule matches.
pub(super) fn why_not(rule: &Rule, why: &Why, causes: &[Cause]) -> Option<String> {
    Some(match why {
        Why::Matched => return None,
        Why::Source => match &rule.from {
            None => "it listens to every source but `bellwire`".to_owned(),
            Some(from) if from.is_empty() => "it listens to no source".to_owned(),
            Some(from) => format!("it listens to {}", list(from)),
        },
        Why::Type => match rule.types.events() {
            Some(patterns) if !patterns.is_empty() => {
                format!("the type fits none of {}", list(&patterns))
            }
            _ => "its `events` is empty".to_owned(),
        },
        Why::Backfilled => "it skips events that were fetched after a gap".to_owned(),
        Why::Hours(beside) => format!("it is outside its hours: {beside}"),
        Why::When { condition } if causes.is_empty() => format!("`{condition}` is false"),
        Why::When { .. } => {
            let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
            causes.join("; ")
        }
        Why::Fault(fault) => format!("`when` cannot be worked out: {fault}"),
    })
}

fn list<T: Display>(items: &[T]) -> String {
    let mut shown: Vec<String> = items
        .iter()
        .take(LISTED_MAX)
        .map(|item| format!("`{item}`"))
        .collect();
    if items.len() > LISTED_MAX {
        shown.push(format!("{} more", items.len() - LISTED_MAX));
    }
    shown.join(", ")
}
