//! From a frame of the stream to what it means, as far as every kind of source agrees.
//!
//! A file of its own so that the two kinds differ only in how they read a payload. It keeps the
//! payload as it came, byte for byte, and never moves a cursor for a frame without its own id.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::What;
use crate::model::{Identity, digest};

/// One complete event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The SSE event type, `message` where the server gave none.
    pub kind: String,
    /// The id that came with this very event.
    pub own_id: Option<String>,
    /// The data lines joined by LF.
    pub payload: Bytes,
    /// When it arrived.
    pub received: Timestamp,
}

impl Frame {
    /// A payload with nothing around it but a type, where one is given.
    #[must_use]
    pub fn bare(kind: Option<&str>, payload: Bytes, received: Timestamp) -> Self {
        Self {
            kind: kind.unwrap_or("message").to_owned(),
            own_id: None,
            payload,
            received,
        }
    }
}

/// How one kind of source reads its frames.
pub(super) trait Decode: Send + Sync {
    /// Says what a frame is. Never fails: what cannot be read is [`What::Undecodable`].
    fn decode(&self, frame: &Frame) -> What;
}

/// Longest part that goes into an identity as it is, in bytes; longer ones go in as their digest.
const PART_BYTES_MAX: usize = 256;

/// The fingerprint of an event: its id, its time as text, or the payload's digest where it has no
/// time, and its type. The id alone is no proof, since a restarted server counts from 1 again.
pub(super) fn identity(id: &str, time: Option<&str>, kind: &str, payload: &[u8]) -> Identity {
    let mut bytes = Vec::with_capacity(64);
    part(b'i', id.as_bytes(), &mut bytes);
    match time {
        Some(time) => part(b't', time.as_bytes(), &mut bytes),
        None => part(b'p', &digest(0, payload).to_be_bytes(), &mut bytes),
    }
    part(b'k', kind.as_bytes(), &mut bytes);
    Identity(bytes)
}

/// A fingerprint of something that is known by a list of texts and by no id of the stream. It is never
/// that of an event with an id.
pub(super) fn fingerprint(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for text in parts {
        part(b'f', text.as_bytes(), &mut bytes);
    }
    bytes
}

/// Writes a part with its length, so that no two lists of parts look alike.
fn part(mark: u8, text: &[u8], out: &mut Vec<u8>) {
    let short;
    let (mark, text) = if text.len() > PART_BYTES_MAX {
        short = digest(0, text).to_be_bytes();
        (mark.to_ascii_uppercase(), short.as_slice())
    } else {
        (mark, text)
    };
    out.push(mark);
    // At most 256, so two bytes hold it.
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

/// Reads a time as ISO 8601; without an offset it is UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_out_up_to_its_limit_and_by_its_digest_above() {
        for (length, written) in [(PART_BYTES_MAX, PART_BYTES_MAX), (PART_BYTES_MAX + 1, 16)] {
            let mut bytes = Vec::new();
            part(b'f', &vec![b'x'; length], &mut bytes);
            assert_eq!(bytes.len(), 1 + 2 + written, "{length} bytes");
        }
    }

    #[test]
    fn res_3_an_identity_is_id_time_and_type_together() {
        let first = identity("42", Some("T1"), "tp_hit", b"{}");
        assert_eq!(first, identity("42", Some("T1"), "tp_hit", b"{ }"));
        for other in [
            identity("43", Some("T1"), "tp_hit", b"{}"),
            identity("42", Some("T2"), "tp_hit", b"{}"),
            identity("42", Some("T1"), "order_fill", b"{}"),
            identity("42", None, "tp_hit", b"{}"),
            identity("42T1", Some(""), "tp_hit", b"{}"),
        ] {
            assert_ne!(first, other);
        }
        let (one, two) = (
            identity("1", None, "x", b"a"),
            identity("1", None, "x", b"b"),
        );
        assert_ne!(one, two, "without a time the payload counts");
        let long = "x".repeat(1_000_000);
        assert!(identity(&long, Some(&long), &long, b"").0.len() < 1_024);
    }

    #[test]
    fn times_are_read_in_the_spellings_that_servers_use() {
        for (text, millisecond) in [
            ("2026-06-11T07:58:03.612Z", Some(1_781_164_683_612)),
            ("2026-06-11T09:58:03.612+02:00", Some(1_781_164_683_612)),
            ("2026-06-11T07:58:03.612", Some(1_781_164_683_612)),
            ("2026-06-11 07:58:03.612Z", Some(1_781_164_683_612)),
            ("yesterday", None),
            ("", None),
        ] {
            let read = time(text).map(Timestamp::as_millisecond);
            assert_eq!(read, millisecond, "{text:?}");
        }
    }
}
