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
