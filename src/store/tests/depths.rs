//! The counts are those that somebody who counts would find, whatever has happened to the queue.

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::row::{state, time};
use super::*;
use crate::model::{Back, Throttle};
use crate::store::{ByHand, Depths};

/// One step in the life of a queue with two sinks.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(u8, i64),
    Claim(bool, usize),
    End(usize, State),
    GiveBack(usize),
    Retry(usize),
    Drop(usize),
    Replay(usize),
    Prune,
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..4, -9_i64..9).prop_map(|(sinks, at)| Step::Arrive(sinks, at)),
        4 => (any::<bool>(), 1_usize..4).prop_map(|(sink, limit)| Step::Claim(sink, limit)),
        4 => (any::<usize>(), any_end()).prop_map(|(which, end)| Step::End(which, end)),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Replay),
        1 => Just(Step::Prune),
        1 => Just(Step::Restart),
    ]
}

/// What somebody finds who goes through every row.
pub(super) async fn counted(store: &Store) -> Depths {
    let rows = store.look(|connection, _| {
        // Few are due before they begin to wait: a message that was tried early, and all where the clock was set back.
        let all = "SELECT sink, state, min(coalesce(asked, created), due) FROM deliveries";
        let row = |row: &sql::Row<'_>| Ok((row.get::<String>(0)?, row.get(1)?, row.get(2)?));
        Ok(connection.prepare_cached(all)?.query_all(params![], row)?)
    });
    let mut depths = Depths::default();
    for (sink, column, since) in rows.await.expect("reads") {
        let (sink, state) = (name(&sink), state(column));
        if state == State::Waiting {
            let oldest = depths
                .oldest_waiting
                .entry(sink.clone())
                .or_insert(time(since));
            *oldest = time(since).min(*oldest);
        }
        let of_sink = depths.by_sink.entry(sink).or_default();
        *of_sink.entry(state.as_str()).or_default() += 1;
    }
    depths
}

/// An event that arrives at a second, for one sink, the other one or both; one a minute passes.
fn arrival(number: usize, sinks: u8, at: i64) -> Batch {
    let both = ["phone", "team"].iter().enumerate();
    let sinks: Vec<&str> = both
        .filter(|(bit, _)| sinks & (1 << bit) != 0)
        .map(|(_, sink)| *sink)
        .collect();
    let mut batch = batch(&[&number.to_string()], &sinks);
    let (event, routes) = &mut batch.events[0];
    event.received = after(at);
    if number.is_multiple_of(3) {
        routes[0].throttle = Some(Throttle {
            limit: 1,
            per: Duration::from_secs(60),
            key: "one".into(),
        });
    }
    batch
}

async fn live(steps: Vec<Step>) {
    let folder = TempDir::new().expect("a folder");
    let mut store = open(&folder).expect("opens");
    let mut claims: Vec<Claim> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let standing = Standing::default;
        let rows = store.recent_deliveries(1000).await.expect("reads");
        let any = |which: usize| rows.get(which % rows.len().max(1));
        match step {
            Step::Arrive(sinks, at) => {
                let batch = arrival(number, sinks, at);
                store.accept(batch).await.expect("accepts");
            }
            Step::Claim(team, limit) => {
                let sink = if team { "team" } else { "phone" };
                claims.extend(claim(&store, sink, after(10), limit).await);
            }
            Step::End(which, state) if !claims.is_empty() => {
                let one = claims.swap_remove(which % claims.len());
                let attempt = attempt(one.attempt, Outcome::Retry);
                let end = settlement(state, after(10));
                let settled = store.settle(one.row, &one.sink, attempt, end).await;
                assert!(settled.expect("settles"));
            }
            Step::GiveBack(which) if !claims.is_empty() => {
                let one = claims.swap_remove(which % claims.len());
                let given = store.give_back(&one.sink, vec![one.back()]).await;
                given.expect("gives back");
            }
            Step::Retry(which) => {
                if let Some(row) = any(which) {
                    let done = store.retry(standing(), row.id.as_str(), now()).await;
                    assert_ne!(done.expect("answers"), ByHand::Unknown);
                }
            }
            Step::Drop(which) => {
                if let Some(row) = any(which) {
                    let done = store.drop_delivery(standing(), row.id.as_str(), now());
                    assert_ne!(done.await.expect("answers"), ByHand::Unknown);
                }
            }
            Step::Replay(which) => {
                let events = store.events(standing(), None, 1000).await.expect("reads");
                if let Some(event) = events.get(which % events.len().max(1)) {
                    let (_, routes) = arrival(1, 3, 0).events.remove(0);
                    let again = vec![(event.seq, routes)];
                    store.replay(again, after(1), false).await.expect("replays");
                }
            }
            Step::Prune => {
                prune(&store, after(5)).await;
            }
            Step::Restart => {
                store.close().await;
                claims.clear();
                store = open(&folder).expect("opens again");
            }
            Step::End(..) | Step::GiveBack(_) => {}
        }
        let depths = store.depths().await.expect("reads");
        assert_eq!(depths, counted(&store).await, "after {step:?}");
        let phone = depths.by_sink.get(&name("phone"));
        let in_state = |state| phone.and_then(|phone| phone.get(state)).copied();
        let [waiting, in_flight] =
            ["waiting", "in_flight"].map(|state| in_state(state).unwrap_or(0));
        let undelivered = store.undelivered(&name("phone")).await.expect("reads");
        assert_eq!(undelivered, (waiting, in_flight));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_counts_are_right_whatever_happens(steps in proptest::collection::vec(any_step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(live(steps));
    }
}

#[tokio::test]
async fn what_is_put_back_twice_is_counted_once() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    let claims = claim(&store, "phone", now(), 1).await;
    let back: Vec<Back> = claims.iter().map(Claim::back).collect();
    for _ in 0..2 {
        let put_back = store.give_back(&name("phone"), back.clone()).await;
        put_back.expect("is put back");
        let depths = store.depths().await.expect("reads");
        assert_eq!(depths.by_sink[&name("phone")]["waiting"], 2);
        assert_eq!(depths, counted(&store).await);
    }
}

#[tokio::test]
async fn what_a_person_asked_for_has_waited_since_then_whatever_makes_it_due() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut batch = batch(&["1"], &["phone"]);
    batch.events[0].0.received = after(-50);
    store.accept(batch).await.expect("accepts");
    let taken = claim(&store, "phone", now(), 1).await.remove(0);
    let dead = settlement(State::Dead, now());
    let end = attempt(taken.attempt, Outcome::Dead);
    let settled = store.settle(taken.row, &taken.sink, end, dead).await;
    assert!(settled.expect("settles"));
    let asked = store.retry(Standing::default(), taken.id.as_str(), now());
    assert!(matches!(asked.await.expect("answers"), ByHand::Done(_)));
    let since = async |store: &Store| {
        let depths = store.depths().await.expect("reads");
        assert_eq!(depths, counted(store).await);
        depths.oldest_waiting[&name("phone")]
    };
    for wake in [Wake::OnReturn, Wake::OnSuccess] {
        let taken = claim(&store, "phone", now(), 1).await.remove(0);
        wait(&store, &taken, wake, after(600)).await;
        assert_eq!(since(&store).await, now(), "until it is woken");
        store.wake(&name("phone"), wake).await.expect("wakes");
        assert_eq!(since(&store).await, now(), "and then");
    }
    assert_eq!(claim(&store, "phone", now(), 1).await.len(), 1);
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(since(&store).await, now(), "after a restart");
}
