//! What is done at once and flushed with something else.

use std::time::Instant;

use futures_util::FutureExt as _;
use rusqlite::Connection;

use super::super::hands::{delivered, states};
use super::super::*;
use crate::store::request::Request;
use crate::store::riding::{RIDE_MAX, Riding, patience};
use crate::store::settle::settle_all;
use crate::store::work::{Manner, work};

const PHONE: &str = "phone";

#[tokio::test]
async fn what_shares_a_flush_is_done_at_once_and_answered_with_the_next_or_when_its_time_is_over_or_at_the_close()
 {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &[PHONE]).await;
    let claims = claim(&store, PHONE, now(), 9).await;
    let share = |claim: &Claim| {
        let (store, group) = (store.clone(), delivered(claim));
        async move { store.settle_all(&name(PHONE), group, Flush::Shared).await }.boxed()
    };
    let phone = name(PHONE);
    store.keep_trouble(&phone, None).await.expect("keeps");
    let begun = Instant::now();
    let mut first = share(&claims[0]);
    assert!((&mut first).now_or_never().is_none(), "it waits");
    // Whoever looks asks for nothing that would be flushed with it.
    while !states(&store).await.contains(&("delivered", 1)) {}
    let again = store.keep_trouble(&phone, None).await;
    again.expect("keeps what it has kept already");
    let answer = (&mut first).now_or_never();
    // On a machine that is busy it may have been hurried by now.
    if begun.elapsed() < RIDE_MAX {
        assert!(answer.is_none(), "nothing was flushed");
        store.accept(batch(&["4"], &[])).await.expect("accepts");
        let first = first.now_or_never().expect("an event was flushed");
        assert_eq!(first.expect("settles"), [true]);
    }

    assert_eq!(share(&claims[1]).await.expect("is hurried"), [true]);

    let mut last = share(&claims[2]);
    assert!((&mut last).now_or_never().is_none());
    store.clone().close().await;
    assert_eq!(last.await.expect("settles"), [true]);
    let store = open(&folder).expect("opens");
    assert_eq!(states(&store).await, [("delivered", 3)]);
}

#[tokio::test]
async fn what_is_taken_in_its_turn_flushes_nothing_and_what_is_taken_before_it_does() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &[PHONE]).await;
    let first = claim(&store, PHONE, now(), 1).await.remove(0);
    let (phone, begun) = (name(PHONE), Instant::now());
    let _inbox = store.attend(&phone).await.expect("attends");
    let mut settled = store
        .settle_all(&phone, delivered(&first), Flush::Shared)
        .boxed();
    assert!((&mut settled).now_or_never().is_none());
    while !states(&store).await.contains(&("delivered", 1)) {}
    let in_turn = store.claim_into(&phone, now(), NonZeroUsize::new(1), 0);
    in_turn.await.expect("claims");
    let answer = (&mut settled).now_or_never();
    // On a machine that is busy it may have been hurried by now.
    if begun.elapsed() < RIDE_MAX {
        assert!(answer.is_none(), "nothing was flushed");
        let before_its_turn = store.claim_into(&phone, now(), None, 0);
        before_its_turn.await.expect("claims");
        let settled = settled.now_or_never().expect("it was flushed");
        assert_eq!(settled.expect("settles"), [true]);
    }
}

#[tokio::test]
async fn a_flush_that_fails_is_tried_again() {
    let folder = TempDir::new().expect("a folder");
    let status = Status::new().0;
    let store = open_at(&folder, status.clone(), now()).expect("opens");
    store
        .accept(batch(&["1"], &[PHONE]))
        .await
        .expect("accepts");
    let claim = claim(&store, PHONE, now(), 9).await.remove(0);
    let mut settled = {
        let (store, group) = (store.clone(), delivered(&claim));
        async move { store.settle_all(&name(PHONE), group, Flush::Shared).await }.boxed()
    };
    assert!((&mut settled).now_or_never().is_none());
    while !states(&store).await.contains(&("delivered", 1)) {}
    let other = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks it");
    let settled = tokio::spawn(settled);
    let (mut changes, moment) = (status.changes(), Duration::from_secs(20));
    for is_locked in [true, false] {
        while status.snapshot().store_fault.is_some() != is_locked {
            let told = tokio::time::timeout(moment, changes.changed()).await;
            told.expect("it is told").expect("somebody tells");
        }
        if is_locked {
            assert!(!settled.is_finished(), "nothing was flushed");
            other.execute_batch("COMMIT").expect("lets go of it");
        }
    }
    let settled = settled.await.expect("no panic");
    assert_eq!(settled.expect("settles"), [true]);
}

#[test]
fn what_rides_is_let_go_alone_before_it_is_hurried_and_nothing_else_is() {
    let told = |flush| -> Vec<(Duration, &str)> {
        let name = |request| match request {
            Request::Alone => "alone",
            Request::Hurry => "hurry",
            _ => "other",
        };
        let all = patience(flush);
        all.map(|(after, request)| (after, name(request))).collect()
    };
    let (alone, hurry) = ((Duration::from_millis(3), "alone"), (RIDE_MAX, "hurry"));
    assert_eq!(told(Flush::Rides), [alone, hurry]);
    assert_eq!(told(Flush::Shared), [hurry]);
    assert!(told(Flush::Later).is_empty() && told(Flush::Now).is_empty());
}

#[tokio::test]
async fn what_rides_with_nothing_is_done_by_itself_and_answered_with_the_next_flush() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &[PHONE]).await;
    let claim = claim(&store, PHONE, now(), 9).await.remove(0);
    let rides = Manner {
        bytes: None,
        flush: Flush::Rides,
    };
    let (phone, group) = (name(PHONE), delivered(&claim));
    // Nobody minds the time of this one.
    let mut settled = store
        .put(rides, move |connection, _, _| {
            settle_all(connection, &phone, &group)
        })
        .await
        .expect("is on the line");
    // Of two such requests the second one is answered when all is done that was asked before the first.
    let all_is_done = async || {
        for _ in 0..2 {
            let (request, answered) = Request::shorten();
            store.ask(request).await.expect("asks");
            answered.await.expect("answers");
        }
    };
    all_is_done().await;
    assert_eq!(states(&store).await, [("in_flight", 1)], "it waits");
    store.ask(Request::Alone).await.expect("asks");
    all_is_done().await;
    assert_eq!(states(&store).await, [("delivered", 1)]);
    assert!(settled.try_recv().is_err(), "nothing was flushed");
    store.accept(batch(&["2"], &[])).await.expect("accepts");
    let settled = settled.try_recv().expect("an event was flushed");
    assert_eq!(settled.expect("settles"), [true]);
}

#[test]
fn what_is_done_alone_is_not_flushed_and_what_comes_next_finds_a_file_that_flushes() {
    let folder = TempDir::new().expect("a folder");
    let file = Connection::open(folder.path().join("queue.db")).expect("opens");
    file.pragma_update(None, "synchronous", "FULL")
        .expect("flushes");
    let flushes = || -> bool {
        let level: u8 = file
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .expect("says");
        level >= 2
    };
    let manner = Manner {
        bytes: None,
        flush: Flush::Rides,
    };
    let (rides, mut answer) = work(manner, None, |_, _, _| Ok(()));
    let (next, _answer) = work(manner, None, |_, _, _| Ok(()));
    let (mut riding, mut group) = (Riding::new(), Vec::new());
    riding.sort(rides, &mut group);
    riding.join(&mut group);
    assert!(group.is_empty(), "it waits for others");
    riding.go_alone();
    riding.join(&mut group);
    assert_eq!(group.len(), 1);
    riding.set(&file, &group).expect("sets");
    assert!(!flushes());
    riding.done(&mut group, true);
    assert!(!riding.flush(&file).expect("has nothing to flush"));
    assert!(flushes());
    assert!(answer.try_recv().is_err(), "it was not flushed");
    riding.sort(next, &mut group);
    riding.join(&mut group);
    assert!(group.is_empty(), "it waits for others as well");
}
