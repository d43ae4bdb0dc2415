//! No id is used twice, whichever copy of a file is worked on.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::super::tags::{ids, tags};
use super::backup::copied;
use super::*;

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
    let store = open(&restored).expect("opens");
    assert_eq!(
        tags(&store).await,
        4 + 1,
        "one that nothing has is forgotten"
    );
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
    let store = open(&restored).expect("opens");
    assert_eq!(tags(&store).await, 1, "and so are those of what is gone");
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
