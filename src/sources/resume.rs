//! Which ids may become a cursor.
//!
//! A file of its own because the rule is the same for every kind of source, and because breaking it
//! could make every later connection impossible.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{Cursor, Name};

/// Where a frame leaves the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Where it was: the frame has no id of its own.
    Unchanged,
    /// Behind this frame.
    At(Cursor),
    /// Where it was: the frame's id cannot be sent back.
    Unusable,
}

/// Judges the ids of one source and warns once of each kind of odd one.
#[derive(Debug)]
pub(super) struct Ids {
    source: Name,
    warned_of_blanks: AtomicBool,
    warned_of_unusable: AtomicBool,
}

impl Ids {
    /// For the ids of this source.
    pub(super) fn new(source: Name) -> Self {
        Self {
            source,
            warned_of_blanks: AtomicBool::new(false),
            warned_of_unusable: AtomicBool::new(false),
        }
    }

    /// What to send as `Last-Event-ID`. A stored cursor that cannot be sent must not make every
    /// connect fail, so it is left out.
    pub(super) fn header(&self, cursor: &Cursor) -> Option<String> {
        let id = cursor.header()?;
        if !is_sendable(id) {
            tracing::warn!(source = %self.source, "the stored cursor cannot be sent; connecting without it");
            return None;
        }
        Some(id.to_owned())
    }

    /// Where a frame with this id of its own leaves the stream.
    pub(super) fn position(&self, own_id: Option<&str>) -> Position {
        let Some(id) = own_id else {
            return Position::Unchanged;
        };
        if id.is_empty() {
            tracing::info!(source = %self.source, "the server cleared the last event id");
            return Position::At(Cursor::Cleared);
        }
        if !is_sendable(id) {
            if !self.warned_of_unusable.swap(true, Ordering::Relaxed) {
                tracing::warn!(source = %self.source, bytes = id.len(), "an event id cannot be sent back, so the cursor stays");
            }
            return Position::Unusable;
        }
        let has_blanks = id.trim_matches([' ', '\t']).len() != id.len();
        if has_blanks && !self.warned_of_blanks.swap(true, Ordering::Relaxed) {
            tracing::warn!(source = %self.source, "an event id begins or ends with a blank, which servers strip");
        }
        Position::At(Cursor::At(id.to_owned()))
    }
}

/// Whether an id can be the value of `Last-Event-ID`: what a [`http::HeaderValue`] takes, without making one.
fn is_sendable(id: &str) -> bool {
    let is_text = |byte: u8| (byte >= b' ' && byte != 0x7f) || byte == b'\t';
    id.len() <= Cursor::ID_BYTES_MAX && id.bytes().all(is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(id: Option<&str>) -> Position {
        Ids::new(Name::new("feed").expect("a name")).position(id)
    }

    #[test]
    fn feed_l5_an_event_without_its_own_id_leaves_the_cursor_alone() {
        assert_eq!(position(None), Position::Unchanged);
    }

    #[test]
    fn feed_l6_a_cleared_id_is_its_own_state() {
        assert_eq!(position(Some("")), Position::At(Cursor::Cleared));
    }

    #[test]
    fn feed_l7_an_id_that_no_header_can_carry_is_no_cursor() {
        let longest = "x".repeat(Cursor::ID_BYTES_MAX);
        for id in ["7", "…", "a b", "\ta", &longest] {
            assert_eq!(position(Some(id)), Position::At(Cursor::At(id.to_owned())));
        }
        for byte in 0..=u8::MAX {
            let id = String::from(char::from(byte));
            let is_header = http::HeaderValue::from_str(&id).is_ok();
            assert_eq!(is_sendable(&id), is_header, "{id:?}");
        }
        for id in ["a\u{1}b", "\u{7f}", "a\u{b}", &format!("{longest}x")] {
            assert_eq!(position(Some(id)), Position::Unusable, "{id:?}");
        }
    }

    #[test]
    fn feed_l8_an_id_with_outer_blanks_is_kept_as_it_is() {
        for id in [" lead", "trail "] {
            assert_eq!(position(Some(id)), Position::At(Cursor::At(id.to_owned())));
        }
    }
    #[test]
    fn an_id_that_is_not_odd_uses_up_no_warning() {
        let ids = Ids::new(Name::new("feed").expect("a name"));
        let warned = || {
            let of_blanks = ids.warned_of_blanks.load(Ordering::Relaxed);
            (of_blanks, ids.warned_of_unusable.load(Ordering::Relaxed))
        };
        for (id, told) in [
            ("7", (false, false)),
            ("a b", (false, false)),
            (" lead", (true, false)),
            ("a\u{1}", (true, true)),
        ] {
            ids.position(Some(id));
            assert_eq!(warned(), told, "{id:?}");
        }
    }
}
