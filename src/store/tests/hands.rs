//! Deliveries that go to their lane as they come in.

use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::order::line;
use super::*;
use crate::model::{Ended, Settled, Throttle};
use crate::store::{Handed, Inbox};

const PHONE: &str = "phone";

/// An open queue, and the inbox of a lane that has claimed all there was, with this much room.
async fn attended(folder: &TempDir, room: usize) -> (Store, Inbox) {
    let store = open(folder).expect("opens");
    let mut inbox = store.attend(&name(PHONE)).await.expect("attends");
    assert!(claimed(&store, &mut inbox).await.is_empty());
    inbox.set_room(room);
    (store, inbox)
}

/// Claims all that is due into the inbox, and takes it out.
async fn claimed(store: &Store, inbox: &mut Inbox) -> Vec<Claim> {
    let limit = NonZeroUsize::new(100);
    let asked = store.claim_into(&name(PHONE), now(), limit, 0).await;
    asked.expect("claims");
    match inbox.try_next() {
        Some(Handed::Claimed(claims)) => claims.claims,
        other => panic!("{other:?}"),
    }
}

/// Takes these events in, and answers how many deliveries were handed over.
async fn handed(store: &Store, ids: &[&str]) -> usize {
    let accepted = store.accept(batch(ids, &[PHONE])).await;
    accepted.expect("accepts").handed
}

/// What is in the inbox, by the ids of the events.
fn drained(inbox: &mut Inbox) -> Vec<String> {
    let mut ids = Vec::new();
    let id = |claim: &Claim| claim.event.id.as_deref().expect("an id").to_owned();
    while let Some(handed) = inbox.try_next() {
        match handed {
            Handed::New(claim) => ids.push(id(&claim)),
            Handed::Claimed(claims) => ids.extend(claims.claims.iter().map(id)),
        }
    }
    ids
}

pub(super) async fn states(store: &Store) -> Vec<(&'static str, u64)> {
    let depths = store.depths().await.expect("reads");
    let phone = depths.by_sink.into_iter().next();
    phone.map_or_else(Vec::new, |(_, states)| states.into_iter().collect())
}

#[tokio::test]
async fn what_finds_room_is_in_flight_and_reads_as_if_it_had_been_claimed() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 2).await;
    let accepted = store.accept(batch(&["1", "2", "3"], &[PHONE])).await;
    let accepted = accepted.expect("accepts");
    assert_eq!((accepted.deliveries, accepted.handed), (3, 2));
    assert_eq!(states(&store).await, [("in_flight", 2), ("waiting", 1)]);
    let Some(Handed::New(first)) = inbox.try_next() else {
        panic!("nothing came");
    };
    let Some(Handed::New(second)) = inbox.next().await else {
        panic!("one came");
    };
    assert!(inbox.try_next().is_none(), "there was no more room");
    // The one that had to wait is read back; they differ in nothing but their number.
    let third = claimed(&store, &mut inbox).await.remove(0);
    for (one, id) in [(&first, "1"), (&second, "2")] {
        let mut like = third.clone();
        (like.row, like.id) = (one.row, one.id.clone());
        like.event.id = Some(id.into());
        assert_eq!(format!("{one:?}"), format!("{like:?}"));
    }
    store
        .give_back(&name("phone"), vec![first.back()])
        .await
        .expect("goes back");
    let again = claim(&store, PHONE, now(), 9).await.remove(0);
    assert_eq!(
        (again.attempt, &again.id),
        (1, &first.id),
        "it was no attempt"
    );
}

#[tokio::test]
async fn no_more_is_handed_over_than_there_was_room_for_at_last() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 2).await;
    inbox.set_room(5);
    let ids: Vec<String> = (0..30).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(
        handed(&store, &ids[..7]).await,
        5,
        "as the second call says"
    );
    assert_eq!(drained(&mut inbox).len(), 5);
    assert_eq!(claimed(&store, &mut inbox).await.len(), 2);
    inbox.set_room(6);
    inbox.set_room(1);
    inbox.set_room(3);
    assert_eq!(
        handed(&store, &ids[7..15]).await,
        3,
        "up, down and up again"
    );
    assert_eq!(drained(&mut inbox).len(), 3);
    assert_eq!(claimed(&store, &mut inbox).await.len(), 5);
    inbox.set_room(4);
    assert_eq!(handed(&store, &ids[15..18]).await, 3);
    inbox.set_room(3);
    assert_eq!(drained(&mut inbox).len(), 3);
    // Of three places, one was left when fewer came to be than were given.
    inbox.set_room(2);
    assert_eq!(
        handed(&store, &ids[18..22]).await,
        2,
        "what came leaves its place"
    );
}

#[tokio::test]
async fn a_crash_finds_it_in_flight_and_its_attempt_counts() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 1).await;
    handed(&store, &["1"]).await;
    let Some(Handed::New(first)) = inbox.try_next() else {
        panic!("nothing came");
    };
    store.close().await;
    let store = open(&folder).expect("opens");
    let attempts = store.attempts(first.row).await.expect("reads");
    let [interrupted] = &attempts[..] else {
        panic!("{attempts:?}");
    };
    assert_eq!(interrupted.outcome, Outcome::Interrupted);
    let second = claim(&store, PHONE, now(), 9).await.remove(0);
    assert_eq!((second.attempt, second.id), (2, first.id));
}

#[tokio::test]
async fn nothing_overtakes_what_waits_and_what_is_claimed_keeps_its_place() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 1).await;
    handed(&store, &["1", "2"]).await;
    inbox.set_room(9);
    let third = handed(&store, &["3"]).await;
    assert_eq!(third, 0, "the second waits");
    let asked = store
        .claim_into(&name(PHONE), now(), NonZeroUsize::new(9), 0)
        .await;
    asked.expect("claims");
    let fourth = handed(&store, &["4"]).await;
    assert_eq!(fourth, 1, "nothing waits any more");
    assert_eq!(drained(&mut inbox), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn what_came_in_after_its_lane_looked_at_the_clock_is_not_overtaken() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 0).await;
    handed(&store, &["1"]).await;
    inbox.set_room(9);
    let before = now() - SignedDuration::from_secs(1);
    let asked = store
        .claim_into(&name(PHONE), before, NonZeroUsize::new(9), 0)
        .await;
    asked.expect("claims");
    assert_eq!(handed(&store, &["2"]).await, 1, "nothing waits any more");
    assert_eq!(drained(&mut inbox), ["1", "2"]);
}

#[tokio::test]
async fn a_claim_that_leaves_something_leaves_the_way_shut() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &[PHONE]).await;
    let mut inbox = store.attend(&name(PHONE)).await.expect("attends");
    inbox.set_room(9);
    let two = NonZeroUsize::new(2);
    let asked = store.claim_into(&name(PHONE), now(), two, 0).await;
    asked.expect("claims");
    let next = handed(&store, &["4"]).await;
    assert_eq!(next, 0, "the third is due as well");
    assert_eq!(drained(&mut inbox), ["1", "2"]);
}

#[tokio::test]
async fn what_may_wait_for_something_is_not_handed_over() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 9).await;
    let keyed = line(&[("1", Some("a"), 3)]);
    let mut living = batch(&["2"], &[PHONE]);
    living.events[0].1[0].living = Some("position".into());
    for held in [keyed, living] {
        let held = store.accept(held).await.expect("accepts");
        assert_eq!((held.deliveries, held.handed), (1, 0));
    }
    assert_eq!(handed(&store, &["3"]).await, 1);
    let mut large = batch(&["4", "5"], &[PHONE]);
    large.events[0].0.payload = Bytes::from(vec![b'x'; 20_000]);
    let large = store.accept(large).await.expect("accepts");
    assert_eq!(large.handed, 0, "the small one stays behind the large one");
    assert_eq!(drained(&mut inbox), ["3"]);
    assert_eq!(claimed(&store, &mut inbox).await.len(), 4);
}

#[tokio::test]
async fn what_a_throttle_lets_pass_is_handed_over_and_the_rest_is_not() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 9).await;
    let mut throttled = batch(&["1", "2"], &[PHONE]);
    for (_, routes) in &mut throttled.events {
        routes[0].throttle = Some(Throttle {
            key: "".into(),
            limit: 1,
            per: Duration::from_secs(60),
        });
    }
    let accepted = store.accept(throttled).await.expect("accepts");
    assert_eq!((accepted.deliveries, accepted.handed), (1, 1));
    assert_eq!(drained(&mut inbox), ["1"]);
    assert_eq!(states(&store).await, [("in_flight", 1), ("throttled", 1)]);
}

#[tokio::test]
async fn a_lane_that_has_left_gets_nothing_and_one_that_is_gone_loses_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 9).await;
    handed(&store, &["1"]).await;
    store.leave(&name(PHONE)).await.expect("leaves");
    assert_eq!(handed(&store, &["2"]).await, 0);
    assert_eq!(drained(&mut inbox), ["1"]);
    assert!(inbox.next().await.is_none(), "nothing follows");

    let mut inbox = store.attend(&name(PHONE)).await.expect("attends");
    assert_eq!(claimed(&store, &mut inbox).await.len(), 1);
    inbox.set_room(9);
    drop(inbox);
    handed(&store, &["3"]).await;
    let third = claim(&store, PHONE, now(), 9).await.remove(0);
    assert_eq!((third.event.id.as_deref(), third.attempt), (Some("3"), 1));
}

#[tokio::test]
async fn a_transaction_that_fails_hands_nothing_over_and_takes_no_room() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 1).await;
    let failing = batch(&["1"], &[PHONE]);
    let failed = store
        .request(
            crate::store::work::Manner::default(),
            move |connection, tags, hands| {
                crate::store::accept::accept(connection, tags, hands, &failing)?;
                Err::<(), _>(StoreError::Closed)
            },
        )
        .await;
    failed.expect_err("fails");
    assert!(inbox.try_next().is_none());
    // Whoever fails leaves it open what waits, so the lane has to look first.
    assert_eq!(handed(&store, &["1"]).await, 0);
    assert_eq!(claimed(&store, &mut inbox).await.len(), 1);
    assert_eq!(handed(&store, &["2"]).await, 1);
    assert_eq!(drained(&mut inbox), ["2"]);
}

#[tokio::test]
async fn room_that_is_taken_back_is_used_by_nobody() {
    let folder = TempDir::new().expect("a folder");
    let (store, mut inbox) = attended(&folder, 5).await;
    handed(&store, &["1"]).await;
    inbox.set_room(2);
    let more = handed(&store, &["2", "3"]).await;
    assert_eq!(more, 1, "two in all, of which one is on its way");
    assert_eq!(drained(&mut inbox), ["1", "2"]);
    inbox.set_room(0);
    assert_eq!(claimed(&store, &mut inbox).await.len(), 1);
    assert_eq!(handed(&store, &["4"]).await, 0);
}

/// What an attempt has delivered.
pub(super) fn delivered(claim: &Claim) -> Arc<[Settled]> {
    Arc::new([Settled {
        row: claim.row,
        alone: claim.alone,
        ended: Ended::Tried(attempt(claim.attempt, Outcome::Delivered)),
        settlement: settlement(State::Delivered, now()),
    }])
}

#[tokio::test]
async fn what_rides_is_written_with_the_next_or_when_its_time_is_over_or_at_the_close() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &[PHONE]).await;
    let claims = claim(&store, PHONE, now(), 9).await;
    let ride = |claim: &Claim| {
        let (store, group) = (store.clone(), delivered(claim));
        async move { store.settle_all(&name(PHONE), group, Flush::Rides).await }.boxed()
    };
    let mut first = ride(&claims[0]);
    assert!((&mut first).now_or_never().is_none(), "it waits");
    let undelivered = store.undelivered(&name(PHONE)).await.expect("reads");
    assert_eq!(
        undelivered,
        (0, 2),
        "whatever is asked next comes behind it"
    );
    let first = first.now_or_never().expect("it was taken along");
    assert_eq!(first.expect("settles"), [true]);
    assert_eq!(ride(&claims[1]).await.expect("is hurried"), [true]);

    let mut last = ride(&claims[2]);
    assert!((&mut last).now_or_never().is_none());
    store.clone().close().await;
    assert_eq!(last.await.expect("settles"), [true]);
    let store = open(&folder).expect("opens");
    assert_eq!(states(&store).await, [("delivered", 3)]);
}
