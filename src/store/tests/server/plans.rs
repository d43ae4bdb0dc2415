//! How the server goes about what is asked of it often: no cost grows with what waits.

use tempfile::TempDir;

use super::*;
use crate::store::claim::{LOOK, MISSED, TAKE, WAKE_REFUSED, WAKE_RETURNED};
use crate::store::depths::DEPTHS;
use crate::store::inspect::share;
use crate::store::prune::{self, OLD};
use crate::store::turn::{BETWEEN, NEXT, NO_MOMENT};
use crate::store::{arrived, stand_in};

/// A long life: most of it delivered, and of every other kind more than a few.
const LIFE: &str = "
    SET bellwire.triggers = 'off';
    INSERT INTO events (source, id, kind, received, backfilled, identity, payload)
        SELECT 'ttmt', n, 'tp_hit', n * 1000, 0, CAST('e' || n AS BYTEA), 'x' FROM generate_series(1, 30000) n;
    INSERT INTO deliveries (event, sink, rule, state, created, due, ended, key, behind, priority, wakes, steps_in, bundle)
        SELECT n, 'sink' || n % 4, 'all',
            CASE WHEN n % 3 > 0 THEN 2 WHEN n % 33 = 0 THEN 3 WHEN n > 29990 THEN 1 ELSE 0 END,
            n * 1000, n * 1000, CASE WHEN n % 3 > 0 OR n % 33 = 0 THEN n * 1000 END,
            CASE WHEN n % 5 = 0 THEN 'key' || n % 50 END, CASE WHEN n % 5 = 0 AND n > 50 THEN 1 ELSE 0 END, 1 + n % 5,
            CASE n % 7 WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE 0 END, CASE n % 100 WHEN 0 THEN n * 1000 END,
            CASE n % 100 WHEN 1 THEN n END
        FROM generate_series(1, 30000) n;
    INSERT INTO depths SELECT sink, state, count(*) FROM deliveries GROUP BY sink, state;
    ANALYZE events; ANALYZE deliveries; ANALYZE depths";

/// A sink that has been away for long: nearly all there is waits for it, and is alike.
const BACKLOG: &str = "
    SET bellwire.triggers = 'off';
    DELETE FROM deliveries; DELETE FROM events; DELETE FROM depths;
    INSERT INTO events (source, id, kind, received, backfilled, identity, payload)
        SELECT 'ttmt', n, 'tp_hit', n * 1000, 0, CAST('e' || n AS BYTEA), 'x' FROM generate_series(1, 30000) n;
    INSERT INTO deliveries (event, sink, rule, state, created, due, behind, priority)
        SELECT seq, 'sink1', 'all', 0, received, received, 0, 3 FROM events;
    INSERT INTO depths VALUES ('sink1', 0, 30000);
    ANALYZE events; ANALYZE deliveries; ANALYZE depths";

/// The plans of a statement, each of the first times that it is used: the server goes over to one plan for all
/// values once it has seen some, where that looks no dearer.
async fn plans(client: &Client, sql: &str, values: &str) -> Vec<String> {
    let types: Vec<&str> = values
        .split(", ")
        .filter(|value| !value.is_empty())
        .map(|value| match value.starts_with('\'') {
            true => "TEXT",
            false => "BIGINT",
        })
        .collect();
    let (types, values) = match types.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("({})", types.join(", ")), format!("({values})")),
    };
    let prepare = format!("PREPARE asked {types} AS {}", sql.replace('?', "$"));
    client.batch_execute(&prepare).await.expect("prepares");
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE asked {values}");
    let mut plans = Vec::new();
    for _ in 0..8 {
        let lines = client.simple_query(&explain).await.expect("explains");
        let lines = lines.iter().filter_map(|line| match line {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        plans.push(lines.collect::<Vec<_>>().join("\n"));
    }
    let forget = client.batch_execute("DEALLOCATE asked");
    forget.await.expect("forgets");
    plans
}

#[tokio::test]
async fn what_is_asked_often_goes_through_an_index_however_much_there_is() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let client = beside(&address, &folder).await;
    for life in [LIFE, BACKLOG] {
        client.batch_execute(life).await.expect("lives");
        all_by_index(&client).await;
    }
}

/// Checks that no statement that is used often reads what it does not answer with.
async fn all_by_index(client: &Client) {
    let late = "20000000";
    for (sql, values, index) in [
        (
            BETWEEN,
            format!("'sink1', 3, 0, {late}, 10"),
            "deliveries_due",
        ),
        (
            NO_MOMENT,
            "'sink1', 3, 9000000000".to_owned(),
            "deliveries_due",
        ),
        (NEXT, "'sink1', 3".to_owned(), "deliveries_due"),
        (&LOOK, "20001, 20001".to_owned(), "deliveries_pkey"),
        (&LOOK, "20001, 20064".to_owned(), "deliveries_pkey"),
        (
            TAKE,
            "20001, 20064, 1, 1, 20000000".to_owned(),
            "deliveries_pkey",
        ),
        (WAKE_RETURNED, "'sink1', 10".to_owned(), "deliveries_wakes"),
        (WAKE_REFUSED, "'sink1', 10".to_owned(), "deliveries_refused"),
        (MISSED, "'sink1'".to_owned(), "deliveries_wakes"),
        (DEPTHS, String::new(), "deliveries_waiting"),
        (OLD, format!("{late}, 0, 100"), "events_pkey"),
        (prune::LOOK, format!("{late}, 0"), "events_pkey"),
        (prune::NEWEST, String::new(), "events_pkey"),
        (stand_in::NEXT, String::new(), "deliveries_steps_in"),
        (
            stand_in::DUE,
            "100000, 10".to_owned(),
            "deliveries_steps_in",
        ),
        (arrived::SHARE, "7".to_owned(), "events_pkey"),
        (&share(None), late.to_owned(), "deliveries_pkey"),
        (
            &share(Some(State::Dead)),
            late.to_owned(),
            "deliveries_dead",
        ),
        (
            &share(Some(State::InFlight)),
            late.to_owned(),
            "deliveries_in_flight",
        ),
    ] {
        for plan in plans(client, sql, &values).await {
            assert!(plan.contains(index), "{plan}\nof {sql}");
            // The counts are a few rows, which are read from end to end.
            let is_long = |step: &&str| {
                step.contains("Sort")
                    || step.contains("Seq Scan") && !step.contains("Seq Scan on depths")
            };
            let long: Vec<&str> = plan.lines().filter(is_long).collect();
            assert!(long.is_empty(), "{plan}\nof {sql}");
        }
    }
}

#[tokio::test]
async fn an_event_is_in_no_index_but_those_of_its_number_and_its_identity() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let client = beside(&address, &folder).await;
    let select = "SELECT string_agg(indexname, ',' ORDER BY indexname) FROM pg_indexes
        WHERE tablename = 'events' AND schemaname = current_schema()";
    let found = client.query_one(select, &[]).await.expect("reads");
    assert_eq!(found.get::<_, String>(0), "events_identity,events_pkey");
}
