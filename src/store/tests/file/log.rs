//! The write-ahead log, which is copied into the file when nobody waits for it.

use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::log::Log;

/// More than goes into a page beside another one.
const PAYLOAD: usize = 4 << 10;

/// A page with its head.
const FRAME: u64 = 4096 + 24;

/// The longest log while somebody always waits, and what one group of requests adds to it at most.
const LONG: u64 = 2 * 3000 * FRAME;
const GROUP: u64 = 256 * 2 * FRAME;

fn length(folder: &TempDir) -> u64 {
    let log = std::fs::metadata(folder.path().join("bellwire.db-wal"));
    log.expect("a log").len()
}

#[test]
fn it_is_copied_when_nobody_waits_and_when_it_is_twice_as_long_in_any_case() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("bellwire.db");
    let mut file = Connection::open(&path).expect("opens");
    file.pragma_update(None, "journal_mode", "WAL")
        .expect("a log");
    let mut log = Log::of(&mut file, &path).expect("a log");
    log.limit(200);
    let write = |rows: usize| {
        for _ in 0..rows {
            file.execute("INSERT INTO t VALUES (zeroblob(3000))", [])
                .expect("writes");
        }
        length(&folder)
    };
    file.execute_batch("CREATE TABLE t (x BLOB)")
        .expect("a table");
    let mut before = write(1);
    while before < 120 * FRAME {
        before = write(1);
    }
    log.copy(&file, true);
    let longer = write(1);
    assert!(longer > before, "somebody waits, and it is not that long");
    log.copy(&file, false);
    assert_eq!(write(10), longer, "it is written from its start again");
    before = longer;
    while before < 210 * FRAME {
        before = write(1);
    }
    log.copy(&file, true);
    assert_eq!(write(10), before, "it is too long by now, whoever waits");
}

#[tokio::test]
async fn it_stays_within_its_limit_while_somebody_always_waits() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let all = (0..9000).map(|number| {
        let mut batch = batch(&[&number.to_string()], &[]);
        for (event, _) in &mut batch.events {
            event.payload = vec![b'x'; PAYLOAD].into();
            event.data = DataAt::Text;
        }
        store.accept(batch)
    });
    for accepted in join_all(all).await {
        accepted.expect("accepts");
    }
    let length = length(&folder);
    assert!(length < LONG + GROUP, "{length}");
}
