//! The dead-man's switch outside, and how it wants to be told: pure.
//!
//! A file of its own because each form is somebody else's interface. Healthchecks takes a start and a
//! failure at addresses below the one of the check (<https://healthchecks.io/docs/http_api/>); a push
//! monitor of Uptime Kuma takes all of it in the query of one address. The address is a credential, and
//! prints as its host and a hash.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use url::Url;

use crate::config::{HeartbeatConfig, HeartbeatForm};
use crate::model::Reply;
use crate::sinks::{Address, parse_address};

/// Most bytes of the reasons that go out. Healthchecks keeps the first 10 kB.
const BODY_BYTES_MAX: usize = 8_000;

/// Most bytes of the reasons in an address, which grow threefold there at worst.
const QUERY_BYTES_MAX: usize = 300;

/// What a switch is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// bellwire has started.
    Start,
    /// An alert would get through.
    Up,
    /// It would not, for these reasons.
    Down(Vec<String>),
}

/// A switch, ready to be told.
#[derive(Debug, PartialEq, Eq)]
pub struct Switch {
    config: HeartbeatConfig,
    /// The host and a short hash of the address, for people.
    pub place: String,
}

impl Switch {
    /// Takes a configured switch.
    ///
    /// # Errors
    /// What is wrong with its address, which the message does not show.
    pub fn new(config: &HeartbeatConfig) -> Result<Self, &'static str> {
        let text = config.url.expose();
        let address = Address::new(parse_address(text)?, text)?;
        Ok(Self {
            config: config.clone(),
            place: address.shown,
        })
    }

    /// How often it is told that all is well.
    pub(super) const fn every(&self) -> Duration {
        self.config.every
    }

    /// Whether it wants to hear of a start.
    pub(super) fn hears_starts(&self) -> bool {
        self.config.form == HeartbeatForm::Healthchecks
    }

    /// Whether it wants to hear that an alert would not get through, and not only to hear nothing.
    pub(super) fn hears_failures(&self) -> bool {
        self.config.form != HeartbeatForm::Plain
    }

    /// Whether another one is the same switch, told at other times.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.config.url, self.config.form) == (&other.config.url, other.config.form)
    }

    /// Whether its address, written out as one, is never dialled.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        let request = self.request(&Word::Up);
        request.is_some_and(|request| crate::transport::Outgoing::Http(request).is_blocked())
    }

    /// The request that tells it; `None` never comes of an address that was taken.
    pub(super) fn request(&self, word: &Word) -> Option<Request<Bytes>> {
        let mut url = parse_address(self.config.url.expose()).ok()?;
        let mut body = None;
        match self.config.form {
            HeartbeatForm::Plain => {}
            HeartbeatForm::Healthchecks => match word {
                Word::Up => {}
                Word::Start => below(&mut url, "start"),
                Word::Down(reasons) => {
                    below(&mut url, "fail");
                    body = Some(bounded(reasons.join("\n"), BODY_BYTES_MAX));
                }
            },
            HeartbeatForm::UptimeKuma => match word {
                Word::Start | Word::Up => {
                    query(&mut url, &[("status", "up"), ("msg", "OK"), ("ping", "")]);
                }
                Word::Down(reasons) => {
                    let reasons = bounded(reasons.join("; "), QUERY_BYTES_MAX);
                    without(&mut url, &["status", "msg", "ping"]);
                    query(
                        &mut url,
                        &[("status", "down"), ("msg", &reasons), ("ping", "")],
                    );
                }
            },
        }
        let address = Address::new(url, "").ok()?;
        let mut request = Request::builder().uri(address.uri);
        if body.is_some() {
            request = request
                .method(Method::POST)
                .header(CONTENT_TYPE, "text/plain; charset=utf-8");
        }
        if let Some(authorization) = address.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(body.unwrap_or_default().into()).ok()
    }

    /// What an answer means.
    ///
    /// # Errors
    /// Why the switch has not taken it. Nothing of the answer is in it: it may repeat the address.
    pub(super) fn judge(&self, reply: &Reply) -> Result<(), String> {
        if !(200..300).contains(&reply.status) {
            return Err(format!("it answers with status {}", reply.status));
        }
        // An address with the id of a check is answered with 200 whatever becomes of it.
        let says = |words: &str| {
            let mut parts = reply.body.windows(words.len());
            self.config.form == HeartbeatForm::Healthchecks
                && parts.any(|part| part == words.as_bytes())
        };
        if says("(not found)") {
            return Err("it knows no such check".to_owned());
        }
        if says("(rate limited)") {
            return Err("it is told too often".to_owned());
        }
        Ok(())
    }
}

/// Goes to an address below another one, whose query stays.
fn below(url: &mut Url, part: &str) {
    // An address with a host has a path.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(part);
    }
}

/// Adds to the query of an address what it does not say itself.
fn query(url: &mut Url, pairs: &[(&str, &str)]) {
    for (key, value) in pairs {
        if !url.query_pairs().any(|(said, _)| said == *key) {
            url.query_pairs_mut().append_pair(key, value);
        }
    }
}

/// Takes keys out of the query of an address.
fn without(url: &mut Url, keys: &[&str]) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| !keys.contains(&&**key))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    for (key, value) in kept {
        url.query_pairs_mut().append_pair(&key, &value);
    }
}

/// The start of a text, in whole characters.
fn bounded(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests;
