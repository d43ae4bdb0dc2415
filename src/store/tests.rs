//! The queue on a real file in a folder of its own.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tempfile::TempDir;

use super::{Store, StoreError};
use crate::model::{
    Attempt, Batch, Checkpoint, Claim, Cursor, DataAt, Event, Identity, Name, Outcome, Route,
    Settlement, State,
};
use crate::status::Status;

fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).expect("in range")
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).expect("in range")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn open(folder: &TempDir) -> Result<Store, StoreError> {
    Store::open(folder.path(), Status::new().0, now())
}

fn event(id: &str) -> Event {
    Event {
        source: name("ttmt"),
        id: Some(id.into()),
        kind: "tp_hit".into(),
        time: Some(after(-1)),
        received: now(),
        backfilled: false,
        identity: Some(Identity(id.as_bytes().to_vec())),
        payload: Bytes::from_static(br#"{"type":"tp_hit","data":{"price":1.10}}"#),
        data: DataAt::Json { start: 24, end: 38 },
    }
}

fn batch(ids: &[&str], sinks: &[&str]) -> Batch {
    let routes: Vec<Route> = sinks
        .iter()
        .map(|sink| Route {
            sink: name(sink),
            rule: "every".into(),
        })
        .collect();
    Batch {
        source: name("ttmt"),
        events: ids.iter().map(|id| (event(id), routes.clone())).collect(),
        checkpoint: ids.last().map(|id| Checkpoint {
            cursor: Cursor::At((*id).to_owned()),
            epoch: 3,
            high_id: Some(u64::MAX),
            high_time: Some(now()),
        }),
    }
}

async fn claim(store: &Store, sink: &str, at: Timestamp, limit: usize) -> Vec<Claim> {
    let limit = NonZeroUsize::new(limit).expect("more than none");
    store
        .claim(&name(sink), at, limit)
        .await
        .expect("claims")
        .claims
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        at: now(),
        duration: Duration::from_millis(12),
        outcome,
        status: Some(500),
        reason: Some("status 500".to_owned()),
        answer: Some("oops".to_owned()),
    }
}

fn settlement(state: State, due: Timestamp) -> Settlement {
    Settlement {
        state,
        due,
        step: 1,
        plain: true,
        reason: Some("status 500".to_owned()),
        rest_until: None,
        suspend: None,
    }
}

#[tokio::test]
async fn res_1_events_deliveries_and_cursor_are_there_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let accepted = store
        .accept(batch(&["1", "2"], &["phone", "team"]))
        .await
        .expect("accepts");
    assert_eq!(
        (accepted.new, accepted.repeated, accepted.deliveries),
        (2, 0, 4)
    );
    store.close().await;

    let store = open(&folder).expect("opens again");
    let checkpoint = store.checkpoint(&name("ttmt")).await.expect("reads");
    assert_eq!(checkpoint.cursor, Cursor::At("2".to_owned()));
    assert_eq!(
        (checkpoint.epoch, checkpoint.high_id, checkpoint.high_time),
        (3, Some(u64::MAX), Some(now()))
    );
    let claims = claim(&store, "phone", now(), 9).await;
    assert_eq!(claims.len(), 2);
    let mut expected = event("1");
    expected.identity = None;
    assert_eq!(
        claims[0].event, expected,
        "all of the event comes back, byte for byte"
    );
}

#[tokio::test]
async fn res_3_a_replay_adds_nothing_and_still_moves_the_cursor() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1", "2"], &["phone"]))
        .await
        .expect("accepts");
    let again = store
        .accept(batch(&["2", "3"], &["phone"]))
        .await
        .expect("accepts");
    assert_eq!((again.new, again.repeated, again.deliveries), (1, 1, 1));
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 3);
    let checkpoint = store.checkpoint(&name("ttmt")).await.expect("reads");
    assert_eq!(checkpoint.cursor, Cursor::At("3".to_owned()));
}

#[tokio::test]
async fn feed_l5_an_event_without_identity_is_never_a_replay() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut twice = batch(&["1", "1"], &["phone"]);
    for (event, _) in &mut twice.events {
        event.identity = None;
    }
    let accepted = store.accept(twice).await.expect("accepts");
    assert_eq!((accepted.new, accepted.repeated), (2, 0));
}

#[tokio::test]
async fn feed_l6_cleared_and_never_had_one_are_different_on_disk() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let source = name("ttmt");
    assert_eq!(
        store.checkpoint(&source).await.expect("reads").cursor,
        Cursor::Unknown
    );
    let mut cleared = batch(&[], &[]);
    cleared.checkpoint = Some(Checkpoint {
        cursor: Cursor::Cleared,
        ..Checkpoint::default()
    });
    store.accept(cleared).await.expect("accepts");
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(
        store.checkpoint(&source).await.expect("reads").cursor,
        Cursor::Cleared
    );
}

#[tokio::test]
async fn a_claim_is_taken_once_oldest_first_and_says_when_the_next_is_due() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1", "2", "3"], &["phone"]))
        .await
        .expect("accepts");
    let first = store
        .claim(&name("phone"), now(), NonZeroUsize::new(2).expect("two"))
        .await
        .expect("claims");
    let ids: Vec<_> = first
        .claims
        .iter()
        .map(|claim| claim.event.id.as_deref())
        .collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
    assert_eq!(first.next_due, Some(now()), "the third is due as well");
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 1);
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 0);
    assert_eq!(claim(&store, "other", now(), 9).await.len(), 0);
}

#[tokio::test]
async fn a_failed_attempt_is_due_again_when_its_settlement_says() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    let settled = store
        .settle(
            first.row,
            &first.sink,
            attempt(1, Outcome::Retry),
            settlement(State::Waiting, after(30)),
        )
        .await;
    assert!(settled.expect("settles"));
    assert!(claim(&store, "phone", after(29), 1).await.is_empty());
    let second = claim(&store, "phone", after(30), 1).await.remove(0);
    assert_eq!((second.attempt, second.step, second.plain), (2, 1, true));
    assert_eq!(second.id, first.id, "the id is the same over all attempts");
    assert!(!second.id.as_str().contains('.'));
    assert_eq!(
        store.attempts(first.row).await.expect("reads"),
        [attempt(1, Outcome::Retry)]
    );
}

#[tokio::test]
async fn a_late_settlement_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    let first = claim(&store, "phone", now(), 1).await.remove(0);
    store
        .release(first.row, first.attempt)
        .await
        .expect("releases");
    let late = store
        .settle(
            first.row,
            &first.sink,
            attempt(1, Outcome::Delivered),
            settlement(State::Delivered, now()),
        )
        .await;
    assert!(!late.expect("answers"));
    assert!(store.attempts(first.row).await.expect("reads").is_empty());
    let second = claim(&store, "phone", now(), 1).await.remove(0);
    assert_eq!(second.attempt, 1, "a released claim used up no attempt");
}

#[tokio::test]
async fn what_was_in_flight_at_a_crash_is_sent_again_and_counted() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    let lost = claim(&store, "phone", now(), 1).await.remove(0);
    store.close().await;

    let store = open(&folder).expect("opens again");
    let again = claim(&store, "phone", now(), 1).await.remove(0);
    assert_eq!((again.id.clone(), again.attempt), (lost.id, 2));
    let attempts = store.attempts(again.row).await.expect("reads");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, Outcome::Interrupted);
}

#[tokio::test]
async fn a_rest_that_a_receiver_asked_for_survives_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    let only = claim(&store, "phone", now(), 1).await.remove(0);
    let rest = Settlement {
        rest_until: Some(after(60)),
        ..settlement(State::Waiting, after(60))
    };
    store
        .settle(only.row, &only.sink, attempt(1, Outcome::RetryAfter), rest)
        .await
        .expect("settles");
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(
        store.rest_until(&name("phone")).await.expect("reads"),
        Some(after(60))
    );
    assert_eq!(store.rest_until(&name("team")).await.expect("reads"), None);
}

#[tokio::test]
async fn two_instances_never_share_a_folder_and_the_second_says_who_holds_it() {
    let folder = TempDir::new().expect("a folder");
    let first = open(&folder).expect("opens");
    let refused = open(&folder).expect_err("the folder is taken").to_string();
    assert!(
        refused.contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    first.close().await;
    open(&folder).expect("free again");
}

#[tokio::test]
async fn a_damaged_file_is_refused_by_name_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("bellwire.db");
    let rubbish =
        b"this is no database, but it is longer than the header of one would have to be".repeat(20);
    std::fs::write(&file, &rubbish).expect("writes");
    let error = open(&folder).expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("bellwire.db") && text.contains("rename"),
        "{text}"
    );
    assert_eq!(std::fs::read(&file).expect("still there"), rubbish);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = rusqlite::Connection::open(folder.path().join("bellwire.db")).expect("opens");
    file.pragma_update(None, "user_version", 99)
        .expect("writes");
    drop(file);
    let error = open(&folder).expect_err("too new");
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_request_that_fails_takes_no_neighbour_with_it() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let bad = store.call(|connection, _| {
        connection.execute("INSERT INTO nowhere VALUES (1)", [])?;
        Ok(())
    });
    let (good, bad) = tokio::join!(store.accept(batch(&["1"], &["phone"])), bad);
    assert!(bad.is_err());
    assert_eq!(good.expect("accepted").new, 1);
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 1);
}

#[tokio::test]
async fn pruning_takes_what_is_finished_and_old_and_no_id_is_used_again() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1", "2"], &["phone"]))
        .await
        .expect("accepts");
    let claims = claim(&store, "phone", now(), 2).await;
    for done in &claims {
        let settled = store
            .settle(
                done.row,
                &done.sink,
                attempt(1, Outcome::Delivered),
                settlement(State::Delivered, now()),
            )
            .await;
        assert!(settled.expect("settles"));
    }
    store
        .accept(batch(&["3"], &["phone"]))
        .await
        .expect("accepts");
    assert_eq!(
        store.prune(now(), 100).await.expect("prunes"),
        0,
        "not old yet"
    );
    assert_eq!(store.prune(after(1), 100).await.expect("prunes"), 2);
    let left = store.recent_deliveries(10).await.expect("reads");
    assert_eq!(left.len(), 1, "what waits is never removed");
    store
        .accept(batch(&["4"], &["phone"]))
        .await
        .expect("accepts");
    let rows = store.recent_deliveries(10).await.expect("reads");
    assert!(
        rows.iter()
            .all(|row| claims.iter().all(|claim| claim.id != row.id))
    );
}

#[tokio::test]
async fn depths_count_by_sink_and_state() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store
        .accept(batch(&["1", "2"], &["phone", "team"]))
        .await
        .expect("accepts");
    claim(&store, "phone", now(), 1).await;
    let depths = store.depths().await.expect("reads");
    assert_eq!(depths.by_sink[&name("phone")]["waiting"], 1);
    assert_eq!(depths.by_sink[&name("phone")]["in_flight"], 1);
    assert_eq!(depths.by_sink[&name("team")]["waiting"], 2);
    assert_eq!(depths.oldest_waiting[&name("team")], now());
    let events = store.recent_events(1).await.expect("reads");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].deliveries.len(), 2);
}
