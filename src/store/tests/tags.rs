//! Where the ids of deliveries come from, however often the queue is opened.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::*;

/// How many tags a queue has.
pub(super) async fn tags(store: &Store) -> i64 {
    numbers(store, "SELECT count(*) FROM tags").await[0]
}

pub(super) async fn ids(store: &Store) -> BTreeSet<String> {
    let rows = store.recent_deliveries(100).await.expect("reads");
    rows.iter().map(|row| row.id.as_str().to_owned()).collect()
}

/// Has the queue go on behind a number.
async fn go_on_behind(store: &Store, number: i64) {
    let set = store.call(move |connection, _| {
        let set = match connection {
            sql::Connection::Sqlite(_) => {
                "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'deliveries'"
            }
            sql::Connection::Postgres(_) => "SELECT setval('deliveries_seq_seq', ?1)",
        };
        connection.execute(set, params![number])?;
        Ok(())
    });
    set.await.expect("goes on");
}

#[tokio::test]
async fn every_time_it_is_opened_new_ids_have_another_tag_and_old_ones_keep_theirs() {
    let folder = TempDir::new().expect("a folder");
    let mut known = BTreeSet::new();
    for number in 1..4_usize {
        let store = open(&folder).expect("opens");
        assert_eq!(ids(&store).await, known);
        let id = number.to_string();
        store
            .accept(batch(&[&id], &["phone"]))
            .await
            .expect("accepts");
        known = ids(&store).await;
        let tags: BTreeSet<&str> = known
            .iter()
            .map(|id| id.rsplit_once('_').expect("a number").0)
            .collect();
        assert_eq!((known.len(), tags.len()), (number, number), "{known:?}");
        store.close().await;
    }
}

#[tokio::test]
async fn who_never_stays_up_for_long_has_so_many_tags_and_no_more() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let inserted = change(
        &store,
        "WITH RECURSIVE starts (first) AS (SELECT 2 UNION ALL SELECT first + 1 FROM starts WHERE first < 4096)
         INSERT INTO tags SELECT first, 'tag' || first FROM starts",
    );
    assert_eq!(inserted.await, 4095);
    go_on_behind(&store, 4096).await;
    store.close().await;
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["2"], &["phone"]))
        .await
        .expect("accepts");
    let ids = ids(&store).await;
    assert!(ids.contains("msg_tag4096_4097"), "{ids:?}");
    assert_eq!(tags(&store).await, 4096);
}
