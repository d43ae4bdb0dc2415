//! How room is made in a full file: what goes, in which order, and when a batch is refused instead.

use tempfile::TempDir;

use super::room::{LIMIT, PAGE, Room, SHARE};
use super::*;
use crate::store::prune::{Yield, trim};

/// With so much in rows, a batch of so much has no room.
const MUCH: u64 = 12 * SHARE;
const MORE: u64 = 2 * SHARE;

/// Removes the next share; answers behind which event the one after it begins, and how many events are left.
async fn share(store: &Store, what: Yield, from: i64) -> (Option<i64>, usize) {
    let next = store
        .call(move |connection, _| connection.with_triggers(|| trim(connection, what, from)))
        .await
        .expect("removes");
    (next, seqs(store).await.len())
}

async fn seqs(store: &Store) -> Vec<i64> {
    numbers(store, "SELECT seq FROM events ORDER BY seq").await
}

#[tokio::test]
async fn a_share_is_of_512_events_and_the_next_begins_behind_them() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store.accept(large(513, 1, &[])).await.expect("accepts");
    let last = seqs(&store).await[511];
    assert_eq!(share(&store, Yield::Finished, 0).await, (Some(last), 1));
    assert_eq!(share(&store, Yield::Finished, last).await, (None, 0));
}

#[tokio::test]
async fn a_share_ends_with_the_event_that_makes_it_two_mebibytes() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store.accept(large(5, 1 << 20, &[])).await.expect("accepts");
    let (second, fourth) = (seqs(&store).await[1], seqs(&store).await[3]);
    assert_eq!(share(&store, Yield::Finished, 0).await, (Some(second), 3));
    let next = share(&store, Yield::Finished, second).await;
    assert_eq!(next, (Some(fourth), 1));
    assert_eq!(share(&store, Yield::Finished, fourth).await, (None, 0));
}

#[tokio::test]
async fn the_attempts_of_what_has_ended_stay_with_it() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    let claims = claim(&store, "phone", now(), 9).await;
    end_with(&store, &claims[0], settlement(State::Delivered, now())).await;
    end_with(&store, &claims[1], settlement(State::Waiting, after(600))).await;
    let attempts = "SELECT delivery FROM attempts ORDER BY delivery";
    let rows = [claims[0].row, claims[1].row];
    assert_eq!(numbers(&store, attempts).await, rows);
    assert_eq!(share(&store, Yield::Attempts, 0).await, (None, 2));
    assert_eq!(numbers(&store, attempts).await, rows[..1]);
}

/// A queue with eleven finished events in it, each a sixteenth of its limit.
async fn nearly_full(folder: &TempDir) -> Store {
    let store = open(folder).expect("opens");
    store.limit(16 << 20).await.expect("limits");
    for _ in 0..11 {
        let mut finished = large(1, 1 << 20, &[]);
        finished.events[0].0.identity = None;
        store.accept(finished).await.expect("room");
    }
    assert_eq!(
        seqs(&store).await.len(),
        11,
        "there is no need to remove any"
    );
    store
}

/// A batch for which some of them have to go: it is there twice while it is written.
fn wide() -> Batch {
    let mut wide = large(7, 1 << 19, &["phone"]);
    wide.source = name("other");
    wide
}

#[tokio::test]
async fn a_batch_waits_until_enough_is_removed_for_it() {
    let folder = TempDir::new().expect("a folder");
    let store = nearly_full(&folder).await;
    store.accept(wide()).await.expect("it waits for room");
    let finished = "SELECT count(*) FROM events WHERE length(payload) = 1048576";
    let left = numbers(&store, finished).await[0];
    // Seven of sixteen for the batch, and three for the log and the reserve.
    assert!(left <= 6, "more than the limit with {left}");
    assert!(left > 0, "not all had to go");
}

#[tokio::test]
async fn rows_that_cannot_be_removed_have_a_batch_refused_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let store = nearly_full(&folder).await;
    let kept = "CREATE TRIGGER kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'kept'); END";
    change(&store, kept).await;
    let refused = store.accept(wide()).await.expect_err("no room");
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    let small = store.accept(batch(&["small"], &["phone"])).await;
    small.expect("room");
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 1);
}

#[tokio::test]
async fn so_many_pages_and_a_sixteenth_of_the_rows_stay_free_in_the_file() {
    let mut room = Room::new().await;
    let (rows, left_alone) = (160 * PAGE, (256 + 160 / 16) * PAGE);
    room.fill(rows + left_alone);
    room.fill(rows);
    assert_eq!(room.free(), left_alone);
    assert!(!room.space.has_work());
    room.fill(rows - PAGE);
    assert!(room.space.has_work());
}

#[tokio::test]
async fn no_page_stays_free_while_somebody_waits_for_room_or_the_disk_is_full() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(MUCH);
    room.refused_after(MORE, false);
    room.space.want(0);
    room.fill(MUCH - 8 * PAGE);
    assert_eq!(room.free(), 8 * PAGE);
    assert!(!room.space.has_work(), "what comes next uses them");
    room.space.press(true);
    assert!(room.space.has_work());
    room.space.press(false);
    assert!(!room.space.has_work());
    assert_eq!(
        room.refused_after(MORE, false),
        1,
        "they go to the disk first"
    );
    assert_eq!(room.free(), 0);
}

#[tokio::test]
async fn a_batch_is_refused_when_all_has_been_looked_through_for_what_may_go() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(MUCH);
    let kinds = 3;
    assert_eq!(room.refused_after(MORE, false), kinds);
    assert_eq!(
        room.refused_after(MORE, false),
        0,
        "nothing has ended since"
    );
    room.space.look_anew();
    assert_eq!(room.refused_after(MORE, false), kinds);
}

#[tokio::test]
async fn deliveries_that_fail_all_the_time_have_it_looked_once_more_for_each_who_waits() {
    let mut room = Room::new().await;
    room.limit(LIMIT);
    room.fill(MUCH);
    let kinds = 3;
    assert_eq!(room.refused_after(MORE, true), 1 + kinds);
    assert_eq!(room.refused_after(MORE, true), kinds, "for the next one");
}

#[tokio::test]
async fn a_file_that_keeps_its_free_pages_has_a_batch_refused() {
    let mut room = Room::new().await;
    room.file
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM")
        .expect("another file");
    room.limit(LIMIT);
    room.fill(MUCH + 8 * PAGE);
    room.fill(MUCH);
    let kinds = 3;
    assert_eq!(room.refused_after(MORE, false), kinds + 1);
    assert!(!room.space.has_work(), "it would go on for ever");
}

#[tokio::test]
async fn what_ended_behind_the_search_goes_before_any_dead_letter() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["ends"], &["phone"]).await;
    // More than one step looks at.
    store.accept(large(600, 1, &[])).await.expect("accepts");
    store
        .accept(batch(&["dead"], &["phone"]))
        .await
        .expect("accepts");
    let claims = claim(&store, "phone", now(), 9).await;
    end_with(&store, &claims[1], settlement(State::Dead, now())).await;
    let mut room = Room::of(folder, store).await;
    room.limit(LIMIT);
    room.fill(MUCH);
    room.space.want(MORE);
    room.step();
    assert_eq!(room.events("ends"), 1);
    let column = crate::store::row::state_column(State::Delivered);
    let deliver = "UPDATE deliveries SET state = ?1, ended = 1 WHERE state <= 1";
    assert_eq!(room.file.execute(deliver, [column]), Ok(1));
    room.space.look_anew();
    for _ in 0..9 {
        if room.events("ends") == 0 {
            break;
        }
        room.step();
    }
    assert_eq!((room.events("ends"), room.events("dead")), (0, 1));
}

#[tokio::test]
async fn a_full_disk_costs_nothing_while_a_mebibyte_of_the_file_is_free() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["done"], &["phone"]).await;
    let claims = claim(&store, "phone", now(), 9).await;
    end_with(&store, &claims[0], settlement(State::Delivered, now())).await;
    let mut room = Room::of(folder, store).await;
    let (rows, free) = (160 * PAGE, 1 << 20);
    room.fill(rows + free);
    room.fill(rows);
    assert_eq!(room.free(), free);
    room.space.press(true);
    room.step();
    assert_eq!(room.events("done"), 1);
    assert!(room.free() < free, "they went to the disk");
    room.step();
    assert_eq!(room.events("done"), 0);
}

#[tokio::test]
async fn the_file_itself_is_shorter_when_all_its_free_pages_are_gone() {
    let mut room = Room::new().await;
    room.fill(460 * PAGE);
    room.fill(160 * PAGE);
    while room.space.has_work() {
        room.step();
    }
    let file = room.folder.path().join("bellwire.db");
    let length = std::fs::metadata(file).expect("a file").len();
    assert_eq!(length, room.ask("PRAGMA page_count") * PAGE);
    assert!(length < 460 * PAGE);
}
