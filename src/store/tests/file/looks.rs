//! What looks do to the log, and what they find wrong with a file.

use tempfile::TempDir;
use tokio::time::timeout;

use super::super::looks::{AT_ONCE, long_look};
use super::*;

#[tokio::test]
async fn a_look_lets_a_long_log_be_cut_off_before_it_begins() {
    const LIMIT: u64 = 16 << 20;
    let folder = TempDir::new().expect("a folder");
    let log = || {
        let log = std::fs::metadata(folder.path().join("bellwire.db-wal"));
        log.expect("a log").len()
    };
    let store = open(&folder).expect("opens");
    store.limit(LIMIT).await.expect("limits");
    let (end, look) = long_look(&store).await;
    let fill = async {
        let mut too_long = 0;
        for number in 0.. {
            too_long += u64::from(log() > LIMIT / 8);
            if too_long > 10 {
                break;
            }
            let mut one = batch(&[&number.to_string()], &["phone"]);
            one.events[0].0.payload = vec![b'x'; 100_000].into();
            store.accept(one).await.expect("accepts");
        }
    };
    timeout(AT_ONCE, fill)
        .await
        .expect("nobody waits for the look");
    // The next looks are on the line already, so there is no moment at which nobody reads.
    let next: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.depths().await.expect("reads") })
        })
        .collect();
    end.send(()).expect("it listens");
    look.await.expect("ends");
    for look in next {
        let depths = timeout(AT_ONCE, look).await.expect("looks").expect("looks");
        assert!(depths.by_sink[&name("phone")]["waiting"] > 10);
    }
    assert_eq!(log(), 0, "it was cut off, though nothing was written since");
}

#[tokio::test]
async fn damage_that_a_look_finds_ends_the_service() {
    let folder = TempDir::new().expect("a folder");
    let (status, _notices) = Status::new();
    let store = open_at(&folder, status.clone(), now()).expect("opens");
    let look = store.look(|_, _| -> Result<(), StoreError> {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    let error = look.await.expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    timeout(AT_ONCE, store.closed()).await.expect("it ends");
    assert!(store.fault().expect("it says why").contains("bellwire.db"));
    assert!(status.snapshot().store_fault.is_some());
}

#[tokio::test]
async fn who_writes_closes_the_file_last_and_clears_the_log_away() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    store.depths().await.expect("reads");
    store.close().await;
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|file| file.to_string_lossy().contains("-wal")),
        "{left:?}"
    );
}
