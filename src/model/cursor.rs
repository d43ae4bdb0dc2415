//! Where a stream is to be resumed.

/// The last event id of a source that is safely on disk.
///
/// "Never had one" and "cleared by the server" both send no `Last-Event-ID`, but they are different
/// facts about the past, so they are different values, on disk too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// No event with an id has been seen yet.
    #[default]
    Unknown,
    /// The server sent an empty id: start wherever it likes.
    Cleared,
    /// Resume after this id.
    At(String),
}

impl Cursor {
    /// Longest id that is stored, in bytes. A longer one could make every later request too large.
    pub const ID_BYTES_MAX: usize = 1024;

    /// What goes into `Last-Event-ID`, if anything does.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::At(id) => Some(id),
            Self::Unknown | Self::Cleared => None,
        }
    }
}
