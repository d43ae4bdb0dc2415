//! Deliveries that share a message: when it leaves, what it tells, and what becomes of those inside.

use tempfile::TempDir;

use super::*;
use crate::model::{Bundle, Throttle};
use crate::store::{ByHand, Filter};

/// How long these bundles are open, in seconds.
const WITHIN: i64 = 10;
const MAX: u32 = 4;

/// A bundle as `coalesce` makes it for what arrives at a second.
fn burst(second: i64, key: &str) -> Bundle {
    Bundle {
        key: key.into(),
        closes: after(second + WITHIN),
        max: MAX,
        leaves_full: true,
    }
}

/// A bundle as `digest` makes it: open until a set time.
pub(super) fn digest(closes: i64) -> Bundle {
    Bundle {
        closes: after(closes),
        leaves_full: false,
        ..burst(0, "")
    }
}

/// Accepts an event that arrives at a second; answers the states of its deliveries.
pub(super) async fn arrive(store: &Store, id: &str, second: i64, bundle: Bundle) -> State {
    let mut one = batch(&[id], &["phone"]);
    let (event, routes) = &mut one.events[0];
    event.received = after(second);
    routes[0].bundle = Some(bundle);
    store.accept(one).await.expect("accepts");
    list(store).await.remove(0).state
}

async fn list(store: &Store) -> Vec<crate::store::DeliveryRow> {
    let listed = store.deliveries(Standing::default(), Filter::default(), 100);
    listed.await.expect("reads")
}

/// What is due at a second, each message as the ids of its events.
async fn due(store: &Store, second: i64) -> Vec<Claim> {
    claim(store, "phone", after(second), 9).await
}

fn ids(claims: &[Claim]) -> Vec<String> {
    let told = claims.iter().map(|claim| {
        let events: Vec<_> = match &claim.bundle[..] {
            [] => vec![&claim.event],
            several => several.iter().collect(),
        };
        let ids: Vec<_> = events.iter().filter_map(|it| it.id.as_deref()).collect();
        ids.join(" ")
    });
    told.collect()
}

async fn deliver(store: &Store, claim: &Claim) {
    end_with(store, claim, settlement(State::Delivered, after(60))).await;
}

#[tokio::test]
async fn a_burst_is_one_message_when_its_window_closes() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    assert_eq!(arrive(&store, "1", 0, burst(0, "")).await, State::Waiting);
    assert_eq!(arrive(&store, "2", 4, burst(4, "")).await, State::Merged);
    assert_eq!(arrive(&store, "3", 9, burst(9, "")).await, State::Merged);
    assert_eq!(ids(&due(&store, 9).await), [""; 0], "it is still open");
    assert_eq!(arrive(&store, "4", 10, burst(10, "")).await, State::Waiting);
    let claims = due(&store, 10).await;
    assert_eq!(ids(&claims), ["1 2 3"]);
    assert_eq!(claims[0].event.id.as_deref(), Some("3"), "the newest");
    assert_eq!(ids(&due(&store, 20).await), ["4"]);
    let reason = |row: i64| {
        let id = claims[0].id.clone();
        let store = store.clone();
        async move {
            let rows = list(&store).await;
            let found = rows.iter().find(|it| it.row == row).expect("there");
            found.reason.clone() == Some(format!("in one message with {id}"))
        }
    };
    assert!(reason(2).await, "it says where it went");
    let merged: Vec<u64> = list(&store)
        .await
        .iter()
        .rev()
        .map(|it| it.merged)
        .collect();
    assert_eq!(merged, [2, 0, 0, 0], "how many go with the first");
}

#[tokio::test]
async fn keys_rules_and_sinks_are_collected_apart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    assert_eq!(arrive(&store, "1", 0, burst(0, "a")).await, State::Waiting);
    assert_eq!(arrive(&store, "2", 1, burst(1, "b")).await, State::Waiting);
    assert_eq!(arrive(&store, "3", 2, burst(2, "a")).await, State::Merged);
    let mut other = batch(&["4"], &["phone", "team"]);
    for route in &mut other.events[0].1 {
        route.bundle = Some(burst(2, "a"));
    }
    other.events[0].1[0].rule = "other".into();
    store.accept(other).await.expect("accepts");
    let states: Vec<State> = list(&store).await.iter().map(|it| it.state).collect();
    assert_eq!(
        states[..2],
        [State::Waiting; 2],
        "another rule, another sink"
    );
    let claims = due(&store, 30).await;
    assert_eq!(ids(&claims), ["1 3", "2", "4"]);
}

#[tokio::test]
async fn a_full_one_leaves_at_once() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for (id, second) in [("1", 0), ("2", 1), ("3", 1), ("4", 2)] {
        arrive(&store, id, second, burst(second, "")).await;
    }
    assert_eq!(ids(&due(&store, 2).await), ["1 2 3 4"]);
    assert_eq!(arrive(&store, "5", 3, burst(3, "")).await, State::Waiting);
    assert_eq!(ids(&due(&store, 12).await), [""; 0]);
    assert_eq!(ids(&due(&store, 13).await), ["5"]);
}

#[tokio::test]
async fn a_full_digest_has_another_one_at_the_same_time() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for id in ["1", "2", "3", "4", "5", "6"] {
        arrive(&store, id, 1, digest(3600)).await;
    }
    assert_eq!(ids(&due(&store, 3599).await), [""; 0]);
    assert_eq!(ids(&due(&store, 3600).await), ["1 2 3 4", "5 6"]);
    assert_eq!(
        arrive(&store, "7", 3600, digest(7200)).await,
        State::Waiting
    );
}

#[tokio::test]
async fn payloads_in_one_message_have_a_limit() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let large = |id: &'static str, second: i64| {
        let mut one = batch(&[id], &["phone"]);
        let (event, routes) = &mut one.events[0];
        event.received = after(second);
        event.payload = Bytes::from(vec![b' '; 3 << 20]);
        routes[0].bundle = Some(burst(second, ""));
        one
    };
    for (id, second) in [("1", 0), ("2", 1), ("3", 2)] {
        store.accept(large(id, second)).await.expect("accepts");
    }
    assert_eq!(
        ids(&due(&store, 1).await),
        ["1"],
        "it left when it was full"
    );
    assert_eq!(ids(&due(&store, 2).await), ["2"]);
    assert_eq!(ids(&due(&store, 12).await), ["3"]);
}

#[tokio::test]
async fn the_limit_counts_what_was_added_to_payloads_and_may_be_reached() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let sized = |id: &'static str, payload: usize, about: usize| {
        let mut one = batch(&[id], &["phone"]);
        let (event, routes) = &mut one.events[0];
        event.payload = Bytes::from(vec![b' '; payload]);
        event.about = Some(Bytes::from(vec![b' '; about]));
        routes[0].bundle = Some(burst(0, ""));
        one
    };
    let half = 2 << 20;
    for (id, payload, about) in [
        ("1", half, 0),
        ("2", half - 100, 100),
        ("3", half, 0),
        ("4", half - 99, 100),
    ] {
        let accepted = store.accept(sized(id, payload, about)).await;
        accepted.expect("accepts");
    }
    let messages: Vec<usize> = due(&store, 12)
        .await
        .iter()
        .map(|claim| claim.bundle.len())
        .collect();
    assert_eq!(messages, [2, 0, 0], "the third was alone, as the fourth is");
}

#[tokio::test]
async fn a_crash_inside_the_window_loses_nothing_and_sends_nothing_twice() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 0, burst(0, "")).await;
    arrive(&store, "2", 1, burst(1, "")).await;
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(arrive(&store, "3", 2, burst(2, "")).await, State::Merged);
    let claims = due(&store, 10).await;
    assert_eq!(ids(&claims), ["1 2 3"]);
    // It ends while the message is on its way: what comes meanwhile must not change it.
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(arrive(&store, "4", 3, burst(3, "")).await, State::Waiting);
    let again = due(&store, 11).await;
    assert_eq!(ids(&again), ["1 2 3"]);
    assert_eq!(again[0].id, claims[0].id);
    deliver(&store, &again[0]).await;
    assert_eq!(ids(&due(&store, 99).await), ["4"]);
}

#[tokio::test]
async fn every_attempt_tells_the_same() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 0, burst(0, "")).await;
    arrive(&store, "2", 0, burst(0, "")).await;
    // A sink that may be back is asked with what is due next, before its time.
    let early = store.probe(&name("phone"), after(1), 0).await;
    let early = early.expect("claims").claims;
    assert_eq!(ids(&early), ["1 2"]);
    wait(&store, &early[0], Wake::Never, after(5)).await;
    assert_eq!(arrive(&store, "3", 2, burst(2, "")).await, State::Waiting);
    assert_eq!(ids(&due(&store, 5).await), ["1 2"]);
}

#[tokio::test]
async fn a_throttle_counts_messages() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let arrive = |id: &'static str, second: i64| {
        let mut one = batch(&[id], &["phone"]);
        let (event, routes) = &mut one.events[0];
        event.received = after(second);
        routes[0].bundle = Some(burst(second, ""));
        routes[0].throttle = Some(Throttle {
            limit: 1,
            per: Duration::from_secs(60),
            key: "".into(),
        });
        let store = store.clone();
        async move {
            store.accept(one).await.expect("accepts");
            list(&store).await.remove(0).state
        }
    };
    assert_eq!(arrive("1", 0).await, State::Waiting);
    assert_eq!(arrive("2", 5).await, State::Merged);
    assert_eq!(arrive("3", 11).await, State::Throttled);
    assert_eq!(arrive("4", 12).await, State::Throttled, "it opened nothing");
    assert_eq!(arrive("5", 61).await, State::Waiting);
    assert_eq!(ids(&due(&store, 20).await), ["1 2"]);
    let later = due(&store, 71).await;
    assert_eq!(ids(&later), ["5"]);
    assert_eq!(later[0].suppressed.map(|it| it.count), Some(2));
}

#[tokio::test]
async fn what_is_merged_stays_for_as_long_as_its_message_may_be_sent() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 0, burst(0, "")).await;
    arrive(&store, "2", 0, burst(0, "")).await;
    let count = async || list(&store).await.len();
    prune(&store, after(9_999)).await;
    assert_eq!(count().await, 2, "it has not left");
    let claims = due(&store, 10).await;
    let dead = settlement(State::Dead, after(10));
    end_with(&store, &claims[0], dead).await;
    let states: Vec<_> = list(&store).await.iter().map(|row| row.state).collect();
    assert_eq!(states, [State::Merged, State::Dead]);
    let id = claims[0].id.as_str();
    let again = store.retry(Standing::default(), id, after(20)).await;
    assert!(matches!(again, Ok(ByHand::Done(_))));
    prune(&store, after(9_999)).await;
    assert_eq!(count().await, 2, "a person wants it sent");
    let claims = due(&store, 20).await;
    assert_eq!(ids(&claims), ["1 2"]);
    deliver(&store, &claims[0]).await;
    prune(&store, after(9_999)).await;
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn ages_of_a_message_count_from_when_it_may_leave() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 0, digest(3600)).await;
    let depths = store.depths().await.expect("reads");
    assert_eq!(depths.oldest_waiting[&name("phone")], after(3600));
    let claims = due(&store, 3600).await;
    assert_eq!(claims[0].asked, Some(after(3600)));
}

#[tokio::test]
async fn a_person_retries_the_message_and_not_what_is_inside() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 0, burst(0, "")).await;
    arrive(&store, "2", 0, burst(0, "")).await;
    let rows = list(&store).await;
    let inside = store.retry(Standing::default(), rows[0].id.as_str(), after(1));
    let ByHand::Refused(reason) = inside.await.expect("answers") else {
        panic!("it was retried alone");
    };
    assert_eq!(
        reason,
        format!("it is in one message with {}; retry that one", rows[1].id)
    );
    let dropped = store.drop_delivery(Standing::default(), rows[1].id.as_str(), after(1));
    assert!(matches!(dropped.await, Ok(ByHand::Done(_))));
    assert_eq!(arrive(&store, "3", 2, burst(2, "")).await, State::Waiting);
    assert_eq!(ids(&due(&store, 99).await), ["3"]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    arrive(&store, "1", 9_000, burst(9_000, "")).await;
    assert_eq!(arrive(&store, "2", 0, burst(0, "")).await, State::Merged);
    assert_eq!(ids(&due(&store, 10).await), ["1 2"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for id in ["1", "2", "3"] {
        arrive(&store, id, 0, burst(0, "")).await;
    }
    let spoilt = change(
        &store,
        "UPDATE events SET source = 'no name!' WHERE id = '2'",
    );
    assert_eq!(spoilt.await, 1);
    assert_eq!(ids(&due(&store, 10).await), ["1 3"]);
}

#[tokio::test]
async fn a_claim_takes_no_more_messages_than_may_be_in_memory() {
    const MOST: usize = 1 << 20;
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    // A small event, and three large ones in its message.
    for message in 0..6 {
        for (place, bytes) in [10, 300_000, 300_000, 300_000].into_iter().enumerate() {
            let id = format!("{message}.{place}");
            let mut one = batch(&[&id], &["phone"]);
            let (event, routes) = &mut one.events[0];
            event.payload = vec![b'x'; bytes].into();
            routes[0].bundle = Some(burst(0, &message.to_string()));
            store.accept(one).await.expect("accepts");
        }
    }
    let limit = NonZeroUsize::new(9).expect("some");
    let (mut messages, mut more) = (Vec::new(), true);
    while more {
        let claims = store.claim(&name("phone"), after(WITHIN), limit, 0).await;
        let claims = claims.expect("claims");
        let events = claims.claims.iter().flat_map(|claim| &claim.bundle);
        let bytes: usize = events.map(|event| event.payload.len()).sum();
        assert!(bytes <= 2 * MOST, "{bytes} bytes at once");
        messages.extend(ids(&claims.claims));
        more = claims.more;
    }
    let expected = (0..6).map(|it| format!("{it}.0 {it}.1 {it}.2 {it}.3"));
    assert!(messages.iter().cloned().eq(expected), "{messages:?}");
}
