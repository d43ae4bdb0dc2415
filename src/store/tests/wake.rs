//! What is due before its time: a probe of a sink that is away, and what its return or its next success
//! sets going.

use tempfile::TempDir;

use super::super::claim::WAKE_MAX;
use super::bundles::{arrive, digest};
use super::order::{filled, ids, line};
use super::*;
use crate::model::Bundle;

#[tokio::test]
async fn a_probe_takes_one_before_its_time_and_a_recovery_wakes_the_rest() {
    let folder = TempDir::new().expect("a folder");
    let store = filled(&folder, &[("1", None, 3), ("2", None, 3)]).await;
    let probe = async |at| {
        let claims = store.probe(&name("phone"), at, 0).await.expect("claims");
        claims.claims
    };
    let due = probe(now()).await.remove(0);
    assert_eq!(
        (ids(std::slice::from_ref(&due)), due.early_for),
        (vec!["1"], None)
    );
    wait(&store, &due, Wake::OnReturn, after(60)).await;
    let due = probe(now()).await.remove(0);
    assert_eq!(
        ids(std::slice::from_ref(&due)),
        ["2"],
        "what is due comes first"
    );
    wait(&store, &due, Wake::OnReturn, after(90)).await;
    let early = probe(after(10)).await.remove(0);
    assert_eq!(early.early_for, Some(after(60)), "the soonest of the rest");
    let over = settlement(State::Delivered, after(10));
    assert!(end_untried(&store, &early, early.attempt, over, after(10)).await);

    assert_eq!(
        store.undelivered(&name("phone")).await.expect("reads"),
        (1, 0)
    );
    assert!(claim(&store, "phone", after(10), 9).await.is_empty());
    let wake = async |sink| store.wake(&name(sink), Wake::OnReturn).await;
    wake("team").await.expect("wakes");
    assert!(claim(&store, "phone", after(10), 9).await.is_empty());
    wake("phone").await.expect("wakes");
    assert_eq!(ids(&claim(&store, "phone", after(10), 9).await), ["2"]);
    assert!(probe(after(10)).await.is_empty(), "nothing waits");
}

#[tokio::test]
async fn what_was_refused_is_due_once_more_when_its_sink_accepts_another() {
    let folder = TempDir::new().expect("a folder");
    let store = filled(&folder, &[("1", None, 3), ("2", None, 3)]).await;
    let phone = name("phone");
    let taken = claim(&store, "phone", now(), 9).await;
    assert!(taken.iter().all(|claim| !claim.woken));
    wait(&store, &taken[0], Wake::OnSuccess, after(600)).await;
    wait(&store, &taken[1], Wake::OnReturn, after(700)).await;
    assert!(store.is_missed(&phone).await.expect("reads"));

    store.wake(&phone, Wake::OnSuccess).await.expect("wakes");
    let woken = claim(&store, "phone", after(1), 9).await;
    assert_eq!(ids(&woken), ["1"], "the other waits for the return");
    assert!(woken[0].woken);
    wait(&store, &woken[0], Wake::Never, after(600)).await;
    for on in [Wake::OnSuccess, Wake::OnReturn] {
        store.wake(&phone, on).await.expect("wakes");
    }
    let woken = claim(&store, "phone", after(1), 9).await;
    assert_eq!(
        ids(&woken),
        ["2"],
        "refused again, the first one keeps its time"
    );
    assert!(!store.is_missed(&phone).await.expect("reads"));
}

#[tokio::test]
async fn a_long_line_is_woken_in_parts() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let names: Vec<String> = (0..=WAKE_MAX).map(|number| number.to_string()).collect();
    let many: Vec<_> = names.iter().map(|id| (id.as_str(), None, 3)).collect();
    store.accept(line(&many)).await.expect("accepts");
    for claim in claim(&store, "phone", now(), many.len()).await {
        wait(&store, &claim, Wake::OnReturn, after(600)).await;
    }
    for (more, due) in [(true, WAKE_MAX), (false, many.len())] {
        let phone = name("phone");
        assert_eq!(
            store.wake(&phone, Wake::OnReturn).await.expect("wakes"),
            more
        );
        let found = store.due(&phone, now(), many.len()).await.expect("reads");
        assert_eq!(found.count, due);
    }
}

#[tokio::test]
async fn a_message_that_was_tried_early_is_due_at_the_return_and_waits_for_no_end_of_its_time() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let phone = name("phone");
    // One with several events in it and one with a single one.
    for (id, key) in [("1", "a"), ("2", "a"), ("3", "b")] {
        let key = key.into();
        let bundle = Bundle {
            key,
            ..digest(3600)
        };
        arrive(&store, id, 0, bundle).await;
    }
    for (newest, wake) in [("2", Wake::OnReturn), ("3", Wake::OnSuccess)] {
        let early = store.probe(&phone, after(1), 0).await;
        let early = early.expect("claims").claims;
        assert_eq!(ids(&early), [newest]);
        wait(&store, &early[0], wake, after(3600)).await;
        let waits = claim(&store, "phone", after(2), 9).await;
        assert_eq!(ids(&waits), [""; 0], "not before");
        store.wake(&phone, wake).await.expect("wakes");
        let due = claim(&store, "phone", after(2), 9).await;
        assert_eq!(ids(&due), [newest]);
    }
}
