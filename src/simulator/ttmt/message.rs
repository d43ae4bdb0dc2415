//! One message on its way to the stream, and the frame it becomes.
//!
//! Its own file because a payload goes out byte for byte, whoever wrote it: here it is only looked at,
//! for the id, the account and the type that decide where it goes, and the time that may decide when.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The event that announces the end of a connection's five minutes.
pub(super) const RECYCLE: &str = r#"{"type":"recycle","reason":"max_lifetime"}"#;

/// The event that announces that the key or its access is gone.
pub(super) const AUTH_REVOKED: &str = r#"{"type":"auth_revoked"}"#;

/// A message for the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The payload, sent byte for byte.
    pub payload: Bytes,
    /// What stands on its `id:` line.
    pub id: MessageId,
    /// What stands on an `event:` line; the real API has none.
    pub event: Option<String>,
}

/// What stands on the `id:` line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageId {
    /// The payload's `eventId`; without one, nothing for a control event and the next id for any other.
    Auto,
    /// Nothing.
    None,
    /// This.
    Text(String),
}

impl Message {
    /// A message that goes out as the real API would send it.
    #[must_use]
    pub const fn new(payload: Bytes) -> Self {
        Self {
            payload,
            id: MessageId::Auto,
            event: None,
        }
    }
}

/// What can be told from a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) id: Option<u64>,
    pub(super) control: bool,
    pub(super) account: Option<String>,
    pub(super) time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventId", alias = "event_id")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow)]
    account_id: Option<&'a RawValue>,
}

impl Outline {
    /// Looks at a payload; one that is no JSON object has no outline.
    pub(super) fn of(payload: &[u8]) -> Self {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(payload) else {
            return Self::default();
        };
        let kind: Option<String> = parse(envelope.kind);
        let time: Option<String> = parse(envelope.timestamp);
        let owner: Option<Owner<'_>> = parse(envelope.data);
        Self {
            id: parse(envelope.id),
            control: matches!(kind.as_deref(), Some("recycle" | "auth_revoked")),
            account: owner.and_then(|it| parse(it.account_id)),
            time: time.and_then(|it| it.parse().ok()),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// The lines on the wire: an `id:` line, one `data:` line for each line of the payload, a blank line.
pub(super) fn frame(payload: &[u8], id: Option<&str>, event: Option<&str>) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 64);
    for (name, value) in [("id", id), ("event", event)] {
        if let Some(value) = value {
            frame.extend_from_slice(format!("{name}: {value}\n").as_bytes());
        }
    }
    for line in payload.split(|byte| *byte == b'\n') {
        frame.extend_from_slice(b"data: ");
        frame.extend_from_slice(line);
        frame.extend_from_slice(b"\n");
    }
    frame.extend_from_slice(b"\n");
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_is_read_where_there_is_one() {
        let check = |payload: &str, id, control, account: Option<&str>| {
            let account = account.map(str::to_owned);
            let expected = Outline {
                id,
                control,
                account,
                time: None,
            };
            assert_eq!(Outline::of(payload.as_bytes()), expected, "{payload}");
        };
        check(RECYCLE, None, true, None);
        check(AUTH_REVOKED, None, true, None);
        check(
            r#"{"type":"tp_hit","eventId":7,"data":{"account_id":"a"}}"#,
            Some(7),
            false,
            Some("a"),
        );
        check(r#"{"type":7,"eventId":"7","data":[1]}"#, None, false, None);
        check(r#"{"event_id":9,"data":null}"#, Some(9), false, None);
        check("not json", None, false, None);
        check(r#"{"timestamp":"noon"}"#, None, false, None);
        let timed = Outline::of(br#"{"timestamp":"2026-06-11T08:00:00.5Z"}"#);
        let time = timed.time.map(|it| it.as_millisecond());
        assert_eq!(time, Some(1_781_164_800_500));
    }

    #[test]
    fn a_frame_has_one_data_line_for_each_line() {
        assert_eq!(frame(b"{}", Some("4"), None), "id: 4\ndata: {}\n\n");
        assert_eq!(
            frame(b"a\nb", None, Some("x")),
            "event: x\ndata: a\ndata: b\n\n"
        );
    }
}
