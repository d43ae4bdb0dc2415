//! From the configuration of rules to rules, with every mistake told at its key.
//!
//! Names, sinks and sources have been checked against each other when the configuration was read;
//! here it is about the texts in the language of expressions, and about patterns.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{Coalesce, Hours, Rule, Schedule, Throttle, Types};
use crate::config::{DigestConfig, Problems, RuleConfig};
use crate::expr::{self, Compiled, Expression, Mistake, Template};

/// Compiles what can be compiled and reports the rest.
pub(super) fn all(configs: &[RuleConfig], problems: &Problems) -> Vec<Rule> {
    configs
        .iter()
        .filter_map(|config| Compiler { config, problems }.rule())
        .collect()
}

struct Compiler<'a> {
    config: &'a RuleConfig,
    problems: &'a Problems,
}

impl Compiler<'_> {
    /// Looks at every key before it gives up, so that all mistakes of a rule are told at once.
    fn rule(&self) -> Option<Rule> {
        let config = self.config;
        let collects = config.coalesce.is_some() || config.digest.is_some();
        let wording = match collects {
            true => Template::compile_coalesced,
            false => Template::compile,
        };
        let events = config.events.as_deref();
        let types = Types::compile(events, &config.path, self.problems);
        let when = self.optional("when", config.when.as_deref(), Expression::compile);
        let title = self.optional("title", config.title.as_deref(), wording);
        let message = self.optional("message", config.message.as_deref(), wording);
        let update = self.optional("update", config.update.as_deref(), Expression::compile);
        let throttle = config.throttle.as_ref().map(|throttle| {
            self.optional("throttle.key", throttle.key.as_deref(), Expression::compile)
        });
        let coalesce = config.coalesce.as_ref().map(|coalesce| {
            self.optional("coalesce.key", coalesce.key.as_deref(), Expression::compile)
        });
        let digest = config.digest.as_ref().map(|digest| self.schedule(digest));
        let hours = self.hours();
        Some(Rule {
            name: Arc::from(config.name.as_str()),
            from: config.from.clone(),
            types: types?,
            when: when?,
            to: config.to.clone(),
            title: title?,
            message: message?,
            priority: config.priority,
            expires: config.expires,
            throttle: match (&config.throttle, throttle) {
                (Some(throttle), Some(key)) => Some(Throttle {
                    limit: throttle.limit,
                    per: throttle.per,
                    key: key?,
                }),
                _ => None,
            },
            coalesce: match (&config.coalesce, coalesce) {
                (Some(coalesce), Some(key)) => Some(Coalesce {
                    within: coalesce.within,
                    key: key?,
                    max: coalesce.max,
                }),
                _ => None,
            },
            digest: match digest {
                Some(schedule) => Some(schedule?),
                None => None,
            },
            update: update?,
            hours: hours?,
            quiet_outside: config.hours.as_ref().is_some_and(|hours| hours.quiet),
            backfilled: config.backfilled,
            fallback: config.fallback.clone(),
        })
    }

    /// `None` after a mistake; `Some(None)` for a key that is not there.
    fn optional<T: Compiled>(
        &self,
        key: &str,
        source: Option<&str>,
        compile: impl Fn(&str) -> Result<T, Vec<Mistake>>,
    ) -> Option<Option<T>> {
        let Some(source) = source else {
            return Some(None);
        };
        match compile(source) {
            Ok(compiled) => {
                for doubt in compiled.doubts() {
                    self.problems.warn(format!(
                        "`{key}` of rule `{}`: {}",
                        self.config.name,
                        doubt.in_one_line(source)
                    ));
                }
                Some(Some(compiled))
            }
            Err(mistakes) => {
                let path = format!("{}.{key}", self.config.path);
                for mistake in mistakes {
                    let message = mistake.in_text(source);
                    self.problems.value(&path, message, mistake.help);
                }
                None
            }
        }
    }

    fn schedule(&self, digest: &DigestConfig) -> Option<Schedule> {
        const HELP: &str =
            "minute, hour, day of the month, month and day of the week, such as `0 22 * * Mon-Fri`";
        let wrong = |key: &str, message: String, help: String| {
            let path = format!("{}.{key}", self.config.path);
            self.problems.value(&path, message, Some(help));
        };
        let zone = expr::zone(&digest.zone);
        // The hours tell of their own zone.
        let hours = self.config.hours.as_ref();
        if zone.is_none() && hours.is_none_or(|hours| hours.zone != digest.zone) {
            let message = format!("unknown time zone `{}`", digest.zone);
            wrong(digest.zone_key, message, expr::zone_help(&digest.zone));
        }
        let is_known = zone.is_some();
        Schedule::new(&digest.at, zone.unwrap_or(TimeZone::UTC))
            .map_err(|why| {
                let message = format!("`{}` is no schedule: {why}", digest.at);
                wrong(digest.key, message, HELP.to_owned());
            })
            .ok()
            .filter(|_| is_known)
    }

    /// `None` after a mistake, as with [`Self::optional`].
    fn hours(&self) -> Option<Option<Hours>> {
        let Some(hours) = &self.config.hours else {
            return Some(None);
        };
        let path = format!("{}.hours", self.config.path);
        Hours::compile(hours, &path, self.problems).map(Some)
    }
}
