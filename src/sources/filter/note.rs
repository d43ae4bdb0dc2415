//! Notes from the filter to the reader of the stream, written as comments between the events.
//!
//! Apart from the filter because both ends of the stream must agree on their form. A note begins
//! with a random tag of its connection, so no server can forge one.

use std::fmt;

/// What marks the notes of one connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sources) struct Tag(u128);

/// What the event assembler has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Note {
    /// The line of a recording in which the next block begins, from 1.
    Line(u64),
    /// A block without data has moved the last event id.
    Id(String),
    /// The server asks for this reconnection time, in milliseconds.
    Retry(u64),
    /// A block over the limit was read away.
    Skipped {
        /// Its size.
        bytes: u64,
        /// Its id, if it had one.
        id: Option<String>,
    },
}

/// The id of an event as the assembler sees it. It lets an event without one inherit that of the event
/// before it, which is no place in the stream; so an own id goes on with a mark, and none goes on as an
/// empty one.
pub(in crate::sources) struct OwnId;

impl OwnId {
    const MARK: char = '=';

    /// Writes the id of an event as a field, or that it has none.
    pub(super) fn write(id: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"id:");
        if let Some(id) = id {
            out.push(Self::MARK as u8);
            out.extend_from_slice(id.as_bytes());
        }
        out.push(b'\n');
    }

    /// Reads the id that came with an event; `None` if it has none of its own.
    pub(in crate::sources) fn read(mut id: String) -> Option<String> {
        let is_own = id.starts_with(Self::MARK);
        is_own.then(|| {
            id.remove(0);
            id
        })
    }
}

impl Tag {
    /// A tag that nobody can guess.
    pub(in crate::sources) fn random() -> Self {
        Self(rand::random())
    }

    #[cfg(test)]
    pub(in crate::sources) const fn fixed(tag: u128) -> Self {
        Self(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(…)")
    }
}

impl Note {
    /// Writes the note as a comment line.
    pub(super) fn write(&self, tag: Tag, out: &mut Vec<u8>) {
        let text = match self {
            Self::Line(line) => format!(":{tag}line={line}\n"),
            Self::Id(id) => format!(":{tag}id={id}\n"),
            Self::Retry(wait) => format!(":{tag}retry={wait}\n"),
            Self::Skipped { bytes, id: None } => format!(":{tag}skipped={bytes}\n"),
            Self::Skipped {
                bytes,
                id: Some(id),
            } => format!(":{tag}skipped={bytes} {id}\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }

    /// Reads a comment as a note; `None` if it is the server's own.
    pub(in crate::sources) fn read(comment: &str, tag: Tag) -> Option<Self> {
        let text = comment.strip_prefix(&tag.to_string())?;
        let (word, value) = text.split_once('=')?;
        match word {
            "id" => Some(Self::Id(value.to_owned())),
            "line" => value.parse().ok().map(Self::Line),
            "retry" => value.parse().ok().map(Self::Retry),
            "skipped" => {
                let (bytes, id) = match value.split_once(' ') {
                    Some((bytes, id)) => (bytes, Some(id.to_owned())),
                    None => (value, None),
                };
                let bytes = bytes.parse().ok()?;
                Some(Self::Skipped { bytes, id })
            }
            _ => None,
        }
    }
}
