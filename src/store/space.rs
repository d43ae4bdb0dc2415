//! How much of the disk the queue may take, and what makes room in it.
//!
//! A file of its own because the limit holds for the file, its free pages and its write-ahead log
//! together, and because making room is done in small steps between the requests of others. A step
//! removes a share of what is finished, oldest first, or hands a share of the free pages back to the
//! disk. What is not delivered is never removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::log::{self, Log};
use super::measure::{Counted, Limit, Measure, Pages};
use super::prune::{self, Yield};
use super::{Shortage, StoreError, sql};

/// Free bytes in the file with which a full disk is no reason to remove rows.
const PRESSED_FREE: u64 = 1 << 20;

/// Pages that one step moves to the end of the file and cuts off there.
const VACUUM_PAGES: u32 = 128;

/// Free pages that stay in the file, since what comes next will use them: so many, and this share of
/// all. Without them every event would move pages about.
const FREE_PAGES: u64 = 256;
const FREE_SHARE: u64 = 16;

/// Pages that may be written to the log before it is looked at anew what all of it takes: so many, and at most this
/// share of what events leave to everything else. To look costs an event alone more than one of its rows.
const UNMEASURED_PAGES: u64 = 64;
const UNMEASURED_SHARE: u64 = 16;

/// The queue's place on the disk.
#[derive(Debug)]
pub(super) struct Space {
    folder: PathBuf,
    log: Log,
    /// Whether the log is too long and could not be cut off, because somebody was reading from it.
    in_the_way: Arc<AtomicBool>,
    limit: Option<Limit>,
    measure: Measure,
    /// Most pages that SQLite has been told to make.
    pages_max: u64,
    /// Whether finished rows are being removed until there is room again.
    trimming: bool,
    /// How much somebody waits for.
    wanted: u64,
    /// The disk itself is full: whatever can be removed helps.
    pressed: bool,
    /// What may be removed, and where the search for it has got to.
    search: Option<(Yield, i64)>,
    /// A delivery may have ended where the search has been already.
    missed: bool,
    /// The search has begun again for that: once for whoever waits, since deliveries that fail would keep
    /// it going for ever.
    again: bool,
    /// The last step failed or changed nothing: there is no use in another one before something has
    /// been written.
    stalled: bool,
}

impl Space {
    /// The place of a queue file, without a limit, and where to say that a reader is in the way.
    pub(super) fn new(file: &Path, log: Log, in_the_way: Arc<AtomicBool>) -> Self {
        Self {
            folder: file.parent().unwrap_or(file).to_owned(),
            log,
            in_the_way,
            limit: None,
            measure: Measure::default(),
            pages_max: u64::MAX,
            trimming: false,
            wanted: 0,
            pressed: false,
            search: Some((Yield::Finished, 0)),
            missed: false,
            again: false,
            stalled: false,
        }
    }

    /// Sets the limit for everything on the disk together.
    pub(super) fn set_limit(
        &mut self,
        connection: &Connection,
        all: u64,
    ) -> Result<(), StoreError> {
        let limit = Limit::of(all);
        self.limit = Some(limit);
        self.pages_max = u64::MAX;
        self.measure(connection)?;
        self.log.limit(limit.log / self.measure.page.max(1));
        connection.pragma_update(None, "journal_size_limit", as_i64(limit.log))?;
        self.hold_file(connection)
    }

    /// Looks at what there is, and keeps the log short.
    pub(super) fn measure(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let pages = Pages::of(connection, self.measure.page)?;
        self.weigh(connection, pages)
    }

    /// Counts the pages within a transaction with so many bytes of events, where it takes no lock of its own, if
    /// that is worth it: what the transaction has written is taken to be as much as what was written before it.
    pub(super) fn count(&self, connection: &Connection, bytes: u64) -> Result<Counted, StoreError> {
        let is_short = self.trimming || self.pressed || self.wanted > 0;
        let is_worth_it = is_short || self.is_much(bytes.max(self.bytes_since() * 2));
        let count = || Pages::of(connection, self.measure.page);
        Ok(Counted(is_worth_it.then(count).transpose()?))
    }

    /// Looks at what there is after a commit that has written something, if that may have become much since the
    /// last look.
    pub(super) fn written(
        &mut self,
        connection: &Connection,
        counted: Counted,
    ) -> Result<(), StoreError> {
        self.stalled = false;
        match counted.0 {
            Some(pages) => self.weigh(connection, pages),
            None if self.is_much(self.bytes_since()) => self.measure(connection),
            None => Ok(()),
        }
    }

    /// About how much has been written since the last look.
    fn bytes_since(&self) -> u64 {
        self.log.frames_since() * self.measure.page
    }

    /// Whether it matters that so many bytes were not measured yet.
    fn is_much(&self, bytes: u64) -> bool {
        let much = UNMEASURED_PAGES * self.measure.page;
        let share = self
            .limit
            .map_or(much, |limit| limit.reserve / UNMEASURED_SHARE);
        bytes >= much.min(share)
    }

    fn weigh(&mut self, connection: &Connection, pages: Pages) -> Result<(), StoreError> {
        self.measure = pages.measure(self.log.length());
        self.stalled = false;
        if let Some(limit) = self.limit {
            if self.measure.log > limit.log {
                // A large transaction has gone through the log, or somebody reads all the time; the
                // file has it all after this.
                log::cut(connection)?;
                self.measure.log = self.log.length();
            }
            let is_long = self.measure.log > limit.log;
            self.in_the_way.store(is_long, Ordering::Relaxed);
            let rows = self.measure.rows();
            self.trimming = rows > limit.high() || (self.trimming && rows > limit.low());
        }
        Ok(())
    }

    /// Keeps the log short, now or when nobody waits any more.
    pub(super) fn copy_log(&self, connection: &Connection, somebody_waits: bool) {
        self.log.copy(connection, somebody_waits);
    }

    /// How many commits have written something.
    pub(super) fn commits(&self) -> u64 {
        self.log.commits()
    }

    /// Whether a batch of so many bytes has room: in the file, and meanwhile in the log as well.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.fits_into(self.measure.file, bytes)
    }

    /// As [`Self::fits`]; before it says no, it looks at what there is at this moment.
    pub(super) fn has_room(&mut self, connection: &Connection, bytes: u64) -> bool {
        if self.fits(bytes) {
            return true;
        }
        let stalled = self.stalled;
        let measured = self.measure(connection);
        // Looking frees nothing.
        self.stalled = stalled;
        measured.is_ok() && self.fits(bytes)
    }

    /// Says how much somebody waits for; nothing removed is enough until it fits.
    pub(super) fn want(&mut self, bytes: u64) {
        self.wanted = bytes;
        self.again &= bytes > 0;
    }

    /// Says whether the disk itself is full.
    pub(super) fn press(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// Says that a delivery may have ended, so that there may be something to remove.
    pub(super) fn look_anew(&mut self) {
        self.missed |= self.search.is_some();
        self.search.get_or_insert((Yield::Finished, 0));
    }

    /// Whether nothing is left that could be removed for whoever waits. Looks once more before that, where
    /// something may have ended behind the search.
    pub(super) fn gives_up(&mut self) -> bool {
        if self.stalled || self.search.is_some() || self.measure.free > self.slack() {
            return self.stalled;
        }
        // What is missed while it looks again is for whoever waits next.
        self.again = self.missed && !self.again;
        if self.again {
            self.missed = false;
            self.search = Some((Yield::Finished, 0));
        }
        !self.again
    }

    /// Whether a step would be of use now.
    pub(super) fn has_work(&self) -> bool {
        !self.stalled && (self.is_to_be_trimmed() || self.measure.free > self.slack())
    }

    /// Makes some room, in one transaction that holds nobody up for long.
    pub(super) fn step(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let done = self.try_step(connection);
        self.stalled |= done.is_err();
        done
    }

    /// The error for so many bytes of events that the limit leaves no room for.
    pub(super) fn beyond_limit(&self, bytes: u64) -> StoreError {
        let Measure { file, log, .. } = self.measure;
        // They are in the log first, and then in the file.
        let needed = bytes + (self.measure.rows() + bytes).saturating_sub(file);
        let kept = self
            .limit
            .map_or(0, |limit| limit.reserve + limit.log.saturating_sub(log));
        StoreError::Full {
            what: Shortage::Limit,
            detail: format!(
                "the queue is full: it takes {} of `retention.max_disk`, nothing is left in it that could be removed, and the next {} of events do not fit, which need {} while they are written, beside {} for what is sent; raise `retention.max_disk`, or see why deliveries wait",
                self.taken(),
                mib(bytes),
                mib(needed),
                mib(kept)
            ),
        }
    }

    /// An error of SQLite with what it cannot know: which of both is full, and what to do.
    pub(super) fn explained(&self, error: StoreError, bytes: u64) -> StoreError {
        match error {
            StoreError::Full {
                what: Shortage::Disk,
                ..
            } if self.is_at_limit(bytes) => self.beyond_limit(bytes),
            StoreError::Full { what, detail } => StoreError::Full {
                what,
                detail: format!(
                    "{detail}; the queue in `{}` takes {}; make room on that disk",
                    self.folder.display(),
                    self.taken()
                ),
            },
            other => other,
        }
    }

    /// What the files take, and of how much.
    fn taken(&self) -> String {
        let used = mib(self.measure.file + self.measure.log);
        match self.limit {
            Some(limit) => format!("{used} of the {}", mib(limit.all)),
            None => used,
        }
    }

    /// Whether SQLite, which calls both a full disk, means the limit: so many bytes of events, or
    /// anything else that the reserve is for, would have gone beyond it.
    fn is_at_limit(&self, bytes: u64) -> bool {
        self.limit.is_some_and(|limit| {
            self.measure.rows() + bytes + limit.reserve > limit.all - limit.log
        })
    }

    fn try_step(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let transaction = connection.transaction()?;
        let (mut search, mut begins_again) = (self.search, false);
        if self.is_to_be_trimmed()
            && let Some((what, from)) = search
        {
            let connection = sql::Connection::Sqlite(&transaction);
            let trim = || prune::trim(&connection, what, from);
            search = match connection.with_triggers(trim)? {
                Some(next) => Some((what, next)),
                None if self.missed && !self.again => {
                    begins_again = true;
                    Some((Yield::Finished, 0))
                }
                None => what.next().map(|next| (next, 0)),
            };
        }
        {
            let mut vacuum = transaction
                .prepare_cached(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        transaction.commit()?;
        let before = (self.search, self.measure.file, self.measure.free);
        self.search = search;
        if begins_again {
            (self.missed, self.again) = (false, true);
        }
        self.measure(connection)?;
        // A file that was not made by bellwire may keep its free pages whatever is asked of it.
        self.stalled =
            !begins_again && before == (self.search, self.measure.file, self.measure.free);
        if !self.has_work() {
            // The file itself becomes shorter only when the log is copied into it.
            log::checkpoint(connection, "PASSIVE")?;
        }
        self.hold_file(connection)
    }

    /// Free pages in the way are no reason to remove rows.
    fn is_to_be_trimmed(&self) -> bool {
        let short = self.trimming || !self.fits_into(0, self.wanted);
        // With room in the file already, or for the sake of dead letters, it is somebody else who has to
        // make room on a full disk: to remove more would gain nothing.
        let pressed = self.pressed
            && self.measure.free < PRESSED_FREE
            && matches!(self.search, Some((Yield::Finished, _)));
        (short && self.search.is_some()) || pressed
    }

    fn fits_into(&self, file: u64, bytes: u64) -> bool {
        let Some(limit) = self.limit else { return true };
        let rows = self.measure.rows();
        // In an all but empty queue there is nothing to wait for. SQLite still holds the file's limit.
        let empty = rows <= limit.all / 4;
        let peak = file.max(rows + bytes) + self.measure.log.max(limit.log) + bytes;
        empty || peak <= limit.all - limit.reserve
    }

    /// Free pages that are left alone; none while somebody waits for room.
    fn slack(&self) -> u64 {
        match self.fits(self.wanted) && !self.pressed {
            true => FREE_PAGES * self.measure.page + self.measure.rows() / FREE_SHARE,
            false => 0,
        }
    }

    /// Tells SQLite the most pages it may make. It never goes below what is there, so a smaller limit
    /// is told again as the file shrinks.
    fn hold_file(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        let wanted = (limit.all - limit.log) / self.measure.page.max(1);
        if self.pages_max > wanted {
            let told: i64 =
                connection.query_row(&format!("PRAGMA max_page_count = {wanted}"), [], |row| {
                    row.get(0)
                })?;
            self.pages_max = told.unsigned_abs();
        }
        Ok(())
    }
}

/// A size for people.
fn mib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
    let mib = bytes as f64 / f64::from(1 << 20);
    format!("{mib:.1} MiB")
}

fn as_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
