//! The shares of a limit, to the page: what fits, what each part is told, and what a person is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::Shortage;
use crate::store::log::{Log, cut};
use crate::store::space::Space;

pub(super) const PAGE: u64 = 4096;

/// A sixteenth of a limit. The log may keep two of them, and one is the reserve.
pub(super) const SHARE: u64 = 32 * PAGE;
pub(super) const LIMIT: u64 = 16 * SHARE;

/// A queue file of just the size that a test wants, with a log that it may say the length of.
pub(super) struct Room {
    pub(super) file: Connection,
    pub(super) space: Space,
    in_the_way: Arc<AtomicBool>,
    pub(super) folder: TempDir,
}

impl Room {
    /// In a queue that has taken in nothing.
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let store = open(&folder).expect("opens");
        Self::of(folder, store).await
    }

    /// In the place of this queue.
    pub(super) async fn of(folder: TempDir, store: Store) -> Self {
        store.close().await;
        let path = folder.path().join("bellwire.db");
        let mut file = Connection::open(&path).expect("opens");
        file.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE ballast (x BLOB)")
            .expect("a table");
        // Its own log has the length that SQLite gives it.
        let log = Log::of(&mut file, &folder.path().join("said")).expect("a log");
        let in_the_way = Arc::<AtomicBool>::default();
        let mut space = Space::new(&path, log, Arc::clone(&in_the_way));
        space.measure(&file).expect("measures");
        Self {
            file,
            space,
            in_the_way,
            folder,
        }
    }

    pub(super) fn ask(&self, sql: &str) -> u64 {
        let answer: i64 = self
            .file
            .query_row(sql, [], |row| row.get(0))
            .expect("answers");
        answer.unsigned_abs()
    }

    pub(super) fn free(&self) -> u64 {
        self.ask("PRAGMA freelist_count") * PAGE
    }

    fn rows(&self) -> u64 {
        self.ask("PRAGMA page_count") * PAGE - self.free()
    }

    /// Adds rows, or removes some, until they take just so many bytes.
    pub(super) fn fill(&mut self, bytes: u64) {
        self.file.execute_batch("BEGIN").expect("begins");
        for _ in 0..1000 {
            let sql = match self.rows() {
                rows if rows < bytes => "INSERT INTO ballast VALUES (zeroblob(4000))",
                rows if rows > bytes => {
                    "DELETE FROM ballast WHERE rowid = (SELECT max(rowid) FROM ballast)"
                }
                _ => break,
            };
            self.file.execute(sql, []).expect("changes");
        }
        self.file.execute_batch("COMMIT").expect("commits");
        assert_eq!(self.rows(), bytes);
        self.space.measure(&self.file).expect("measures");
    }

    /// Has the log be so long, as one is that somebody reads from all the time.
    fn log(&mut self, bytes: u64) {
        let log = std::fs::File::create(self.folder.path().join("said-wal")).expect("a log");
        log.set_len(bytes).expect("sets");
        self.space.measure(&self.file).expect("measures");
    }

    /// Takes so many pages more, in a commit that has so many bytes of events.
    fn write(&mut self, pages: usize, bytes: u64) {
        let insert = "INSERT INTO ballast VALUES (zeroblob(4000));".repeat(pages);
        self.file
            .execute_batch(&format!("BEGIN; {insert}"))
            .expect("changes");
        let counted = self.space.count(&self.file, bytes).expect("counts");
        self.file.execute_batch("COMMIT").expect("commits");
        self.space.written(&self.file, counted).expect("measures");
    }

    pub(super) fn limit(&mut self, bytes: u64) {
        self.space.set_limit(&self.file, bytes).expect("sets");
    }

    pub(super) fn step(&mut self) {
        self.space.step(&mut self.file).expect("a step");
    }

    /// Waits for room as a batch does that finds none; answers how many steps it takes until it is refused.
    pub(super) fn refused_after(&mut self, bytes: u64, while_deliveries_fail: bool) -> usize {
        for steps in 0..20 {
            assert!(!self.space.fits(bytes));
            self.space.want(bytes);
            if self.space.gives_up() {
                return steps;
            }
            if while_deliveries_fail {
                self.space.look_anew();
            }
            self.step();
        }
        panic!("it would go on for ever");
    }

    pub(super) fn events(&self, id: &str) -> u64 {
        self.ask(&format!(
            "SELECT count(*) FROM events WHERE CAST(id AS TEXT) = '{id}'"
        ))
    }
}

#[tokio::test]
async fn a_batch_fits_twice_beside_what_is_there_the_log_and_the_reserve() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(9 * SHARE);
    assert!(room.space.fits(2 * SHARE));
    assert!(!room.space.fits(2 * SHARE + 1));
    room.log(3 * SHARE);
    assert!(room.space.fits(3 * SHARE / 2), "the log is longer");
    assert!(!room.space.fits(3 * SHARE / 2 + 1));
    room.log(0);
    room.fill(12 * SHARE);
    room.fill(8 * SHARE);
    assert_eq!(room.free(), 4 * SHARE);
    assert!(room.space.fits(SHARE), "the file is as long as it was");
    assert!(!room.space.fits(SHARE + 1));
}

#[tokio::test]
async fn in_a_queue_that_is_all_but_empty_nobody_waits_for_room() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(4 * SHARE);
    assert!(room.space.fits(LIMIT));
    room.fill(4 * SHARE + PAGE);
    assert!(!room.space.fits(LIMIT));
}

#[tokio::test]
async fn removing_begins_above_three_quarters_and_goes_on_down_to_eleven_sixteenths() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(12 * SHARE);
    assert!(!room.space.has_work());
    room.fill(12 * SHARE + PAGE);
    assert!(room.space.has_work());
    room.fill(11 * SHARE + PAGE);
    assert!(room.space.has_work(), "it goes on");
    room.fill(11 * SHARE);
    assert!(!room.space.has_work());
    room.fill(12 * SHARE);
    assert!(!room.space.has_work(), "there is room for this");
}

/// A queue with a limit of which a 256th is sixteen pages, and with rows that take so many sixteenths of it.
async fn of_sixteenths(rows: u64) -> Room {
    let mut room = Room::new().await;
    room.limit(8 * LIMIT);
    for quarters in 1..=4 {
        room.fill(quarters * rows * 2 * SHARE);
    }
    room
}

#[tokio::test]
async fn what_is_written_is_measured_before_it_is_a_256th_of_the_limit() {
    let mut room = of_sixteenths(12).await;
    while !room.space.has_work() {
        room.write(1, 0);
        assert!(room.rows() <= 96 * SHARE + 8 * PAGE, "it is not noticed");
    }
}

#[tokio::test]
async fn a_batch_that_is_large_is_measured_with_its_own_commit() {
    let mut room = of_sixteenths(12).await;
    room.write(1, 16 * PAGE - 1);
    assert!(!room.space.has_work(), "that is not worth it");
    room.write(1, 16 * PAGE);
    assert!(room.space.has_work());
}

#[tokio::test]
async fn a_commit_that_has_written_much_is_measured_whatever_it_was() {
    let mut room = of_sixteenths(12).await;
    room.write(16, 0);
    assert!(room.space.has_work());
}

#[tokio::test]
async fn whether_there_is_room_at_this_moment_is_seen_without_a_commit() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(9 * SHARE);
    room.log(3 * SHARE);
    std::fs::write(room.folder.path().join("said-wal"), b"").expect("cuts it off");
    assert!(!room.space.fits(2 * SHARE), "it was longer");
    assert!(room.space.has_room(&room.file, 2 * SHARE));
}

#[tokio::test]
async fn while_somebody_waits_for_room_each_commit_is_measured() {
    let mut room = of_sixteenths(9).await;
    let wanted = 16 * SHARE;
    room.write(1, 0);
    assert!(room.space.fits(wanted), "that is not worth it");
    room.space.want(wanted);
    room.write(1, 0);
    assert!(!room.space.fits(wanted));
}

#[tokio::test]
async fn sqlite_is_told_the_limits_of_the_file_and_of_its_log() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    assert_eq!(room.ask("PRAGMA journal_size_limit"), 2 * SHARE);
    assert_eq!(room.ask("PRAGMA max_page_count"), 14 * SHARE / PAGE);
    let gib = 1 << 30;
    room.limit(4 * gib);
    let log = 32 << 20;
    assert_eq!(room.ask("PRAGMA journal_size_limit"), log);
    assert_eq!(room.ask("PRAGMA max_page_count"), (4 * gib - log) / PAGE);
}

#[tokio::test]
async fn a_log_of_just_the_length_that_it_may_have_is_not_cut_off() {
    let mut room = Room::new().await;
    room.space = {
        let path = room.folder.path().join("bellwire.db");
        let log = Log::of(&mut room.file, &path).expect("a log");
        Space::new(&path, log, Arc::clone(&room.in_the_way))
    };
    let log = room.folder.path().join("bellwire.db-wal");
    let length = || std::fs::metadata(&log).expect("a log").len();
    room.fill(8 * SHARE);
    let long = length();
    assert!(long > SHARE);
    room.limit(8 * long);
    assert_eq!(length(), long);
    room.limit(8 * (long - 1));
    assert_eq!(length(), 0);
}

#[tokio::test]
async fn a_reader_is_in_the_way_when_the_log_is_longer_than_it_may_be() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.log(2 * SHARE);
    assert!(!room.in_the_way.load(Ordering::Relaxed));
    room.log(2 * SHARE + 1);
    assert!(room.in_the_way.load(Ordering::Relaxed));
    room.log(0);
    assert!(!room.in_the_way.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_log_is_copied_when_half_of_what_it_may_keep_is_in_it() {
    let mut room = Room::new().await;
    room.fill(4 * SHARE);
    cut(&room.file).expect("an empty log");
    // A hundred pages: it is copied when there are fifty, and somebody waits up to a hundred.
    room.limit(8 * 100 * PAGE);
    let log = room.folder.path().join("bellwire.db-wal");
    let length = || std::fs::metadata(&log).expect("a log").len();
    let frames = |bytes: u64| bytes / (PAGE + 24);
    while frames(length()) < 60 {
        let rows = room.rows();
        room.fill(rows + PAGE);
    }
    let before = length();
    room.space.copy_log(&room.file, true);
    let rows = room.rows();
    room.fill(rows + PAGE);
    let longer = length();
    assert!(longer > before, "somebody waits");
    room.space.copy_log(&room.file, false);
    room.fill(rows);
    assert_eq!(length(), longer, "it is written from its start again");
}

#[tokio::test]
async fn a_full_queue_and_a_full_disk_are_told_apart_with_what_the_queue_takes() {
    let full = || StoreError::Full {
        what: Shortage::Disk,
        detail: "the disk is full".to_owned(),
    };
    let mut room = Room::new().await;
    room.fill(10 * SHARE);
    room.log(2 * SHARE);
    let folder = room.folder.path().display().to_string();
    let disk = |takes: &str| {
        format!("the disk is full; the queue in `{folder}` takes {takes}; make room on that disk")
    };
    let told = room.space.explained(full(), LIMIT).to_string();
    assert_eq!(told, disk("1.5 MiB"), "it has no limit");

    room.limit(LIMIT);
    // Ten in rows, three more and the reserve are all that the log leaves.
    let told = room.space.explained(full(), 3 * SHARE).to_string();
    assert_eq!(told, disk("1.5 MiB of the 2.0 MiB"));
    let told = room.space.explained(full(), 3 * SHARE + 1);
    assert!(
        matches!(
            told,
            StoreError::Full {
                what: Shortage::Limit,
                ..
            }
        ),
        "{told}"
    );
    let told = room.space.explained(full(), 4 * SHARE).to_string();
    for words in [
        "the queue is full: it takes 1.5 MiB of the 2.0 MiB of `retention.max_disk`",
        "the next 0.5 MiB of events do not fit, which need 1.0 MiB while they are written, beside 0.1 MiB for what is sent",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
}
