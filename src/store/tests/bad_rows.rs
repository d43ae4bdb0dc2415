//! Rows that nobody can have meant, as far as both homes take them.

use tempfile::TempDir;

use super::*;

/// What arrives in the queues of these tests.
pub(super) const IDS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

/// A queue with so many deliveries whose second is spoilt by this statement.
async fn spoilt(sql: &str) -> (TempDir, Store) {
    let folder = TempDir::new().expect("a folder");
    let store = holding(&folder, &IDS, &["phone"]).await;
    assert_eq!(change(&store, sql).await, 1, "{sql}");
    store.close().await;
    let store = open(&folder).expect("opens with a bad row");
    (folder, store)
}

/// The second delivery of a queue becomes a dead letter once somebody comes by, and the others go on.
pub(super) async fn is_set_aside(store: &Store, sql: &str) {
    let limit = NonZeroUsize::new(9).expect("some");
    let claims = store
        .claim(&name("phone"), now(), limit, 0)
        .await
        .expect(sql);
    let rows: Vec<i64> = claims.claims.iter().map(|claim| claim.row).collect();
    assert_eq!(rows, [1, 3, 4, 5, 6, 7], "{sql}");
    let attempts = "SELECT attempts FROM deliveries WHERE state = 1 ORDER BY seq";
    assert_eq!(numbers(store, attempts).await, [1; 6], "{sql}");
    let listed = store.recent_deliveries(9).await.expect(sql);
    let dead = listed.iter().find(|row| row.row == 2).expect(sql);
    assert_eq!(dead.state, State::Dead, "{sql}");
    let reason = dead.reason.as_deref().expect(sql);
    assert!(
        reason.starts_with("its row cannot be read: "),
        "{sql}: {reason}"
    );
    let depths = store.depths().await.expect(sql);
    let phone = depths.by_sink[&name("phone")].iter();
    let counted: Vec<_> = phone.map(|(state, count)| (*state, *count)).collect();
    assert_eq!(counted, [("dead", 1), ("in_flight", 6)], "{sql}");
    store.events(Standing::default(), None, 9).await.expect(sql);
    let arrived = store.arrived(Standing::default(), 0, None, 9).await;
    let (arrived, reached) = arrived.expect(sql);
    let readable = arrived.iter().filter(|one| one.event.is_some());
    assert!(readable.count() >= 6 && reached == 7, "{sql}");
    assert!(store.fault().is_none());
    let again = store
        .claim(&name("phone"), now(), limit, 0)
        .await
        .expect(sql);
    assert_eq!((again.claims.len(), again.aside.len()), (0, 0), "{sql}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_becomes_a_dead_letter_and_the_others_go_on() {
    for sql in [
        "UPDATE deliveries SET attempts = -1 WHERE seq = 2",
        "UPDATE deliveries SET created = 9223372036854775807 WHERE seq = 2",
        "UPDATE deliveries SET due = 9223372036854775807 WHERE seq = 2",
        "UPDATE deliveries SET event = 99 WHERE seq = 2",
        "UPDATE events SET source = 'no name' WHERE seq = 2",
        "UPDATE events SET time = -9223372036854775807 WHERE seq = 2",
        "UPDATE events SET received = 9223372036854775807 WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
        "UPDATE deliveries SET step = 1099511627776, state = 1 WHERE seq = 2",
    ] {
        let (_folder, store) = spoilt(sql).await;
        is_set_aside(&store, sql).await;
    }
}

#[tokio::test]
async fn a_count_that_nobody_can_have_meant_is_listed_before_its_time_has_come() {
    let later = crate::store::row::micros(now()) + 3_600_000_000;
    for attempts in [-1, 1_i64 << 40] {
        let sql =
            format!("UPDATE deliveries SET attempts = {attempts}, due = {later} WHERE seq = 2");
        let (_folder, store) = spoilt(&sql).await;
        let listed = store.recent_deliveries(9).await.expect("reads");
        assert_eq!(listed.len(), IDS.len());
        let odd = listed.iter().find(|row| row.row == 2).expect("listed");
        assert_eq!((odd.attempts, odd.state), (0, State::Waiting));
    }
}

#[tokio::test]
async fn a_delivery_that_is_set_aside_is_told() {
    let sql = "UPDATE deliveries SET attempts = -1 WHERE seq = 2";
    let (_folder, store) = spoilt(sql).await;
    let limit = NonZeroUsize::new(9).expect("some");
    let claims = store
        .claim(&name("phone"), now(), limit, 0)
        .await
        .expect("claims");
    let rows = store.recent_deliveries(9).await.expect("reads");
    assert_eq!(claims.aside.len(), 1);
    let row = rows.iter().find(|row| row.row == 2).expect("listed");
    assert_eq!(claims.aside[0].id, row.id);
    assert_eq!(Some(&claims.aside[0].reason), row.reason.as_ref());
}
