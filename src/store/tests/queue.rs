//! What is accepted, claimed and settled.

use std::num::NonZeroUsize;

use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn res_3_a_replay_adds_nothing_and_still_moves_the_cursor() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    let again = store
        .accept(batch(&["2", "3"], &["phone"]))
        .await
        .expect("accepts");
    assert_eq!(
        (again.new, again.repeated.len(), again.deliveries),
        (1, 1, 1)
    );
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 3);
    let checkpoint = store.checkpoint(&name("ttmt")).await.expect("reads");
    assert_eq!(checkpoint.cursor, Cursor::At("3".to_owned()));
}

#[tokio::test]
async fn feed_l5_an_event_without_identity_is_never_a_replay() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut twice = batch(&["1", "1"], &["phone"]);
    for (event, _) in &mut twice.events {
        event.identity = None;
    }
    let accepted = store.accept(twice).await.expect("accepts");
    assert_eq!((accepted.new, accepted.repeated.len()), (2, 0));
}

#[tokio::test]
async fn a_claim_is_taken_once_oldest_first_and_says_when_the_next_is_due() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone"]).await;
    let first = store
        .claim(&name("phone"), now(), NonZeroUsize::new(2).expect("two"), 0)
        .await
        .expect("claims");
    let ids: Vec<_> = first
        .claims
        .iter()
        .map(|claim| claim.event.id.as_deref())
        .collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
    assert!(first.more, "the third is due as well");
    let third = claim(&store, "phone", after(-30), 9).await;
    assert!(third.is_empty());
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 1);
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 0);
    assert_eq!(claim(&store, "other", now(), 9).await.len(), 0);
}

#[tokio::test]
async fn a_claim_that_leaves_nothing_says_when_the_next_is_due() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    let claims = claim(&store, "phone", now(), 9).await;
    let later = [after(60), after(30)];
    for (claim, due) in claims.iter().zip(later) {
        wait(&store, claim, Wake::Never, due).await;
    }
    let limit = NonZeroUsize::new(9).expect("some");
    let next = async |at| {
        let claims = store.claim(&name("phone"), at, limit, 0).await;
        let claims = claims.expect("claims");
        (claims.claims.len(), claims.next_due)
    };
    assert_eq!(next(now()).await, (0, Some(after(30))));
    assert_eq!(next(after(30)).await, (1, Some(after(60))));
    assert_eq!(next(after(60)).await, (1, None));
}

#[tokio::test]
async fn a_claim_takes_no_more_than_may_be_in_memory_and_says_that_there_is_more() {
    const PAYLOAD: usize = 60_000;
    const MOST: usize = 1 << 20;
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let large = large(40, PAYLOAD, &["phone"]);
    store.accept(large).await.expect("accepts");
    let limit = NonZeroUsize::new(100).expect("some");
    let (mut taken, mut more) = (Vec::new(), true);
    while more {
        let claims = store.claim(&name("phone"), now(), limit, 0).await;
        let claims = claims.expect("claims");
        let bytes: usize = claims.claims.iter().map(|it| it.event.payload.len()).sum();
        assert!(bytes <= MOST + PAYLOAD, "{bytes} bytes at once");
        more = claims.more;
        assert!(!more || bytes >= MOST, "{bytes} bytes and no more");
        taken.extend(claims.claims.into_iter().filter_map(|it| it.event.id));
    }
    let ids = (0..40).map(|id| id.to_string());
    assert!(taken.iter().map(|id| id.to_string()).eq(ids), "{taken:?}");
}

#[tokio::test]
async fn a_failed_attempt_is_due_again_when_its_settlement_says() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    let settled = store
        .settle(
            first.row,
            &first.sink,
            attempt(1, Outcome::Retry),
            settlement(State::Waiting, after(30)),
        )
        .await;
    assert!(settled.expect("settles"));
    assert!(claim(&store, "phone", after(29), 1).await.is_empty());
    let second = claim(&store, "phone", after(30), 1).await.remove(0);
    assert_eq!((second.attempt, second.step, second.plain), (2, 1, true));
    assert_eq!(second.id, first.id, "the id is the same over all attempts");
    assert!(!second.id.as_str().contains('.'));
    assert_eq!(
        store.attempts(first.row).await.expect("reads"),
        [attempt(1, Outcome::Retry)]
    );
}

#[tokio::test]
async fn a_late_settlement_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    store.close().await;
    let store = open(&folder).expect("opens again");
    let late = |number| {
        let delivered = settlement(State::Delivered, now());
        store.settle(
            first.row,
            &first.sink,
            attempt(number, Outcome::Delivered),
            delivered,
        )
    };
    assert!(
        !late(1).await.expect("answers"),
        "it was taken back meanwhile"
    );
    let second = claim(&store, "phone", now(), 1).await.remove(0);
    assert!(
        !late(1).await.expect("answers"),
        "a newer claim is on its way"
    );
    assert!(late(second.attempt).await.expect("answers"));
}

#[tokio::test]
async fn depths_count_by_sink_and_state() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone", "team"]).await;
    claim(&store, "phone", now(), 1).await;
    let depths = store.depths().await.expect("reads");
    assert_eq!(depths.by_sink[&name("phone")]["waiting"], 1);
    assert_eq!(depths.by_sink[&name("phone")]["in_flight"], 1);
    assert_eq!(depths.by_sink[&name("team")]["waiting"], 2);
    assert_eq!(depths.oldest_waiting[&name("team")], now());
    let events = store
        .events(Standing::default(), None, 1)
        .await
        .expect("reads");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].deliveries.len(), 2);
}

#[tokio::test]
async fn res_1_what_is_taken_back_goes_before_what_was_never_taken() {
    let folder = TempDir::new().expect("a folder");
    let mut store = open(&folder).expect("opens");
    store
        .accept(batch(&["1", "2", "3"], &["phone"]))
        .await
        .expect("accepts");
    let ids = |claims: &[Claim]| -> Vec<i64> { claims.iter().map(|claim| claim.row).collect() };
    let first = claim(&store, "phone", after(10), 2).await;
    for _ in 0..2 {
        store.close().await;
        store = open_at(&folder, Status::new().0, after(20)).expect("opens again");
        let again = claim(&store, "phone", after(20), 2).await;
        assert_eq!(ids(&again), ids(&first), "a second crash repeats no others");
    }
    store.close().await;
}

#[tokio::test]
async fn a_claim_that_ends_without_a_request_is_no_attempt_and_settles_nothing_later() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let one = batch(&["1"], &["phone"]);
    store.accept(one).await.expect("accepts");
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    let waits = settlement(State::Waiting, now());
    let settled = store.settle(first.row, &first.sink, attempt(1, Outcome::Retry), waits);
    assert!(settled.await.expect("settles"));

    let second = claim(&store, "phone", now(), 1).await.remove(0);
    assert_eq!(second.attempt, 2);
    let expired = settlement(State::Expired, now());
    let end = async |number| end_untried(&store, &first, number, expired.clone(), now()).await;
    assert!(!end(1).await, "not the newest");
    assert!(end(2).await);
    let shown = async || {
        let found = store.delivery(Standing::default(), second.id.as_str());
        let (row, tries) = found.await.expect("reads").expect("is there");
        let numbers: Vec<_> = tries.iter().map(|one| one.number).collect();
        (row.state, row.attempts, numbers)
    };
    assert_eq!(shown().await, (State::Expired, 1, vec![1]));
    let late = settlement(State::Delivered, now());
    for number in [1, 2] {
        assert!(!end(number).await, "it has ended");
        let attempt = attempt(number, Outcome::Delivered);
        let settled = store.settle(first.row, &first.sink, attempt, late.clone());
        assert!(!settled.await.expect("answers"), "{number} comes too late");
    }
    assert_eq!(shown().await, (State::Expired, 1, vec![1]));
}

#[tokio::test]
async fn dc_10_what_a_platform_calls_a_living_notification_is_known_to_the_next_delivery() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut all = batch(&["1", "2", "3", "4"], &["phone"]);
    for (_, routes) in &mut all.events[..3] {
        routes[0].living = Some("trade 7".into());
    }
    store.accept(all).await.expect("accepts");
    let claims = claim(&store, "phone", now(), 9).await;
    let message = |claim: &Claim| claim.living.as_ref().map(|living| living.message.clone());
    assert_eq!(message(&claims[0]), Some(None), "nothing was posted yet");
    assert_eq!(message(&claims[3]), None, "it has one of its own");
    for claim in [&claims[0], &claims[3]] {
        let settled = Settlement {
            posted: Posted::As("1100".into()),
            ..settlement(State::Delivered, now())
        };
        end_with(&store, claim, settled).await;
    }
    store.close().await;
    let store = open(&folder).expect("opens again");
    let claims = claim(&store, "phone", now(), 9).await;
    assert_eq!(message(&claims[0]), Some(Some("1100".into())));
    let gone = Settlement {
        posted: Posted::Gone,
        ..settlement(State::Waiting, now())
    };
    end_with(&store, &claims[0], gone).await;
    let again = claim(&store, "phone", now(), 9).await;
    assert_eq!(message(&again[0]), Some(None), "forgotten");
}

#[tokio::test]
async fn a_living_notification_is_forgotten_with_what_is_old() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut all = batch(&["1", "2"], &["phone"]);
    for (_, routes) in &mut all.events {
        routes[0].living = Some("trade 7".into());
    }
    store.accept(all).await.expect("accepts");
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    let settled = Settlement {
        posted: Posted::As("1100".into()),
        ..settlement(State::Delivered, now())
    };
    end_with(&store, &first, settled).await;
    prune(&store, after(1)).await;
    let next = claim(&store, "phone", now(), 1).await.remove(0);
    assert_eq!(next.living.expect("a key").message, None);
}

/// Takes a batch of each source in, all while the queue is busy with something else; answers the sources
/// in the order in which their first events stand in the queue.
async fn in_order(batches: Vec<(&str, usize)>) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut begin = Some(begin);
    let busy = store.call(move |_, _| {
        drop(begin.take());
        Ok(held.recv().is_ok())
    });
    let accepted = async {
        // It is dropped once the queue is busy, so that all that follows is on the line together.
        let _ = begun.await as Result<(), _>;
        let accepted = join_all(batches.into_iter().map(|(source, events)| {
            let ids: Vec<String> = (0..events).map(|n| format!("{source}-{n}")).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut batch = batch(&ids, &[]);
            batch.source = name(source);
            for (event, _) in &mut batch.events {
                event.source = name(source);
            }
            store.accept(batch)
        }));
        let released = async { release.send(()) };
        tokio::join!(biased; accepted, released)
    };
    let (busy, (accepted, released)) = tokio::join!(busy, accepted);
    assert!(busy.expect("does"));
    released.expect("it waits");
    for accepted in accepted {
        accepted.expect("accepts");
    }
    let (arrived, _) = store
        .arrived(Standing::default(), 0, None, 5000)
        .await
        .expect("reads");
    let mut sources: Vec<String> = arrived
        .iter()
        .map(|one| one.row.head.source.to_string())
        .collect();
    sources.dedup();
    sources
}

#[tokio::test]
async fn an_event_of_a_quiet_source_waits_for_no_thousand_of_a_busy_one() {
    let order = in_order(vec![("busy", 1000), ("quiet", 1)]).await;
    assert_eq!(order, ["quiet", "busy"]);
    let order = in_order(vec![("busy", 1000), ("other", 1000)]).await;
    assert_eq!(order, ["busy", "other"], "neither is quiet");
}
