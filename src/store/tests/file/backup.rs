//! A copy of the queue as it was at one moment, and where it may be put.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::{BackupError, Copied, back_up};

/// Makes the queue some steps long.
const EVENTS: usize = 40;
const PAYLOAD: usize = 100_000;

async fn large_queue(folder: &TempDir) -> Store {
    let store = open(folder).expect("opens");
    let batch = large(EVENTS, PAYLOAD, &["phone"]);
    store.accept(batch).await.expect("accepts");
    store
}

pub(super) fn copied(folder: &TempDir, target: &Path) -> Result<Copied, BackupError> {
    back_up(folder.path(), target, &CancellationToken::new(), |_, _| ())
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

#[tokio::test]
async fn a_copy_is_of_one_moment_whatever_is_written_while_it_is_made() {
    let (folder, place) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let store = large_queue(&folder).await;
    let busy = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    let target = place.path().join("copy.db");
    let mut steps = Vec::new();
    let made = back_up(
        folder.path(),
        &target,
        &CancellationToken::new(),
        |done, all| {
            steps.push((done, all));
            busy.execute(
                "DELETE FROM deliveries WHERE seq = ?1",
                [steps.len() as i64],
            )
            .expect("nobody is in the way");
        },
    )
    .expect("copies");
    assert!(steps.len() > 2, "{steps:?}");
    assert!(
        steps.is_sorted_by(|one, next| one.0 < next.0 && one.1 == next.1),
        "it never begins again: {steps:?}"
    );
    assert_eq!(made.waiting, EVENTS as u64, "what went later is in it");
    assert_eq!(names(place.path()), BTreeSet::from(["copy.db".to_owned()]));
    assert_eq!(made.bytes, fs::metadata(&target).expect("is there").len());
    let copy = Connection::open(&target).expect("opens");
    let mode: String = copy
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .expect("reads");
    assert_eq!(mode, "delete", "it needs no log");
    let events: i64 = copy
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .expect("reads");
    assert_eq!(events, EVENTS as i64);
    store.close().await;
}

#[tokio::test]
async fn one_that_nobody_wants_any_more_leaves_nothing() {
    let (folder, place) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let store = large_queue(&folder).await;
    let stop = CancellationToken::new();
    let mut steps = 0;
    let refused = back_up(
        folder.path(),
        &place.path().join("copy.db"),
        &stop,
        |_, _| {
            steps += 1;
            assert!(!names(place.path()).is_empty(), "it is being written");
            stop.cancel();
        },
    );
    assert!(
        matches!(refused, Err(BackupError::Interrupted)),
        "{refused:?}"
    );
    assert_eq!(steps, 1, "at the next look");
    assert_eq!(names(place.path()), BTreeSet::new());
    store.close().await;
}

#[tokio::test]
async fn it_replaces_no_file_and_is_put_where_none_of_the_queue_belongs() {
    let folder = TempDir::new().expect("a folder");
    holding(&folder, &["1"], &["phone"]).await.close().await;
    let before = names(folder.path());
    let queue = fs::read(folder.path().join("bellwire.db")).expect("reads");
    for own in ["", "-wal", "-shm", "-journal"] {
        let target = folder.path().join(format!("bellwire.db{own}"));
        let refused = copied(&folder, &target).expect_err("is the queue's");
        assert!(matches!(refused, BackupError::Own { .. }), "{refused:?}");
    }
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("bellwire.db"), &link).expect("links");
    let refused = copied(&folder, &link).expect_err("is the queue");
    assert!(matches!(refused, BackupError::Own { .. }), "{refused:?}");
    fs::remove_file(&link).expect("goes");
    std::os::unix::fs::symlink("nowhere.db", &link).expect("links");
    let refused = copied(&folder, &link).expect_err("is there");
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused:?}");
    fs::remove_file(&link).expect("goes");
    for taken in [
        folder.path().join("bellwire.lock"),
        folder.path().to_owned(),
    ] {
        let text = copied(&folder, &taken).expect_err("is there").to_string();
        assert!(text.contains(&taken.display().to_string()), "{text}");
    }
    for nowhere in ["none/copy.db", "bellwire.lock/copy.db", ".."] {
        let refused = copied(&folder, &folder.path().join(nowhere)).expect_err("nowhere");
        assert!(
            matches!(refused, BackupError::Unwritten { .. }),
            "{refused:?}"
        );
    }
    // Reading a stopped one's files may leave an empty log and its index, which whoever opens it next takes over.
    let after: BTreeSet<String> = names(folder.path()).difference(&before).cloned().collect();
    assert_eq!(after, BTreeSet::new());
    assert!(fs::read(folder.path().join("bellwire.db")).expect("reads") == queue);
}

#[tokio::test]
async fn where_there_is_no_queue_none_is_made_and_nothing_copied() {
    let folder = TempDir::new().expect("a folder");
    let target = folder.path().join("copy.db");
    for file in [None, Some("")] {
        if let Some(text) = file {
            fs::write(folder.path().join("bellwire.db"), text).expect("writes");
        }
        let refused = copied(&folder, &target).expect_err("no queue");
        assert!(
            matches!(refused, BackupError::Queue(StoreError::Missing { .. })),
            "{refused:?}"
        );
        assert!(!target.exists());
    }
}

#[tokio::test]
async fn damage_is_found_before_it_is_a_backup() {
    let folder = TempDir::new().expect("a folder");
    large_queue(&folder).await.close().await;
    let file = folder.path().join("bellwire.db");
    let mut bytes = fs::read(&file).expect("reads");
    // Inside payloads, where only who follows them comes by.
    for page in bytes.chunks_mut(4096).rev().take(5) {
        page[..4].fill(0xa5);
    }
    fs::write(&file, &bytes).expect("writes");
    let target = folder.path().join("copy.db");
    let refused = copied(&folder, &target).expect_err("damaged");
    assert!(
        matches!(refused, BackupError::Queue(StoreError::Corrupt { .. })),
        "{refused:?}"
    );
    assert!(!target.exists());
}

#[tokio::test]
async fn a_queue_of_a_later_version_is_left_to_that_version() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.pragma_update(None, "user_version", 99)
        .expect("writes");
    drop(file);
    let refused = copied(&folder, &folder.path().join("copy.db")).expect_err("too new");
    let BackupError::Queue(StoreError::Newer { found: 99, .. }) = refused else {
        panic!("{refused:?}");
    };
}

#[tokio::test]
async fn what_a_killed_backup_left_behind_goes_with_the_next_one() {
    let folder = TempDir::new().expect("a folder");
    let place = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let left = |name: &str| {
        let draft = place.path().join(name);
        fs::create_dir(&draft).expect("a draft");
        fs::write(draft.join("bellwire.db"), b"half of it").expect("writes");
        fs::File::create(draft.join("held")).expect("makes")
    };
    drop(left(".bellwire-backup-killed"));
    let at_work = left(".bellwire-backup-at-work");
    at_work.lock().expect("free");
    drop(left("of-somebody-else"));
    copied(&folder, &place.path().join("copy.db")).expect("copies");
    let expected = [".bellwire-backup-at-work", "copy.db", "of-somebody-else"];
    assert_eq!(names(place.path()), expected.map(str::to_owned).into());
    store.close().await;
}
