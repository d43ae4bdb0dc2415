//! Whose turn it is: deliveries that keep an order, what is urgent or fresh, and what waits for its sink.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// One event for each of these: its id, its key, its priority.
pub(super) fn line(of: &[(&str, Option<&str>, u8)]) -> Batch {
    let mut line = batch(&[], &[]);
    for (id, key, priority) in of {
        let route = Route {
            priority: *priority,
            key: key.map(Into::into),
            ..route("phone")
        };
        line.events.push((event(id), vec![route]));
    }
    line
}

pub(super) async fn filled(folder: &TempDir, of: &[(&str, Option<&str>, u8)]) -> Store {
    let store = open(folder).expect("opens");
    store.accept(line(of)).await.expect("accepts");
    store
}

pub(super) fn ids(claims: &[Claim]) -> Vec<&str> {
    claims
        .iter()
        .map(|claim| claim.event.id.as_deref().expect("an id"))
        .collect()
}

/// Ends the attempt of a claim; what waits then waits for the return of its sink.
async fn settle(store: &Store, claim: &Claim, state: State, due: Timestamp) {
    let wake = if state == State::Waiting {
        Wake::OnReturn
    } else {
        Wake::Never
    };
    let settled = Settlement {
        wake,
        ..settlement(state, due)
    };
    end_with(store, claim, settled).await;
}

#[tokio::test]
async fn one_key_goes_in_order_and_others_pass() {
    let folder = TempDir::new().expect("a folder");
    let a = Some("a");
    let of = [
        ("1", a, 3),
        ("2", a, 5),
        ("3", Some("b"), 3),
        ("4", None, 3),
        ("5", None, 3),
        ("6", a, 3),
    ];
    let store = filled(&folder, &of).await;
    let first = claim(&store, "phone", now(), 9).await;
    assert_eq!(ids(&first), ["1", "3", "4", "5"]);
    assert!(claim(&store, "phone", now(), 9).await.is_empty());

    settle(&store, &first[0], State::Waiting, after(30)).await;
    assert!(
        claim(&store, "phone", after(29), 9).await.is_empty(),
        "what failed holds the others of its key"
    );
    let again = claim(&store, "phone", after(30), 9).await;
    assert_eq!(ids(&again), ["1"]);
    for (end, next) in [
        (State::Delivered, "2"),
        (State::Dead, "6"),
        (State::Expired, "7"),
    ] {
        let head = if next == "2" {
            again[0].clone()
        } else {
            claim(&store, "phone", after(30), 9).await.remove(0)
        };
        settle(&store, &head, end, after(30)).await;
        if next == "6" {
            store.accept(line(&[("7", a, 3)])).await.expect("accepts");
        }
        let following = claim(&store, "phone", after(30), 9).await;
        assert_eq!(ids(&following), [next], "after one that is {end:?}");
        settle(&store, &following[0], State::Waiting, after(30)).await;
    }
}

#[tokio::test]
async fn a_restart_keeps_who_is_first() {
    let folder = TempDir::new().expect("a folder");
    let all = Some("");
    let store = filled(&folder, &[("1", all, 3), ("2", all, 3)]).await;
    let taken = claim(&store, "phone", now(), 9).await;
    assert_eq!(ids(&taken), ["1"], "it is in flight when the process ends");
    store.close().await;
    let store = open(&folder).expect("opens again");
    store.accept(line(&[("3", all, 3)])).await.expect("accepts");
    for id in ["1", "2", "3"] {
        let taken = claim(&store, "phone", now(), 9).await;
        assert_eq!(ids(&taken), [id]);
        settle(&store, &taken[0], State::Delivered, now()).await;
    }
}

#[tokio::test]
async fn a_sink_of_its_own_has_a_line_of_its_own() {
    let folder = TempDir::new().expect("a folder");
    let mut both = line(&[("1", Some(""), 3), ("2", Some(""), 3)]);
    for (_, routes) in &mut both.events {
        let mut other = routes[0].clone();
        other.sink = name("team");
        routes.push(other);
    }
    let store = open(&folder).expect("opens");
    store.accept(both).await.expect("accepts");
    assert_eq!(ids(&claim(&store, "phone", now(), 9).await), ["1"]);
    assert_eq!(ids(&claim(&store, "team", now(), 9).await), ["1"]);
}

#[tokio::test]
async fn a_delivery_that_is_opened_again_or_removed_leaves_one_first() {
    let folder = TempDir::new().expect("a folder");
    let a = Some("a");
    let store = filled(&folder, &[("1", a, 3), ("2", a, 3), ("3", a, 3)]).await;
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    settle(&store, &first, State::Dead, now()).await;
    let firsts = async || {
        let sql = "SELECT seq FROM deliveries WHERE state <= 1 AND behind = 0";
        numbers(&store, sql).await
    };
    let change = async |sql| assert_eq!(change(&store, sql).await, 1, "{sql}");
    assert_eq!(firsts().await, [2]);
    change("UPDATE deliveries SET state = 0 WHERE seq = 1").await;
    assert_eq!(
        firsts().await,
        [2],
        "one that is opened again joins the others"
    );
    change("UPDATE deliveries SET state = 3 WHERE seq = 2").await;
    assert_eq!(firsts().await, [1]);
    change("UPDATE deliveries SET state = 3 WHERE seq = 3").await;
    assert_eq!(firsts().await, [1], "one behind another can end, too");
    change("UPDATE deliveries SET state = 0 WHERE seq = 3").await;
    change("DELETE FROM deliveries WHERE seq = 1").await;
    assert_eq!(firsts().await, [3]);
    change("UPDATE deliveries SET state = 3 WHERE seq = 3").await;
    change("UPDATE deliveries SET state = 0 WHERE seq = 3").await;
    assert_eq!(firsts().await, [3], "and alone it is the first");
}

#[tokio::test]
async fn the_urgent_go_first_then_the_fresh_and_the_longest_waiting_now_and_then() {
    let folder = TempDir::new().expect("a folder");
    let of = [
        ("old", None, 3),
        ("old too", None, 3),
        ("old and idle", None, 1),
        ("old and urgent", None, 5),
    ];
    let store = filled(&folder, &of).await;
    let mut news = line(&[
        ("new", None, 3),
        ("new too", None, 3),
        ("new idle", None, 1),
    ]);
    for (event, _) in &mut news.events {
        event.received = after(3600);
    }
    store.accept(news).await.expect("accepts");
    let mut order = Vec::new();
    for turn in 0..7 {
        let one = NonZeroUsize::new(1).expect("one");
        let claims = store.claim(&name("phone"), after(3610), one, turn).await;
        order.extend(claims.expect("claims").claims);
    }
    assert_eq!(
        ids(&order),
        [
            "old and urgent",
            "new",
            "new too",
            "old",
            "old too",
            "new idle",
            "old and idle"
        ]
    );
}

#[tokio::test]
async fn nothing_starves_behind_what_is_more_urgent() {
    let folder = TempDir::new().expect("a folder");
    let store = filled(&folder, &[("idle", None, 1)]).await;
    let four = NonZeroUsize::new(2).expect("two");
    let mut taken = Vec::new();
    for turn in 0..2 {
        let mut flood = line(&[]);
        for number in 0..3 {
            let id = format!("{turn} {number}");
            flood.events.extend(line(&[(&id, None, 5)]).events);
        }
        store.accept(flood).await.expect("accepts");
        let claims = store.claim(&name("phone"), now(), four, turn * 2).await;
        taken.extend(claims.expect("claims").claims);
    }
    assert!(ids(&taken).contains(&"idle"), "{:?}", ids(&taken));
}

/// One step in the life of a queue whose sink keeps an order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(u8),
    Claim(usize),
    End(usize, State),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..3).prop_map(Step::Arrive),
        4 => (1_usize..5).prop_map(Step::Claim),
        4 => (any::<usize>(), any_end()).prop_map(|(which, end)| Step::End(which, end)),
        1 => Just(Step::Restart),
    ]
}

async fn live(steps: Vec<Step>) {
    let folder = TempDir::new().expect("a folder");
    let mut store = open(&folder).expect("opens");
    let mut open_claims: Vec<Claim> = Vec::new();
    let mut keys = BTreeMap::new();
    let mut in_line: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Arrive(key) => {
                let (id, text) = (number.to_string(), key.to_string());
                store
                    .accept(line(&[(&id, Some(&text), 3)]))
                    .await
                    .expect("accepts");
                let row = i64::try_from(keys.len()).expect("few") + 1;
                keys.insert(row, key);
                in_line.entry(key).or_default().push(row);
            }
            Step::Claim(limit) => {
                for claim in claim(&store, "phone", now(), limit).await {
                    let first = in_line[&keys[&claim.row]].first();
                    assert_eq!(first, Some(&claim.row), "only the first of its key");
                    open_claims.push(claim);
                }
            }
            Step::End(which, state) => {
                if open_claims.is_empty() {
                    continue;
                }
                let claim = open_claims.swap_remove(which % open_claims.len());
                settle(&store, &claim, state, now()).await;
                if state != State::Waiting {
                    in_line
                        .get_mut(&keys[&claim.row])
                        .expect("it arrived")
                        .retain(|row| *row != claim.row);
                }
            }
            Step::Restart => {
                store.close().await;
                open_claims.clear();
                store = open(&folder).expect("opens again");
            }
        }
    }
    // Whatever happened before, the rest can be delivered.
    for claim in open_claims {
        settle(&store, &claim, State::Waiting, now()).await;
    }
    let left: usize = in_line.values().map(Vec::len).sum();
    for _ in 0..left {
        let next = claim(&store, "phone", now(), 1).await.remove(0);
        assert_eq!(
            in_line.get_mut(&keys[&next.row]).expect("known").remove(0),
            next.row
        );
        settle(&store, &next, State::Delivered, now()).await;
    }
    assert!(claim(&store, "phone", now(), 9).await.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn of_each_key_only_the_first_is_ever_taken(steps in proptest::collection::vec(any_step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(live(steps));
    }
}
