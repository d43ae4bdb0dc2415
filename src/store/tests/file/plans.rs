//! How SQLite goes about what is asked of it: no cost grows with what waits.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::claim::{LOOK, MISSED, TAKE, WAKE_REFUSED, WAKE_RETURNED};
use crate::store::depths::DEPTHS;
use crate::store::inspect::share;
use crate::store::prune::{self, OLD};
use crate::store::settle::END_REST;
use crate::store::turn::{BETWEEN, NEXT};
use crate::store::{arrived, by_hand, stand_in};

/// How SQLite goes about a statement.
fn plan(file: &Connection, sql: &str) -> Vec<String> {
    let mut explain = file
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("prepares");
    explain
        .raw_query()
        .mapped(|row| row.get(3))
        .collect::<Result<_, _>>()
        .expect("explains")
}

#[tokio::test]
async fn every_look_of_a_claim_is_one_into_an_index() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    let ended = "SELECT min(o.seq) FROM deliveries o
         WHERE o.sink = ?1 AND o.key = ?2 AND o.behind = 1 AND o.state <= 1";
    let begun = "SELECT 1 FROM deliveries o
         WHERE o.sink = ?1 AND o.key = ?2 AND o.state <= 1 AND o.seq <> ?3";
    for (sql, index) in [
        (
            BETWEEN,
            "deliveries_due (sink=? AND priority=? AND due>? AND due<?)",
        ),
        (NEXT, "deliveries_due (sink=? AND priority=?)"),
        (
            &LOOK,
            "SEARCH d USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (TAKE, "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (WAKE_RETURNED, "deliveries_wakes (sink=?)"),
        (WAKE_REFUSED, "deliveries_refused (sink=?)"),
        (MISSED, "deliveries_wakes (sink=?)"),
        (END_REST, "deliveries_waiting (sink=?)"),
        (ended, "deliveries_keyed (sink=? AND key=? AND behind=?)"),
        (begun, "deliveries_keyed (sink=? AND key=?)"),
    ] {
        let plan = plan(&file, sql);
        assert!(
            plan.iter().any(|step| step.ends_with(index))
                && !plan
                    .iter()
                    .any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")),
            "{plan:?} of {sql}"
        );
    }
}

#[tokio::test]
async fn opening_joining_and_reading_a_bundle_goes_through_no_others() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    store.close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    for sql in [
        "SELECT e.seq FROM deliveries d JOIN events e ON e.seq = d.event
             WHERE d.bundle = 1 AND (d.seq = 1 OR d.state = 6) ORDER BY d.seq",
        "SELECT delivery FROM bundles WHERE rule = 'a' AND sink = 'b' AND key = 'c'",
        "UPDATE bundles SET count = 2 WHERE delivery = 1",
        stand_in::NEXT,
        "SELECT seq FROM deliveries d WHERE d.steps_in IS NOT NULL AND d.steps_in <= 1 ORDER BY d.steps_in LIMIT 2",
    ] {
        let plan = plan(&file, sql);
        let scans = plan
            .iter()
            .any(|step| step.starts_with("SCAN") && !step.contains("INDEX"));
        assert!(
            !scans && !plan.iter().any(|step| step.contains("TEMP")),
            "{sql}: {plan:?}"
        );
    }
}

#[tokio::test]
async fn asking_for_the_counts_goes_through_no_deliveries() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    let steps = plan(&file, DEPTHS);
    for index in [
        "deliveries_waiting (sink=?)",
        "deliveries_due (sink=? AND priority=?)",
    ] {
        assert!(steps.iter().any(|step| step.ends_with(index)), "{steps:?}");
    }
    let scans: Vec<&String> = steps
        .iter()
        .filter(|step| step.starts_with("SCAN"))
        .collect();
    let few = ["SCAN depths", "SCAN 5-ROW VALUES CLAUSE"];
    assert_eq!(scans, few, "{steps:?}");
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
        (OLD.to_owned(), "PRIMARY KEY (rowid>?)"),
        (prune::LOOK.to_owned(), "PRIMARY KEY (rowid>?)"),
        (prune::NEWEST.to_owned(), "SEARCH events"),
    ] {
        let plan = plan(&file, &sql);
        assert!(
            plan.iter().any(|found| found.ends_with(step))
                && !plan.iter().any(|found| found.contains("TEMP B-TREE")),
            "{plan:?} of {sql}"
        );
    }
}

#[tokio::test]
async fn an_event_is_in_no_index_but_that_of_its_identity() {
    let folder = TempDir::new().expect("a folder");
    open(&folder).expect("opens").close().await;
    let file = Connection::open(folder.path().join("bellwire.db")).expect("opens");
    let select =
        "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'events'";
    let found: String = file
        .query_row(select, [], |row| row.get(0))
        .expect("an index");
    assert_eq!(found, "events_identity");
}
