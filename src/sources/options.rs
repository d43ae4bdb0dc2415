//! The options that every kind of source has, and how addresses are read and shown.
//!
//! A file of its own so that the kinds read alike. An address may be a credential, so no message
//! holds one.

use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use url::Url;

use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::Secret;

/// Largest event where nothing else is configured.
const EVENT_BYTES_DEFAULT: u64 = 1 << 20;

/// Largest event that any source can be told to take, in bytes.
pub const EVENT_BYTES_MAX: usize = 64 << 20;

/// What every kind of source has.
pub(super) struct Common {
    /// Longest wait for a byte, if one is configured.
    pub(super) idle_timeout: Option<Duration>,
    /// Largest event, in bytes.
    pub(super) event_bytes_max: usize,
    /// The way out, if it is not direct.
    pub(super) proxy: Option<Url>,
}

/// Reads what every kind of source has.
pub(super) fn common(options: &mut Table) -> Common {
    let second = Duration::from_secs(1);
    let size = options.size("max_event_size", 1 << 10..=EVENT_BYTES_MAX as u64);
    Common {
        idle_timeout: options.duration("idle_timeout", second..=second * 24 * 60 * 60),
        event_bytes_max: usize::try_from(size.unwrap_or(EVENT_BYTES_DEFAULT)).unwrap_or(usize::MAX),
        proxy: options
            .secret("proxy")
            .and_then(|text| address(options, "proxy", &text)),
    }
}

/// Takes a text as the address of an HTTP server.
pub(super) fn address(options: &Table, key: &str, text: &Secret) -> Option<Url> {
    let help = "an address such as `https://example.org/events`";
    let Ok(mut url) = Url::parse(text.expose()) else {
        options.wrong(key, "this is no URL", help);
        return None;
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        let message = format!("`{}` is no scheme that can be used here", url.scheme());
        options.wrong(key, message, help);
        return None;
    }
    url.set_fragment(None);
    if url.as_str().parse::<http::Uri>().is_err() {
        options.wrong(key, "this URL cannot be requested", help);
        return None;
    }
    Some(url)
}

/// The address as it is shown: without user info, query and fragment.
pub(super) fn display(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both fail only for addresses without a host, which have no user info either.
    let _without_user = shown.set_username("");
    let _without_password = shown.set_password(None);
    shown.to_string()
}

/// The parts of an address that are credentials, or may be.
pub(super) fn secrets(url: &Url) -> Vec<Secret> {
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let parts = [Some(url.username()), url.password(), url.query()];
    let parts = parts.into_iter().flatten().map(str::to_owned);
    parts.chain(values).map(Secret::new).collect()
}

/// What every source takes, as the schema of the configuration shows it.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
pub(super) struct Form {
    /// How long it may be away before `bellwire.source_lost`, from a second to a day. Default: `2m`.
    #[schemars(extend("default" = "2m"))]
    lost_after: Option<form::Duration>,
    /// A connection without a byte for this long is dead, from a second to a day. Default: `5m` for
    /// `sse`, none for `ttmt`.
    idle_timeout: Option<form::Duration>,
    /// The largest event, from 1KiB to 64MiB; a sixteenth of `retention.max_disk` at most. Default:
    /// `1MiB`.
    #[schemars(extend("default" = "1MiB"))]
    max_event_size: Option<form::Size>,
    /// The address of an HTTP proxy that leads to it.
    proxy: Option<form::Address>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_may_be_a_credential_in_an_address_is_hidden_as_written_and_as_meant() {
        let url = Url::parse("https://me:pass@example.org/feed?token=a%20b&v=1").expect("a URL");
        let secrets = secrets(&url);
        let exposed: Vec<_> = secrets.iter().map(Secret::expose).collect();
        assert_eq!(exposed, ["me", "pass", "token=a%20b&v=1", "a b", "1"]);
        assert_eq!(display(&url), "https://example.org/feed");
    }
}
