//! No id is used twice, whichever copy of a queue is worked on.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tempfile::TempDir;

use super::backup::copied;
use super::*;

/// How many tags a file has.
fn tags(folder: &TempDir) -> i64 {
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.query_row("SELECT count(*) FROM tags", [], |row| row.get(0))
        .expect("reads")
}

#[tokio::test]
async fn what_comes_in_after_the_file_was_put_back_has_no_id_of_before() {
    let (folder, restored) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    let old = ids(&store).await;
    copied(&folder, &restored.path().join("bellwire.db")).expect("copies");
    store
        .accept(batch(&["3"], &["phone"]))
        .await
        .expect("accepts");
    let later = ids(&store).await;
    store.close().await;

    // Whether something came in before the next start or not.
    let mut known = later.clone();
    for number in 4..8 {
        let store = open(&restored).expect("opens");
        assert!(
            ids(&store).await.is_superset(&old),
            "the old ones keep theirs"
        );
        if number != 5 {
            store
                .accept(batch(&[&number.to_string()], &["phone"]))
                .await
                .expect("accepts");
        }
        let now = ids(&store).await;
        let new: Vec<_> = now.difference(&old).collect();
        assert!(
            new.iter().all(|id| !later.contains(*id)),
            "{new:?} and {later:?}"
        );
        for id in &now {
            let found = store.delivery(Standing::default(), id).await;
            assert!(found.expect("reads").is_some(), "{id} is found by its id");
        }
        known.extend(now);
        store.close().await;
    }
    assert_eq!(known.len(), 3 + 3);
    assert_eq!(tags(&restored), 4, "one that nothing has is forgotten");
    let store = open(&restored).expect("opens");
    for done in claim(&store, "phone", now(), 9).await {
        let settled = settlement(State::Delivered, now());
        let attempt = attempt(done.attempt, Outcome::Delivered);
        store
            .settle(done.row, &done.sink, attempt, settled)
            .await
            .expect("settles");
    }
    assert_eq!(prune(&store, after(1)).await, 5);
    store.close().await;
    open(&restored).expect("opens").close().await;
    assert_eq!(tags(&restored), 1, "and so are those of what is gone");
}

#[tokio::test]
async fn a_tag_that_a_copy_has_not_used_yet_is_not_used_by_it() {
    let (folder, restored) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    holding(&folder, &["1"], &["phone"]).await.close().await;
    let store = open(&folder).expect("opens");
    copied(&folder, &restored.path().join("bellwire.db")).expect("copies");
    let mut all = BTreeSet::new();
    for store in [store, open(&restored).expect("opens")] {
        store
            .accept(batch(&["2"], &["phone"]))
            .await
            .expect("accepts");
        all.extend(ids(&store).await);
        store.close().await;
    }
    assert_eq!(all.len(), 1 + 2, "{all:?}");
}

#[tokio::test]
async fn who_never_stays_up_for_long_has_so_many_tags_and_no_more() {
    let folder = TempDir::new().expect("a folder");
    holding(&folder, &["1"], &["phone"]).await.close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.execute_batch(
        "WITH RECURSIVE starts (first) AS (SELECT 2 UNION ALL SELECT first + 1 FROM starts WHERE first < 4096)
         INSERT INTO tags SELECT first, 'tag' || first FROM starts;
         UPDATE sqlite_sequence SET seq = 4096 WHERE name = 'deliveries';",
    )
    .expect("writes");
    drop(file);
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["2"], &["phone"]))
        .await
        .expect("accepts");
    let ids = ids(&store).await;
    assert!(ids.contains("msg_tag4096_4097"), "{ids:?}");
    store.close().await;
    assert_eq!(tags(&folder), 4096);
}

async fn ids(store: &Store) -> BTreeSet<String> {
    let rows = store.recent_deliveries(100).await.expect("reads");
    rows.iter().map(|row| row.id.as_str().to_owned()).collect()
}
