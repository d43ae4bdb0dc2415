//! The write-ahead log beside the file, and when it is copied into it.
//!
//! A file of its own because SQLite by itself copies it within a commit, which somebody waits for. Here it
//! is copied when nobody waits, or when it has become twice as long.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::{StoreError, schema};

/// Frames after which it is copied when nobody waits. Whoever comes meanwhile waits for it, so it is not to be
/// often; what is changed often is copied once.
const FRAMES_MAX: u64 = 3000;

/// The log of a queue file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Frames in it, as of the last commit.
    frames: Arc<AtomicU64>,
    /// Commits that have written to it.
    commits: Arc<AtomicU64>,
    /// Frames that were ever written to it, or more.
    written: Arc<AtomicU64>,
    frames_max: u64,
    /// Those of them that were written when its length was last asked for.
    written_before: u64,
}

impl Log {
    /// The log of an open file, which is copied by [`Self::copy`] from now on.
    pub(super) fn of(connection: &mut Connection, file: &Path) -> Result<Self, StoreError> {
        let (frames, commits) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let written = Arc::<AtomicU64>::default();
        let (count, committed, all) = (
            Arc::clone(&frames),
            Arc::clone(&commits),
            Arc::clone(&written),
        );
        connection.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            let pages = u64::from(pages.unsigned_abs());
            // With fewer than before it is written from its start again.
            let before = count.swap(pages, Ordering::Relaxed);
            let more = pages.checked_sub(before).unwrap_or(pages);
            all.fetch_add(more, Ordering::Relaxed);
            committed.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            path: schema::beside(file, "-wal"),
            frames,
            commits,
            written,
            frames_max: FRAMES_MAX,
            written_before: 0,
        })
    }

    /// Has it stay below so many frames, roughly.
    pub(super) fn limit(&mut self, frames: u64) {
        self.frames_max = (frames / 2).clamp(1, FRAMES_MAX);
    }

    /// How many commits have written to it. One that changes nothing does not, whatever it was told to write.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Its length in bytes. No log is a short one.
    pub(super) fn length(&mut self) -> u64 {
        self.written_before = self.written.load(Ordering::Relaxed);
        fs::metadata(&self.path).map_or(0, |log| log.len())
    }

    /// How many frames have been written to it since its length was asked for, or more.
    pub(super) fn frames_since(&self) -> u64 {
        self.written.load(Ordering::Relaxed) - self.written_before
    }

    /// Copies one that has become long into the file, without waiting for whoever reads from it.
    pub(super) fn copy(&self, connection: &Connection, somebody_waits: bool) {
        let frames_max = match somebody_waits {
            true => 2 * self.frames_max,
            false => self.frames_max,
        };
        if self.frames.load(Ordering::Relaxed) < frames_max {
            return;
        }
        // What could not be copied is counted again by the next commit.
        self.frames.store(0, Ordering::Relaxed);
        if let Err(error) = checkpoint(connection, "PASSIVE") {
            tracing::debug!(%error, "the log cannot be copied into the file");
        }
    }
}

/// Copies the log into the file, so that the log can be written from its start again.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Result<(), StoreError> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
    Ok(())
}

/// Copies the log into the file and cuts it off, unless somebody is reading from it: nobody waits for
/// a reader.
pub(super) fn cut(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::ZERO)?;
    let cut = checkpoint(connection, "TRUNCATE");
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    cut
}
