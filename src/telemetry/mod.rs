//! Log set-up: where lines go, in what form, and which targets may speak; and the steps of an event as spans.
//!
//! A room of its own so that no other one depends on the subscriber. Libraries that print payloads or
//! headers at low levels stay at `warn` unless the configured filter names them.

mod spans;

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, filter, fmt};

use crate::config::{LogConfig, LogFormat};

pub use spans::{TARGET, arrivals, attempt};

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

/// Reads a filter such as `info` or `bellwire=debug,warn`, with the talkative libraries held back.
///
/// # Errors
/// [`FilterError`] with the part that cannot be read.
pub fn filter(level: &str) -> Result<EnvFilter, FilterError> {
    let quiet = QUIET
        .iter()
        .filter(|target| !level.contains(*target))
        .map(|target| format!("{target}=warn"));
    let all: Vec<String> = std::iter::once(level.to_owned()).chain(quiet).collect();
    EnvFilter::builder()
        .parse(all.join(","))
        .map_err(|error| FilterError {
            filter: level.to_owned(),
            reason: error.to_string(),
        })
}

/// Starts logging to standard error for the whole process. A second call changes nothing.
///
/// # Errors
/// [`FilterError`] when the level cannot be read.
pub fn start(config: &LogConfig) -> Result<(), FilterError> {
    let filter = filter(&config.level)?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(terminal);
    // In text a line has in it what it is about; programs get the span as well, to find what belongs together.
    let lines = match json {
        true => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        false => lines
            .with_target(false)
            .with_filter(filter::filter_fn(|about| !about.is_span()))
            .boxed(),
    };
    // Only the first caller in a process sets the subscriber; tests may be that caller too.
    drop(
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init(),
    );
    Ok(())
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
    }
}
