//! Event in, list of routes out: which rules want it, and which sinks that makes.
//!
//! A room of its own so that deciding can be tested without anything else running: it is pure, never
//! waits, and knows neither stream nor queue. Rules are indexed by event type, so an event that no
//! rule can want costs one look-up and its payload is never parsed. What a rule does beyond routing
//! (coalesce, update, fallback) is compiled here, so that its mistakes are found
//! with all others, and acted on where deliveries are.

mod compile;
mod current;
mod explain;
mod hours;
mod index;
mod rule;
mod schedule;
#[cfg(test)]
mod tests;
mod types;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use current::Current;
pub use explain::Why;
pub use hours::Hours;
pub use rule::{Coalesce, Rule, Throttle};
pub use schedule::Schedule;
pub use types::Types;
pub use watch::{Watch, Watches};

use crate::config::{Problems, RuleConfig};
use crate::expr::{Fault, Scope};
use crate::model::{self, Event, Name, Route};
use index::Index;

/// Every rule of a configuration, compiled once.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    index: Index,
    names: HashMap<Arc<str>, usize>,
}

/// What the rules decided about one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routed {
    /// Where it goes, in the order of the file; each sink once, with the first rule that names it.
    pub routes: Vec<Route>,
    /// Conditions that could not be worked out, which counted as not matched, and keys of throttles,
    /// which counted as missing.
    pub faults: Vec<RuleFault>,
}

/// A condition, or the key of a throttle, that could not be worked out for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// The rule.
    pub rule: Arc<str>,
    /// Why; holds nothing of the payload.
    pub fault: Fault,
}

impl Rules {
    /// Compiles rules. Every mistake is reported at its key; a rule with a mistake is left out, so
    /// the result is only of use when `problems` stays empty.
    #[must_use]
    pub fn compile(configs: &[RuleConfig], problems: &Problems) -> Self {
        let rules = compile::all(configs, problems);
        let index = Index::new(&rules, problems);
        let names = rules
            .iter()
            .enumerate()
            .map(|(position, rule)| (Arc::clone(&rule.name), position))
            .collect();
        Self {
            rules,
            index,
            names,
        }
    }

    /// Decides where an event goes, by the hours of its arrival.
    #[must_use]
    pub fn routes(&self, event: &Event) -> Routed {
        self.routes_at(event, Some(event.received))
    }

    /// Decides where an event goes by the hours of another moment; where none is given, every rule is
    /// awake.
    #[must_use]
    pub fn routes_at(&self, event: &Event, moment: Option<Timestamp>) -> Routed {
        let mut routed = Routed::default();
        let mut scope = None;
        for rule in self.candidates(event) {
            match rule.wants(event, moment, &mut scope) {
                Ok(true) => routed.add(rule, event, &mut scope),
                Ok(false) => {}
                Err(fault) => routed.faults.push(RuleFault {
                    rule: Arc::clone(&rule.name),
                    fault,
                }),
            }
        }
        routed.settle_fallbacks();
        routed
    }

    /// Says of every rule, in the order of the file, whether it matches an event and if not, why.
    #[must_use]
    pub fn explain(&self, event: &Event) -> Vec<(Arc<str>, Why)> {
        self.explain_at(event, Some(event.received))
    }

    /// The same by the hours of another moment, as [`Self::routes_at`] takes it.
    #[must_use]
    pub fn explain_at(&self, event: &Event, moment: Option<Timestamp>) -> Vec<(Arc<str>, Why)> {
        let scope = Scope::new(event);
        let explain = |rule: &Rule| (Arc::clone(&rule.name), rule.explain(event, moment, &scope));
        self.rules.iter().map(explain).collect()
    }

    /// The rule of a name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.names.get(name).map(|position| &self.rules[*position])
    }

    /// Every rule, in the order of the file.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that listen to this event's source and type, in the order of the file.
    fn candidates<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Rule> {
        self.index
            .of_type(&event.kind)
            .into_iter()
            .map(|position| &self.rules[position])
            .filter(|rule| rule.listens_to(event))
    }
}

impl Routed {
    /// An event whose key is missing, or cannot be worked out, passes the throttle uncounted, has a
    /// notification of its own and joins no bundle.
    fn add(&mut self, rule: &Rule, event: &Event, scope: &mut Option<Scope>) {
        let throttle = self.read(rule, rule.throttle(event, scope));
        let living = self.read(rule, rule.living(event, scope));
        let bundle = self.read(rule, rule.bundle(event, scope));
        for (position, sink) in rule.to.iter().enumerate() {
            let known = self.routes.iter().position(|route| route.sink == *sink);
            let at = known.unwrap_or_else(|| {
                self.routes.push(Route {
                    priority: rule.priority.unwrap_or(Route::PRIORITY),
                    living: living.clone(),
                    throttle: throttle.clone(),
                    bundle: bundle.clone(),
                    ..Route::new(sink.clone(), Arc::clone(&rule.name))
                });
                self.routes.len() - 1
            });
            // Whichever rule gave it its wording: this one wants to be sure of its first sink.
            let fallback = rule.fallback.as_ref().filter(|_| position == 0);
            let route = &mut self.routes[at];
            route.fallback = route
                .fallback
                .take()
                .or(fallback.map(model::Fallback::from));
        }
    }

    /// A sink that gets the event anyway steps in for nobody: it would get it twice.
    fn settle_fallbacks(&mut self) {
        let direct: Vec<Name> = self.routes.iter().map(|it| it.sink.clone()).collect();
        for route in &mut self.routes {
            route.fallback = route.fallback.take().filter(|it| !direct.contains(&it.to));
        }
    }

    /// What an expression of a rule comes to; a fault counts as nothing, and is kept to be told.
    fn read<T>(&mut self, rule: &Rule, read: Result<Option<T>, Fault>) -> Option<T> {
        read.unwrap_or_else(|fault| {
            let rule = Arc::clone(&rule.name);
            self.faults.push(RuleFault { rule, fault });
            None
        })
    }
}
