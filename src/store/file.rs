//! Whether the queue file is still the one at its place.
//!
//! A file of its own because nothing else would notice: what was opened can be read and written after its
//! name has gone, or leads to another file, and all of it goes with the process. Only names are asked about:
//! closing any file of one's own gives up all that the process has locked of it.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;

/// A file that is open, and where.
#[derive(Clone, Debug)]
pub(super) struct QueueFile {
    path: PathBuf,
    /// `None` where it cannot be told from others.
    id: Option<(u64, u64)>,
}

impl QueueFile {
    /// The file that has just been opened there.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            id: path.metadata().ok().map(|file| id(&file)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says so when there is no file at its place now, or another one.
    pub(super) fn replaced(&self) -> Option<StoreError> {
        let is_there = match self.path.metadata() {
            Ok(file) => self.id.is_none_or(|own| own == id(&file)),
            // Whether it is there is then unknown.
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        (!is_there).then(|| StoreError::Replaced {
            path: self.path.clone(),
        })
    }
}

/// The device and the number of a file in it, which no other file has while this one is open.
fn id(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}
