//! Deliveries that come in place of others: when, how often, and with what.

use tempfile::TempDir;

use super::*;
use crate::model::{Bundle, Fallback};

const AFTER: i64 = 30;

fn fallback(key: Option<&str>) -> Fallback {
    Fallback {
        to: name("sms"),
        after: Duration::from_secs(AFTER.unsigned_abs()),
        key: key.map(Into::into),
    }
}

/// A queue with one delivery to `phone` of an event that has just arrived, for which `sms` steps in.
async fn relying(folder: &TempDir) -> Store {
    let store = open(folder).expect("opens");
    accept(&store, "1", None).await;
    store
}

async fn accept(store: &Store, id: &str, bundle: Option<Bundle>) {
    let mut one = batch(&[id], &["phone"]);
    one.events[0].1[0].fallback = Some(fallback(None));
    one.events[0].1[0].bundle = bundle;
    store.accept(one).await.expect("accepts");
}

/// Who has stepped in by a second, taken off the queue.
async fn stepped_in(store: &Store, second: i64) -> Vec<Claim> {
    store.stand_in(after(second)).await.expect("steps in");
    claim(store, "sms", after(second), 9).await
}

async fn next(store: &Store) -> Option<Timestamp> {
    store.next_stand_in().await.expect("reads")
}

async fn first(store: &Store) -> Claim {
    claim(store, "phone", now(), 1).await.remove(0)
}

#[tokio::test]
async fn who_does_not_accept_in_time_is_helped_out_once() {
    let folder = TempDir::new().expect("a folder");
    let store = relying(&folder).await;
    assert_eq!(next(&store).await, Some(after(AFTER)));
    wait(&store, &first(&store).await, Wake::Never, after(60)).await;
    assert!(stepped_in(&store, AFTER - 1).await.is_empty());
    let helped = stepped_in(&store, AFTER).await;
    assert_eq!(helped.len(), 1);
    assert_eq!(helped[0].event.id.as_deref(), Some("1"));
    assert_eq!(&*helped[0].rule, "every");
    assert_eq!(
        helped[0].instead.as_deref(),
        Some("phone has not accepted it within 30 s: status 500")
    );
    // Whatever becomes of the first one now.
    let again = claim(&store, "phone", after(60), 1).await;
    end_with(&store, &again[0], settlement(State::Dead, after(60))).await;
    assert!(stepped_in(&store, 999).await.is_empty());
    assert_eq!(next(&store).await, None);
}

#[tokio::test]
async fn a_restart_forgets_nobody() {
    let folder = TempDir::new().expect("a folder");
    relying(&folder).await.close().await;
    let store = open(&folder).expect("opens again");
    let helped = stepped_in(&store, AFTER).await;
    assert_eq!(helped.len(), 1);
    let why = helped[0].instead.as_deref();
    assert_eq!(
        why,
        Some("phone has not accepted it within 30 s"),
        "nothing was tried"
    );
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(
        stepped_in(&store, AFTER).await.len(),
        1,
        "the same one again"
    );
    assert_eq!(next(&store).await, None);
}

#[tokio::test]
async fn who_accepts_needs_no_help_and_who_gives_up_needs_it_at_once() {
    for (end, helped) in [(State::Delivered, 0), (State::Expired, 0), (State::Dead, 1)] {
        let folder = TempDir::new().expect("a folder");
        let store = relying(&folder).await;
        end_with(&store, &first(&store).await, settlement(end, now())).await;
        let found = stepped_in(&store, 0).await;
        assert_eq!(found.len(), helped, "{end:?}");
        if let [claim] = &found[..] {
            let why = claim.instead.as_deref();
            assert_eq!(why, Some("phone has given it up: status 500"));
        }
        assert_eq!(stepped_in(&store, 999).await.len(), 0, "{end:?}");
    }
}

#[tokio::test]
async fn what_a_person_drops_is_not_sent_elsewhere() {
    let folder = TempDir::new().expect("a folder");
    let store = relying(&folder).await;
    let rows = store.recent_deliveries(1).await.expect("reads");
    let dropped = store.drop_delivery(Standing::default(), rows[0].id.as_str(), now());
    dropped.await.expect("drops");
    assert!(stepped_in(&store, 999).await.is_empty());
}

#[tokio::test]
async fn a_bundle_is_handed_on_whole_and_has_its_time_from_when_it_leaves() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let bundle = |max| Bundle {
        key: "".into(),
        closes: after(10),
        max,
        leaves_full: true,
    };
    for id in ["1", "2"] {
        accept(&store, id, Some(bundle(9))).await;
    }
    assert!(stepped_in(&store, 10 + AFTER - 1).await.is_empty());
    let helped = stepped_in(&store, 10 + AFTER).await;
    let ids: Vec<_> = helped[0].bundle.iter().map(|it| it.id.as_deref()).collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
    let why = helped[0].instead.as_deref();
    assert_eq!(why, Some("phone has not accepted it within 30 s"));
    // One that leaves early because it is full.
    for id in ["3", "4"] {
        accept(
            &store,
            id,
            Some(Bundle {
                key: "b".into(),
                ..bundle(2)
            }),
        )
        .await;
    }
    assert_eq!(next(&store).await, Some(after(AFTER)));
    let helped = stepped_in(&store, AFTER).await;
    let why = helped[0].instead.as_deref();
    assert_eq!(why, Some("phone has not accepted it within 30 s"));
}

#[tokio::test]
async fn what_was_merged_stays_until_the_one_who_helps_out_is_done() {
    // The first sink gives up before somebody steps in, or after.
    for gives_up_first in [true, false] {
        let folder = TempDir::new().expect("a folder");
        let store = open(&folder).expect("opens");
        for id in ["1", "2"] {
            let bundle = Bundle {
                key: "".into(),
                closes: after(1),
                max: 9,
                leaves_full: true,
            };
            accept(&store, id, Some(bundle)).await;
        }
        let tried = claim(&store, "phone", after(1), 1).await;
        let gives_up = async || {
            end_with(&store, &tried[0], settlement(State::Dead, after(1))).await;
        };
        if gives_up_first {
            gives_up().await;
        }
        let helped = stepped_in(&store, 1 + AFTER).await;
        assert_eq!(helped[0].bundle.len(), 2);
        if !gives_up_first {
            gives_up().await;
        }
        assert_eq!(prune(&store, after(9_999)).await, 0, "{gives_up_first}");
        end_with(&store, &helped[0], settlement(State::Delivered, after(1))).await;
        assert_eq!(prune(&store, after(9_999)).await, 2, "{gives_up_first}");
    }
}

#[tokio::test]
async fn who_helps_out_keeps_the_order_of_that_sink() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for id in ["1", "2"] {
        let mut one = batch(&[id], &["phone"]);
        one.events[0].1[0].fallback = Some(fallback(Some("a")));
        store.accept(one).await.expect("accepts");
    }
    let helped = stepped_in(&store, AFTER).await;
    assert_eq!(helped.len(), 1, "the second waits for the first");
    let row = store.recent_deliveries(9).await.expect("reads");
    let of: Vec<_> = row.iter().filter_map(|it| it.instead_of.clone()).collect();
    assert_eq!(of.len(), 2);
    assert_eq!(of[1], row[3].id, "it says for which one it steps in");
    assert_eq!(
        row[3].fallback.as_ref(),
        Some(&row[1].id),
        "and that one, by whom"
    );
    assert_eq!(row[1].fallback, None);
}

#[tokio::test]
async fn who_is_to_help_out_two_sinks_gets_an_event_once() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut both = batch(&["1", "2", "3"], &["phone", "desk"]);
    for (_, routes) in &mut both.events {
        for (route, late) in routes.iter_mut().zip([0, 5]) {
            let mut fallback = fallback(None);
            fallback.after += Duration::from_secs(late);
            route.fallback = Some(fallback);
        }
    }
    store.accept(both).await.expect("accepts");
    // Of the first event one of the two is accepted, of the others neither.
    let phone = claim(&store, "phone", now(), 1).await;
    end_with(&store, &phone[0], settlement(State::Delivered, after(1))).await;
    let ids = |helped: &[Claim]| -> Vec<_> {
        let ids = helped.iter().map(|claim| claim.event.id.clone());
        ids.map(|id| id.expect("an id").to_string()).collect()
    };
    let helped = stepped_in(&store, AFTER).await;
    assert_eq!(ids(&helped), ["2", "3"]);
    let ends = [State::Delivered, State::Dead];
    for (helped, end) in helped.iter().zip(ends) {
        end_with(&store, helped, settlement(end, after(AFTER))).await;
    }
    let count = store.stand_in(after(AFTER + 5)).await.expect("steps in");
    assert_eq!(count, 2);
    let helped = stepped_in(&store, AFTER + 5).await;
    assert_eq!(ids(&helped), ["1", "3"], "the second one it has had");
    assert_eq!(next(&store).await, None);
}

#[tokio::test]
async fn a_message_of_several_events_is_handed_on_whatever_else_has_been() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut both = batch(&["1"], &["phone", "desk"]);
    for route in &mut both.events[0].1 {
        route.fallback = Some(fallback(None));
    }
    both.events[0].1[1].bundle = Some(Bundle {
        key: "".into(),
        closes: after(10),
        max: 9,
        leaves_full: true,
    });
    store.accept(both).await.expect("accepts");
    assert_eq!(stepped_in(&store, AFTER).await.len(), 1, "for the phone");
    assert_eq!(
        stepped_in(&store, 10 + AFTER).await.len(),
        1,
        "for the desk"
    );
}
