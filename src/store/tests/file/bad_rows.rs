//! Rows whose columns have not their types, written by hand into a real file, and files that are damaged.

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::bad_rows::{IDS, is_set_aside};
use super::*;
use crate::store::Deaths;
use crate::store::aside::or_default;
use crate::store::lock::{FolderLock, Holder};

/// A queue with seven deliveries whose second is spoilt by these statements.
async fn spoilt(sql: &str) -> (TempDir, Store) {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let seven = batch(&IDS, &["phone"]);
    store.accept(seven).await.expect("accepts");
    store.close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.execute_batch("PRAGMA foreign_keys = OFF")
        .expect("off");
    // A strict table refuses what a damaged file can hold, so it is loosened for the writing.
    let strict = |from: &str, to: &str| {
        file.execute_batch("PRAGMA writable_schema = ON")
            .expect("on");
        file.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2)",
            [from, to],
        )
        .expect("the schema");
        file.execute_batch("PRAGMA writable_schema = RESET")
            .expect("off");
    };
    strict(") STRICT", ") /*L*/");
    file.execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    strict(") /*L*/", ") STRICT");
    drop(file);
    let store = open(&folder).expect("opens with a bad row");
    (folder, store)
}

#[tokio::test]
async fn a_row_without_its_types_becomes_a_dead_letter_and_the_others_go_on() {
    for sql in [
        "UPDATE deliveries SET rule = CAST(x'ff' AS TEXT) WHERE seq = 2",
        "UPDATE deliveries SET rule = x'05' WHERE seq = 2",
        "UPDATE deliveries SET rule = x'00', state = 1 WHERE seq = 2",
        "UPDATE deliveries SET attempts = 'many' WHERE seq = 2",
        "UPDATE deliveries SET due = 'now' WHERE seq = 2",
        "UPDATE deliveries SET reason = x'00' WHERE seq = 2",
        "UPDATE deliveries SET key = x'01' WHERE seq = 2",
        "UPDATE deliveries SET ended = 'now' WHERE seq = 2",
        "UPDATE deliveries SET bundle = 'none' WHERE seq = 2",
        "UPDATE deliveries SET steps_in = 'soon', fallback = x'00' WHERE seq = 2",
        "UPDATE events SET kind = CAST(x'c328' AS TEXT) WHERE seq = 2",
        "UPDATE events SET kind = x'07' WHERE seq = 2",
        "UPDATE events SET id = x'01' WHERE seq = 2",
        "UPDATE events SET payload = 'text' WHERE seq = 2",
    ] {
        let (_folder, store) = spoilt(sql).await;
        is_set_aside(&store, sql).await;
    }
}

#[tokio::test]
async fn what_is_stored_of_a_source_is_read_as_far_as_it_can_be() {
    let (_folder, store) = spoilt(
        "UPDATE sources SET cursor = CAST(x'ff' AS TEXT), epoch = -1;
         INSERT INTO picture VALUES ('ttmt', 'a', x'01'), ('ttmt', CAST(x'ff' AS TEXT), x'02'), ('ttmt', 'b', 'text');
         INSERT INTO sinks (name, rest_until, deaths, told_at, last_dead) VALUES ('phone', 'soon', x'00', 'now', 'none');",
    )
    .await;
    let checkpoint = store.checkpoint(&name("ttmt")).await.expect("reads");
    assert_eq!((checkpoint.cursor, checkpoint.epoch), (Cursor::Unknown, 0));
    assert_eq!(checkpoint.high_time, Some(now()), "the rest stays");
    let picture = store.picture(&name("ttmt")).await.expect("reads");
    assert_eq!(picture.len(), 1);
    assert_eq!(store.rest_until(&name("phone")).await.expect("reads"), None);
    let deaths = store.deaths(&name("phone")).await.expect("reads");
    assert_eq!(deaths, Deaths::default());
}

#[tokio::test]
async fn a_last_death_that_cannot_be_read_is_left_out_of_the_count_it_belongs_to() {
    let (_folder, store) = spoilt(
        "UPDATE deliveries SET state = 3, ended = 1, created = 'then' WHERE seq = 2;
         INSERT INTO sinks (name, deaths, last_dead) VALUES ('phone', 7, 2);",
    )
    .await;
    let deaths = store.deaths(&name("phone")).await.expect("reads");
    assert_eq!((deaths.count, deaths.last), (7, None));
}

#[tokio::test]
async fn why_a_row_cannot_be_read_names_the_column_and_what_stands_in_it() {
    for (column, value, fault) in [
        (
            "due",
            "'now'",
            "`due` holds a text where a whole number belongs",
        ),
        (
            "due",
            "0.5",
            "`due` holds a number where a whole number belongs",
        ),
        ("rule", "x'05'", "`rule` holds bytes where a text belongs"),
        (
            "rule",
            "7",
            "`rule` holds a whole number where a text belongs",
        ),
        ("rule", "NULL", "`rule` holds nothing where a text belongs"),
        (
            "rule",
            "CAST(x'ff' AS TEXT)",
            "`rule` holds a text that is not UTF-8",
        ),
        ("step", "-3", "`step` holds -3, which is out of range"),
    ] {
        let sql = format!("SELECT {value} AS {column}");
        let file = Connection::open_in_memory().expect("opens");
        let connection = sql::Connection::Sqlite(&file);
        let error = connection
            .query_row(&sql, params![], |row| match column {
                "rule" => row.get::<String>(0).map(drop),
                "step" => row.get::<u32>(0).map(drop),
                _ => row.get::<i64>(0).map(drop),
            })
            .expect_err("not its type");
        assert_eq!(error.to_string(), fault);
    }
}

#[test]
fn only_a_row_that_cannot_be_read_counts_as_missing() {
    let (what, of) = ("its rest", name("phone"));
    let unreadable = Err(sql::SqlError::column(2, "holds nothing"));
    let read: sql::Result<i64> = or_default(unreadable, what, &of);
    assert_eq!(read.expect("a default"), 0);
    let away: sql::Result<i64> = or_default(Err(sql::SqlError::TooSlow), what, &of);
    assert!(matches!(away, Err(sql::SqlError::TooSlow)), "{away:?}");
}

#[tokio::test]
async fn a_file_that_turns_out_to_be_damaged_ends_the_service_with_its_name_and_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for start in 0..40 {
        let ids: Vec<String> = (0..50).map(|n| format!("{start}-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        store
            .accept(batch(&ids, &["phone"]))
            .await
            .expect("accepts");
    }
    store.close().await;
    let path = folder.path().join("bellwire.db");
    let mut bytes = std::fs::read(&path).expect("reads");
    let (store, status) = {
        let (status, _notices) = Status::new();
        let store = Store::open(folder.path(), status.clone(), now()).expect("opens");
        (store, status)
    };
    // The middle of every page behind the schema, while it is open and before it is read.
    for page in bytes.chunks_mut(4096).skip(16) {
        page[..64].fill(0xa5);
    }
    std::fs::write(&path, &bytes).expect("writes");
    let limit = NonZeroUsize::new(2000).expect("some");
    let error = store
        .claim(&name("phone"), now(), limit, 0)
        .await
        .expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    store.closed().await;
    let fault = store.fault().expect("it says why");
    assert!(
        fault.contains("bellwire.db") && fault.contains("rename"),
        "{fault}"
    );
    assert!(status.snapshot().store_fault.is_some());
    // The folder is free once the file is closed, which is after it has been refused.
    while FolderLock::take(folder.path(), Holder::Command).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read(&path).expect("reads"), bytes, "left as it is");
    let log = folder.path().join("bellwire.db-wal").metadata();
    assert!(log.is_ok_and(|log| log.len() > 0), "and so is its log");
}

#[tokio::test]
async fn what_was_in_flight_beside_a_bad_row_is_counted_where_it_is() {
    // The triggers count while the file is opened, behind a row that was set aside as well.
    let sql = "UPDATE deliveries SET state = 1, attempts = 1;
               UPDATE deliveries SET rule = x'00' WHERE seq = 2";
    let (folder, store) = spoilt(sql).await;
    let depths = store.depths().await.expect("reads");
    let counted = &depths.by_sink[&name("phone")];
    assert_eq!((counted["waiting"], counted["dead"]), (6, 1));
    assert_eq!(counted.get("in_flight"), None, "{counted:?}");
    drop(folder);
}

#[tokio::test]
async fn an_event_that_came_in_at_no_moment_keeps_no_other_from_being_removed() {
    for moment in ["'then'", "x'00'"] {
        let spoil = format!(
            "UPDATE events SET received = {moment} WHERE seq = 2; UPDATE deliveries SET state = 2, ended = 1"
        );
        let (_folder, store) = spoilt(&spoil).await;
        assert_eq!(prune(&store, after(1)).await, IDS.len() - 1, "{moment}");
    }
}
