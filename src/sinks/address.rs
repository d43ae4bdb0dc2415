//! The address of a receiver, or of the heartbeat's switch, which is a credential, and the name under which
//! people may see it.
//!
//! A file of its own so that an address is checked, stripped of its user info and hidden from logs in
//! one place. It dials nothing and resolves nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::Url;

use crate::config::Table;
use crate::model::Secret;
use crate::transport::percent_decoded;

/// Longest address that is taken, in bytes.
const BYTES_MAX: usize = 4096;

/// Where Slack's own webhooks are.
pub(super) const SLACK_HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];

/// Where Discord's own webhooks are, with those below them.
pub(super) const DISCORD_HOSTS: [&str; 2] = ["discord.com", "discordapp.com"];

/// An address that requests go to. It prints as host and hash.
#[derive(Clone)]
pub(crate) struct Address {
    /// Where requests go.
    pub(crate) uri: Uri,
    /// User and password of the address, as the header that carries them.
    pub(crate) authorization: Option<HeaderValue>,
    /// Host and a short hash.
    pub(crate) shown: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Reads an `http` or `https` address; what is wrong with it is reported without showing it.
pub(super) fn url(table: &mut Table, key: &str, help: &str) -> Option<Url> {
    let text = table.required_secret(key, help)?;
    let parsed = parse(text.expose());
    if let Err(message) = parsed {
        table.wrong(key, message, help);
    }
    parsed.ok()
}

/// Checks an `http` or `https` address.
pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    if text.len() > BYTES_MAX {
        return Err("this address is too long");
    }
    let mut url = Url::parse(text.trim()).map_err(|_| "this is no address")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("this address is neither `http` nor `https`");
    }
    if !url.has_host() {
        return Err("this address has no host");
    }
    url.set_fragment(None);
    Ok(url)
}

impl Address {
    /// Takes a checked address; `marked` is what the short hash tells apart.
    pub(crate) fn new(mut url: Url, marked: &str) -> Result<Self, &'static str> {
        let authorization = user_info(&url);
        // Neither fails on an address that has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let uri = Uri::try_from(url.as_str())
            .map_err(|_| "this address has characters that no request can carry")?;
        let hash = Secret::new(marked.to_owned()).short_hash();
        Ok(Self {
            uri,
            authorization,
            shown: format!("{} #{hash}", host(&url)),
        })
    }
}

/// Whether an address is at one of these hosts, or below it.
pub(super) fn is_at(url: &Url, hosts: &[&str]) -> bool {
    let host = url.host_str().unwrap_or_default();
    hosts.iter().any(|known| {
        let below = host.strip_suffix(known);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    })
}

/// The host of an address, with its port where it is not the usual one.
pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}

/// `Basic` for a user and a password.
pub(super) fn basic(user: &str, password: &str) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {encoded}")).expect("base64 is a header value")
}

/// A header value that prints as `Sensitive`.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn user_info(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = |text: &str| percent_decoded(text);
    Some(basic(
        &plain(url.username()),
        &plain(url.password().unwrap_or_default()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_host_and_hash() {
        let url = parse("http://me:p%40ss@home.example:8123/api/webhook/s3cret?token=t0ken")
            .expect("an address");
        let address = Address::new(url.clone(), url.as_str()).expect("fits a request");
        let shown = format!("{address:?}");
        assert!(shown.starts_with("home.example:8123 #"), "{shown}");
        for secret in ["s3cret", "t0ken", "p@ss", "p%40ss"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(
            address.uri.to_string(),
            "http://home.example:8123/api/webhook/s3cret?token=t0ken"
        );
        assert_eq!(address.authorization, Some(basic("me", "p@ss")));
    }

    #[test]
    fn refuses_what_no_request_can_go_to() {
        for text in [
            "",
            "example.org/x",
            "ftp://example.org/",
            "http://",
            "mailto:a@b",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
