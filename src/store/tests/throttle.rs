//! At most so many deliveries in so long, for each rule, sink and key.

use tempfile::TempDir;

use super::*;
use crate::model::{Suppressed, Throttle};

const LIMIT: u32 = 2;
const PER: i64 = 300;

/// Accepts an event that arrives at a second, with this key; answers the states of its deliveries.
async fn arrive(store: &Store, second: i64, key: &str, sinks: &[&str]) -> Vec<State> {
    arrive_within(store, second, key, sinks, LIMIT).await
}

async fn arrive_within(
    store: &Store,
    second: i64,
    key: &str,
    sinks: &[&str],
    limit: u32,
) -> Vec<State> {
    let mut one = batch(&["1"], sinks);
    let (event, routes) = &mut one.events[0];
    event.identity = None;
    event.received = after(second);
    for route in routes {
        route.throttle = Some(Throttle {
            limit,
            per: Duration::from_secs(PER.unsigned_abs()),
            key: key.into(),
        });
    }
    store.accept(one).await.expect("accepts");
    let newest = store
        .events(Standing::default(), None, 1)
        .await
        .expect("reads")
        .remove(0);
    newest.deliveries.iter().map(|row| row.state).collect()
}

const PASSES: [State; 1] = [State::Waiting];
const THROTTLED: [State; 1] = [State::Throttled];

#[tokio::test]
async fn no_stretch_of_time_sees_more_than_the_limit() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for (second, expected) in [
        (0, PASSES),
        (200, PASSES),
        (299, THROTTLED),
        (300, PASSES), // the one of second 0 is as old as that
        (301, THROTTLED),
        (499, THROTTLED),
        (500, PASSES),
        (600, PASSES),
        (601, THROTTLED),
    ] {
        let states = arrive(&store, second, "a", &["phone"]).await;
        assert_eq!(states, expected, "second {second}");
    }
    assert_eq!(
        arrive(&store, 602, "b", &["phone"]).await,
        PASSES,
        "another key"
    );
    let team = arrive(&store, 602, "a", &["phone", "team"]).await;
    assert_eq!(team, [State::Throttled, State::Waiting], "another sink");
}

#[tokio::test]
async fn what_was_suppressed_is_told_once_with_the_next_that_passes_also_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for second in 0..5 {
        arrive(&store, second, "a", &["phone"]).await;
    }
    store.close().await;
    let store = open(&folder).expect("opens again");
    assert_eq!(arrive(&store, 10, "a", &["phone"]).await, THROTTLED);
    for second in [400, 401] {
        assert_eq!(arrive(&store, second, "a", &["phone"]).await, PASSES);
    }
    let claims = claim(&store, "phone", after(500), 9).await;
    let told: Vec<_> = claims.iter().map(|claim| claim.suppressed).collect();
    let suppressed = Suppressed {
        count: 4,
        since: after(2),
    };
    assert_eq!(told, [None, None, Some(suppressed), None]);
    let rows = store.recent_deliveries(20).await.expect("reads");
    let throttled = rows.iter().filter(|row| row.state == State::Throttled);
    let reasons: Vec<_> = throttled.map(|row| row.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("more than 2 within 300 s"); 4]);
    assert_eq!(prune(&store, after(1000)).await, 4, "they have ended");
}

#[tokio::test]
async fn a_replay_does_not_count_and_a_refused_batch_leaves_no_trace() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let throttle = Throttle {
        limit: 1,
        per: Duration::from_secs(300),
        key: "a".into(),
    };
    let throttled = |ids: &[&str]| {
        let mut batch = batch(ids, &["phone"]);
        for (_, routes) in &mut batch.events {
            routes[0].throttle = Some(throttle.clone());
        }
        batch
    };
    let failing = throttled(&["1"]);
    let failed: Result<(), _> = store
        .call(move |connection, _| {
            crate::store::accept::accept(
                connection,
                &crate::store::tags::Tags::default(),
                &mut crate::store::hands::Hands::default(),
                &failing,
            )?;
            Err(StoreError::Closed)
        })
        .await;
    assert!(failed.is_err());
    let first = store.accept(throttled(&["1"])).await.expect("accepts");
    assert_eq!(first.deliveries, 1, "it passes");
    let again = store.accept(throttled(&["1", "2"])).await.expect("accepts");
    assert_eq!(
        (again.repeated.len(), again.new, again.deliveries),
        (1, 1, 0)
    );
    let only = claim(&store, "phone", now(), 9).await;
    assert_eq!(only.len(), 1);
    assert_eq!(only[0].suppressed, None);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_silence_a_rule() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for second in [100_000, 100_001] {
        assert_eq!(arrive(&store, second, "a", &["phone"]).await, PASSES);
    }
    assert_eq!(
        arrive(&store, 100_000, "a", &["phone"]).await,
        THROTTLED,
        "a little"
    );
    assert_eq!(arrive(&store, 5, "a", &["phone"]).await, PASSES, "a day");
}

#[tokio::test]
async fn a_changed_limit_holds_at_once_and_memory_is_bounded() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    for second in 0..5 {
        arrive_within(&store, second, "a", &["phone"], 5).await;
    }
    let tighter = arrive_within(&store, 6, "a", &["phone"], 1).await;
    assert_eq!(tighter, THROTTLED);
    let wider = arrive_within(&store, 7, "a", &["phone"], 6).await;
    assert_eq!(wider, PASSES);
    for number in 0..200 {
        let key = format!("key {number}");
        arrive(&store, number * 100_000, &key, &["phone"]).await;
    }
    for number in 0..30 {
        arrive(&store, 30_000_000 + number * PER, "b", &["phone"]).await;
    }
    let count = |table: &'static str| {
        store.call(move |connection, _| {
            let sql = format!("SELECT count(*) FROM {table}");
            Ok(connection.query_row(&sql, params![], |row| row.get::<i64>(0))?)
        })
    };
    assert!(count("throttles").await.expect("counts") < 5);
    assert!(count("throttle_passes").await.expect("counts") < 10);
    let flood = store.call(|connection, _| {
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 21000)
             INSERT INTO throttles (rule, sink, key, passed, suppressed_count, forgotten)
             SELECT 'flood', 'phone', CAST(n AS TEXT), 0, 0, 9000000000000000 FROM n",
            params![],
        )?;
        Ok(())
    });
    flood.await.expect("writes");
    for number in 0..70 {
        let key = format!("new {number}");
        assert_eq!(arrive(&store, 40_000_000, &key, &["phone"]).await, PASSES);
    }
    let left = count("throttles").await.expect("counts");
    assert!(
        (20_000..20_100).contains(&left),
        "no more than had to: {left}"
    );
}
