//! Another configuration for a bridge that runs: sources, sinks and rules appear, change and go.
//!
//! A file of its own because a reload must leave alone what has not changed: a stream stays connected,
//! an attempt in flight ends where it was begun. What a reload cannot change is said, and a
//! configuration that is wrong changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Plan;
use super::following::Following;
use super::watch::{Due, Watch};
use crate::admin::Setup;
use crate::clock::Clock;
use crate::config::{HttpConfig, LogConfig, Print, RetentionConfig, StoreConfig};
use crate::dispatch::Mended;
use crate::heartbeat::Switch;
use crate::model::{Name, Notice};
use crate::rules;
use crate::sinks::Sink;
use crate::sources::Source;
use crate::status::Status;
use crate::store::Store;
use crate::upkeep::Ears;

/// Longest wait for the configuration and the files that it names.
const READ_WAIT: Duration = Duration::from_secs(10);

/// The most of a report that a notice quotes, in characters.
const REASON_CHARS_MAX: usize = 500;

/// When to read the configuration again, and how.
pub struct Reload {
    watch: Watch,
    read: Arc<Reading>,
}

/// Reads the configuration, or reports what is wrong with it.
type Reading = dyn Fn() -> Result<Plan, String> + Send + Sync;

/// What one more reading came to.
pub(super) struct Read {
    why: &'static str,
    /// Whether a person asked for it, and did not just change the file.
    by_hand: bool,
    plan: Result<Plan, String>,
}

/// What other rooms know of the configuration, from the side that changes it.
pub(super) struct Handles {
    pub(super) lanes: watch::Sender<Vec<Arc<Sink>>>,
    pub(super) rules: rules::Current,
    pub(super) ears: Ears,
    pub(super) switch: watch::Sender<Option<Arc<Switch>>>,
    pub(super) setup: watch::Sender<Arc<Setup>>,
    pub(super) mended: Mended,
    pub(super) nudge: watch::Sender<u64>,
    pub(super) store: Store,
}

/// The configuration that is in force, and the handles by which another one is put in its place.
pub(super) struct InForce {
    following: Following,
    handles: Handles,
    sinks: BTreeMap<Name, (Print, Arc<Sink>)>,
    fixed: Fixed,
    status: Status,
    clock: Clock,
}

/// What is read once, at the start.
#[derive(PartialEq)]
struct Fixed {
    data_dir: std::path::PathBuf,
    store: Option<StoreConfig>,
    http: HttpConfig,
    log: LogConfig,
    retention: RetentionConfig,
}

impl Reload {
    /// Reads anew with `read` whenever `watch` says so.
    #[must_use]
    pub fn new(
        watch: Watch,
        read: impl Fn() -> Result<Plan, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            watch,
            read: Arc::new(read),
        }
    }

    /// The next reading; never, where there is nothing to read.
    pub(super) async fn next(reload: &mut Option<Self>) -> Read {
        let Some(reload) = reload else {
            return std::future::pending().await;
        };
        let due = reload.watch.due().await;
        Read {
            why: due.words(),
            by_hand: due == Due::Asked,
            plan: read_within(READ_WAIT, &reload.read).await,
        }
    }
}

/// Reads it on a thread of its own, which is left to itself where a file does not answer, such as one on a share
/// that is away: everything else goes on meanwhile, and so does the stop.
async fn read_within(wait: Duration, read: &Arc<Reading>) -> Result<Plan, String> {
    let read = Arc::clone(read);
    let reading = tokio::task::spawn_blocking(move || read());
    match timeout(wait, reading).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(error)) => Err(format!("the configuration could not be read: {error}")),
        Err(_) => Err(format!(
            "the configuration could not be read within {} s: the file, or that of a secret in it, does not answer",
            wait.as_secs()
        )),
    }
}

impl InForce {
    /// Puts the first configuration in force.
    ///
    /// # Errors
    /// What keeps a source from being followed.
    pub(super) fn new(
        plan: Plan,
        mut following: Following,
        handles: Handles,
        status: Status,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        following.arrange(&printed(&plan), false)?;
        Ok(Self {
            following,
            handles,
            sinks: sinks(&plan),
            fixed: Fixed::of(&plan),
            status,
            clock,
        })
    }

    /// Puts another configuration in force, if it is right; says so, or why not.
    pub(super) fn replace(&mut self, read: Read) {
        let done = read.plan.and_then(|plan| {
            let warnings = plan.warnings.clone();
            self.change(plan, read.by_hand).map(|()| warnings)
        });
        match done {
            Ok(warnings) => {
                tracing::info!(
                    why = read.why,
                    "the configuration was read again and is in force"
                );
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            Err(report) => {
                tracing::error!(
                    why = read.why,
                    "the configuration was read again and is refused; the one before stays in force:\n{report}"
                );
                self.status.raise(Notice {
                    kind: "bellwire.reload_failed",
                    time: self.clock.now(),
                    data: json!({ "reason": reason(&report) }),
                    told: None,
                });
            }
        }
    }

    /// Waits until a source is not followed any more that should be.
    pub(super) async fn unasked(&mut self) {
        self.following.unasked().await;
    }

    /// Waits until no source is followed any more.
    pub(super) async fn all_ended(&mut self) {
        self.following.all_ended().await;
    }

    /// Puts a right configuration in force; `again` where a person asked for it.
    fn change(&mut self, plan: Plan, again: bool) -> Result<(), String> {
        let mut sinks = sinks(&plan);
        for (name, (print, sink)) in &mut sinks {
            if let Some((known, same)) = self.sinks.get(name)
                && known == print
            {
                *sink = Arc::clone(same);
            }
        }
        let sources = printed(&plan);
        // First, so that whatever starts has a place to tell how it is.
        plan.announce(&self.status);
        self.following
            .arrange(&sources, again)
            .map_err(|error| format!("{error:#}"))?;
        // Lanes first, so that no rule sends to a sink that nobody serves.
        let lanes: Vec<Arc<Sink>> = sinks.values().map(|(_, sink)| Arc::clone(sink)).collect();
        self.following.router().arrange(&lanes);
        self.handles.lanes.send_replace(lanes);
        self.handles.rules.exchange(Arc::clone(&plan.rules));
        self.handles.ears.exchange(Arc::clone(&plan.watches));
        // One that has not changed notices nothing.
        self.handles.switch.send_if_modified(|switch| {
            let is_other = *switch != plan.switch;
            switch.clone_from(&plan.switch);
            is_other
        });
        self.handles.store.describe(&plan.config.print.to_string());
        self.handles.setup.send_replace(Arc::new(plan.setup()));
        let names: Vec<Name> = sources.iter().map(|(_, it)| it.name.clone()).collect();
        let sink_names: Vec<Name> = sinks.keys().cloned().collect();
        self.status.keep(&names, &sink_names);
        self.try_suspended();
        self.sinks = sinks;
        let fixed = Fixed::of(&plan);
        for key in self.fixed.differences(&fixed) {
            tracing::warn!("`{key}` has changed; that takes effect at the next start");
        }
        Ok(())
    }
}

impl InForce {
    /// Whoever changes the configuration may have mended a sink, so those that are suspended are tried
    /// at once.
    fn try_suspended(&self) {
        let snapshot = self.status.snapshot();
        let suspended = snapshot
            .sinks
            .iter()
            .filter(|(_, sink)| sink.suspended.is_some());
        for (name, _) in suspended {
            self.handles.mended.ask(name);
        }
        self.handles
            .nudge
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Fixed {
    fn of(plan: &Plan) -> Self {
        let config = &plan.config;
        Self {
            data_dir: config.data_dir.clone(),
            store: config.store.clone(),
            http: config.http.clone(),
            log: config.log.clone(),
            retention: config.retention.clone(),
        }
    }

    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("data_dir", self.data_dir == other.data_dir),
            ("store", self.store == other.store),
            ("http", self.http == other.http),
            ("log", self.log == other.log),
            ("retention", self.retention == other.retention),
        ];
        let differs = same.into_iter().filter(|(_, same)| !same);
        differs.map(|(key, _)| key).collect()
    }
}

fn sinks(plan: &Plan) -> BTreeMap<Name, (Print, Arc<Sink>)> {
    let printed = plan.config.sinks.iter().map(|it| (&it.name, it.print));
    let prints: BTreeMap<&Name, Print> = printed.collect();
    let sinks = plan.sinks.iter();
    sinks
        .filter_map(|sink| {
            let print = prints.get(&sink.name)?;
            Some((sink.name.clone(), (*print, Arc::clone(sink))))
        })
        .collect()
}

fn printed(plan: &Plan) -> Vec<(Print, Source)> {
    let printed = plan.config.sources.iter().map(|it| (&it.name, it.print));
    let prints: BTreeMap<&Name, Print> = printed.collect();
    let sources = plan.sources.iter();
    sources
        .filter_map(|source| Some((*prints.get(&source.name)?, source.clone())))
        .collect()
}

/// What a report says, in one line: each mistake with its line in the file.
fn reason(report: &str) -> String {
    let mut mistakes: Vec<String> = Vec::new();
    for line in report.lines() {
        if let Some(mistake) = line.strip_prefix("error: ") {
            mistakes.push(mistake.to_owned());
        } else if let Some(place) = line.trim_start().strip_prefix("--> ")
            && let Some(mistake) = mistakes.last_mut()
            && let Some(number) = place.rsplit(':').nth(1)
        {
            *mistake = format!("line {number}: {mistake}");
        }
    }
    let told = match mistakes.is_empty() {
        true => report.trim().lines().next().unwrap_or_default().to_owned(),
        false => mistakes.join("; "),
    };
    let told: String = told.chars().take(REASON_CHARS_MAX).collect();
    format!("the changed configuration is refused, and the one before stays in force: {told}")
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_file_that_does_not_answer_is_a_refusal_and_holds_nothing_up() {
        let (answer, file) = mpsc::channel::<()>();
        let file = Mutex::new(file);
        let read: Arc<Reading> = Arc::new(move || {
            let _ = file.lock().map(|file| file.recv());
            Err("it has answered".to_owned())
        });
        let told = read_within(Duration::ZERO, &read).await.err();
        assert!(told.is_some_and(|told| told.contains("does not answer")));
        drop(answer);
        let told = read_within(READ_WAIT, &read).await.err();
        assert_eq!(told.as_deref(), Some("it has answered"));
    }

    #[test]
    fn a_refusal_names_every_mistake_with_its_line() {
        let report = "error: `secret` is missing\n --> a:b.toml:4:1\n  |\n4 | [sinks.a]\n\nerror: there is no sink `bb`\n  --> a:b.toml:10:7\n";
        let told = reason(report);
        assert!(
            told.ends_with(": line 4: `secret` is missing; line 10: there is no sink `bb`"),
            "{told}"
        );
        assert!(reason("\ncannot read the file\n").ends_with(": cannot read the file"));
    }
}
