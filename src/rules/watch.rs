//! Watches: which events each listens to, and when its silence has lasted too long.
//!
//! A file of its own because a watch routes nothing: it asks no condition and has no sinks. Like the rules
//! it is compiled once and pure: what was heard, and the time, are arguments.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Hours, Types};
use crate::config::{Problems, WatchConfig};
use crate::model::{Event, Heard, Name, Route};

/// What bellwire says about silences, which is no sign of life of anybody.
const SILENCES: &str = "bellwire.silence";

/// Every watch of a configuration, in the order of the file.
#[derive(Debug, Default)]
pub struct Watches(Vec<Watch>);

/// Which events may not be missing for how long.
#[derive(Debug)]
pub struct Watch {
    /// Its name, unique among watches.
    pub name: Arc<str>,
    /// Sources it listens to; `None` for every source but `bellwire`.
    pub from: Option<Vec<Name>>,
    /// Event types it listens to.
    pub types: Types,
    /// How long a silence may last.
    pub silent_for: Duration,
    /// When silence counts; `None` for always.
    hours: Option<Hours>,
}

impl Watches {
    /// Compiles watches. Every mistake is reported at its key; a watch with a mistake is left out, so the
    /// result is only of use when `problems` stays empty.
    #[must_use]
    pub fn compile(configs: &[WatchConfig], problems: &Problems) -> Self {
        let watches = configs.iter().filter_map(|config| {
            let hours = config.hours.as_ref().map(|hours| {
                let path = format!("{}.hours", config.path);
                Hours::compile(hours, &path, problems)
            });
            let types = Types::compile(config.events.as_deref(), &config.path, problems);
            Some(Watch {
                name: Arc::from(config.name.as_str()),
                from: config.from.clone(),
                types: types?,
                silent_for: config.silent_for,
                hours: match hours {
                    Some(hours) => Some(hours?),
                    None => None,
                },
            })
        });
        Self(watches.collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Watch> {
        self.0.iter()
    }

    /// Which of them hear which of these events.
    #[must_use]
    pub fn heard(&self, events: &[(Event, Vec<Route>)]) -> Vec<Heard> {
        let heard = self.0.iter().map(|watch| {
            let events = events.iter().enumerate();
            let events = events.filter(|(_, (event, _))| watch.hears(event));
            Heard {
                watch: Arc::clone(&watch.name),
                events: events.map(|(place, _)| place).collect(),
            }
        });
        heard.filter(|heard| !heard.events.is_empty()).collect()
    }
}

impl Watch {
    /// Whether it listens to an event.
    #[must_use]
    pub fn hears(&self, event: &Event) -> bool {
        let is_from = match &self.from {
            Some(sources) => sources.contains(&event.source),
            None => !event.is_internal(),
        };
        let is_silence = || event.is_internal() && event.kind.starts_with(SILENCES);
        is_from && self.types.fit(&event.kind) && !is_silence()
    }

    /// When a silence has lasted too long that began when something was last heard.
    #[must_use]
    pub fn due(&self, heard: Timestamp) -> Timestamp {
        match &self.hours {
            Some(hours) => hours.after(heard, self.silent_for),
            None => heard.checked_add(self.silent_for).unwrap_or(Timestamp::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
