//! One process to a folder.
//!
//! The lock is the operating system's, so it is gone the moment its process is, however it ended. The
//! file's text only says who holds it: an instance, which stays, or a command, which is waited for.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;

/// Name of the file that is locked.
pub(super) const FILE_NAME: &str = "bellwire.lock";

/// Longest holder text that is read back, in bytes.
const HOLDER_BYTES_MAX: u64 = 256;

/// What the text of a command ends with.
const A_COMMAND: &str = ", a command";

/// How long a command is waited for. Most take a few ms.
const WAIT: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a disk says that takes nothing.
const FULL: [ErrorKind; 3] = [
    ErrorKind::StorageFull,
    ErrorKind::QuotaExceeded,
    ErrorKind::FileTooLarge,
];

/// Who takes a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Stays until it is stopped.
    Instance,
    /// Ends by itself.
    Command,
}

/// Keeps a folder for as long as it lives.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Makes the folder if need be and takes it. Blocks while a command has it, for a few seconds at most.
    pub(super) fn take(folder: &Path, holder: Holder) -> Result<Self, StoreError> {
        Self::take_within(folder, holder, WAIT)
    }

    fn take_within(folder: &Path, holder: Holder, wait: Duration) -> Result<Self, StoreError> {
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
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
            let text = text(&mut file);
            let is_command = text.as_deref().is_none_or(|text| text.ends_with(A_COMMAND));
            if is_command && since.elapsed() < wait {
                thread::sleep(LOOK_EVERY);
                continue;
            }
            let path = folder.to_owned();
            return Err(match text {
                Some(holder) if is_command => StoreError::Busy { path, holder },
                holder => StoreError::Locked {
                    path,
                    holder: holder.unwrap_or_else(|| "another instance".to_owned()),
                },
            });
        }
        let kind = match holder {
            Holder::Instance => "",
            Holder::Command => A_COMMAND,
        };
        let text = format!("process {}{kind}", std::process::id());
        let told = file
            .set_len(0)
            .and_then(|()| file.rewind())
            // All of it at once, or else somebody reads a part.
            .and_then(|()| file.write_all(text.as_bytes()));
        match told {
            // A disk that takes nothing now may do so later; the lock holds without the text.
            Err(error) if FULL.contains(&error.kind()) => {}
            told => told.map_err(unusable)?,
        }
        Ok(Self { file })
    }
}

/// Who holds the folder of a lock. Nobody has said so in the moment after it was taken, and on a full disk.
fn text(file: &mut File) -> Option<String> {
    let mut text = String::new();
    // It is a courtesy: an unreadable text changes nothing about the lock.
    file.rewind().ok()?;
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl Drop for FolderLock {
    /// Closing the file would not do while a program is being started: until it runs, its process has a copy of
    /// every open file, and the lock would be held by that.
    fn drop(&mut self) {
        // Whoever has it next is not taken for this one until it has said who it is.
        let _cleared = self.file.set_len(0);
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
        let refused = FolderLock::take(place.path(), Holder::Instance)
            .expect_err("a file")
            .to_string();
        assert!(refused.ends_with("it is a file, not a folder"), "{refused}");
    }

    #[test]
    fn who_holds_a_folder_is_told_as_far_as_it_said_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let _lock = FolderLock::take_within(folder.path(), Holder::Instance, Duration::ZERO)
            .expect("it is free");
        let held_by =
            || match FolderLock::take_within(folder.path(), Holder::Instance, Duration::ZERO) {
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
    fn a_command_is_told_from_an_instance_and_neither_from_one_that_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let take = |holder| FolderLock::take_within(folder.path(), holder, Duration::ZERO);
        let process = std::process::id();
        let lock = take(Holder::Command).expect("it is free");
        for holder in [Holder::Instance, Holder::Command] {
            let refused = take(holder).expect_err("it is not").to_string();
            let told = format!("in use by process {process}, a command; try again");
            assert!(refused.contains(&told), "{refused}");
        }
        drop(lock);
        let text = || fs::read_to_string(folder.path().join(FILE_NAME)).expect("reads");
        assert_eq!(text(), "");
        let _lock = take(Holder::Instance).expect("it is free again");
        assert_eq!(text(), format!("process {process}"));
        let refused = take(Holder::Command).expect_err("it is not");
        assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
    }

    #[test]
    fn a_folder_is_free_again_while_a_copy_of_its_lock_is_still_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = FolderLock::take_within(folder.path(), Holder::Instance, Duration::ZERO)
            .expect("it is free");
        let copy = lock.file.try_clone().expect("a copy");
        let second = FolderLock::take_within(folder.path(), Holder::Instance, Duration::ZERO);
        assert!(matches!(second, Err(StoreError::Locked { .. })));
        drop(lock);
        FolderLock::take_within(folder.path(), Holder::Instance, Duration::ZERO)
            .expect("it is free again");
        drop(copy);
    }
}
