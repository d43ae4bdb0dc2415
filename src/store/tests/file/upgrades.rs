//! Steps from one version of the tables to the next: whole or not at all, and never another one.

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::depths::counted;
use super::*;
use crate::store::schema;

/// All of a file that a step could change.
fn contents(file: &Connection) -> Vec<String> {
    let mut all = vec![format!("version {}", version(file))];
    let mut select = file
        .prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name")
        .expect("prepares");
    let rows = select.query_map([], |row| row.get(0)).expect("reads");
    all.extend(rows.map(|row| row.expect("text")));
    let mut select = file
        .prepare("SELECT id || payload FROM events")
        .expect("prepares");
    let rows = select.query_map([], |row| row.get(0)).expect("reads");
    all.extend(rows.map(|row| row.expect("text")));
    all
}

fn version(file: &Connection) -> u32 {
    file.pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("reads")
}

#[test]
fn a_step_that_breaks_off_leaves_the_version_before_it_whole() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("bellwire.db");
    let mut file = Connection::open(&path).expect("opens");
    let first = include_str!("../../schema_1.sql");
    let second = include_str!("../../schema_2.sql");
    schema::migrate(&mut file, 0, &[first]).expect("the first step");
    file.execute(
        "INSERT INTO events VALUES (7, 'ttmt', '1', 'tp_hit', NULL, 1, 0, x'31', 0, 2, '{}')",
        [],
    )
    .expect_err("a payload is bytes");
    file.execute(
        "INSERT INTO events VALUES (7, 'ttmt', '1', 'tp_hit', NULL, 1, 0, x'31', 0, 2, x'7b7d')",
        [],
    )
    .expect("inserts");
    let before = contents(&file);

    let broken = format!("{second}DELETE FROM events;\nINSERT INTO nowhere VALUES (1);\n");
    let third = include_str!("../../schema_3.sql");
    schema::migrate(&mut file, 1, &[first, &broken, third]).expect_err("it breaks off");
    drop(file);
    let mut file = Connection::open(&path).expect("opens again");
    assert_eq!(contents(&file), before);

    schema::migrate(&mut file, 1, &[first, second, &broken]).expect_err("it breaks off");
    assert_eq!(version(&file), 2, "what was whole before it stays");
    schema::migrate(&mut file, 2, &[first, second, third]).expect("and it goes on from there");
    assert_eq!(version(&file), 3);
}

#[tokio::test]
async fn a_start_that_dies_in_the_middle_of_the_steps_is_gone_on_with_by_the_next() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("bellwire.db");
    let stored = include_bytes!("../../../../tests/fixtures/queues/version_1.db");
    std::fs::write(&path, stored).expect("writes");
    let file = Connection::open(&path).expect("opens");
    // As far as a process gets that is killed inside the third step: its pages are in the log, uncommitted.
    file.execute_batch(include_str!("../../schema_2.sql"))
        .expect("the second step");
    file.pragma_update(None, "user_version", 2).expect("writes");
    file.pragma_update(None, "cache_size", 1).expect("sets");
    file.execute_batch("BEGIN").expect("begins");
    file.execute_batch(include_str!("../../schema_3.sql"))
        .expect("the third step");
    let killed = TempDir::new().expect("a folder");
    for name in ["bellwire.db", "bellwire.db-wal"] {
        std::fs::copy(folder.path().join(name), killed.path().join(name)).expect("copies");
    }
    let left = Connection::open(killed.path().join("bellwire.db")).expect("opens");
    assert_eq!(version(&left), 2);
    drop(left);
    let store = open(&killed).expect("opens");
    let rows = store.recent_deliveries(9).await.expect("reads");
    assert_eq!(rows.len(), 4);
    store.close().await;
}

#[tokio::test]
async fn a_later_version_is_refused_with_both_versions_and_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let path = folder.path().join("bellwire.db");
    let file = Connection::open(&path).expect("opens");
    let known = version(&file);
    file.pragma_update(None, "user_version", known + 1)
        .expect("writes");
    drop(file);
    let bytes = std::fs::read(&path).expect("reads");
    let text = open(&folder).expect_err("too new").to_string();
    for part in [
        path.display().to_string(),
        format!("has schema {}", known + 1),
        format!("knows up to {known}"),
        "start the newer bellwire".to_owned(),
        "put back a backup".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    assert!(
        std::fs::read(&path).expect("reads") == bytes,
        "left as it is"
    );
}

#[tokio::test]
async fn an_older_file_is_counted_once() {
    let folder = TempDir::new().expect("a folder");
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    for step in [
        include_str!("../../schema_1.sql"),
        include_str!("../../schema_2.sql"),
        include_str!("../../schema_3.sql"),
        include_str!("../../schema_4.sql"),
        include_str!("../../schema_5.sql"),
        "INSERT INTO events (source, kind, received, backfilled, payload) VALUES ('ttmt', 'tp_hit', 1, 0, x'31');
         INSERT INTO deliveries (event, sink, rule, state, created, due, ended) VALUES
             (1, 'phone', 'all', 0, 3, 3, NULL), (1, 'phone', 'all', 0, 2, 2, NULL), (1, 'phone', 'all', 3, 1, 1, 1),
             (1, 'team', 'all', 2, 1, 1, 1);
         PRAGMA user_version = 5;",
    ] {
        file.execute_batch(step).expect("an older file");
    }
    drop(file);
    let store = open(&folder).expect("opens");
    let depths = store.depths().await.expect("reads");
    assert_eq!(depths, counted(&store).await);
    assert_eq!(depths.by_sink[&name("phone")]["waiting"], 2);
}
