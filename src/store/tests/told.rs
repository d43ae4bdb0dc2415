//! What is kept beside the deliveries: the attempts at them, the trouble of a sink, and how each looks when it is
//! read back.

use tempfile::TempDir;

use super::*;
use crate::store::row::time;
use crate::store::{ToldTrouble, accept, depths};

#[tokio::test]
async fn attempts_are_read_as_they_were_written_and_of_many_the_newest_hundred_are_kept() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let outcomes = [
        Outcome::Retry,
        Outcome::RetryAfter,
        Outcome::Dead,
        Outcome::Suspend,
        Outcome::Interrupted,
        Outcome::Delivered,
    ];
    let mut written = Vec::new();
    for (number, outcome) in (1..=103).zip(outcomes.into_iter().cycle()) {
        let one = claim(&store, "phone", now(), 1).await.remove(0);
        let attempt = Attempt {
            at: after(i64::from(number)),
            duration: Duration::from_micros(u64::from(number) * 1001),
            status: (number % 2 == 0).then_some(503),
            ..attempt(number, outcome)
        };
        let again = settlement(State::Waiting, now());
        let settled = store.settle(one.row, &one.sink, attempt.clone(), again);
        assert!(settled.await.expect("settles"));
        written.push(attempt);
        let kept = store.attempts(one.row).await.expect("reads");
        let first = written.len().saturating_sub(100);
        assert_eq!(kept, written[first..], "after {number}");
    }
}

#[tokio::test]
async fn where_the_data_of_an_event_is_stands_with_it() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let places = [
        DataAt::Missing,
        DataAt::Text,
        DataAt::Json { start: 0, end: 38 },
        DataAt::Json { start: 24, end: 38 },
    ];
    let mut four = batch(&["1", "2", "3", "4"], &["phone"]);
    for ((event, _), place) in four.events.iter_mut().zip(places) {
        event.data = place;
    }
    store.accept(four).await.expect("accepts");
    let read: Vec<DataAt> = claim(&store, "phone", now(), 9)
        .await
        .iter()
        .map(|claim| claim.event.data)
        .collect();
    assert_eq!(read, places);
}

#[tokio::test]
async fn an_event_in_a_list_says_when_it_arrived_and_when_it_happened() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &[]).await;
    let listed = store.events(Standing::default(), None, 9).await;
    let listed = listed.expect("reads").remove(0);
    assert_eq!(
        (listed.received, listed.head.time),
        (now(), Some(after(-1)))
    );
}

#[tokio::test]
async fn an_event_in_a_list_is_told_with_its_deliveries_and_each_with_what_is_in_its_message() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone", "team"]).await;
    let listed = store.events(Standing::default(), None, 9).await;
    let mut listed = listed.expect("reads").remove(0);
    listed.deliveries[1].merged = 2;
    let told = listed.json();
    assert_eq!(
        (&told["id"], &told["type"]),
        (&"1".into(), &"tp_hit".into())
    );
    assert_eq!(told["received"], "2025-10-09T08:53:20.000Z");
    let deliveries = told["deliveries"].as_array().expect("a list");
    let sinks: Vec<_> = deliveries
        .iter()
        .map(|it| (&it["sink"], it.get("merged")))
        .collect();
    let two = 2.into();
    assert_eq!(
        sinks,
        [(&"phone".into(), None), (&"team".into(), Some(&two))]
    );
}

#[test]
fn a_moment_that_no_calendar_has_is_the_nearest_that_it_has() {
    assert_eq!(time(i64::MIN), Timestamp::MIN);
    assert_eq!(time(i64::MAX), Timestamp::MAX);
    assert_eq!(time(0), Timestamp::UNIX_EPOCH);
}

#[tokio::test]
async fn what_was_told_of_a_sink_is_known_until_it_is_over() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let (phone, other) = (name("phone"), name("other"));
    assert_eq!(store.trouble(&phone).await.expect("reads"), None);
    let told = |suspended| ToldTrouble {
        since: after(-60),
        reason: "status 500".to_owned(),
        suspended,
    };
    for suspended in [false, true] {
        let told = Some(told(suspended));
        let kept = store.keep_trouble(&phone, told.clone());
        kept.await.expect("keeps");
        assert_eq!(store.trouble(&phone).await.expect("reads"), told);
    }
    assert_eq!(store.trouble(&other).await.expect("reads"), None);
    store.close().await;

    let store = open(&folder).expect("opens again");
    let known = store.trouble(&phone).await.expect("reads");
    assert_eq!(known, Some(told(true)));
    store.keep_trouble(&phone, None).await.expect("keeps");
    assert_eq!(store.trouble(&phone).await.expect("reads"), None);
}

#[tokio::test]
async fn open_deliveries_are_those_that_wait_and_those_in_flight() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone", "team"]).await;
    let claims = claim(&store, "phone", now(), 3).await;
    let states = [State::Delivered, State::Dead];
    for (claim, state) in claims.iter().zip(states) {
        end_with(&store, claim, settlement(state, now())).await;
    }
    let open = store.call(|connection, _| depths::open(connection)).await;
    assert_eq!(open.expect("reads"), 4);
}

#[test]
fn whatever_grows_a_batch_grows_what_it_is_taken_to_need() {
    let one = || {
        let mut one = batch(&["1"], &["phone"]);
        one.events[0].0.about = Some(Bytes::from_static(b"{}"));
        one.picture.push(PictureRow {
            key: "k".repeat(7),
            body: Some(vec![b'b'; 11]),
        });
        one
    };
    let before = accept::bytes(&one());
    let grown = |grow: &dyn Fn(&mut Batch)| {
        let mut grown = one();
        grow(&mut grown);
        accept::bytes(&grown) - before
    };
    let payload = one().events[0].0.payload.len();
    let longer = |by: usize| Bytes::from(vec![b'x'; payload + by]);
    assert_eq!(grown(&|it| it.events[0].0.payload = longer(1000)), 1000);
    let about = || Some(Bytes::from(vec![b'x'; 502]));
    assert_eq!(grown(&|it| it.events[0].0.about = about()), 500);
    assert_eq!(grown(&|it| it.picture[0].key = "k".repeat(107)), 100);
    let body = || Some(vec![b'b'; 111]);
    assert_eq!(grown(&|it| it.picture[0].body = body()), 100);
    // A row holds more than a dozen columns, and has its place in several indexes.
    let rows = |it: &mut Batch| it.events[0].1 = vec![route("phone"), route("team")];
    assert!((100..=500).contains(&grown(&rows)));
    let events = |it: &mut Batch| it.events.push((event("2"), Vec::new()));
    assert!((100..=800).contains(&(grown(&events) - payload as u64)));
}
