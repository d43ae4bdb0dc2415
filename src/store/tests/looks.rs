//! Who looks at the queue holds up nobody, and the log no longer than for a look.

use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::store::inspect::share;
use crate::store::prune::OLD;
use crate::store::{Filter, Past, arrived, by_hand};

/// Longest that a test waits for what has to happen at once.
const AT_ONCE: Duration = Duration::from_secs(30);

fn counted(connection: &sql::Connection<'_>) -> i64 {
    let count = "SELECT count(*) FROM events";
    let counted = connection.query_row(count, params![], |row| row.get(0));
    counted.expect("counts")
}

/// A look that has begun and goes on until it is told to end; then it answers how many events it saw.
async fn long_look(store: &Store) -> (Sender<()>, JoinHandle<i64>) {
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
async fn a_look_lets_a_long_log_be_cut_off_before_it_begins() {
    const LIMIT: u64 = 16 << 20;
    let folder = TempDir::new().expect("a folder");
    let log = || {
        let log = std::fs::metadata(folder.path().join("bellwire.db-wal"));
        log.expect("a log").len()
    };
    let store = open(&folder).expect("opens");
    store.limit(LIMIT).await.expect("limits");
    let (end, look) = long_look(&store).await;
    let fill = async {
        let mut too_long = 0;
        for number in 0.. {
            too_long += u64::from(log() > LIMIT / 8);
            if too_long > 10 {
                break;
            }
            let mut one = batch(&[&number.to_string()], &["phone"]);
            one.events[0].0.payload = vec![b'x'; 100_000].into();
            store.accept(one).await.expect("accepts");
        }
    };
    timeout(AT_ONCE, fill)
        .await
        .expect("nobody waits for the look");
    // The next looks are on the line already, so there is no moment at which nobody reads.
    let next: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.depths().await.expect("reads") })
        })
        .collect();
    end.send(()).expect("it listens");
    look.await.expect("ends");
    for look in next {
        let depths = timeout(AT_ONCE, look).await.expect("looks").expect("looks");
        assert!(depths.by_sink[&name("phone")]["waiting"] > 10);
    }
    assert_eq!(log(), 0, "it was cut off, though nothing was written since");
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let look = store.look(|connection, _| {
        connection.execute("INSERT INTO meta VALUES ('a', 'b')", params![])?;
        Ok(())
    });
    let error = look.await.expect_err("refused").to_string();
    assert!(error.contains("readonly"), "{error}");
    store.close().await;
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|file| file.to_string_lossy().contains("-wal")),
        "who writes closes the file last, and clears the log away: {left:?}"
    );
}

#[tokio::test]
async fn damage_that_a_look_finds_ends_the_service() {
    let folder = TempDir::new().expect("a folder");
    let (status, _notices) = Status::new();
    let store = open_at(&folder, status.clone(), now()).expect("opens");
    let look = store.look(|_, _| -> Result<(), StoreError> {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    let error = look.await.expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    timeout(AT_ONCE, store.closed()).await.expect("it ends");
    assert!(store.fault().expect("it says why").contains("bellwire.db"));
    assert!(status.snapshot().store_fault.is_some());
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
    let done = claim(&store, "phone", after(1), 1).await.remove(0);
    let end = settlement(State::Delivered, now());
    let attempt = attempt(1, Outcome::Delivered);
    let settled = store.settle(done.row, &done.sink, attempt, end).await;
    assert!(settled.expect("settles"));
    let share = store.prune(after(2), Place::START).await.expect("prunes");
    assert_eq!(share.removed, 0);
    assert_eq!(prune(&store, after(2)).await, 1);
    assert_eq!(store.depths().await.expect("reads").by_sink.len(), 1);
}

#[tokio::test]
async fn every_share_is_found_where_the_one_before_ended() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    for (sql, step) in [
        (share(None), "PRIMARY KEY (rowid<?)"),
        (share(Some(State::Dead)), "deliveries_dead (seq<?)"),
        (share(Some(State::InFlight)), "deliveries_in_flight (seq<?)"),
        (by_hand::past_select(), "PRIMARY KEY (rowid>? AND rowid<?)"),
        (arrived::SHARE.to_owned(), "PRIMARY KEY (rowid>?)"),
        (
            OLD.to_owned(),
            "events_received (received>? AND received<?)",
        ),
    ] {
        let plan = plan(&file, &sql);
        assert!(
            plan.iter().any(|found| found.ends_with(step))
                && !plan.iter().any(|found| found.contains("TEMP B-TREE")),
            "{plan:?} of {sql}"
        );
    }
}
