//! A configuration with everything made of it that needs no file, no socket and no task.

use std::sync::Arc;

use super::expected;
use super::rehearsal::rehearse;
use super::unheard::unheard;
use crate::clock::Clock;
use crate::config::{Backfilled, Config, Loaded, Mistake};
use crate::heartbeat::Switch;
use crate::rules::{Rules, Watches};
use crate::sinks::{self, Filled, Ring, Sink};
use crate::sources::{self, Source};
use crate::status::Status;
use crate::store::{Home, Server, left_behind};
use crate::telemetry;

/// Everything that `run` starts and `check` only makes.
pub struct Plan {
    /// The checked configuration.
    pub config: Config,
    /// Where the queue is.
    pub home: Home,
    /// The sources, ready to connect.
    pub sources: Vec<Source>,
    /// The sinks, ready to translate.
    pub sinks: Vec<Arc<Sink>>,
    /// The rules, compiled.
    pub rules: Arc<Rules>,
    /// The watches, compiled.
    pub watches: Arc<Watches>,
    /// The dead-man's switch outside, if there is one.
    pub switch: Option<Arc<Switch>>,
    /// What is allowed, but hardly meant.
    pub warnings: Vec<String>,
}

/// A configuration that is wrong. It prints as the report.
#[derive(Debug, thiserror::Error)]
#[error("{report}")]
pub struct Refused {
    /// All mistakes, as one text for a terminal.
    pub report: String,
    /// The same one by one.
    pub mistakes: Vec<Mistake>,
    /// What is allowed, but hardly meant, as far as that is sure beside the mistakes.
    pub warnings: Vec<String>,
}

impl From<String> for Refused {
    fn from(report: String) -> Self {
        Self {
            mistakes: vec![Mistake::nowhere(report.clone())],
            report,
            warnings: Vec::new(),
        }
    }
}

impl Plan {
    /// Makes every part, so that every mistake is found, whichever room finds it.
    ///
    /// # Errors
    /// All mistakes as one text for a terminal, coloured if asked for, and what is only doubtful.
    pub fn make(loaded: Loaded, colour: bool) -> Result<Self, Refused> {
        Self::made(loaded, colour, true)
    }

    /// The same without `[[tests]]`, for who puts no rules in force: one that fails keeps nobody from
    /// asking why.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn make_untested(loaded: Loaded, colour: bool) -> Result<Self, Refused> {
        Self::made(loaded, colour, false)
    }

    fn made(mut loaded: Loaded, colour: bool, is_tested: bool) -> Result<Self, Refused> {
        let made = loaded.config.take().map(|config| {
            if let Err(error) = telemetry::filter(&config.log.level) {
                let help = "for example `info`, or `bellwire=debug,warn`".to_owned();
                loaded
                    .problems
                    .value("log.level", error.to_string(), Some(help));
            }
            let home = home(&config, &loaded);
            let clock = Clock::system();
            let sources: Vec<Source> = config
                .sources
                .iter()
                .filter_map(|source| sources::build(source, &clock))
                .collect();
            let sinks: Vec<Arc<Sink>> = config
                .sinks
                .iter()
                .filter_map(sinks::build)
                .map(Arc::new)
                .collect();
            let rules = Arc::new(Rules::compile(&config.rules, &loaded.problems));
            let watches = Arc::new(Watches::compile(&config.watches, &loaded.problems));
            let switch = config.heartbeat.as_ref().and_then(|heartbeat| {
                let help = "an address such as `https://hc.example.org/ping/…`".to_owned();
                let refuse = |why| loaded.problems.value("heartbeat.url", why, Some(help));
                Switch::new(heartbeat).map_err(refuse).ok().map(Arc::new)
            });
            // Which sources a rule listens to is known only if all of them could be read.
            let is_sure = loaded.problems.is_empty();
            let unheard = is_sure.then(|| unheard(&sources, &rules, &watches));
            if is_sure && is_tested {
                let tests = &config.tests;
                expected::check(tests, &sources, &rules, clock.now(), &loaded.problems);
            } else if is_tested && !config.tests.is_empty() {
                let untried = "the `[[tests]]` were not run, since there are other mistakes";
                loaded.problems.warn(untried.to_owned());
            }
            Self {
                warnings: loaded
                    .warnings
                    .iter()
                    .chain(sources.iter().flat_map(|source| &source.warnings))
                    .chain(sinks.iter().flat_map(|sink| sink.translator.warnings()))
                    .cloned()
                    .chain(loaded.problems.warnings())
                    .chain(unheard.into_iter().flatten())
                    .chain(never_updated(&rules, &sinks))
                    .chain(never_silent(&rules, &sinks))
                    .chain(never_shown(&sinks))
                    .chain(never_dialled(&sinks))
                    .chain(never_in_time(&rules, &sinks))
                    .chain(never_told(switch.as_deref()))
                    .chain(never_sent(&config, &home))
                    .chain(rehearse(&sources, &rules, &sinks, clock.now()))
                    .collect(),
                config,
                home,
                sources,
                sinks,
                rules,
                watches,
                switch,
            }
        });
        match (loaded.report(colour), made) {
            (None, Some(plan)) => Ok(plan),
            (Some(report), made) => Err(Refused {
                report,
                mistakes: loaded.mistakes(),
                warnings: made.map(|plan| plan.warnings).unwrap_or_default(),
            }),
            (None, None) => Err("the configuration cannot be read".to_owned().into()),
        }
    }
}

impl Plan {
    /// Says who is there and who is used, so that readiness can tell what matters.
    pub(super) fn announce(&self, status: &Status) {
        for source in &self.sources {
            let used = self.rules.all().iter().any(|rule| {
                rule.from
                    .as_ref()
                    .is_none_or(|from| from.contains(&source.name))
            });
            status.expect_source(&source.name, used);
        }
        for sink in &self.sinks {
            let used = self.rules.all().iter().any(|rule| {
                let steps_in = rule.fallback.as_ref().is_some_and(|it| it.to == sink.name);
                rule.to.contains(&sink.name) || steps_in
            });
            status.expect_sink(&sink.name, used);
        }
    }
}

/// Fallbacks whose time comes when an alert is not worth a ring any more.
fn never_in_time(rules: &Rules, sinks: &[Arc<Sink>]) -> Vec<String> {
    let told = rules.all().iter().filter_map(|rule| {
        let (fallback, first) = (rule.fallback.as_ref()?, rule.to.first()?);
        let sink = sinks.iter().find(|sink| sink.name == *first)?;
        let expires = rule.expires.or(sink.expires)?;
        (fallback.after >= expires).then(|| {
            format!(
                "`fallback` of rule `{}` steps in after {}, when an alert that waits for `{first}` has expired already",
                rule.name,
                humantime::format_duration(fallback.after)
            )
        })
    });
    told.collect()
}

/// Sinks at which each event of a rule with `update` has a notification of its own.
fn never_updated(rules: &Rules, sinks: &[Arc<Sink>]) -> Vec<String> {
    let rules = rules.all().iter().filter(|rule| rule.update.is_some());
    rules
        .flat_map(|rule| {
            sinks
                .iter()
                .filter(|sink| rule.to.contains(&sink.name) && !sink.translator.can_update())
                .map(|sink| {
                    format!(
                        "`update` of rule `{}` changes nothing at sink `{}`: {} has no notification that can be changed",
                        rule.name, sink.name, sink.kind
                    )
                })
        })
        .collect()
}

/// Sinks that ring for what rules send silently.
fn never_silent(rules: &Rules, sinks: &[Arc<Sink>]) -> Vec<String> {
    let mut told = Vec::new();
    for rule in rules.all() {
        let keys = [
            ("`hours.quiet`", rule.quiet_outside),
            ("`backfilled`", rule.backfilled == Backfilled::Quiet),
        ];
        let sinks = sinks
            .iter()
            .filter(|sink| rule.to.contains(&sink.name) && sink.translator.ring() == Ring::Always);
        for sink in sinks {
            for (key, _) in keys.iter().filter(|(_, is_set)| *is_set) {
                told.push(format!(
                    "{key} of rule `{}` silences nothing at sink `{}`: {} has no silent messages",
                    rule.name, sink.name, sink.kind
                ));
            }
        }
    }
    told
}

/// Sinks with a title or a message that nothing they send ever shows.
fn never_shown(sinks: &[Arc<Sink>]) -> Vec<String> {
    let never = |sink: &&Arc<Sink>| !sink.translator.shows_wording(&Filled::new());
    let told = sinks.iter().filter(never).filter_map(|sink| {
        let what = match (&sink.title, &sink.message) {
            (Some(_), Some(_)) => "`title` and `message`",
            (Some(_), None) => "`title`",
            (None, Some(_)) => "`message`",
            (None, None) => return None,
        };
        let name = &sink.name;
        Some(format!(
            "{what} of sink `{name}`: no effect, since its `body` shows no wording"
        ))
    });
    told.collect()
}

/// Sinks whose address is refused at every attempt.
fn never_dialled(sinks: &[Arc<Sink>]) -> Vec<String> {
    let is_blocked = |sink: &&Arc<Sink>| {
        let questions = sink.translator.questions();
        !sink.allow_link_local && questions.iter().any(|it| it.request.is_blocked())
    };
    let told = sinks.iter().filter(is_blocked).map(|sink| {
        format!(
            "sink `{}` has a link-local or metadata address, which is never dialled without `allow_link_local = true`",
            sink.name
        )
    });
    told.collect()
}

/// Where the queue is; in the folder, where the address of a server is wrong.
fn home(config: &Config, loaded: &Loaded) -> Home {
    let folder = || Home::Folder(config.data_dir.clone());
    let Some(store) = &config.store else {
        return folder();
    };
    let refuse = |why| {
        let help = "an address such as `postgres://user:password@host/database`".to_owned();
        loaded.problems.value("store.url", why, Some(help));
    };
    let server = Server::at(&store.url, &store.schema);
    server
        .map_err(refuse)
        .map_or_else(|()| folder(), Home::Server)
}

/// What waits in a folder while the queue is on a server.
fn never_sent(config: &Config, home: &Home) -> Option<String> {
    home.server()?;
    let folder = &config.data_dir;
    let waiting = left_behind(folder);
    (waiting > 0).then(|| {
        format!(
            "{waiting} deliveries wait in the queue in {}, which nobody works on while `[store]` names a \
             server: `bellwire queue move --to postgresql` carries it there",
            folder.display()
        )
    })
}

/// A heartbeat that is refused every time.
fn never_told(switch: Option<&Switch>) -> Option<String> {
    switch.filter(|switch| switch.is_blocked()).map(|_| {
        "the heartbeat has a link-local or metadata address, which is never dialled".to_owned()
    })
}

#[cfg(test)]
mod tests;
