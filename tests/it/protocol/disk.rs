//! What a crash leaves: a copy of the file and its log as they are at that moment, or as they were after
//! any commit.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

const FILE: &str = "bellwire.db";
const LOG: &str = "bellwire.db-wal";

const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// A new folder; in memory where there is such a place, since a copy needs no flush.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => TempDir::new_in(memory),
        false => TempDir::new(),
    };
    made.expect("a folder")
}

/// The state of a folder now.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = folder();
    fs::copy(from.join(FILE), to.path().join(FILE)).expect("copies");
    // Behind the file: what is meanwhile copied into that stands in the log as well.
    let log = from.join(LOG);
    if log.exists() {
        fs::copy(log, to.path().join(LOG)).expect("copies");
    }
    to
}

/// The state of a folder when its log ended here.
pub(crate) fn copy_until(from: &Path, end: usize) -> TempDir {
    let to = copy(from);
    let log = fs::OpenOptions::new().write(true).open(to.path().join(LOG));
    log.and_then(|log| log.set_len(end as u64)).expect("cuts");
    to
}

/// Where in the log each commit ends. A frame has the page, the size of the file after a commit or 0, and the
/// salt of its log, by which what is left of an earlier one is told (<https://sqlite.org/fileformat.html>).
pub(crate) fn commits(folder: &Path) -> Vec<usize> {
    let log = fs::read(folder.join(LOG)).unwrap_or_default();
    let Some(head) = log.get(..LOG_HEAD) else {
        return Vec::new();
    };
    let page = u32::from_be_bytes(head[8..12].try_into().expect("4 bytes"));
    let frame = FRAME_HEAD + page as usize;
    let frames = log[LOG_HEAD..].chunks_exact(frame).enumerate();
    let own = frames.take_while(|(_, frame)| frame[8..16] == head[16..24]);
    let last = own.filter(|(_, frame)| frame[4..8] != [0; 4]);
    last.map(|(place, _)| LOG_HEAD + (place + 1) * frame)
        .collect()
}
