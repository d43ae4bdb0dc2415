//! The keys that may be made of a secret: the one that a scheme says, and those that people make by mistake.
//!
//! A file of its own because the same secret is a different key in each scheme, which is the commonest
//! mistake of all.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::super::signature::{Key, PREFIX};
use super::Scheme;
use crate::model::Secret;

/// How a sender has read the secret in place of what its scheme says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    /// Its text, with the prefix.
    Text,
    /// Its text, without the prefix.
    TextWithoutPrefix,
    /// Its text, with a prefix that it does not have.
    TextWithPrefix,
    /// The bytes that its base64 stands for.
    Base64,
    /// The bytes that its base64 stands for, in the alphabet of addresses.
    Base64OfAddresses,
    /// The bytes that its hexadecimal digits stand for.
    Hexadecimal,
    /// With a line break behind it.
    WithLineBreak,
    /// Without the blanks and line breaks around it.
    Trimmed,
}

/// The key of a scheme. As libraries for Standard Webhooks do, it takes a secret without the prefix, too,
/// and of any length: what a request was signed with is to be found out, not whether it was wise.
pub(super) fn usual(scheme: Scheme, secret: &Secret) -> Option<Key> {
    let text = secret.expose();
    match scheme {
        Scheme::Standard => decoded(without_prefix(text)),
        Scheme::GitHub | Scheme::Stripe => Some(Key::new(text.as_bytes())),
    }
}

/// The keys that may have been made of it by mistake.
pub(super) fn misread(scheme: Scheme, secret: &Secret) -> Vec<(Misread, Key)> {
    let text = secret.expose();
    let bare = without_prefix(text);
    let text_key = |text: &str| Some(Key::new(text.as_bytes()));
    let trimmed = text.trim();
    let trimmed_key = match scheme {
        _ if trimmed == text => None,
        Scheme::Standard => decoded(without_prefix(trimmed)),
        Scheme::GitHub | Scheme::Stripe => text_key(trimmed),
    };
    let is_standard = scheme == Scheme::Standard;
    let found = [
        (Misread::Text, is_standard.then(|| text_key(text)).flatten()),
        (Misread::TextWithoutPrefix, text_key(bare)),
        (
            Misread::TextWithPrefix,
            text_key(&format!("{PREFIX}{text}")),
        ),
        (Misread::Base64, decoded(bare)),
        (
            Misread::Base64OfAddresses,
            padded(bare).and_then(|text| key_of(URL_SAFE.decode(text))),
        ),
        (
            Misread::Hexadecimal,
            from_digits(bare).map(|bytes| Key::new(&bytes)),
        ),
        (Misread::WithLineBreak, text_key(&format!("{text}\n"))),
        (Misread::Trimmed, trimmed_key),
    ];
    found
        .into_iter()
        .filter_map(|(misread, key)| Some((misread, key?)))
        .collect()
}

fn without_prefix(text: &str) -> &str {
    text.strip_prefix(PREFIX).unwrap_or(text)
}

fn decoded(text: &str) -> Option<Key> {
    key_of(STANDARD.decode(text))
}

fn key_of<E>(bytes: Result<Vec<u8>, E>) -> Option<Key> {
    bytes
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| Key::new(&bytes))
}

/// With the padding that addresses leave out.
fn padded(text: &str) -> Option<String> {
    let bare = text.trim_end_matches('=');
    let missing = bare.len().wrapping_neg() % 4;
    (missing < 3).then(|| format!("{bare}{}", "=".repeat(missing)))
}

fn from_digits(text: &str) -> Option<Vec<u8>> {
    let is_digits = text.len().is_multiple_of(2) && text.bytes().all(|it| it.is_ascii_hexdigit());
    let pairs = (0..text.len()).step_by(2);
    is_digits
        .then(|| {
            pairs
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16))
                .collect::<Result<_, _>>()
        })?
        .ok()
}
