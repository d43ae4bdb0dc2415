//! All of it comes as it is, and nobody has it twice.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::*;
use crate::store::back_up;
use crate::store::moving::tables::STAYING;
use crate::store::tests::depths::counted;

#[test]
fn every_table_of_either_home_is_known_as_carried_or_as_staying_with_all_its_columns() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    homes.carry(Way::ToServer).expect("moves");
    let known: BTreeSet<String> = CARRIED
        .iter()
        .flat_map(|table| {
            let columns = table.columns();
            columns
                .into_iter()
                .map(|(column, _)| format!("{}.{column}", table.name))
        })
        .collect();
    let file = homes.file();
    let mut select = file
        .prepare(
            "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        )
        .expect("prepares");
    let in_file = select.query_map([], |row| row.get::<_, String>(0));
    let in_file: BTreeSet<String> = in_file
        .expect("reads")
        .map(|row| row.expect("a text"))
        .collect();
    let session = homes.session();
    let connection = Connection::Postgres(&session);
    let mut select = connection
        .prepare_cached(
            "SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns
             WHERE table_schema = current_schema()",
        )
        .expect("prepares");
    let on_server = select.query_all(params![], |row| row.get::<String>(0));
    let on_server: BTreeSet<String> = on_server.expect("reads").into_iter().collect();
    for found in [in_file, on_server] {
        let stays = |column: &&String| {
            let table = column.split_once('.').map(|(table, _)| table);
            table.is_some_and(|table| STAYING.contains(&table))
        };
        let carried: BTreeSet<String> = found.iter().filter(|it| !stays(it)).cloned().collect();
        assert_eq!(carried, known);
    }
    for (table, rows) in homes.rows_in_folder() {
        assert!(!rows.is_empty(), "nothing in {table} was carried");
    }
}

#[test]
fn a_queue_goes_there_and_back_as_it_is_row_by_row_and_number_by_number() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    let before = homes.rows_in_folder();
    let mut steps = Vec::new();
    let stop = CancellationToken::new();
    let moved = carry(homes.both(), Way::ToServer, now(), &stop, |done, all| {
        steps.push((done, all));
    });
    let moved = moved.expect("moves");
    let waiting = before["deliveries"].len();
    assert_eq!((moved.deliveries, moved.was_there), (waiting, false));
    assert_eq!(homes.rows_on_server(), before);
    let rows = before.values().map(Vec::len).sum();
    assert_eq!(steps.last(), Some(&(rows, rows)));
    assert!(steps.len() > 30, "in steps: {steps:?}");

    // What has gone in between had numbers, too.
    let store = homes.connect().expect("opens");
    done(store.accept(batch(&["new"], &["sink1"]))).expect("accepts");
    let newest = "SELECT max(seq) FROM deliveries UNION ALL SELECT max(seq) FROM events";
    let mut newest = done(numbers(&store, newest));
    newest.sort_unstable();
    assert_eq!(newest, [10_001, 15_001]);
    assert_eq!(done(store.depths()).expect("reads"), done(counted(&store)));
    let gone = "DELETE FROM deliveries WHERE seq = 15001";
    assert_eq!(done(change(&store, gone)), 1);
    close(store);
    let before = homes.rows_on_server();
    homes.carry(Way::ToFolder).expect("moves");
    assert_eq!(homes.rows_in_folder(), before);
    let store = homes.open_folder().expect("opens");
    done(store.accept(batch(&["newer"], &["sink1"]))).expect("accepts");
    let newest = done(numbers(&store, "SELECT max(seq) FROM deliveries"));
    assert_eq!(newest, [15_002], "no number is used again");
    assert_eq!(done(store.depths()).expect("reads"), done(counted(&store)));
    close(store);
    // And there once more, in place of what was left there.
    let before = homes.rows_in_folder();
    homes.carry(Way::ToServer).expect("moves");
    assert_eq!(homes.rows_on_server(), before);
}

#[test]
fn what_was_moved_is_claimed_where_it_is_once_with_its_id_and_nowhere_else() {
    let Some(homes) = Homes::new() else {
        return;
    };
    let store = homes.open_folder().expect("opens");
    done(store.accept(batch(&["1", "2", "3"], &["phone"]))).expect("accepts");
    // One of them is on its way as the instance ends.
    let ids = done(claim(&store, "phone", now(), 1));
    let first = ids[0].id.clone();
    close(store);
    homes.carry(Way::ToServer).expect("moves");
    let told = refused(homes.open_folder());
    let folder = homes.folder.path().canonicalize().expect("is there");
    says(
        &told,
        &[
            &folder.display().to_string(),
            &format!("to {}", homes.server.named()),
            "`[store]`",
            "`bellwire queue move --to sqlite`",
        ],
    );
    let copy = TempDir::new().expect("a folder");
    let copied = back_up(
        homes.folder.path(),
        &copy.path().join("copy.db"),
        &CancellationToken::new(),
        |_, _| {},
    );
    assert_eq!(copied.expect_err("it is elsewhere").to_string(), told);

    let store = homes.connect().expect("opens");
    take_back(store.clone(), now()).expect("takes back");
    let claims = done(claim(&store, "phone", now(), 9));
    let claimed: BTreeSet<_> = claims.iter().map(|claim| claim.id.to_string()).collect();
    assert_eq!((claims.len(), claimed.len()), (3, 3));
    let repeated = claims.iter().find(|claim| claim.id == first);
    assert_eq!(repeated.expect("the same id").attempt, 2);
    close(store);
    // The same command again changes nothing.
    let again = homes.carry(Way::ToServer).expect("is there");
    assert_eq!(
        (again.deliveries, again.waiting, again.was_there),
        (3, 3, true)
    );
    let there = homes.carry(Way::ToFolder).expect("moves");
    assert_eq!((there.waiting, there.was_there), (3, false));
    for opened in [
        homes.connect(),
        Store::visit(&homes.server, Status::new().0),
    ] {
        let told = refused(opened);
        says(
            &told,
            &["remove `[store]`", "`bellwire queue move --to postgresql`"],
        );
    }
    let store = homes.open_folder().expect("opens");
    let claims = done(claim(&store, "phone", after(1), 9));
    assert_eq!(claims.len(), 3);
    close(store);
}
