//! Who looks at the queue holds up nobody, and changes nothing.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::store::{Filter, Past};

/// Longest that a test waits for what has to happen at once.
pub(super) const AT_ONCE: Duration = Duration::from_secs(30);

fn counted(connection: &sql::Connection<'_>) -> i64 {
    let count = "SELECT count(*) FROM events";
    let counted = connection.query_row(count, params![], |row| row.get(0));
    counted.expect("counts")
}

/// A look that has begun and goes on until it is told to end; then it answers how many events it saw.
pub(super) async fn long_look(store: &Store) -> (Sender<()>, JoinHandle<i64>) {
    let (end, told) = channel();
    let (begun, has_begun) = oneshot::channel();
    let (store, mut begun) = (store.clone(), Some((begun, told)));
    let look = tokio::spawn(async move {
        let seen = store.look(move |connection, _| {
            // The first statement is where it begins to see.
            counted(connection);
            let (begun, told): (oneshot::Sender<()>, Receiver<()>) = begun.take().expect("once");
            begun.send(()).expect("somebody waits");
            told.recv().expect("it is told");
            Ok(counted(connection))
        });
        seen.await.expect("reads")
    });
    timeout(AT_ONCE, has_begun)
        .await
        .expect("begins")
        .expect("begins");
    (end, look)
}

#[tokio::test]
async fn nothing_waits_for_a_look_and_a_look_sees_one_moment() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let (end, look) = long_look(&store).await;
    let work = async {
        store
            .accept(batch(&["2"], &["phone"]))
            .await
            .expect("accepts");
        let claims = claim(&store, "phone", now(), 2).await;
        assert_eq!(claims.len(), 2);
        let done = &claims[0];
        let settled = store.settle(
            done.row,
            &done.sink,
            attempt(1, Outcome::Delivered),
            settlement(State::Delivered, now()),
        );
        assert!(settled.await.expect("settles"));
    };
    timeout(AT_ONCE, work)
        .await
        .expect("nobody waits for the look");
    end.send(()).expect("it listens");
    assert_eq!(look.await.expect("ends"), 1, "what stood there at first");
    let events = store.events(Standing::default(), None, 9).await;
    assert_eq!(events.expect("reads").len(), 2, "what was answered is seen");
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    let look = store.look(|connection, _| {
        connection.execute("DELETE FROM events", params![])?;
        Ok(())
    });
    let error = look.await.expect_err("refused").to_string();
    // As SQLite and PostgreSQL say it.
    let words = ["readonly database", "read-only transaction"];
    assert!(words.iter().any(|word| error.contains(word)), "{error}");
    assert_eq!(claim(&store, "phone", now(), 1).await.len(), 1);
}

/// A queue with one delivery to `phone`, and behind it more to `team` than one look goes through.
async fn long_queue(folder: &TempDir) -> Store {
    let store = open(folder).expect("opens");
    let mut first = batch(&["first"], &["phone"]);
    first.events[0].0.received = after(1);
    store.accept(first).await.expect("accepts");
    for hundred in 0..50 {
        let ids: Vec<String> = (0..100).map(|n| format!("{hundred}-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let many = batch(&ids, &["team"]);
        store.accept(many).await.expect("accepts");
    }
    store
}

#[tokio::test]
async fn what_is_far_down_in_the_queue_is_found_in_several_looks() {
    let folder = TempDir::new().expect("a folder");
    let store = long_queue(&folder).await;
    let list = |filter, limit| store.deliveries(Standing::default(), filter, limit);
    let of = |sink: &str| Filter {
        sink: Some(sink.to_owned()),
        ..Filter::default()
    };
    let found = list(of("phone"), 9).await.expect("reads");
    assert_eq!(found.iter().map(|one| one.row).collect::<Vec<_>>(), [1]);
    let found = list(of("team"), 4999).await.expect("reads");
    let rows: Vec<i64> = found.iter().map(|one| one.row).collect();
    assert_eq!(rows, (3..=5001).rev().collect::<Vec<_>>());
    let since = Filter {
        since: Some(after(1)),
        ..Filter::default()
    };
    assert_eq!(list(since, 9).await.expect("reads").len(), 1);
    assert!(list(of("other"), 9).await.expect("reads").is_empty());

    let past = Past {
        since: after(1),
        after: 1,
        until: 5001,
    };
    assert!(store.past(past.clone(), 9).await.expect("reads").is_empty());
    let mut last = batch(&["last"], &["phone"]);
    last.events[0].0.received = after(1);
    store.accept(last).await.expect("accepts");
    let past = Past {
        until: 5002,
        ..past
    };
    let found = store.past(past, 9).await.expect("reads");
    assert_eq!(
        found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
        [5002]
    );
}

#[tokio::test]
async fn what_is_old_is_looked_for_behind_all_that_still_waits() {
    let folder = TempDir::new().expect("a folder");
    let store = long_queue(&folder).await;
    let last = batch(&["last"], &["pager"]);
    store.accept(last).await.expect("accepts");
    let done = claim(&store, "pager", after(1), 1).await.remove(0);
    let end = settlement(State::Delivered, now());
    let attempt = attempt(1, Outcome::Delivered);
    let settled = store.settle(done.row, &done.sink, attempt, end).await;
    assert!(settled.expect("settles"));
    let share = store.prune(after(2), Place::START).await.expect("prunes");
    assert_eq!(share.removed, 0);
    assert_eq!(prune(&store, after(2)).await, 1);
    assert_eq!(store.depths().await.expect("reads").by_sink.len(), 2);
}

#[tokio::test]
async fn a_state_lists_what_is_shown_in_it_whoever_is_configured_or_suspended() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone", "team"]).await;
    let claims = claim(&store, "phone", now(), 2).await;
    end_with(&store, &claims[0], settlement(State::Dead, now())).await;
    let sinks = |names: &[&str]| names.iter().map(|it| name(it)).collect::<BTreeSet<_>>();
    let configured = [
        None,
        Some(sinks(&[])),
        Some(sinks(&["phone"])),
        Some(sinks(&["phone", "team"])),
    ];
    let states = [
        State::Waiting,
        State::Held,
        State::Orphaned,
        State::InFlight,
        State::Dead,
        State::Delivered,
    ];
    for configured in configured {
        for suspended in [sinks(&[]), sinks(&["team"]), sinks(&["phone", "team"])] {
            let standing = Standing {
                configured: configured.clone(),
                suspended,
            };
            let all = store
                .deliveries(standing.clone(), Filter::default(), 99)
                .await;
            let all = all.expect("reads");
            assert_eq!(all.len(), 6);
            for state in states {
                let filter = Filter {
                    state: Some(state),
                    ..Filter::default()
                };
                let listed = store.deliveries(standing.clone(), filter, 99).await;
                let shown = all.iter().filter(|one| one.state == state).cloned();
                assert_eq!(
                    listed.expect("reads"),
                    shown.collect::<Vec<_>>(),
                    "{state:?} {standing:?}"
                );
            }
        }
    }
}
