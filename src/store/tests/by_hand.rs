//! What is listed, and what a person does to it.

use tempfile::TempDir;

use super::*;
use crate::store::{ByHand, DeliveryRow, Filter, Past};

/// What is configured in these tests: `phone`, and `team`, which is suspended. `gone` is neither.
fn standing() -> Standing {
    Standing {
        configured: Some([name("phone"), name("team")].into()),
        suspended: [name("team")].into(),
    }
}

async fn list(store: &Store, filter: Filter) -> Vec<DeliveryRow> {
    let listed = store.deliveries(standing(), filter, 100).await;
    listed.expect("reads")
}

async fn ended(store: &Store, sink: &str, state: State) {
    let claimed = claim(store, sink, after(10), 1).await.remove(0);
    let outcome = match state {
        State::Delivered => Outcome::Delivered,
        _ => Outcome::Dead,
    };
    let settled = store
        .settle(
            claimed.row,
            &claimed.sink,
            attempt(claimed.attempt, outcome),
            settlement(state, now()),
        )
        .await;
    assert!(settled.expect("settles"));
}

async fn retry(store: &Store, id: &str) -> ByHand {
    let became = store.retry(standing(), id, after(20)).await;
    became.expect("answers")
}

async fn drop_it(store: &Store, id: &str) -> ByHand {
    let became = store.drop_delivery(standing(), id, after(20)).await;
    became.expect("answers")
}

fn refused(became: &ByHand) -> &str {
    match became {
        ByHand::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_list_is_newest_first_and_filters_by_the_state_that_is_shown() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut later = batch(&["2"], &["phone"]);
    later.events[0].0.received = after(5);
    for batch in [batch(&["1"], &["phone", "team", "gone"]), later] {
        store.accept(batch).await.expect("accepts");
    }
    ended(&store, "phone", State::Dead).await;
    let shown: Vec<_> = list(&store, Filter::default()).await;
    let shown: Vec<_> = shown
        .iter()
        .map(|one| {
            (
                one.sink.as_str(),
                one.state.as_str(),
                one.event.id.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("phone", "waiting", Some("2")),
            ("gone", "orphaned", Some("1")),
            ("team", "held", Some("1")),
            ("phone", "dead", Some("1")),
        ]
    );
    for state in State::ALL {
        let of_state = |one: &&(&str, &str, Option<&str>)| one.1 == state.as_str();
        let expected = shown.iter().filter(of_state).count();
        let filter = Filter {
            state: Some(state),
            ..Filter::default()
        };
        let found = list(&store, filter).await;
        assert_eq!(found.len(), expected, "{state:?}");
        assert!(found.iter().all(|one| one.state == state), "{found:?}");
    }
    let count = async |filter| list(&store, filter).await.len();
    let sink = Some("phone".to_owned());
    let none = Filter::default();
    assert_eq!(
        count(Filter {
            sink: sink.clone(),
            ..none.clone()
        })
        .await,
        2
    );
    let hostile = Some("' OR 1 --".to_owned());
    assert_eq!(
        count(Filter {
            sink: hostile,
            ..none.clone()
        })
        .await,
        0
    );
    let since = Some(after(5));
    assert_eq!(
        count(Filter {
            since,
            ..none.clone()
        })
        .await,
        1
    );
    let last = list(&store, none.clone()).await[1].row;
    assert_eq!(
        count(Filter {
            after: Some(last),
            ..none
        })
        .await,
        2
    );
}

#[tokio::test]
async fn a_retry_keeps_id_and_count_and_begins_the_ladder_anew() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let both = batch(&["1"], &["phone", "gone"]);
    store.accept(both).await.expect("accepts");
    let id = list(&store, Filter::default()).await[1].id.clone();
    let gone = list(&store, Filter::default()).await[0].id.clone();

    let first = claim(&store, "phone", now(), 1).await.remove(0);
    assert!(refused(&retry(&store, id.as_str()).await).contains("on its way"));
    let dead = settlement(State::Dead, now());
    let settled = store.settle(first.row, &first.sink, attempt(1, Outcome::Dead), dead);
    assert!(settled.await.expect("settles"));
    let ByHand::Done(row) = retry(&store, id.as_str()).await else {
        panic!("refused");
    };
    assert_eq!(
        (row.state, row.attempts, row.due),
        (State::Waiting, 1, after(20))
    );
    assert_eq!((row.reason, row.id.clone()), (None, id.clone()));
    let last = row.last.expect("the attempt is still known");
    assert_eq!((last.number, last.outcome), (1, Outcome::Dead));

    let second = claim(&store, "phone", after(20), 1).await.remove(0);
    assert_eq!((second.attempt, second.step, second.plain), (2, 0, false));
    assert_eq!((second.id, second.created), (id, now()));
    assert_eq!(second.asked, Some(after(20)), "ages count from the asking");
    assert!(refused(&retry(&store, gone.as_str()).await).contains("no longer configured"));
}

#[tokio::test]
async fn only_what_waits_can_be_dropped_and_unknown_ids_are_told_apart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let all = batch(&["1"], &["phone", "team", "gone"]);
    store.accept(all).await.expect("accepts");
    let ids: Vec<_> = list(&store, Filter::default()).await;
    let [gone, team, phone] = [0, 1, 2].map(|index| ids[index].id.to_string());
    for id in [&gone, &team] {
        let ByHand::Done(row) = drop_it(&store, id).await else {
            panic!("refused");
        };
        assert_eq!(row.state, State::Dead);
        assert_eq!(row.reason.as_deref(), Some("dropped by hand"));
        assert!(refused(&drop_it(&store, id).await).contains("ended already: dead"));
    }
    let claimed = claim(&store, "phone", now(), 1).await.remove(0);
    assert!(refused(&drop_it(&store, &phone).await).contains("on its way"));
    assert_eq!(claimed.id.as_str(), phone);
    let cutoff = after(100);
    assert_eq!(prune(&store, cutoff).await, 0, "one is on its way");
    let (_, number) = phone.rsplit_once('_').expect("a number");
    for unknown in [
        "",
        "1",
        number,
        &phone.replace("msg_", "msg_0"),
        &phone.replace(&format!("_{number}"), &format!("_+{number}")),
        &format!("{phone}9"),
        "msg_%_1",
    ] {
        assert_eq!(retry(&store, unknown).await, ByHand::Unknown, "{unknown}");
        assert_eq!(drop_it(&store, unknown).await, ByHand::Unknown, "{unknown}");
        let shown = store.delivery(standing(), unknown).await.expect("reads");
        assert_eq!(shown, None, "{unknown}");
    }
    let shown = store.delivery(standing(), &phone).await.expect("reads");
    assert_eq!(shown.expect("is there").0.id.as_str(), phone);
}

#[tokio::test]
async fn a_replay_makes_new_deliveries_but_for_what_is_still_on_its_way() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut old = batch(&["1", "2", "3"], &["phone"]);
    old.events[0].0.received = after(-100);
    old.events[2].1.clear();
    store.accept(old).await.expect("accepts");
    ended(&store, "phone", State::Delivered).await;
    ended(&store, "phone", State::Dead).await;
    let newest = store.newest_event().await.expect("reads");
    let past = Past {
        since: now(),
        after: 0,
        until: newest,
    };
    let found = store.past(past, 9).await.expect("reads");
    let ids: Vec<_> = found.iter().map(|(_, event)| event.id.as_deref()).collect();
    assert_eq!(ids, [Some("2"), Some("3")], "the first arrived before");
    let route = Route {
        rule: "new".into(),
        ..route("phone")
    };
    let routed: Vec<_> = found
        .iter()
        .map(|(place, _)| (*place, vec![route.clone()]))
        .collect();
    let replay = |dry| store.replay(routed.clone(), after(30), dry);
    assert_eq!(replay(true).await.expect("counts"), 2);
    assert_eq!(
        list(&store, Filter::default()).await.len(),
        2,
        "only counted"
    );
    assert_eq!(replay(false).await.expect("replays"), 2);
    assert_eq!(
        replay(true).await.expect("counts"),
        0,
        "both are on their way"
    );
    let rows = list(&store, Filter::default()).await;
    let from: Vec<_> = rows.iter().map(|row| row.replayed_from.clone()).collect();
    assert_eq!(from, [None, Some(rows[2].id.clone()), None, None]);
    assert_eq!((rows[1].created, rows[1].rule.as_str()), (after(30), "new"));
    let claims = claim(&store, "phone", after(30), 9).await;
    assert_eq!(claims.len(), 2);
    assert!(claims.iter().all(|one| one.asked == Some(after(30))));
    for one in claims {
        let dead = settlement(State::Dead, now());
        let settled = store.settle(one.row, &one.sink, attempt(1, Outcome::Dead), dead);
        assert!(settled.await.expect("settles"));
    }
    assert_eq!(replay(false).await.expect("replays"), 2);
    let again = list(&store, Filter::default()).await;
    let from: Vec<_> = again.iter().map(|row| row.replayed_from.clone()).collect();
    assert_eq!(
        from[..2],
        [Some(rows[0].id.clone()), Some(rows[2].id.clone())],
        "the first one of each event"
    );
}

#[tokio::test]
async fn res_6_a_replay_keeps_the_order_too() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &[]).await;
    let route = Route {
        priority: 5,
        key: Some("".into()),
        rule: "new".into(),
        ..route("phone")
    };
    let routed = vec![(1, vec![route.clone()]), (2, vec![route])];
    let replayed = store.replay(routed, after(30), false).await;
    assert_eq!(replayed.expect("replays"), 2);
    let first = claim(&store, "phone", after(30), 9).await;
    assert_eq!(first.len(), 1, "the second waits for it");
    assert_eq!(first[0].event.id.as_deref(), Some("1"));
}

#[tokio::test]
async fn what_waits_for_sinks_that_are_gone_is_counted_by_sink() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let all = batch(&["1", "2"], &["gone", "also-gone", "phone", "team"]);
    store.accept(all).await.expect("accepts");
    let mut ordered = batch(&["3", "4"], &["gone"]);
    for route in ordered.events.iter_mut().flat_map(|(_, routes)| routes) {
        route.key = Some("".into());
    }
    store.accept(ordered).await.expect("accepts");
    let counted = async |standing: &Standing| {
        let depths = store.depths().await.expect("reads");
        let gone = depths.orphaned(standing);
        gone.map(|(sink, count)| (sink.to_string(), count))
            .collect::<Vec<_>>()
    };
    let of = |sink: &str, count: u64| (sink.to_owned(), count);
    let expected = [of("also-gone", 2), of("gone", 4)];
    assert_eq!(counted(&standing()).await, expected);
    assert_eq!(counted(&Standing::default()).await, [], "who knows?");
    ended(&store, "also-gone", State::Dead).await;
    ended(&store, "also-gone", State::Delivered).await;
    assert_eq!(counted(&standing()).await, [of("gone", 4)]);
}

/// How many past events come in each part, where so many are asked for at a time.
async fn parts(store: &Store, limit: u32) -> Vec<usize> {
    let (mut after, mut parts) = (0, Vec::new());
    loop {
        let past = Past {
            since: Timestamp::MIN,
            after,
            until: i64::MAX,
        };
        let found = store.past(past, limit).await.expect("reads");
        let Some((last, _)) = found.last() else {
            return parts;
        };
        after = *last;
        parts.push(found.len());
    }
}

#[tokio::test]
async fn past_events_come_in_parts_that_hold_nobody_up() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let many = large(1100, 8, &[]);
    store.accept(many).await.expect("accepts");
    assert_eq!(parts(&store, 2000).await, [1024, 76], "rows of one look");
    assert_eq!(
        parts(&store, 500).await,
        [500, 500, 100],
        "as many as asked"
    );
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let large = large(40, 64 * 1024, &[]);
    store.accept(large).await.expect("accepts");
    assert_eq!(parts(&store, 100).await, [16, 16, 8], "a mebibyte in each");
}
