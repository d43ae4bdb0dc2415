//! What the machine is, and what time it is there.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::options::Bench;

/// Flushes that are measured.
const FLUSHES: usize = 200;

/// Nanoseconds since 1970, by the clock that all processes share.
pub(crate) fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_nanos()).expect("before 2500")
}

/// Where and how it is measured.
pub(crate) fn told(bench: &Bench) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let flush = flush(&bench.folder).as_secs_f64() * 1000.0;
    format!(
        "{}; {cores} cores shared by feed, relay and receiver; {}, a flush of 4 KiB takes {flush:.2} ms; medians of {} rounds, \
         300-byte events; {}",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        file_system(&bench.folder),
        bench.rounds,
        load()
    )
}

/// How busy the machine was in the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", load.split(' ').next().unwrap_or("unknown"))
}

/// The median time that a flush of one page takes.
pub(crate) fn flush(folder: &Path) -> Duration {
    let mut file = tempfile::tempfile_in(folder).expect("a file");
    let mut took: Vec<Duration> = (0..FLUSHES)
        .map(|_| {
            file.write_all(&[1; 4096]).expect("written");
            let begin = Instant::now();
            file.sync_data().expect("flushed");
            begin.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[FLUSHES / 2]
}

/// The kind of file system that a folder is on.
fn file_system(folder: &Path) -> String {
    let folder = folder.canonicalize().expect("a folder");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    let deepest = found.max_by_key(|(length, _)| *length);
    deepest.map_or_else(
        || "unknown file system".to_owned(),
        |(_, kind)| kind.to_owned(),
    )
}
