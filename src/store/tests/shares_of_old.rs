//! What is old goes a share at a time, so that nobody waits long behind it.

use tempfile::TempDir;

use super::*;
use crate::store::Share;

#[tokio::test]
async fn one_share_is_enough_for_a_few() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &[]).await;
    let share = store.prune(after(1), Place::START).await.expect("prunes");
    let all = Share {
        removed: 3,
        next: None,
    };
    assert_eq!(share, all);
}

#[tokio::test]
async fn a_share_of_large_events_ends_at_two_mebibytes() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store.accept(large(5, 1 << 20, &[])).await.expect("accepts");
    let (mut removed, mut from) = (Vec::new(), Some(Place::START));
    while let Some(place) = from {
        let share = store.prune(after(1), place).await.expect("prunes");
        removed.push(share.removed);
        from = share.next;
    }
    assert_eq!(removed, [2, 2, 1]);
}

/// Puts runs of events into a queue that nobody wants, so many each, that came in at these seconds.
async fn with_runs(folder: &TempDir, runs: &[(usize, i64)]) -> Store {
    let store = open(folder).expect("opens");
    for (number, (count, at)) in runs.iter().enumerate() {
        let mut batch = batch(&[], &[]);
        batch.events = (0..*count)
            .map(|one| {
                let id = format!("{number}-{one}");
                let received = after(*at);
                (
                    Event {
                        received,
                        ..event(&id)
                    },
                    Vec::new(),
                )
            })
            .collect();
        store.accept(batch).await.expect("accepts");
    }
    store
}

#[tokio::test]
async fn what_is_old_is_found_behind_what_came_in_before_the_clock_was_set_back() {
    const OLD: i64 = 0;
    const YOUNG: i64 = 5_000;
    for young in [511, 512, 513, 575, 640, 1_100] {
        for old in [127, 512, 700] {
            let folder = TempDir::new().expect("a folder");
            let runs = [
                (3, OLD),
                (young, YOUNG),
                (old, OLD),
                (young, YOUNG),
                (old, OLD),
                (9, YOUNG),
            ];
            let store = with_runs(&folder, &runs).await;
            let removed = prune(&store, after(1)).await;
            assert_eq!(removed, 3 + 2 * old, "{old} behind {young}");
            assert_eq!(prune(&store, after(1)).await, 0);
            assert_eq!(prune(&store, after(5_001)).await, 2 * young + 9);
        }
    }
}

#[tokio::test]
async fn a_few_old_ones_are_found_among_others() {
    let folder = TempDir::new().expect("a folder");
    let runs: Vec<(usize, i64)> = (0..30).map(|number| (1, number % 3)).collect();
    let store = with_runs(&folder, &runs).await;
    assert_eq!(prune(&store, after(1)).await, 10);
    assert_eq!(prune(&store, after(2)).await, 10);
    assert_eq!(prune(&store, after(3)).await, 10);
}

#[tokio::test]
async fn a_search_ends_where_nothing_more_is_old() {
    let folder = TempDir::new().expect("a folder");
    let store = with_runs(&folder, &[(3, 0), (2_000, 5_000)]).await;
    let share = store.prune(after(1), Place::START).await.expect("prunes");
    assert_eq!(share.removed, 3);
    let next = share.next.expect("some were old");
    let share = store.prune(after(1), next).await.expect("prunes");
    let none = Share {
        removed: 0,
        next: None,
    };
    assert_eq!(share, none);
    assert_eq!(
        store.prune(after(1), Place::START).await.expect("prunes"),
        none
    );
}

#[tokio::test]
async fn what_a_look_has_found_is_in_the_next_share() {
    let folder = TempDir::new().expect("a folder");
    let store = with_runs(&folder, &[(49_400, 5_000), (2_000, 0), (48_600, 5_000)]).await;
    // As if most had gone before, so that many looks find the same event.
    change(
        &store,
        "DELETE FROM events WHERE seq BETWEEN 20000 AND 40000",
    )
    .await;
    let share = store.prune(after(1), Place::START).await.expect("prunes");
    assert_eq!(share.removed, 0);
    let next = share.next.expect("some are old");
    let share = store.prune(after(1), next).await.expect("prunes");
    assert!(share.removed > 0, "{share:?}");
    assert_eq!(share.removed + prune(&store, after(1)).await, 2_000);
}
