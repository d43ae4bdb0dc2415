//! Files and environment in, one checked [`Config`] out.
//!
//! A room of its own so that layers, spans and suggestions stay in one place. It knows the keys that
//! every source and sink shares; the options of one kind are read by the room that knows the kind,
//! through a [`Table`] that reports to the same list of problems. It opens no data folder, connects
//! to nothing, and reads the process environment only for who asks for it
//! ([`process_environment`]): everything else is a function of its arguments.

mod context;
mod document;
mod environment;
mod find;
#[cfg(test)]
pub mod form;
mod keypath;
mod layers;
mod mask;
mod print;
mod problem;
mod report;
mod resolve;
#[cfg(test)]
pub(crate) mod sample;
mod scalar;
mod secret;
mod settings;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use context::StandIn;
pub use environment::process_environment;
pub use find::{FindError, find_file};
pub use print::Print;
pub use problem::{Mistake, Part, Problem, Problems};
pub use scalar::{nearest, one_of};
pub use settings::{
    Backfilled, CoalesceConfig, Config, DigestConfig, FallbackConfig, HeartbeatConfig,
    HeartbeatForm, HoursConfig, HttpConfig, LogConfig, LogFormat, RetentionConfig, RuleConfig,
    SinkConfig, SourceConfig, StoreConfig, TestConfig, ThrottleConfig, WatchConfig,
};
pub use table::Table;

use context::{Context, Environment};
use document::Document;

use crate::model::Zeroizing;

/// What reading a configuration came to.
///
/// Rooms above add to [`Loaded::problems`] while they read their own tables; when all have, the
/// configuration is good exactly if that list is empty.
pub struct Loaded {
    /// The configuration. It is there whenever the file could be parsed, so that everybody can add
    /// what they find; entries that were too wrong are left out of it. To be used only while
    /// `problems` is empty.
    pub config: Option<Config>,
    /// Everything that is wrong.
    pub problems: Problems,
    /// What is allowed but hardly meant.
    pub warnings: Vec<String>,
    file: PathBuf,
    text: Zeroizing<String>,
    places: document::Places,
    broken_at: Option<Range<usize>>,
    context: Arc<Context>,
}

/// Reads a configuration file and lays the environment over it.
#[must_use]
pub fn load(file: &Path, environment: BTreeMap<String, String>) -> Loaded {
    match find::read(file) {
        Ok(text) => load_text(file, text, environment),
        Err(error) => {
            let loaded = Loaded::unread(file, Zeroizing::default());
            loaded.problems.table("", error.to_string(), None);
            loaded
        }
    }
}

/// Reads a configuration whose text is at hand already. `file` says where it belongs: relative paths
/// count from its folder, and it is named in the report.
#[must_use]
pub fn load_text(file: &Path, text: String, environment: BTreeMap<String, String>) -> Loaded {
    let text = Zeroizing::new(text);
    let document = match document::parse(&text) {
        Ok(document) => document,
        Err(error) => {
            let mut loaded = Loaded::unread(file, text);
            loaded.broken_at = error.span.or(Some(0..0));
            loaded.problems.table("", error.message, None);
            return loaded;
        }
    };
    let Document { values, places } = document;
    let problems = Problems::default();
    let layered = layers::layer(values, &environment, &problems);
    let context = Arc::new(Context {
        environment: Environment(environment),
        folder: folder(file),
        problems: problems.clone(),
        variables: layered.variables,
        ..Context::default()
    });
    let top = Table::new(String::new(), layered.values, Arc::clone(&context));
    let (config, warnings) = resolve::config(top, file);
    Loaded {
        config: Some(config),
        problems,
        warnings,
        file: file.to_owned(),
        text,
        places,
        broken_at: None,
        context,
    }
}

impl Loaded {
    /// Everything that is wrong, for a person to read, in the order of the file; `None` when nothing
    /// is. Call it after every room has read its tables: only then is it known which values are
    /// secrets. No secret is in it.
    #[must_use]
    pub fn report(&self, colour: bool) -> Option<String> {
        report::render(&self.source(), self.problems.list(), colour)
    }

    /// The same one by one, as many as the report shows.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        report::mistakes(&self.source(), self.problems.list())
    }

    fn source(&self) -> report::Source<'_> {
        report::Source {
            file: &self.file,
            text: &self.text,
            places: &self.places,
            broken_at: self.broken_at.clone(),
            context: &self.context,
        }
    }

    /// Where the queue is, for whoever needs to know nothing else, so that it can be asked where the secrets are
    /// not at hand. `None` where the file cannot be read or is wrong outside of all tables, which may be about
    /// this very setting; what is wrong inside of one is not.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        let is_told = |problem: &Problem| !problem.path.contains('.');
        match self.problems.list().iter().any(is_told) {
            true => None,
            false => self.config.as_ref().map(|config| &*config.data_dir),
        }
    }

    /// Where the instance listens, for whoever only asks it something: it may run with an earlier state of the file.
    /// `None` where the file cannot be read, and where what is wrong may be about this very table: in it, outside of
    /// all tables while nothing says where to listen, or in a variable that is no setting.
    #[must_use]
    pub fn http(&self) -> Option<&HttpConfig> {
        let listen = "http.listen";
        let is_said = self.places.get(listen).is_some() || self.context.variable(listen).is_some();
        let is_meant = |problem: &Problem| {
            let first = problem.path.split('.').next();
            first == Some("http")
                || self
                    .context
                    .variable(&problem.path)
                    .is_some_and(|name| name == problem.path)
                || !is_said && !problem.path.contains('.')
        };
        match self.problems.list().iter().any(is_meant) {
            true => None,
            false => self.config.as_ref().map(|config| &config.http),
        }
    }

    /// Whether the queue is on a server, and not in a folder.
    #[must_use]
    pub fn is_on_server(&self) -> bool {
        let is_meant = |problem: &Problem| problem.path.starts_with("store");
        let store = self
            .config
            .as_ref()
            .and_then(|config| config.store.as_ref());
        store.is_some() || self.problems.list().iter().any(is_meant)
    }

    /// Every key that some reader has asked for so far, there or not, without the numbers of list
    /// items: `rules.hours.zone`, `sinks.phone.topic`.
    #[must_use]
    pub fn known_keys(&self) -> BTreeSet<String> {
        let asked = self.context.marks().asked;
        asked
            .iter()
            .map(|path| keypath::without_indices(path))
            .collect()
    }

    fn unread(file: &Path, text: Zeroizing<String>) -> Self {
        let context = Arc::new(Context::default());
        Self {
            config: None,
            problems: context.problems.clone(),
            warnings: Vec::new(),
            file: file.to_owned(),
            text,
            places: document::Places::default(),
            broken_at: None,
            context,
        }
    }
}

// The text holds secrets, so it is never printed.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("problems", &self.problems)
            .field("warnings", &self.warnings)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The folder that relative paths count from.
fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
