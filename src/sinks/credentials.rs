//! A sink's credentials in every form in which a receiver may repeat them, and its words without them.
//!
//! A file of its own because an answer is kept in the queue and shown to people, and what counts as a
//! credential in it is one list for all kinds. A short text stands in any answer by chance, so it is
//! no credential here.

use std::borrow::Cow;

use url::Url;

use super::address::percent_decoded;
use super::slot;
use crate::model::Secret;

/// Shortest text that is hidden, in bytes.
const BYTES_MIN: usize = 6;

/// Shortest part of an address's path that is hidden, in bytes. Shorter ones are ordinary words.
const SEGMENT_BYTES_MIN: usize = 12;

/// How a user and a password travel, together and encoded.
const BASIC: &str = "Basic ";

/// Texts that must not come back, longest first, so that none is left half hidden.
#[derive(Debug)]
pub(super) struct Credentials(Vec<Secret>);

impl Credentials {
    /// Makes the list from everything that was configured as a secret.
    pub(super) fn of(given: &[Secret]) -> Self {
        let mut texts: Vec<String> = given
            .iter()
            .flat_map(|secret| parts(secret.expose()))
            .collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts.into_iter().map(Secret::new).collect())
    }

    /// A text with all of them replaced.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let mut text = without_basic(text);
        for credential in &self.0 {
            if text.contains(credential.expose()) {
                text = Cow::Owned(text.replace(credential.expose(), "…"));
            }
        }
        text.into_owned()
    }
}

/// Everything in a secret that is one by itself.
fn parts(secret: &str) -> Vec<String> {
    // Of `Bearer KEY` the key alone is as secret as the whole.
    let last_word = secret.rsplit(' ').next().unwrap_or(secret);
    let mut parts = vec![secret.to_owned(), last_word.to_owned()];
    if let Ok(url) = Url::parse(secret.trim()) {
        let path = url.path().trim_start_matches('/');
        let segments = path
            .split('/')
            .filter(|part| part.len() >= SEGMENT_BYTES_MIN);
        let password = url.password().unwrap_or_default();
        for part in segments.chain([path, url.username(), password]) {
            parts.extend([part.to_owned(), percent_decoded(part)]);
        }
        parts.extend(url.query().map(str::to_owned));
        for (name, value) in url.query_pairs() {
            parts.extend([name.into_owned(), value.into_owned()]);
        }
    }
    if slot::is_template(secret) {
        // A receiver repeats what came of it, in which only what stands in it is the same.
        let ends = ["{{", "}}", "{%", "%}", "\"", "'"];
        let pieces = ends.iter().fold(vec![secret], |pieces, end| {
            let split = pieces.into_iter().flat_map(|piece| piece.split(end));
            split.collect()
        });
        parts.extend(pieces.into_iter().map(str::to_owned));
    }
    parts.retain(|part| part.len() >= BYTES_MIN);
    parts
}

/// Hides what stands behind `Basic`.
fn without_basic(text: &str) -> Cow<'_, str> {
    if !text.contains(BASIC) {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split(BASIC);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest =
            piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+/=".contains(c));
        shown.push_str(BASIC);
        shown.push_str(if rest.len() < piece.len() { "…" } else { "" });
        shown.push_str(rest);
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_without_what_was_configured_as_a_secret() {
        let check = |secret: &str, answer: &str, shown: &str| {
            let credentials = Credentials::of(&[Secret::new(secret.to_owned())]);
            assert_eq!(credentials.hidden_in(answer), shown, "{secret}");
        };
        check("tk_1234567", "no tk_1234567 here", "no … here");
        check("Bearer tk_123", "no `tk_123` here", "no `…` here");
        check("short", "a short answer", "a short answer");
        let url = "https://me:p%40ssword@host/hooks/T0/abcdefghijkl?key=k3y-k3y&x=1";
        check(url, "no /hooks/T0/abcdefghijkl", "no /…");
        check(url, "no abcdefghijkl of T0", "no … of T0");
        check(url, "p@ssword or p%40ssword", "… or …");
        check(url, "key=k3y-k3y&x=1, k3y-k3y", "…, …");
        check(url, "Basic bWU6cEBzc3dvcmQ=, Basic", "Basic …, Basic");
    }
}
