//! The write-ahead log, which is copied into the file when nobody waits for it.

use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;

/// More than goes into a page beside another one.
const PAYLOAD: usize = 4 << 10;

/// A limit of which a sixteenth is for the log when nobody waits, and what one group of requests adds to it
/// at most, with the head of each frame.
const LIMIT: u64 = 64 << 20;
const SHORT: u64 = LIMIT / 16;
const GROUP: u64 = 256 * 2 * (4096 + 24);

async fn limited(folder: &TempDir) -> Store {
    let store = open(folder).expect("opens");
    store.limit(LIMIT).await.expect("limits");
    store
}

fn length(folder: &TempDir) -> u64 {
    let log = std::fs::metadata(folder.path().join("bellwire.db-wal"));
    log.expect("a log").len()
}

fn large(number: usize) -> Batch {
    let mut batch = batch(&[&number.to_string()], &[]);
    for (event, _) in &mut batch.events {
        event.payload = vec![b'x'; PAYLOAD].into();
        event.data = DataAt::Text;
    }
    batch
}

#[tokio::test]
async fn it_stays_short_while_events_come_one_by_one() {
    let folder = TempDir::new().expect("a folder");
    let store = limited(&folder).await;
    for number in 0..1200 {
        store.accept(large(number)).await.expect("accepts");
    }
    let length = length(&folder);
    assert!(length >= SHORT, "so much went through it: {length}");
    assert!(length < SHORT + GROUP / 4, "{length}");
}

#[tokio::test]
async fn it_stays_short_while_somebody_always_waits() {
    let folder = TempDir::new().expect("a folder");
    let store = limited(&folder).await;
    let all = (0..6000).map(|number| store.accept(large(number)));
    for accepted in join_all(all).await {
        accepted.expect("accepts");
    }
    let length = length(&folder);
    assert!(length < 2 * SHORT + GROUP, "{length}");
}
