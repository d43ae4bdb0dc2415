//! Sources and sinks: their names, what all of them have, and who refers to them.
//!
//! A file of its own because names are what ties the parts of a configuration together. The options
//! of a kind stay unread in the table that is handed on.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{DAY, MIB, MINUTE, SECOND};
use crate::config::settings::{Config, SinkConfig, SourceConfig};
use crate::config::{Table, scalar};
use crate::model::{INTERNAL_SOURCE, Name, NameError};

/// How long a source may be away before that is worth an event.
const LOST_AFTER: RangeInclusive<Duration> = SECOND..=DAY;
const LOST_AFTER_DEFAULT: Duration = Duration::from_secs(2 * MINUTE.as_secs());

/// What an event may take of `retention.max_disk` at most. While it is written it is there twice, in the
/// file and in the log, together with what came with it, beside what waits already; the smallest
/// `max_disk` holds all that for the `max_event_size` that is the default.
const EVENT_SHARE: u64 = 16;

/// Sources or sinks, with the names of those too that are too wrong to be used: a rule that names
/// one of them is not wrong for it.
pub(super) struct Ends<T> {
    pub(super) configs: Vec<T>,
    names: BTreeSet<String>,
}

/// Every name that a rule, a watch or a test can refer to.
pub(super) struct Names {
    has_sources: bool,
    /// With bellwire itself.
    sources: BTreeSet<String>,
    sinks: BTreeSet<String>,
}

/// Reads `[sources.NAME]`.
pub(super) fn sources(top: &mut Table) -> Ends<SourceConfig> {
    read(top, "sources", |name, mut table| {
        if name.as_str() == INTERNAL_SOURCE {
            table.problems().key(
                table.path(),
                format!("`{INTERNAL_SOURCE}` is the source of bellwire's own events"),
                Some("give the source another name".to_owned()),
            );
        }
        let print = table.print();
        let kind = kind(&mut table, "kind = \"ttmt\"");
        let lost_after = table
            .duration("lost_after", LOST_AFTER)
            .unwrap_or(LOST_AFTER_DEFAULT);
        Some(SourceConfig {
            name,
            kind: kind?,
            lost_after,
            options: table,
            print,
        })
    })
}

/// Reads `[sinks.NAME]`.
pub(super) fn sinks(top: &mut Table) -> Ends<SinkConfig> {
    read(top, "sinks", |name, mut table| {
        let print = table.print();
        let kind = kind(&mut table, "kind = \"ntfy\"")?;
        Some(SinkConfig {
            name,
            kind,
            options: table,
            print,
        })
    })
}

/// Finds sources whose largest event would never find room in the queue, and so hold up all that comes
/// behind it.
pub(super) fn events_fit(config: &Config) {
    let largest = config.retention.max_disk / EVENT_SHARE;
    for source in &config.sources {
        let Some(size) = source.options.size_ahead("max_event_size") else {
            continue;
        };
        if size > largest {
            let needed = size.saturating_mul(EVENT_SHARE).div_ceil(MIB);
            source.options.wrong(
                "max_event_size",
                format!(
                    "events of this size find no room in {} MiB, which is `retention.max_disk`",
                    config.retention.max_disk / MIB
                ),
                format!(
                    "at most a sixteenth of it, here `{}KiB`; or set `max_disk` to `{needed}MiB` or more",
                    largest / 1024
                ),
            );
        }
    }
}

/// Says which sources and sinks no rule knows. What a watch listens to is there for its silence.
pub(super) fn unused(config: &Config, warnings: &mut Vec<String>) {
    let rules = &config.rules;
    if rules.is_empty() {
        return;
    }
    for source in &config.sources {
        let listens =
            |from: &Option<Vec<Name>>| from.as_ref().is_none_or(|from| from.contains(&source.name));
        let is_heard = rules.iter().any(|rule| listens(&rule.from))
            || config.watches.iter().any(|watch| listens(&watch.from));
        if !is_heard {
            warnings.push(format!("no rule listens to the source `{}`", source.name));
        }
    }
    for sink in &config.sinks {
        let used = rules.iter().any(|rule| {
            let fallback = rule.fallback.as_ref().map(|fallback| &fallback.to);
            rule.to.contains(&sink.name) || fallback == Some(&sink.name)
        });
        if !used {
            warnings.push(format!("no rule sends to the sink `{}`", sink.name));
        }
    }
}

impl Names {
    pub(super) fn new(sources: &Ends<SourceConfig>, sinks: &Ends<SinkConfig>) -> Self {
        let internal = [INTERNAL_SOURCE.to_owned()];
        Self {
            has_sources: !sources.names.is_empty(),
            sources: sources.names.iter().cloned().chain(internal).collect(),
            sinks: sinks.names.clone(),
        }
    }

    /// Whether there is a source that is not bellwire itself.
    pub(super) fn has_sources(&self) -> bool {
        self.has_sources
    }

    pub(super) fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }

    /// A list of sinks.
    pub(super) fn sinks(&self, table: &mut Table, key: &str) -> Option<Vec<Name>> {
        let texts = table.placed_strings(key)?;
        let sink = |(at, text): &(String, String)| self.known_sink(table, at, text);
        Some(texts.iter().filter_map(sink).collect())
    }

    /// One sink.
    pub(super) fn sink(&self, table: &mut Table, key: &str) -> Option<Name> {
        let text = table.string(key)?;
        self.known_sink(table, &table.path_of(key), &text)
    }

    /// One source.
    pub(super) fn source(&self, table: &mut Table, key: &str) -> Option<Name> {
        let text = table.string(key)?;
        known(table, &table.path_of(key), &text, "source", &self.sources)
    }

    /// The sources that a rule or a watch listens to: a list that is not empty, if it is there.
    pub(super) fn from(&self, table: &mut Table) -> Option<Vec<Name>> {
        let texts = table.placed_strings("from")?;
        if texts.is_empty() {
            table.wrong(
                "from",
                "an empty list names no source",
                format!("name a source, or leave `from` out for all but `{INTERNAL_SOURCE}`"),
            );
        }
        let source =
            |(at, text): &(String, String)| known(table, at, text, "source", &self.sources);
        Some(texts.iter().filter_map(source).collect())
    }

    fn known_sink(&self, table: &Table, at: &str, text: &str) -> Option<Name> {
        known(table, at, text, "sink", &self.sinks)
    }
}

fn read<T>(top: &mut Table, key: &str, mut one: impl FnMut(Name, Table) -> Option<T>) -> Ends<T> {
    let mut ends = Ends {
        configs: Vec::new(),
        names: BTreeSet::new(),
    };
    for (text, table) in top.named_tables(key) {
        ends.names.insert(text.clone());
        match Name::new(&text) {
            Ok(name) => ends.configs.extend(one(name, table)),
            Err(NameError) => table.problems().key(
                table.path(),
                format!("`{text}` is no name"),
                Some(NameError.to_string()),
            ),
        }
    }
    ends
}

fn kind(table: &mut Table, example: &str) -> Option<String> {
    if !table.has("kind") {
        table.missing("kind", format!("say what it is, such as `{example}`"));
    }
    table.string("kind")
}

fn known(
    table: &Table,
    at: &str,
    text: &str,
    word: &str,
    names: &BTreeSet<String>,
) -> Option<Name> {
    if names.contains(text) {
        return Name::new(text).ok();
    }
    let help = if names.is_empty() {
        format!("there is none; add `[{word}s.NAME]`")
    } else {
        scalar::nearest(text, names.iter().map(String::as_str))
    };
    let message = format!("there is no {word} `{text}`");
    table.problems().value(at, message, Some(help));
    None
}
