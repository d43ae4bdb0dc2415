//! What a request says of itself: by which scheme it is signed, when, and with which codes.
//!
//! A file of its own because it only reads: whether the claim is true is found out elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::super::signature::Key;
use super::{Captured, Fault, OtherContent};

/// Most codes that are looked at. A rotation needs two.
const CODES_MAX: usize = 20;

/// Bytes of a code.
const CODE_BYTES: usize = 32;

/// A way of signing that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Standard Webhooks, also under the older names of its headers.
    Standard,
    /// GitHub's.
    GitHub,
    /// Stripe's.
    Stripe,
}

/// Which bytes a code is of.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// What the scheme says.
    Usual,
    /// What a sender may have taken in its place.
    Other(OtherContent),
}

/// A signature that can be tried.
pub(super) struct Claim<'a> {
    pub(super) scheme: Scheme,
    /// When it was signed, where the scheme has that and it is a time.
    pub(super) signed: Option<Timestamp>,
    time_header: &'static str,
    id: &'a str,
    time: &'a str,
    codes: Vec<[u8; CODE_BYTES]>,
}

/// The headers of Standard Webhooks, and those of Svix, from which it comes.
const STANDARD_HEADERS: [[&str; 3]; 2] = [
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
    ["svix-id", "svix-timestamp", "svix-signature"],
];

impl Scheme {
    /// Every scheme.
    pub(super) const ALL: [Self; 3] = [Self::Standard, Self::GitHub, Self::Stripe];

    /// Its word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::GitHub => "github",
            Self::Stripe => "stripe",
        }
    }

    /// The schemes that a request is signed by.
    pub(super) fn of(captured: &Captured<'_>) -> impl Iterator<Item = Self> {
        let is_there = |scheme: &Self| match scheme {
            Self::Standard => STANDARD_HEADERS.iter().any(|[.., it]| captured.has(it)),
            _ => captured.has(scheme.signature_header()),
        };
        Self::ALL.into_iter().filter(is_there)
    }

    /// The scheme that a request without any signature was meant to be signed by, going by the headers that
    /// are there. bellwire sends the id and the time with every scheme.
    pub(super) fn guessed(captured: &Captured<'_>) -> Option<Self> {
        let has_any = |names: &[&str]| names.iter().any(|name| captured.has(name));
        if has_any(&["x-github-event", "x-github-delivery", "x-hub-signature"]) {
            return Some(Self::GitHub);
        }
        let standard = STANDARD_HEADERS.iter().any(|names| has_any(names));
        standard.then_some(Self::Standard)
    }

    /// The header that the signature stands in.
    pub(super) const fn signature_header(self) -> &'static str {
        match self {
            Self::Standard => "webhook-signature",
            Self::GitHub => "x-hub-signature-256",
            Self::Stripe => "stripe-signature",
        }
    }
}

impl<'a> Claim<'a> {
    /// Reads the headers of a scheme.
    ///
    /// # Errors
    /// A header that is missing, or is no such header.
    pub(super) fn read(captured: &Captured<'a>, scheme: Scheme) -> Result<Self, Fault> {
        match scheme {
            Scheme::Standard => standard(captured),
            Scheme::GitHub => github(captured),
            Scheme::Stripe => stripe(captured),
        }
    }

    /// Whether one of the codes is that of this body, under a key.
    pub(super) fn fits(&self, key: &Key, content: Content, body: &[u8]) -> bool {
        let (id, time) = (self.id.as_bytes(), self.time.as_bytes());
        let with_id: &[&[u8]] = &[id, b".", time, b".", body];
        let exchanged: &[&[u8]] = &[time, b".", id, b".", body];
        let with_time: &[&[u8]] = &[time, b".", body];
        let alone: &[&[u8]] = &[body];
        let parts = match (self.scheme, content) {
            (Scheme::Standard, Content::Usual) => with_id,
            (Scheme::Standard, Content::Other(OtherContent::Exchanged)) => exchanged,
            (Scheme::Standard, Content::Other(OtherContent::WithoutId))
            | (Scheme::Stripe, Content::Usual) => with_time,
            (Scheme::GitHub, Content::Usual)
            | (Scheme::Standard | Scheme::Stripe, Content::Other(OtherContent::BodyAlone)) => alone,
            (Scheme::GitHub | Scheme::Stripe, Content::Other(_)) => return false,
        };
        self.codes.iter().any(|code| key.fits(parts, code))
    }

    /// Whether the time is one, or the scheme has none.
    pub(super) const fn time_is_right(&self) -> bool {
        self.signed.is_some() || matches!(self.scheme, Scheme::GitHub)
    }

    /// What is wrong with a time that is none.
    pub(super) fn wrong_time(&self) -> Option<Fault> {
        let is_number = self.time.bytes().all(|byte| byte.is_ascii_digit());
        let in_milliseconds = self.time.parse().map(Timestamp::from_millisecond);
        let why = match in_milliseconds {
            Ok(Ok(_)) if is_number => "its time is in milliseconds, and has to be in seconds",
            _ => "its time is no number of whole seconds since 1970",
        };
        (!self.time_is_right()).then(|| malformed(self.time_header, why))
    }
}

fn standard<'a>(captured: &Captured<'a>) -> Result<Claim<'a>, Fault> {
    let is_own = |[.., signature]: &&[&'static str; 3]| captured.has(signature);
    let names = STANDARD_HEADERS.iter().find(is_own);
    let [id, time, signature] = *names.unwrap_or(&STANDARD_HEADERS[0]);
    let missing: Vec<_> = [id, time, signature]
        .into_iter()
        .filter(|name| !captured.has(name))
        .collect();
    if !missing.is_empty() {
        return Err(Fault::Missing(missing));
    }
    let wrong = "no `v1,` and the base64 of 32 bytes is in it";
    let (id, time_header) = (one(captured, id)?, time);
    let time = one(captured, time)?;
    let entries = one(captured, signature)?.split(' ');
    let entries = entries.filter_map(|entry| entry.strip_prefix("v1,"));
    Ok(Claim {
        scheme: Scheme::Standard,
        signed: moment(time),
        time_header,
        id,
        time,
        codes: codes(signature, entries, base64, wrong)?,
    })
}

fn github<'a>(captured: &Captured<'a>) -> Result<Claim<'a>, Fault> {
    let name = Scheme::GitHub.signature_header();
    let entry = one(captured, name)?.strip_prefix("sha256=");
    let wrong = "it is not `sha256=` and 64 hexadecimal digits in small letters";
    Ok(Claim {
        scheme: Scheme::GitHub,
        signed: None,
        time_header: name,
        id: "",
        time: "",
        codes: codes(name, entry.into_iter(), hexadecimal, wrong)?,
    })
}

fn stripe<'a>(captured: &Captured<'a>) -> Result<Claim<'a>, Fault> {
    let name = Scheme::Stripe.signature_header();
    let items = one(captured, name)?.split(',');
    let mut pairs = items.clone().filter_map(|item| item.split_once('='));
    let time = pairs.find(|(key, _)| *key == "t").map(|(_, time)| time);
    let Some(time) = time else {
        return Err(malformed(name, "`t=` is missing in it"));
    };
    let entries = items.filter_map(|item| item.strip_prefix("v1="));
    let wrong = "no `v1=` and 64 hexadecimal digits in small letters are in it";
    Ok(Claim {
        scheme: Scheme::Stripe,
        signed: moment(time),
        time_header: name,
        id: "",
        time,
        codes: codes(name, entries, hexadecimal, wrong)?,
    })
}

/// The value of a header that must be there once.
fn one<'a>(captured: &Captured<'a>, name: &'static str) -> Result<&'a str, Fault> {
    let mut values = captured.values(name);
    match (values.next(), values.next()) {
        (None, _) => Err(Fault::Missing(vec![name])),
        (Some(_), Some(_)) => Err(malformed(name, "it is there more than once")),
        (Some(""), None) => Err(malformed(name, "it is empty")),
        (Some(value), None) => Ok(value),
    }
}

/// Those entries that are codes; at least one.
fn codes<'a>(
    name: &'static str,
    entries: impl Iterator<Item = &'a str>,
    read: fn(&str) -> Option<[u8; CODE_BYTES]>,
    wrong: &str,
) -> Result<Vec<[u8; CODE_BYTES]>, Fault> {
    let codes: Vec<_> = entries.take(CODES_MAX).filter_map(read).collect();
    match codes.is_empty() {
        true => Err(malformed(name, wrong)),
        false => Ok(codes),
    }
}

fn base64(text: &str) -> Option<[u8; CODE_BYTES]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A code in hexadecimal digits, in small letters as vendors compare them.
fn hexadecimal(text: &str) -> Option<[u8; CODE_BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes?.try_into().ok()
}

/// A time in whole seconds, written in digits alone.
fn moment(text: &str) -> Option<Timestamp> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let second = is_number.then(|| text.parse().ok()).flatten()?;
    Timestamp::from_second(second).ok()
}

fn malformed(header: &'static str, why: impl Into<String>) -> Fault {
    Fault::Malformed {
        header,
        why: why.into(),
    }
}
