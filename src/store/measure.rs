//! How much of the disk the queue takes, and how much of it the queue may take.
//!
//! A file of its own because it is asked for within transactions that somebody waits for, and so at as little cost as can be.

use rusqlite::Connection;

use super::StoreError;

/// The longest log that a limit leaves room for, in bytes.
pub(super) const LOG_BYTES_MAX: u64 = 32 << 20;

/// The shares of a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// All of it.
    pub(super) all: u64,
    /// What the log may keep.
    pub(super) log: u64,
    /// What events have to leave for settlements and for bellwire's own events.
    pub(super) reserve: u64,
}

/// What was measured, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    pub(super) page: u64,
    pub(super) file: u64,
    pub(super) free: u64,
    pub(super) log: u64,
}

/// How many pages a file has, how many of them are free, and the bytes of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    bytes: u64,
    count: u64,
    free: u64,
}

/// Pages as a commit leaves them, where they were counted in its transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted(pub(super) Option<Pages>);

impl Limit {
    pub(super) fn of(all: u64) -> Self {
        Self {
            all,
            log: (all / 8).min(LOG_BYTES_MAX),
            reserve: (all / 16).min(64 << 20),
        }
    }

    /// Most bytes of rows with which an event is still accepted.
    pub(super) const fn rows(self) -> u64 {
        self.all - self.log - self.reserve
    }

    /// Removing begins above the first and goes on until no more than the second is there.
    pub(super) const fn high(self) -> u64 {
        self.rows() - self.all / 16
    }

    pub(super) const fn low(self) -> u64 {
        self.rows() - self.all / 8
    }
}

impl Measure {
    pub(super) const fn rows(self) -> u64 {
        self.file.saturating_sub(self.free)
    }
}

impl Pages {
    /// Those of a file, whose pages have so many bytes; 0 where that is not known yet.
    pub(super) fn of(connection: &Connection, bytes: u64) -> Result<Self, StoreError> {
        let ask = |pragma: &str| -> Result<u64, StoreError> {
            let mut select = connection.prepare_cached(pragma)?;
            Ok(select
                .query_row([], |row| row.get::<_, i64>(0))?
                .unsigned_abs())
        };
        let bytes = match bytes {
            0 => ask("PRAGMA page_size")?,
            known => known,
        };
        Ok(Self {
            bytes,
            count: ask("PRAGMA page_count")?,
            free: ask("PRAGMA freelist_count")?,
        })
    }

    /// The same in bytes, beside a log of this length.
    pub(super) const fn measure(self, log: u64) -> Measure {
        Measure {
            page: self.bytes,
            file: self.count * self.bytes,
            free: self.free * self.bytes,
            log,
        }
    }
}
