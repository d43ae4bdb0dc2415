//! Dead letters: each is counted where it ends, and counts as told where that is committed.

use tempfile::TempDir;

use super::*;
use crate::model::{INTERNAL_SOURCE, Told};
use crate::store::{ByHand, Deaths};

async fn deaths(store: &Store) -> Deaths {
    store.deaths(&name("phone")).await.expect("reads")
}

fn told(deaths: u64, at: Timestamp) -> Told {
    Told {
        sink: name("phone"),
        deaths,
        at,
    }
}

/// An event of bellwire itself.
fn own(sinks: &[&str]) -> Batch {
    let mut own = batch(&["own"], sinks);
    own.source = name(INTERNAL_SOURCE);
    own.checkpoint = None;
    for (event, _) in &mut own.events {
        event.source = name(INTERNAL_SOURCE);
        event.identity = None;
    }
    own
}

/// Ends everything that is due.
async fn end(store: &Store, state: State) -> Vec<Claim> {
    let claims = claim(store, "phone", now(), 9).await;
    for one in &claims {
        let settlement = settlement(state, now());
        let attempt = attempt(one.attempt, Outcome::Dead);
        let settled = store.settle(one.row, &one.sink, attempt, settlement).await;
        assert!(settled.expect("settles"));
    }
    claims
}

#[tokio::test]
async fn deaths_are_counted_with_the_last_one_and_are_there_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    assert_eq!(deaths(&store).await, Deaths::default());
    store
        .accept(batch(&["1", "2"], &["phone", "team"]))
        .await
        .expect("accepts");
    let ended = end(&store, State::Dead).await;
    store
        .accept(batch(&["3"], &["phone"]))
        .await
        .expect("accepts");
    end(&store, State::Delivered).await;
    store.close().await;

    let store = open(&folder).expect("opens again");
    let found = deaths(&store).await;
    assert_eq!((found.count, found.told, found.told_at), (2, 0, None));
    let last = found.last.expect("it is in the queue");
    assert_eq!(last.id, ended[1].id);
    assert_eq!(last.event.id.as_deref(), Some("2"));
    assert_eq!(
        last.last.expect("an attempt").answer.as_deref(),
        Some("oops")
    );
    let other = store.deaths(&name("team")).await.expect("reads");
    assert_eq!(other, Deaths::default());
}

#[tokio::test]
async fn a_delivery_that_could_not_be_encoded_counts_and_a_late_settlement_does_not() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let only = claim(&store, "phone", now(), 1).await.remove(0);
    let dead = settlement(State::Dead, now());
    assert!(!end_untried(&store, &only, only.attempt + 1, dead.clone(), now()).await);
    assert_eq!(deaths(&store).await.count, 0);
    for first in [true, false] {
        let ended = end_untried(&store, &only, only.attempt, dead.clone(), now());
        assert_eq!(ended.await, first);
        assert_eq!(deaths(&store).await.count, 1);
    }
}

#[tokio::test]
async fn what_a_person_drops_and_what_bellwire_says_of_itself_is_not_counted() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store.accept(own(&["phone"])).await.expect("accepts");
    assert_eq!(end(&store, State::Dead).await.len(), 1);
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    let id = store
        .recent_deliveries(1)
        .await
        .expect("reads")
        .remove(0)
        .id;
    let dropped = store.drop_delivery(Standing::default(), id.as_str(), now());
    assert!(matches!(dropped.await.expect("answers"), ByHand::Done(_)));
    assert_eq!(deaths(&store).await, Deaths::default());
}

#[tokio::test]
async fn what_dies_at_the_start_is_counted_too() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    assert_eq!(claim(&store, "phone", now(), 1).await.len(), 1);
    let spoil = "UPDATE deliveries SET attempts = -1 WHERE state = 1";
    assert_eq!(change(&store, spoil).await, 1);
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(deaths(&store).await.count, 1, "set aside");
    store.close().await;

    let mut starts = 0;
    loop {
        let store = open(&folder).expect("opens again");
        let is_over = claim(&store, "phone", now(), 1).await.is_empty();
        let count = deaths(&store).await.count;
        store.close().await;
        starts += 1;
        assert!(starts < 100, "it would go on for ever");
        assert_eq!(count, if is_over { 2 } else { 1 });
        if is_over {
            break;
        }
    }
}

#[tokio::test]
async fn they_count_as_told_with_the_notice_and_not_without_it() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone"]).await;
    end(&store, State::Dead).await;
    let mut unwritten = own(&["team"]);
    unwritten.picture = vec![PictureRow {
        key: String::new(),
        body: Some(Vec::new()),
    }];
    let lost = "ALTER TABLE picture RENAME TO lost";
    let lose = store.call(|connection, _| Ok(connection.execute(lost, params![])?));
    lose.await.expect("a table less");
    let failed = store.tell(unwritten, vec![told(2, now())]).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(deaths(&store).await.told, 0, "nobody was told");

    let accepted = store.tell(own(&["team"]), vec![told(2, now())]).await;
    assert_eq!(accepted.expect("tells").deliveries, 1);
    store.close().await;
    let store = open(&folder).expect("opens again");
    let found = deaths(&store).await;
    assert_eq!((found.count, found.told), (3, 2));
    assert_eq!(found.told_at, Some(now()));
    store
        .tell(own(&[]), vec![told(1, after(5))])
        .await
        .expect("tells");
    assert_eq!(deaths(&store).await.told, 2, "it never goes back");
}

#[tokio::test]
async fn the_last_one_may_have_left_the_queue() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    end(&store, State::Dead).await;
    assert_eq!(prune(&store, after(1)).await, 1);
    let found = deaths(&store).await;
    assert_eq!((found.count, found.last), (1, None));
}
