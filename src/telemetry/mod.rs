//! Log set-up: where lines go, in what form, and which targets may speak; and the steps of an event as spans.
//!
//! A room of its own so that no other one depends on the subscriber. Libraries that print payloads or
//! headers at low levels stay at `warn` unless the configured filter names them.

#[cfg(feature = "otlp")]
mod export;
mod spans;

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt as _, LevelFilter, ParseError, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use crate::config::{LogConfig, LogFormat};
#[cfg(feature = "otlp")]
use crate::transport::Client;

pub use spans::{TARGET, arrivals, attempt, told};

/// Targets whose debug and trace lines hold payloads, headers or addresses.
const QUIET: [&str; 9] = [
    "eventsource_client",
    "launchdarkly_sdk_transport",
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "axum",
    "tower",
];

/// The configured level is no filter.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is no log filter: {reason}")]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// Why logging, or the export, cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The level.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The export, by what the environment says of it.
    #[error("steps cannot be exported: {0}")]
    Export(String),
}

/// Reads a filter such as `info` or `bellwire=debug,warn`, with the talkative libraries held back.
///
/// # Errors
/// [`FilterError`] with the part that cannot be read.
pub fn filter(level: &str) -> Result<Targets, FilterError> {
    let refuse = |reason: String| FilterError {
        filter: level.to_owned(),
        reason,
    };
    for part in level.split(',').map(str::trim) {
        // Taken for the name of a target, a mistyped level would silence everything.
        let is_target = || part.contains('=') || part.starts_with(env!("CARGO_PKG_NAME"));
        if !part.is_empty() && !is_target() && part.parse::<LevelFilter>().is_err() {
            return Err(refuse(format!("`{part}` is no level")));
        }
        if part.contains('[') {
            return Err(refuse("spans cannot be asked for".to_owned()));
        }
    }
    let quiet = QUIET
        .iter()
        .filter(|target| !level.contains(*target))
        .map(|target| format!("{target}=warn"));
    let all: Vec<String> = std::iter::once(level.to_owned()).chain(quiet).collect();
    let parsed = all.join(",").parse();
    parsed.map_err(|error: ParseError| refuse(error.to_string()))
}

/// What has to be sent before the process ends.
#[derive(Debug, Default)]
#[must_use]
pub struct Started {
    #[cfg(feature = "otlp")]
    rest: Option<export::Rest>,
}

impl Started {
    /// Sends what a collector has not been sent yet. Waits for it, but not for long.
    pub async fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(rest) = self.rest {
            rest.send().await;
        }
    }
}

/// Whether whoever looks at a terminal wants colour there, as <https://no-color.org> has it.
#[must_use]
pub fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|unwanted| unwanted.is_empty())
}

/// Starts logging to standard error for the whole process, and, in a build that can, the export of steps.
/// A second call changes nothing. To be called inside the runtime.
///
/// # Errors
/// [`StartError`] when the level cannot be read, or the collector cannot be reached by what the environment
/// says of it.
pub fn start(config: &LogConfig) -> Result<Started, StartError> {
    let filter = filter(&config.level)?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(terminal && wants_colour());
    // In text a line has in it what it is about; programs get the span as well, to find what belongs together.
    let lines = match json {
        true => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
        false => lines
            .with_target(false)
            .with_filter(filter.and(filter_fn(|about| !about.is_span())))
            .boxed(),
    };
    let started = Started::default();
    let layers = registry().with(lines);
    #[cfg(feature = "otlp")]
    let (started, layers) = {
        let client = || Client::new(None).map_err(|error| error.to_string());
        let (export, rest) = export::Export::start(client)
            .map_err(StartError::Export)?
            .unzip();
        let steps = filter_fn(|about| about.is_span() && about.target() == TARGET);
        let export = export.map(|export| export.with_filter(steps));
        drop(started);
        (Started { rest }, layers.with(export))
    };
    // Only the first caller in a process sets the subscriber; tests may be that caller too.
    drop(layers.try_init());
    Ok(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_s2_libraries_that_print_payloads_stay_quiet_unless_named() {
        let text = filter("trace").expect("a filter").to_string();
        assert!(
            text.contains("eventsource_client=warn") && text.contains("hyper=warn"),
            "{text}"
        );
        let named = filter("info,hyper=debug").expect("a filter").to_string();
        assert!(
            named.contains("hyper=debug") && !named.contains("hyper=warn"),
            "{named}"
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = filter("bellwire=loud").expect_err("no level").to_string();
        assert!(error.contains("bellwire=loud"), "{error}");
        let error = filter("debug,inffo").expect_err("no level").to_string();
        assert!(error.contains("`inffo` is no level"), "{error}");
        let error = filter("bellwire[attempt]=debug").expect_err("a span");
        assert!(error.to_string().contains("spans"), "{error}");
    }

    #[test]
    fn a_filter_has_levels_and_parts_with_levels() {
        for good in [
            "info",
            "WARN",
            "off",
            "3",
            "info, bellwire::config=debug",
            "bellwire",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
        let parts = filter("warn,bellwire::config=debug").expect("a filter");
        let debug = tracing::Level::DEBUG;
        assert!(parts.would_enable("bellwire::config::table", &debug));
        assert!(!parts.would_enable("bellwire::clock", &debug));
        assert!(!parts.would_enable("hyper::client", &tracing::Level::INFO));
    }
}
