//! What arrives, as a follower of the queue comes to it.

use tempfile::TempDir;

use super::*;
use crate::model::INTERNAL_SOURCE;

/// The ids of what a follower finds behind a place, and how far it has come with that.
async fn found(store: &Store, place: i64, source: Option<&str>, limit: u32) -> (String, i64) {
    let looked = store.arrived(Standing::default(), place, source.map(name), limit);
    let (found, reached) = looked.await.expect("reads");
    for one in &found {
        let event = one.event.as_ref().expect("can be read");
        assert_eq!(one.row.head.id.as_deref(), event.id.as_deref());
        assert_eq!(one.row.deliveries.len(), 1, "{one:?}");
    }
    let ids = found.iter().filter_map(|one| one.row.head.id.as_deref());
    (ids.collect::<Vec<_>>().join(" "), reached)
}

#[tokio::test]
async fn a_follower_comes_to_every_event_once_in_the_order_of_the_queue() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["a", "b", "c"], &["phone"]).await;
    let mut other = batch(&["d", "e"], &["team"]);
    other.source = name("feed");
    other.checkpoint = None;
    for (event, _) in &mut other.events {
        event.source = name("feed");
    }
    store.accept(other).await.expect("accepts");
    let found = async |place, source, limit| found(&store, place, source, limit).await;
    assert_eq!(found(0, None, 9).await, ("a b c d e".to_owned(), 5));
    assert_eq!(found(0, None, 2).await, ("a b".to_owned(), 2));
    assert_eq!(found(2, None, 2).await, ("c d".to_owned(), 4));
    assert_eq!(found(4, None, 2).await, ("e".to_owned(), 5));
    assert_eq!(found(5, None, 2).await, (String::new(), 5));
    // What is passed over is not looked at again.
    assert_eq!(found(0, Some("feed"), 1).await, ("d".to_owned(), 4));
    assert_eq!(found(0, Some("ttmt"), 9).await, ("a b c".to_owned(), 5));
    assert_eq!(found(0, Some("nobody"), 9).await, (String::new(), 5));
}

#[tokio::test]
async fn what_is_far_behind_is_come_to_in_several_looks() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let ids: Vec<String> = (0..2_000).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    store
        .accept(batch(&ids, &["phone"]))
        .await
        .expect("accepts");
    let mut last = batch(&["last"], &["phone"]);
    last.events[0].0.source = name("feed");
    store.accept(last).await.expect("accepts");
    let (mut place, mut looks) = (0, 0);
    loop {
        let (ids, reached) = found(&store, place, Some("feed"), 9).await;
        assert!(reached > place, "it never comes to the last");
        (place, looks) = (reached, looks + 1);
        if ids == "last" {
            break;
        }
    }
    assert_eq!((place, looks), (2_001, 2));
}

#[tokio::test]
async fn the_sign_is_given_for_what_is_new_once_it_can_be_seen() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut sign = store.arrivals();
    let given = |sign: &mut tokio::sync::watch::Receiver<u64>| {
        let given = sign.has_changed().expect("the queue is there");
        sign.mark_unchanged();
        given
    };
    // Without a delivery, too: no rule wants it.
    store.accept(batch(&["a"], &[])).await.expect("accepts");
    assert!(given(&mut sign));
    let mut own = batch(&["b"], &[]);
    own.source = name(INTERNAL_SOURCE);
    store.clone().tell(own, Vec::new()).await.expect("tells");
    assert!(given(&mut sign), "through another handle");
}
