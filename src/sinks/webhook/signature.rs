//! Signatures of webhooks: Standard Webhooks, GitHub, Stripe.
//!
//! A file of its own because a wrong byte here makes every receiver refuse every delivery. The same
//! secret is a different key in each scheme: Standard Webhooks decodes it, the others take its text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
#[cfg(test)]
use schemars::json_schema;
use sha2::Sha256;

use super::super::Message;
use super::body::kind;
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::Secret;

/// Most secrets at once. Rotation needs two.
const SECRETS_MAX: usize = 5;

/// Shortest text, in bytes, that is used as a key without a word. Receivers take shorter ones, and neither
/// GitHub nor Stripe says how long one has to be; theirs have 32 and more.
const TEXT_BYTES_MIN: usize = 16;

/// Sizes of a decoded secret that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

pub(super) const PREFIX: &str = "whsec_";

const SECRET_HELP: &str = "`whsec_` and the padded base64 of 24 to 64 random bytes, as `echo whsec_$(openssl rand -base64 32)` prints it";

const STANDARD_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const GITHUB_SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const GITHUB_EVENT: HeaderName = HeaderName::from_static("x-github-event");
const GITHUB_DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
const STRIPE_SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// How requests are signed: by every scheme of this list, by none where it is empty. The specification
/// of Standard Webhooks allows its headers beside those of others, with the same secret.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    schemes: Vec<Signature>,
    /// What is said of secrets that are easily found by trying.
    pub(super) warnings: Vec<String>,
}

/// One scheme, with its keys, newest first.
#[derive(Debug)]
enum Signature {
    /// `webhook-signature`, one entry for each key.
    Standard(Vec<Key>),
    /// `X-Hub-Signature-256`. GitHub's own verifier refuses more than one value, so one key.
    GitHub(Key),
    /// `Stripe-Signature`, one `v1` for each key.
    Stripe(Vec<Key>),
}

/// A key, ready to sign; it prints nothing of itself.
#[derive(Clone, Debug)]
pub(super) struct Key(Hmac<Sha256>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Standard,
    GitHub,
    Stripe,
    None,
}

/// Every scheme, by its word in the configuration.
const SCHEMES: [(&str, Scheme); 4] = [
    ("standard", Scheme::Standard),
    ("github", Scheme::GitHub),
    ("stripe", Scheme::Stripe),
    ("none", Scheme::None),
];

#[cfg(test)]
form::value! {
    pub(super) Form = {
        let signing = ["standard", "github", "stripe"];
        json_schema!({
            "anyOf": [
                { "enum": SCHEMES.map(|(name, _)| name) },
                { "type": "array", "items": { "enum": signing }, "minItems": 1, "uniqueItems": true },
                { "const": ["none"] },
            ]
        })
    }
}

/// Reads `signature` and `secret`.
pub(super) fn read(options: &mut Table) -> Option<Signatures> {
    let schemes = read_schemes(options);
    let problems = options.problems().clone();
    let before = problems.list().len();
    let secrets = options.secrets("secret").unwrap_or_default();
    let unreadable = problems.list().len() > before;
    let schemes = schemes?;
    if schemes == [Scheme::None] {
        if !secrets.is_empty() {
            options.warn(format!(
                "`{}` signs nothing beside `signature = \"none\"`; leave out one of them",
                options.path_of("secret")
            ));
        }
        return Some(Signatures::default());
    }
    if secrets.is_empty() {
        if !unreadable {
            options.missing("secret", "give a secret, or set `signature = \"none\"`");
        }
        return None;
    }
    if secrets.len() > SECRETS_MAX {
        options.wrong(
            "secret",
            format!("{} secrets are too many", secrets.len()),
            format!("at most {SECRETS_MAX}, newest first"),
        );
        return None;
    }
    let keys = |read: fn(&Secret) -> Option<Key>| keys(options, &secrets, read);
    let schemes = schemes.into_iter().map(|scheme| match scheme {
        Scheme::Standard => Some(Signature::Standard(keys(decoded_key)?)),
        Scheme::GitHub => keys(text_key)?.into_iter().next().map(Signature::GitHub),
        Scheme::Stripe => Some(Signature::Stripe(keys(text_key)?)),
        Scheme::None => None,
    });
    Some(Signatures {
        schemes: schemes.collect::<Option<_>>()?,
        warnings: short(options, &secrets),
    })
}

/// One scheme or several, each once; `none` alone.
fn read_schemes(options: &mut Table) -> Option<Vec<Scheme>> {
    if !options.has("signature") {
        return Some(vec![Scheme::Standard]);
    }
    let words = options.strings("signature")?;
    let names = SCHEMES.map(|(name, _)| name);
    let mut schemes = Vec::new();
    let mut is_right = true;
    for (index, word) in words.iter().enumerate() {
        let at = match words.len() {
            1 => "signature".to_owned(),
            _ => format!("signature[{index}]"),
        };
        let known = SCHEMES.iter().find(|(name, _)| name == word);
        match known {
            None => options.impossible(&at, word, names.into_iter()),
            Some((_, scheme)) if schemes.contains(scheme) => options.wrong(
                &at,
                format!("`{word}` is there twice"),
                "name each scheme once; several secrets go into `secret`",
            ),
            Some((_, Scheme::None)) if words.len() > 1 => options.wrong(
                &at,
                "`none` stands alone",
                "leave it out to sign, or leave out all the others",
            ),
            Some((_, scheme)) => {
                schemes.push(*scheme);
                continue;
            }
        }
        is_right = false;
    }
    if words.is_empty() {
        options.wrong(
            "signature",
            "this list is empty",
            "name a scheme, such as `standard`, or write `signature = \"none\"`",
        );
        is_right = false;
    }
    is_right.then_some(schemes)
}

impl Signatures {
    /// Adds the headers that sign a body, of every scheme.
    pub(super) fn sign(&self, headers: &mut HeaderMap, message: &Message<'_>, body: &[u8]) {
        for signature in &self.schemes {
            signature.sign(headers, message, body);
        }
    }

    /// Whether a signature covers the time, so that a wrong clock makes it invalid.
    pub(super) fn has_time(&self) -> bool {
        self.schemes.iter().any(Signature::has_time)
    }
}

impl Signature {
    fn sign(&self, headers: &mut HeaderMap, message: &Message<'_>, body: &[u8]) {
        let id = message.id.as_str();
        let time = message.now.as_second().to_string();
        match self {
            Self::Standard(keys) => {
                let signatures = keys.iter().map(|key| standard(key, id, &time, body));
                insert(headers, STANDARD_SIGNATURE, &joined(signatures, " "));
            }
            Self::GitHub(key) => {
                insert(headers, GITHUB_SIGNATURE, &github(key, body));
                insert(headers, GITHUB_EVENT, &visible(kind(message.event)));
                insert(headers, GITHUB_DELIVERY, id);
            }
            Self::Stripe(keys) => {
                let signatures = keys.iter().map(|key| stripe(key, &time, body));
                let signatures = joined(signatures, ",");
                insert(headers, STRIPE_SIGNATURE, &format!("t={time},{signatures}"));
            }
        }
    }

    fn has_time(&self) -> bool {
        matches!(self, Self::Standard(_) | Self::Stripe(_))
    }
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("a key of any length will do"))
    }

    /// The code of some parts, one after the other.
    pub(super) fn code(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut code = self.0.clone();
        for part in parts {
            code.update(part);
        }
        code.finalize().into_bytes().to_vec()
    }

    /// The same in lower-case hexadecimal digits.
    pub(super) fn hex(&self, parts: &[&[u8]]) -> String {
        self.code(parts)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether some parts have this code, in a time that tells nothing of how much of it is right.
    pub(super) fn fits(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        let mut own = self.0.clone();
        for part in parts {
            own.update(part);
        }
        own.verify_slice(code).is_ok()
    }
}

pub(super) fn standard(key: &Key, id: &str, time: &str, body: &[u8]) -> String {
    let code = key.code(&[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(code))
}

pub(super) fn github(key: &Key, body: &[u8]) -> String {
    format!("sha256={}", key.hex(&[body]))
}

pub(super) fn stripe(key: &Key, time: &str, body: &[u8]) -> String {
    format!("v1={}", key.hex(&[time.as_bytes(), b".", body]))
}

/// The key that Standard Webhooks makes of a secret.
pub(super) fn decoded_key(secret: &Secret) -> Option<Key> {
    let encoded = secret.expose().strip_prefix(PREFIX)?;
    let bytes = STANDARD.decode(encoded).ok()?;
    KEY_BYTES.contains(&bytes.len()).then(|| Key::new(&bytes))
}

/// The key that the other schemes make of it.
pub(super) fn text_key(secret: &Secret) -> Option<Key> {
    Some(Key::new(secret.expose().as_bytes()))
}

/// All keys, or a report of each secret that is none.
fn keys(options: &Table, secrets: &[Secret], read: fn(&Secret) -> Option<Key>) -> Option<Vec<Key>> {
    let read: Vec<Option<Key>> = secrets.iter().map(read).collect();
    for (index, _) in read.iter().enumerate().filter(|(_, key)| key.is_none()) {
        options.wrong(
            &place(secrets, index),
            "this is no signing secret",
            SECRET_HELP,
        );
    }
    read.into_iter().collect()
}

/// A word on each secret that is too short to keep anybody from signing. What Standard Webhooks takes is
/// never that short.
fn short(options: &Table, secrets: &[Secret]) -> Vec<String> {
    let short = secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| secret.expose().len() < TEXT_BYTES_MIN);
    short
        .map(|(index, _)| {
            let key = options.path_of(&place(secrets, index));
            format!(
                "`{key}` is shorter than {TEXT_BYTES_MIN} bytes, so others can find it out and sign as you; `openssl rand -hex 32` prints a good one"
            )
        })
        .collect()
}

fn place(secrets: &[Secret], index: usize) -> String {
    match secrets.len() {
        1 => "secret".to_owned(),
        _ => format!("secret[{index}]"),
    }
}

fn joined(signatures: impl Iterator<Item = String>, separator: &str) -> String {
    signatures.collect::<Vec<_>>().join(separator)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// An event type as a header can carry it.
fn visible(kind: &str) -> String {
    kind.chars()
        .take(128)
        .map(|character| {
            if character.is_ascii_graphic() {
                character
            } else {
                '_'
            }
        })
        .collect()
}
