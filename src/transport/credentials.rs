//! Credentials in every form in which whoever was shown them may repeat them, and its words without them.
//!
//! A file of its own because an answer is kept and shown to people, and what counts as a credential in it is one
//! list for all sources and sinks. How the other side writes is its own choice, so they are
//! looked for beneath the usual escapes. A short text stands in any answer by chance, so it is no
//! credential here.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;
use url::Url;

use crate::model::Secret;

mod unescaped;

#[cfg(test)]
mod tests;

use unescaped::{Escape, Unescaped};

/// Shortest secret that is hidden, in characters.
const CHARS_MIN: usize = 4;

/// Shortest part of a secret that is hidden, in characters.
const PART_CHARS_MIN: usize = 6;

/// Shortest part of an address's path that is hidden although it reads like an ordinary word.
const WORD_CHARS_MIN: usize = 12;

/// Values in an address that stand in any JSON.
const VALUES: [&str; 3] = ["true", "false", "null"];

/// How often something may have been escaped. It bounds the work: each of the three kinds of escape is
/// undone at each depth, so a text is read 40 times at most.
const DEPTH_MAX: usize = 3;

/// How a user and a password travel, together and encoded.
const BASIC: &[u8] = b"Basic";

/// Texts that must not come back.
#[derive(Debug)]
pub struct Credentials(Vec<Secret>);

impl Credentials {
    /// Makes the list from everything that was configured as a secret.
    #[must_use]
    pub fn of<'s>(given: impl IntoIterator<Item = &'s Secret>) -> Self {
        let given = given.into_iter();
        let parts = given.flat_map(|secret| parts(secret.expose()));
        let mut texts: Vec<String> = parts.flat_map(forms).collect();
        texts.sort();
        texts.dedup();
        Self(texts.into_iter().map(Secret::new).collect())
    }

    /// A text with all of them replaced, escaped or not.
    #[must_use]
    pub fn hidden_in(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        self.hide(&Unescaped::of(text), DEPTH_MAX, &mut hidden);
        let mut shown = String::with_capacity(text.len());
        let mut is_inside = false;
        for (at, character) in text.char_indices() {
            match hidden[at] {
                false => shown.push(character),
                true if !is_inside => shown.push('…'),
                true => {}
            }
            is_inside = hidden[at];
        }
        shown
    }

    /// Marks what stands for a credential in a text of which some escapes are undone.
    fn hide(&self, text: &Unescaped, depth: usize, hidden: &mut [bool]) {
        let mut mark = |part: Range<usize>| hidden[text.place(part)].fill(true);
        for credential in &self.0 {
            let credential = credential.expose().as_bytes();
            for at in memmem::find_iter(&text.bytes, credential) {
                mark(at..at + credential.len());
            }
        }
        for at in memmem::find_iter(&text.bytes, BASIC) {
            if let Some(part) = behind_basic(&text.bytes, at + BASIC.len()) {
                mark(part);
            }
        }
        if depth > 0 {
            for inner in Escape::ALL
                .into_iter()
                .filter_map(|escape| text.without(escape))
            {
                self.hide(&inner, depth - 1, hidden);
            }
        }
    }
}

/// Everything in a secret that is one by itself.
fn parts(secret: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut take = |part: &str, chars_min: usize| {
        if part.chars().count() >= chars_min {
            parts.push(part.to_owned());
        }
    };
    take(secret, CHARS_MIN);
    // Of `Bearer KEY` the key alone is as secret as the whole.
    let bare = secret.rsplit(' ').next().unwrap_or(secret);
    take(bare, CHARS_MIN);
    // What stands before a key says of what kind it is, as in `whsec_KEY`, and is everybody's.
    let mut rest = bare;
    while let Some((kind, key)) = rest.split_once('_')
        && kind.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        take(key, PART_CHARS_MIN);
        rest = key;
    }
    if bare.chars().count() >= PART_CHARS_MIN {
        take(&STANDARD_NO_PAD.encode(bare), CHARS_MIN);
        let hex = |case: fn(u8) -> String| bare.bytes().map(case).collect::<String>();
        take(&hex(|byte| format!("{byte:02x}")), CHARS_MIN);
        take(&hex(|byte| format!("{byte:02X}")), CHARS_MIN);
    }
    if let Ok(url) = Url::parse(secret.trim()) {
        let path = url.path().trim_start_matches('/');
        take(path, PART_CHARS_MIN);
        for segment in path.split('/') {
            let is_word = segment.bytes().all(|byte| byte.is_ascii_lowercase());
            take(
                segment,
                if is_word {
                    WORD_CHARS_MIN
                } else {
                    PART_CHARS_MIN
                },
            );
        }
        let password = url.password().unwrap_or_default();
        take(url.username(), PART_CHARS_MIN);
        take(password, CHARS_MIN);
        if !password.is_empty() || !url.username().is_empty() {
            let [user, password] = [url.username(), password].map(percent_decoded);
            take(&STANDARD.encode(format!("{user}:{password}")), CHARS_MIN);
        }
        take(url.query().unwrap_or_default(), PART_CHARS_MIN);
        for pair in url.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            take(name, PART_CHARS_MIN);
            if !VALUES.contains(&value) {
                take(value, CHARS_MIN);
            }
        }
    }
    if secret.contains("{{") || secret.contains("{%") {
        // A receiver repeats what came of it, in which only what stands in it is the same.
        let ends = ["{{", "}}", "{%", "%}", "\"", "'"];
        let pieces = ends.iter().fold(vec![secret], |pieces, end| {
            let split = pieces.into_iter().flat_map(|piece| piece.split(end));
            split.collect()
        });
        for piece in pieces {
            take(piece, PART_CHARS_MIN);
        }
    }
    parts
}

/// A part as it was configured, and as it reads where its own escapes are undone. Forms and queries
/// write a space as `+`.
fn forms(part: String) -> Vec<String> {
    let decoded = percent_decoded(&part);
    let spaced = percent_decoded(&part.replace('+', " "));
    let mut forms = vec![part.replace(' ', "+"), decoded.replace(' ', "+")];
    forms.extend([part, decoded, spaced]);
    // What is left of a few escapes would stand in any answer.
    forms.retain(|form| form.chars().count() >= CHARS_MIN);
    forms
}

/// What stands behind a `Basic` that ends here.
fn behind_basic(text: &[u8], end: usize) -> Option<Range<usize>> {
    matches!(text.get(end)?, b' ' | b'+').then_some(())?;
    let start = end + 1;
    let of_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let length = text[start..].iter().take_while(of_base64).count();
    (length > 0).then(|| start..start + length)
}

/// User info as it was meant: the parser has percent-encoded what cannot stand in an address.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match digits {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
