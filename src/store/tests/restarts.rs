//! What survives the process, and what does not take others with it.

use tempfile::TempDir;

use super::depths::counted;
use super::*;

#[tokio::test]
async fn res_1_events_deliveries_and_cursor_are_there_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let accepted = store
        .accept(batch(&["1", "2"], &["phone", "team"]))
        .await
        .expect("accepts");
    assert_eq!(
        (accepted.new, accepted.repeated.len(), accepted.deliveries),
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
async fn the_picture_of_a_source_is_committed_with_its_events() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let row = |key: &str, body: Option<&[u8]>| PictureRow {
        key: key.to_owned(),
        body: body.map(<[u8]>::to_vec),
    };
    let mut first = batch(&["1"], &["phone"]);
    first.events[0].0.about = Some(Bytes::from_static(br#"{"trade":{"symbol":"XAUUSD"}}"#));
    first.picture = vec![row("a", Some(b"1")), row("b", Some(b"2"))];
    store.accept(first).await.expect("accepts");
    let mut second = batch(&[], &[]);
    second.picture = vec![row("a", Some(b"3")), row("b", None), row("c", None)];
    store.accept(second).await.expect("accepts");
    store.close().await;

    let store = open(&folder).expect("opens again");
    let picture = store.picture(&name("ttmt")).await.expect("reads");
    assert_eq!(picture, [row("a", Some(b"3"))]);
    let other = store.picture(&name("other")).await.expect("reads");
    assert!(other.is_empty(), "each source has its own");
    let claimed = claim(&store, "phone", now(), 1).await.remove(0);
    let about = claimed.event.about_json();
    assert_eq!(about["trade"]["symbol"], "XAUUSD");
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
async fn what_was_in_flight_at_a_crash_is_sent_again_and_counted() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
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
    let store = holding(&folder, &["1"], &["phone"]).await;
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
async fn a_rest_that_is_ended_has_due_what_waited_for_it_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2", "3"], &["phone"]).await;
    let all = claim(&store, "phone", now(), 3).await;
    let rest = Settlement {
        rest_until: Some(after(60)),
        ..settlement(State::Waiting, after(60))
    };
    store
        .settle(
            all[0].row,
            &all[0].sink,
            attempt(1, Outcome::RetryAfter),
            rest,
        )
        .await
        .expect("settles");
    wait(&store, &all[1], Wake::OnReturn, after(50)).await;
    wait(&store, &all[2], Wake::Never, after(50)).await;
    let phone = name("phone");
    store.end_rest(&phone, after(60)).await.expect("is over");
    assert_eq!(
        store.rest_until(&phone).await.expect("reads"),
        Some(after(60))
    );
    store.end_rest(&phone, after(10)).await.expect("ends");
    assert_eq!(store.rest_until(&phone).await.expect("reads"), None);
    let due = claim(&store, "phone", after(10), 9).await;
    let ids: Vec<_> = due.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, [all[0].id.as_str()]);
}

#[tokio::test]
async fn a_request_that_fails_takes_no_neighbour_with_it() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let bad = store.call(|connection, _| {
        connection.execute("INSERT INTO nowhere VALUES (1)", params![])?;
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
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
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
    assert_eq!(prune(&store, now()).await, 0, "not old yet");
    assert_eq!(prune(&store, after(1)).await, 2);
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
async fn a_delivery_that_ends_the_process_every_time_becomes_a_dead_letter() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1"], &["phone"]).await;
    store.close().await;
    let mut starts = 0;
    let dead = loop {
        let store = open(&folder).expect("opens again");
        let claimed = claim(&store, "phone", now(), 1).await;
        let row = store.recent_deliveries(1).await.expect("reads").remove(0);
        store.close().await;
        starts += 1;
        if claimed.is_empty() {
            break row;
        }
        assert!(starts < 100, "it would go on for ever");
    };
    assert_eq!((starts, dead.state), (51, State::Dead));
    assert!(dead.reason.expect("a reason").contains("50 times in a row"));
}

#[tokio::test]
async fn after_a_request_that_has_failed_the_counts_are_kept_as_before() {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &["1", "2"], &["phone"]).await;
    for failing in ["INSERT INTO nowhere VALUES (1)", "DELETE FROM deliveries"] {
        let failed = store.call(move |connection, _| {
            connection.with_triggers(|| {
                connection.execute(failing, params![])?;
                Err::<(), _>(StoreError::Closed)
            })
        });
        let failed = failed.await.expect_err("fails").to_string();
        assert!(
            failed.contains("nowhere") || failed.contains("closed"),
            "{failed}"
        );
        let forget = "DELETE FROM deliveries WHERE seq = (SELECT min(seq) FROM deliveries)";
        assert_eq!(change(&store, forget).await, 1);
        let depths = store.depths().await.expect("reads");
        assert_eq!(depths, counted(&store).await, "after {failing}");
    }
}
