//! Addresses that a message brings along: what opens when it is tapped, its icon, those of its buttons.
//!
//! A file of its own because they are checked in one way, whether the configuration says one in full or a
//! template makes it of an event. What an event brings in is foreign, so only the configuration itself
//! may choose a scheme other than the web's.

use url::Url;

use super::super::cut::Unit;
use super::super::slot::{self, Fit, Slot};
use crate::config::Table;

/// Longest address, in bytes of JSON.
const BYTES_MAX: usize = 1024;

/// Which schemes an address may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schemes {
    /// `http` and `https`.
    Web,
    /// Apps may be opened by a scheme of their own; scripts may not be run.
    Harmless,
}

impl Schemes {
    pub(super) fn allow(self, url: &Url) -> bool {
        match self {
            Self::Web => matches!(url.scheme(), "http" | "https"),
            Self::Harmless => !matches!(url.scheme(), "javascript" | "data" | "vbscript" | "file"),
        }
    }

    /// What may come of a template.
    pub(super) fn fit(self, template: &str) -> Fit {
        let is_written = template
            .find(['{', ':'])
            .is_some_and(|at| template[at..].starts_with(':'));
        match self {
            Self::Harmless if is_written => harmless,
            Self::Harmless | Self::Web => web,
        }
    }
}

/// Reads an option that is an address; one that a template makes goes to the slots.
pub(super) fn read(
    options: &mut Table,
    key: &str,
    schemes: Schemes,
    slots: &mut Vec<Slot>,
) -> Option<String> {
    let text = options.string(key)?;
    if slot::is_template(&text) {
        let fit = schemes.fit(&text);
        slots.extend(slot::open(options, key, &text, BYTES_MAX, fit));
        return None;
    }
    let url = Url::parse(&text).ok().filter(|url| schemes.allow(url));
    if url.is_none() || Unit::JsonBytes.of(&text) > BYTES_MAX {
        options.wrong(
            key,
            "this is no address that can be shown",
            format!("such as `https://example.org/`, at most {BYTES_MAX} bytes"),
        );
    }
    Some(text)
}

fn harmless(text: &str) -> Result<Option<String>, String> {
    made(text, Schemes::Harmless)
}

fn web(text: &str) -> Result<Option<String>, String> {
    made(text, Schemes::Web)
}

/// A template that prints nothing asks for no address. Any other is sent as it was read, so that nobody
/// reads another one out of it.
fn made(text: &str, schemes: Schemes) -> Result<Option<String>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if schemes.allow(&url) => Ok(Some(url.into())),
        _ => Err("is no address that can be opened".to_owned()),
    }
}
