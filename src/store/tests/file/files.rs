//! Files that cannot be used, or that somebody meddles with.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// Closing a file of one's own gives up what SQLite has locked of it, and whoever comes next may take the log away.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_open_queue_stays_locked_for_other_programs() {
    use std::os::unix::fs::MetadataExt;

    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    store.recent_deliveries(1).await.expect("reads");
    let file = folder.path().join("bellwire.db");
    let inode = format!(":{}", file.metadata().expect("it is there").ino());
    let locks = std::fs::read_to_string("/proc/locks").expect("the system's locks");
    let ours = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"POSIX") && words.iter().any(|word| word.ends_with(&inode))
    };
    assert!(locks.lines().any(|line| ours(&line)), "{locks}");
    store.close().await;
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_led_to_the_newest_one_with_all_it_holds() {
    let folder = TempDir::new().expect("a folder");
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.execute_batch(include_str!("../../schema_1.sql"))
        .expect("the first schema");
    file.execute_batch(
        "INSERT INTO events VALUES (7, 'ttmt', '1', 'tp_hit', NULL, 1, 0, x'31', 0, 2, x'7b7d');
         INSERT INTO deliveries (event, sink, rule, state, created, due) VALUES (7, 'phone', 'all', 0, 1, 1);
         INSERT INTO sources VALUES ('ttmt', '1', 0, 0, '1', NULL);
         PRAGMA user_version = 1;",
    )
    .expect("its rows");
    drop(file);
    let store = open(&folder).expect("opens");
    let claimed = claim(&store, "phone", now(), 9).await.remove(0);
    assert_eq!(claimed.event.payload, Bytes::from_static(b"{}"));
    assert_eq!(claimed.event.about, None);
    let source = name("ttmt");
    assert!(store.picture(&source).await.expect("reads").is_empty());
    let accepted = store
        .accept(batch(&["1", "2"], &[]))
        .await
        .expect("accepts");
    assert_eq!(
        (accepted.new, accepted.repeated.len()),
        (1, 1),
        "identities hold"
    );
}

#[tokio::test]
async fn two_instances_never_share_a_folder_and_the_second_says_who_holds_it() {
    let folder = TempDir::new().expect("a folder");
    let first = open(&folder).expect("opens");
    let refused = open(&folder).expect_err("the folder is taken").to_string();
    assert!(
        refused.contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    first.close().await;
    open(&folder).expect("free again");
}

#[tokio::test]
async fn a_damaged_file_is_refused_by_name_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("bellwire.db");
    let rubbish =
        b"this is no database, but it is longer than the header of one would have to be".repeat(20);
    std::fs::write(&file, &rubbish).expect("writes");
    let error = open(&folder).expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("bellwire.db") && text.contains("rename"),
        "{text}"
    );
    assert_eq!(std::fs::read(&file).expect("still there"), rubbish);
}

#[tokio::test]
async fn a_log_whose_file_is_missing_or_empty_is_refused_and_kept() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let file = folder.path().join("bellwire.db");
    let log = folder.path().join("bellwire.db-wal");
    let kept = std::fs::read(&log).expect("a log");
    assert!(!kept.is_empty());
    store.close().await;

    std::fs::remove_file(&file).expect("goes");
    std::fs::write(&log, &kept).expect("as after a crash");
    for is_empty in [false, true] {
        if is_empty {
            std::fs::write(&file, b"").expect("writes");
        }
        let status = Status::new().0;
        let by_hand = Store::open_existing(folder.path(), status, now()).expect_err("refused");
        let started = open(&folder).expect_err("refused");
        for refused in [by_hand, started] {
            assert!(
                matches!(refused, StoreError::LogAlone { .. }),
                "{refused:?}"
            );
            let told = refused.to_string();
            for path in [&file, &log] {
                assert!(told.contains(&format!("`{}`", path.display())), "{told}");
            }
        }
        assert!(std::fs::read(&log).expect("it is there") == kept);
        assert_eq!(file.exists(), is_empty, "nothing was made");
    }
    std::fs::write(&log, b"").expect("writes");
    let store = open(&folder).expect("a new queue");
    store.close().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_told_by_its_name() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("bellwire.db");
    std::fs::create_dir(&file).expect("a folder in its place");
    let refused = open(&folder).expect_err("no file");
    assert!(matches!(&refused, StoreError::File { path, .. } if *path == file));
}

#[tokio::test]
async fn a_file_that_is_taken_away_or_replaced_is_told_until_it_is_back() {
    let folder = TempDir::new().expect("a folder");
    let status = Status::new().0;
    let store = Store::open(folder.path(), status.clone(), now()).expect("opens");
    let in_folder = |name: &str| folder.path().join(name);
    let (file, aside) = (in_folder("bellwire.db"), in_folder("aside.db"));
    let told = async || {
        let accepted = store.accept(batch(&["1"], &["phone"])).await;
        accepted.expect("goes on");
        status.snapshot().store_fault
    };
    assert_eq!(told().await, None);
    std::fs::rename(&file, &aside).expect("taken away");
    let reason = told().await.expect("it is away");
    let words = format!("`{}` was taken away", file.display());
    assert!(reason.contains(&words), "{reason}");
    std::fs::copy(&aside, &file).expect("another one");
    assert_eq!(told().await, Some(reason));
    std::fs::rename(&aside, &file).expect("put back");
    assert_eq!(told().await, None, "it is the same one");
    store.close().await;
}

#[tokio::test]
async fn who_only_looks_notices_too_that_the_file_is_away_and_back() {
    let folder = TempDir::new().expect("a folder");
    let status = Status::new().0;
    let store = Store::open(folder.path(), status.clone(), now()).expect("opens");
    let in_folder = |name: &str| folder.path().join(name);
    let (file, aside) = (in_folder("bellwire.db"), in_folder("aside.db"));
    let mut changes = status.changes();
    for (from, to) in [(&file, &aside), (&aside, &file)] {
        std::fs::rename(from, to).expect("moves");
        store.recent_deliveries(1).await.expect("reads");
        let told = tokio::time::timeout(Duration::from_secs(20), changes.changed()).await;
        told.expect("it is told").expect("somebody tells");
        let is_told = status.snapshot().store_fault.is_some();
        assert_eq!(is_told, *to == aside);
    }
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_of_a_queue_are_their_owners_alone_in_whatever_folder() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().expect("a folder");
    let open_to_all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open_to_all).expect("a mode");
    let store = holding(&folder, &["1"], &["phone"]).await;
    for name in ["bellwire.db", "bellwire.db-wal", "bellwire.db-shm"] {
        let file = folder.path().join(name).metadata().expect("it is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.pragma_update(None, "user_version", 99)
        .expect("writes");
    drop(file);
    let error = open(&folder).expect_err("too new");
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_queue_in_a_folder_is_shared_with_nobody() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    assert!(!store.is_shared());
    assert_eq!(store.instances().await.expect("reads"), []);
}
