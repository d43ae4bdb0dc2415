//! The limit on the disk, on real files with small limits.

use std::sync::Arc;

use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::depths::counted;
use super::*;
use crate::model::INTERNAL_SOURCE;
use crate::store::Shortage;
use crate::store::log::Log;
use crate::store::space::Space;

/// A small limit, and batches that are small against it.
const LIMIT: u64 = 4 << 20;
const EVENTS: usize = 20;
const PAYLOAD: usize = 4 << 10;

/// What the files take on the disk.
fn on_disk(folder: &TempDir) -> u64 {
    ["bellwire.db", "bellwire.db-wal"]
        .iter()
        .filter_map(|file| std::fs::metadata(folder.path().join(file)).ok())
        .map(|file| file.len())
        .sum()
}

/// A batch whose events all have ids of their own.
fn large(number: usize, sinks: &[&str]) -> Batch {
    let ids: Vec<String> = (0..EVENTS).map(|n| format!("{number}-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut batch = batch(&ids, sinks);
    for (event, _) in &mut batch.events {
        event.payload = vec![b'x'; PAYLOAD].into();
        event.data = DataAt::Text;
    }
    batch
}

async fn limited(folder: &TempDir) -> (Store, Status, tokio::sync::mpsc::Receiver<Notice>) {
    let (status, notices) = Status::new();
    let store = Store::open(folder.path(), status.clone(), now()).expect("opens");
    store.limit(LIMIT).await.expect("limits");
    (store, status, notices)
}

/// Accepts until it is refused; answers how many batches went in.
async fn fill(store: &Store, first: usize) -> (usize, StoreError) {
    for number in first.. {
        if let Err(error) = store.accept(large(number, &["phone"])).await {
            return (number - first, error);
        }
        assert!(number - first < 200, "it would go on for ever");
    }
    unreachable!("it ends above");
}

/// Ends so many deliveries.
async fn deliver(store: &Store, count: usize, state: State) {
    for done in claim(store, "phone", now(), count).await {
        let settled = store.settle(
            done.row,
            &done.sink,
            attempt(1, Outcome::Delivered),
            settlement(state, now()),
        );
        assert!(settled.await.expect("a settlement has a reserve"));
    }
}

async fn seqs(store: &Store) -> Vec<i64> {
    let events = store
        .events(Standing::default(), None, 100_000)
        .await
        .expect("reads");
    events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn finished_rows_make_room_oldest_first_and_the_limit_holds_for_all_files() {
    let folder = TempDir::new().expect("a folder");
    let (store, status, mut notices) = limited(&folder).await;
    let mut most = 0;
    for number in 0..150 {
        store
            .accept(large(number, &["phone"]))
            .await
            .expect("there is always something finished");
        deliver(&store, EVENTS, State::Delivered).await;
        most = most.max(on_disk(&folder));
    }
    assert!(most <= LIMIT, "{most} bytes of {LIMIT}");
    let left = seqs(&store).await;
    let newest = 150 * EVENTS as i64;
    let kept: Vec<i64> = (newest - left.len() as i64 + 1..=newest).rev().collect();
    assert_eq!(left, kept, "the newest ones are there, and no others");
    assert!(
        left.len() > 100,
        "not more went than had to: {}",
        left.len()
    );
    assert_eq!(store.depths().await.expect("reads"), counted(&store).await);
    assert_eq!(status.snapshot().store_fault, None);
    assert!(notices.try_recv().is_err(), "nothing was wrong");
}

#[tokio::test]
async fn what_is_not_delivered_stays_and_events_are_refused_until_there_is_room() {
    let folder = TempDir::new().expect("a folder");
    let (store, status, mut notices) = limited(&folder).await;
    let (count, error) = fill(&store, 0).await;
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let reason = error.to_string();
    for word in [
        "the queue is full",
        " of the 4.0 MiB ",
        "raise `retention.max_disk`",
    ] {
        assert!(reason.contains(word), "{word} in {reason}");
    }
    assert!(on_disk(&folder) <= LIMIT);
    assert_eq!(seqs(&store).await.len(), count * EVENTS, "nothing is gone");
    let checkpoint = store.checkpoint(&name("ttmt")).await.expect("reads");
    let last = format!("{}-{}", count - 1, EVENTS - 1);
    assert_eq!(checkpoint.cursor, Cursor::At(last), "the cursor stays put");
    assert!(status.snapshot().store_fault.is_some());
    let notice = notices.try_recv().expect("it is told");
    assert_eq!(notice.kind, "bellwire.disk_full");
    assert_eq!(notice.data["reason"], reason);

    let mut own = batch(&["own"], &["phone"]);
    own.source = name(INTERNAL_SOURCE);
    own.checkpoint = None;
    store
        .accept(own)
        .await
        .expect("our own events have a reserve");
    for _ in 0..3 {
        let again = store.accept(large(count, &["phone"])).await;
        assert!(again.is_err(), "still full");
    }
    assert!(
        status.snapshot().store_fault.is_some(),
        "a small row changes nothing"
    );
    assert!(notices.try_recv().is_err(), "it is told once");

    deliver(&store, 3 * EVENTS, State::Delivered).await;
    store
        .accept(large(count, &["phone"]))
        .await
        .expect("there is room again");
    assert_eq!(status.snapshot().store_fault, None);
    assert!(
        seqs(&store).await.len() < (count + 1) * EVENTS,
        "what was finished went"
    );
    let rest = claim(&store, "phone", now(), 100_000).await;
    let open = (count + 1) * EVENTS + 1 - 3 * EVENTS;
    assert_eq!(
        rest.len(),
        open,
        "every delivery that has not ended is there"
    );

    fill(&store, count + 1).await;
    assert!(notices.try_recv().is_err(), "the same trouble still");
    for done in rest {
        let delivered = settlement(State::Delivered, now());
        store
            .settle(
                done.row,
                &done.sink,
                attempt(1, Outcome::Delivered),
                delivered,
            )
            .await
            .expect("settles");
    }
    store.accept(large(9000, &[])).await.expect("room");
    assert_eq!(status.snapshot().store_fault, None);
    fill(&store, 9001).await;
    let notice = notices.try_recv().expect("it was well meanwhile");
    assert_eq!(notice.kind, "bellwire.disk_full");
}

#[tokio::test]
async fn a_full_queue_that_drains_while_more_comes_is_told_once() {
    let folder = TempDir::new().expect("a folder");
    let (store, _, mut notices) = limited(&folder).await;
    let (count, _) = fill(&store, 0).await;
    let mut next = count;
    for _ in 0..12 {
        // Enough for some batches, and now and then for a long row of them.
        deliver(&store, count / 2 * EVENTS, State::Delivered).await;
        let (filled, _) = fill(&store, next).await;
        assert!(filled + 1 >= count / 2, "what is finished went: {filled}");
        next += filled;
    }
    assert!(next > 4 * count, "it has drained: {next} of {count}");
    assert!(notices.try_recv().is_ok());
    assert!(notices.try_recv().is_err(), "one stretch");
}

#[tokio::test]
async fn dead_letters_go_only_when_nothing_else_finished_is_left() {
    let folder = TempDir::new().expect("a folder");
    let (store, _, _notices) = limited(&folder).await;
    store.accept(large(0, &["phone"])).await.expect("accepts");
    deliver(&store, EVENTS, State::Dead).await;
    let dead = seqs(&store).await;
    for number in 1..100 {
        store.accept(large(number, &["phone"])).await.expect("room");
        deliver(&store, EVENTS, State::Delivered).await;
    }
    let left = seqs(&store).await;
    assert!(dead.iter().all(|seq| left.contains(seq)));
    fill(&store, 100).await;
    let left = seqs(&store).await;
    assert!(dead.iter().all(|seq| !left.contains(seq)));
}

#[tokio::test]
async fn free_pages_go_back_to_the_disk() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    // Far more than this takes, so that nothing else makes room; its log is copied into the file at times.
    store.limit(16 << 20).await.expect("limits");
    for number in 0..60 {
        store.accept(large(number, &[])).await.expect("accepts");
    }
    let left = || {
        std::fs::metadata(folder.path().join("bellwire.db"))
            .expect("a file")
            .len()
    };
    let before = left();
    assert!(before > 4 << 20, "{before}");
    assert_eq!(prune(&store, after(1)).await, 60 * EVENTS);
    let mut look = tokio::time::interval(Duration::from_millis(5));
    let shrunk = async {
        while left() > 2 << 20 {
            look.tick().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), shrunk).await;
    assert!(in_time.is_ok(), "{} of {before}", left());
}

#[test]
fn a_file_that_keeps_its_free_pages_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("other.db");
    let mut file = Connection::open(&path).expect("opens");
    file.execute_batch(
        "PRAGMA auto_vacuum = NONE; CREATE TABLE t (x BLOB);
         INSERT INTO t VALUES (zeroblob(8000000)); DELETE FROM t;",
    )
    .expect("writes");
    let log = Log::of(&mut file, &path).expect("a log");
    let mut space = Space::new(&path, log, Arc::default());
    space.measure(&file).expect("measures");
    assert!(space.has_work());
    space.step(&mut file).expect("a step");
    assert!(!space.has_work(), "it would go on for ever");
}

#[tokio::test]
async fn a_smaller_limit_than_what_is_there_is_reached_while_requests_go_on() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for number in 0..120 {
        store
            .accept(large(number, &["phone"]))
            .await
            .expect("accepts");
        deliver(&store, EVENTS, State::Delivered).await;
    }
    assert!(on_disk(&folder) > 2 * LIMIT);
    store.limit(LIMIT).await.expect("limits");
    store
        .accept(large(1000, &["phone"]))
        .await
        .expect("it waits for room");
    assert_eq!(claim(&store, "phone", now(), 100).await.len(), EVENTS);
    store.close().await;
    assert!(on_disk(&folder) <= LIMIT);
}

#[tokio::test]
async fn the_smallest_limit_takes_the_largest_batch_beside_what_waits() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let limit = 16 << 20;
    store.limit(limit).await.expect("limits");
    let largest = |id: &str, bytes: usize| {
        let mut one = batch(&[id], &["phone"]);
        one.events[0].0.payload = vec![b'x'; bytes].into();
        one.events[0].0.data = DataAt::Text;
        one
    };
    store.accept(largest("waits", 7 << 20)).await.expect("room");
    // What intake takes at once at most, with an event of the largest size as its last.
    store.accept(largest("burst", 2 << 20)).await.expect("room");
    assert!(on_disk(&folder) <= limit, "{}", on_disk(&folder));
}

#[tokio::test]
async fn sqlite_itself_holds_the_file_to_the_limit() {
    let folder = TempDir::new().expect("a folder");
    let (store, _, _notices) = limited(&folder).await;
    let mut own = large(0, &["phone"]);
    own.source = name(INTERNAL_SOURCE);
    for (event, _) in &mut own.events {
        event.identity = None;
    }
    let mut refused = None;
    for _ in 0..200 {
        refused = store.accept(own.clone()).await.err();
        if refused.is_some() {
            break;
        }
        assert!(on_disk(&folder) <= LIMIT);
    }
    let error = refused.expect("it would go on for ever");
    let StoreError::Full { what, detail } = error else {
        panic!("{error:?}");
    };
    assert_eq!(what, Shortage::Limit, "{detail}");
    assert!(
        !claim(&store, "phone", now(), 5).await.is_empty(),
        "work goes on"
    );
}

#[tokio::test]
async fn a_full_queue_can_go_on_failing_without_an_end() {
    let folder = TempDir::new().expect("a folder");
    let (store, _, _notices) = limited(&folder).await;
    let (count, _) = fill(&store, 0).await;
    for round in 1..=3 {
        let claims = claim(&store, "phone", now(), 100_000).await;
        assert_eq!(claims.len(), count * EVENTS, "round {round}");
        let settles = claims
            .iter()
            .map(|failed| settle_again(&store, failed, round));
        join_all(settles).await;
        assert!(on_disk(&folder) <= LIMIT);
    }
}

/// Settles as a lane does: again, when there was no room for it just then.
async fn settle_again(store: &Store, failed: &Claim, round: u32) {
    let mut attempt = attempt(round, Outcome::Retry);
    attempt.answer = Some("x".repeat(1000));
    let waiting = settlement(State::Waiting, now());
    for _ in 0..1000 {
        let settled = store.settle(failed.row, &failed.sink, attempt.clone(), waiting.clone());
        match settled.await {
            Ok(settled) => return assert!(settled),
            Err(StoreError::Full { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a settlement found no room");
}

#[tokio::test]
async fn a_full_disk_costs_what_was_delivered_and_no_dead_letter() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone"]).await;
    let states = [State::Delivered, State::Dead, State::Waiting];
    for (claim, state) in claim(&store, "phone", now(), 9).await.iter().zip(states) {
        end_with(&store, claim, settlement(state, after(600))).await;
    }
    store.close().await;
    let path = folder.path().join("bellwire.db");
    let mut file = Connection::open(&path).expect("opens");
    let log = Log::of(&mut file, &path).expect("a log");
    let mut space = Space::new(&path, log, Arc::default());
    space.set_limit(&file, 1 << 30).expect("sets");
    space.press(true);
    while space.has_work() {
        space.step(&mut file).expect("steps");
    }
    let left = |state: i64| -> i64 {
        let sql = "SELECT count(*) FROM deliveries WHERE state = ?1";
        file.query_row(sql, [state], |row| row.get(0))
            .expect("reads")
    };
    let column = |state| crate::store::row::state_column(state);
    assert_eq!(states.map(|state| left(column(state))), [0, 1, 1]);
}
