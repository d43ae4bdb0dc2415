//! One instance to a folder.
//!
//! The lock is the operating system's, so it is gone the moment its process is, however it ended. The
//! file's text only says who holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use super::StoreError;

/// Name of the file that is locked.
pub(super) const FILE_NAME: &str = "bellwire.lock";

/// Longest holder text that is read back, in bytes.
const HOLDER_BYTES_MAX: u64 = 256;

/// What a disk says that takes nothing.
const FULL: [ErrorKind; 3] = [
    ErrorKind::StorageFull,
    ErrorKind::QuotaExceeded,
    ErrorKind::FileTooLarge,
];

/// Keeps a folder for as long as it lives.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Makes the folder if need be and takes it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |error| StoreError::Folder {
            path: folder.to_owned(),
            error,
        };
        make_private(folder).map_err(unusable)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(FILE_NAME))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a courtesy: an unreadable text changes nothing about the lock.
                let read = (&mut file)
                    .take(HOLDER_BYTES_MAX)
                    .read_to_string(&mut holder);
                if read.is_err() || holder.trim().is_empty() {
                    "another instance".clone_into(&mut holder);
                }
                return Err(StoreError::Locked {
                    path: folder.to_owned(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let told = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "process {}", std::process::id()));
        match told {
            // A disk that takes nothing now may do so later; the lock holds without the text.
            Err(error) if FULL.contains(&error.kind()) => {}
            told => told.map_err(unusable)?,
        }
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    /// Closing the file would not do while a program is being started: until it runs, its process has a copy of
    /// every open file, and the lock would be held by that.
    fn drop(&mut self) {
        // Closing is what is left where even this fails.
        let _closed = self.file.unlock();
    }
}

/// Payloads are nobody else's business, so a folder made here is its owner's alone.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| match folder.is_file() {
            true => std::io::Error::new(ErrorKind::NotADirectory, "it is a file, not a folder"),
            false => error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_place_of_the_folder_is_told_as_one() {
        let place = tempfile::NamedTempFile::new().expect("a file");
        let refused = FolderLock::take(place.path())
            .expect_err("a file")
            .to_string();
        assert!(refused.ends_with("it is a file, not a folder"), "{refused}");
    }

    #[test]
    fn who_holds_a_folder_is_told_as_far_as_it_said_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let _lock = FolderLock::take(folder.path()).expect("it is free");
        let held_by = || match FolderLock::take(folder.path()) {
            Err(StoreError::Locked { holder, .. }) => holder,
            other => panic!("{other:?}"),
        };
        assert_eq!(held_by(), format!("process {}", std::process::id()));
        for text in [&b" \n"[..], &[0xff]] {
            fs::write(folder.path().join(FILE_NAME), text).expect("writes");
            assert_eq!(held_by(), "another instance");
        }
    }

    #[test]
    fn a_folder_is_free_again_while_a_copy_of_its_lock_is_still_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = FolderLock::take(folder.path()).expect("it is free");
        let copy = lock.file.try_clone().expect("a copy");
        let second = FolderLock::take(folder.path());
        assert!(matches!(second, Err(StoreError::Locked { .. })));
        drop(lock);
        FolderLock::take(folder.path()).expect("it is free again");
        drop(copy);
    }
}
