//! From a frame of the stream to what it means, as far as every kind of source agrees.
//!
//! A file of its own so that the two kinds differ only in how they read a payload. It keeps the
//! payload as it came, byte for byte, and never moves a cursor for a frame without its own id.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::What;
use crate::model::Identity;

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
        None => part(b'p', &digest(payload).to_be_bytes(), &mut bytes),
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
    let digest = digest(text).to_be_bytes();
    let (mark, text) = if text.len() > PART_BYTES_MAX {
        (mark.to_ascii_uppercase(), digest.as_slice())
    } else {
        (mark, text)
    };
    out.push(mark);
    // At most 256, so two bytes hold it.
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

/// FNV-1a with 128 bits. Written out because fingerprints stay on disk, and the standard library's
/// hashes may change with a release. It tells copies apart, it resists nobody.
fn digest(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
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
    fn a_digest_is_the_published_one() {
        // Reference values of FNV-1a 128 by its authors.
        assert_eq!(digest(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(digest(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(digest(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
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
