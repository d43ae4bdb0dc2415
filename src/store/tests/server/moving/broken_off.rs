//! Wherever a move breaks off, nobody works on either home until it is ended or taken back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::store::take_back;

const WAYS: [Way; 2] = [Way::ToServer, Way::ToFolder];

/// Homes of which the one has a life that is to go this way, and the other one is there.
fn before(way: Way) -> Option<Homes> {
    let homes = Homes::lived()?;
    match way {
        Way::ToServer => close(homes.connect().expect("opens")),
        Way::ToFolder => drop(homes.carry(Way::ToServer).expect("moves")),
    }
    Some(homes)
}

/// What is there where this way begins, or where it ends.
fn rows_at(homes: &Homes, way: Way, is_end: bool) -> BTreeMap<&'static str, Vec<String>> {
    match (way == Way::ToServer) == is_end {
        true => homes.rows_on_server(),
        false => homes.rows_in_folder(),
    }
}

fn open_where(homes: &Homes, way: Way, is_end: bool) -> Result<Store, StoreError> {
    match (way == Way::ToServer) == is_end {
        true => homes.connect(),
        false => homes.open_folder(),
    }
}

/// Whoever opens either home is told how to go on.
fn both_are_closed(homes: &Homes, way: Way) {
    let to = if way == Way::ToServer {
        "postgresql"
    } else {
        "sqlite"
    };
    let finish = format!("`bellwire queue move --to {to}` finishes it");
    let visit = Store::visit(&homes.server, Status::new().0);
    for opened in [homes.open_folder(), homes.connect(), visit] {
        says(&refused(opened), &["is being moved", &finish, "`--cancel`"]);
    }
}

#[test]
fn one_that_breaks_off_before_anything_is_carried_is_ended_by_the_same_move_or_taken_back() {
    for way in WAYS {
        let Some(homes) = before(way) else {
            return;
        };
        let rows = rows_at(&homes, way, false);
        drop(homes.begin(way));
        both_are_closed(&homes, way);
        take_back(homes.both(), way, now()).expect("takes back");
        let none = take_back(homes.both(), way, now()).expect_err("none is left");
        assert!(matches!(none, MoveError::NothingBegun { .. }), "{none}");
        assert_eq!(rows_at(&homes, way, false), rows);
        drop(homes.begin(way));
        let moved = homes.carry(way).expect("goes on");
        assert!(!moved.was_there);
        assert_eq!(rows_at(&homes, way, true), rows);
        close(open_where(&homes, way, true).expect("is open"));
        says(
            &refused(open_where(&homes, way, false)),
            &["was moved from"],
        );
    }
}

#[test]
fn one_that_breaks_off_in_the_middle_leaves_nothing_behind_and_is_ended_by_the_same_move() {
    for way in WAYS {
        let Some(homes) = before(way) else {
            return;
        };
        let rows = [false, true].map(|is_end| rows_at(&homes, way, is_end));
        let moving = homes.begin(way);
        let mut half = |done: usize, all: usize| assert!(done < all / 2, "killed");
        let never = CancellationToken::new();
        let killed = catch_unwind(AssertUnwindSafe(|| moving.copy(&never, &mut half)));
        assert!(killed.is_err());
        drop(moving);
        both_are_closed(&homes, way);
        assert_eq!(
            [false, true].map(|is_end| rows_at(&homes, way, is_end)),
            rows
        );
        homes.carry(way).expect("goes on");
        assert_eq!(rows_at(&homes, way, true), rows[0]);
    }
}

#[test]
fn one_that_is_stopped_is_taken_back_and_the_queue_is_open_where_it_was() {
    for way in WAYS {
        let Some(homes) = before(way) else {
            return;
        };
        let rows = rows_at(&homes, way, false);
        let stop = CancellationToken::new();
        let stopped = carry(homes.both(), way, now(), &stop, |done, all| {
            if done > all / 2 {
                stop.cancel();
            }
        });
        let stopped = stopped.expect_err("it is to stop");
        assert!(matches!(stopped, MoveError::TakenBack { .. }), "{stopped}");
        assert_eq!(rows_at(&homes, way, false), rows);
        close(open_where(&homes, way, false).expect("is open"));
        // What was left there before is history still.
        if way == Way::ToFolder {
            says(&refused(open_where(&homes, way, true)), &["was moved from"]);
        }
    }
}

#[test]
fn one_that_breaks_off_as_it_arrives_has_arrived_and_nobody_has_it_twice() {
    for way in WAYS {
        let Some(homes) = before(way) else {
            return;
        };
        let rows = rows_at(&homes, way, false);
        let never = CancellationToken::new();
        homes
            .begin(way)
            .copy(&never, &mut |_, _| {})
            .expect("arrives");
        says(
            &refused(open_where(&homes, way, false)),
            &["is being moved"],
        );
        let late = take_back(homes.both(), way, now()).expect_err("too late");
        assert!(matches!(late, MoveError::HasArrived { .. }), "{late}");
        says(
            &refused(open_where(&homes, way, false)),
            &["is being moved"],
        );
        assert_eq!(rows_at(&homes, way, true), rows);
        // Somebody works there already, and the old home is told nevertheless, and gets nothing new.
        let store = open_where(&homes, way, true).expect("is open");
        done(store.accept(batch(&["new"], &["phone"]))).expect("accepts");
        close(store);
        let rows = rows_at(&homes, way, true);
        assert!(homes.carry(way).expect("is there").was_there);
        says(
            &refused(open_where(&homes, way, false)),
            &["was moved from"],
        );
        assert_eq!(rows_at(&homes, way, true), rows);
    }
}

#[test]
fn one_that_broke_off_as_it_arrived_can_be_moved_back_at_once() {
    let (Some(homes), never) = (before(Way::ToServer), CancellationToken::new()) else {
        return;
    };
    let arriving = homes.begin(Way::ToServer);
    arriving.copy(&never, &mut |_, _| {}).expect("arrives");
    drop(arriving);
    let rows = homes.rows_on_server();
    homes.carry(Way::ToFolder).expect("moves back");
    assert_eq!(homes.rows_in_folder(), rows);
    close(homes.open_folder().expect("is open"));
    says(&refused(homes.connect()), &["was moved from"]);
}

#[test]
fn one_that_has_begun_goes_on_only_where_it_began() {
    let Some(homes) = before(Way::ToServer) else {
        return;
    };
    drop(homes.begin(Way::ToServer));
    let elsewhere = TempDir::new().expect("a folder");
    let secret = Secret::new(homes.address.clone());
    let other = Server::at(&secret, &schema(&elsewhere)).expect("an address");
    let never = CancellationToken::new();
    let both = (homes.folder.path(), &other);
    let all = [
        carry(both, Way::ToServer, now(), &never, |_, _| {}).map(drop),
        take_back(both, Way::ToServer, now()).map(drop),
    ];
    for refused in all {
        let refused = refused.expect_err("it is on its way to another one");
        assert!(matches!(refused, MoveError::Elsewhere { .. }), "{refused}");
        says(
            &refused.to_string(),
            &[&homes.server.named(), &other.named()],
        );
    }
    both_are_closed(&homes, Way::ToServer);
    homes.carry(Way::ToServer).expect("goes on");
}

#[test]
fn one_that_fails_is_taken_back_and_says_why() {
    let Some(homes) = before(Way::ToServer) else {
        return;
    };
    // Two keys that are one where no text may have that character.
    let same = "INSERT INTO picture VALUES ('ttmt', 'a' || char(0), x''), ('ttmt', 'a' || char(65533), x'')";
    homes.file().execute(same, []).expect("inserts");
    let failed = homes.carry(Way::ToServer).expect_err("they meet");
    assert!(matches!(failed, MoveError::Failed { .. }), "{failed}");
    says(&failed.to_string(), &["picture_pkey", "as before"]);
    close(homes.open_folder().expect("is open"));
    close(homes.connect().expect("is open"));
}

#[test]
fn one_whose_server_goes_away_closes_both_and_is_ended_by_the_same_move() {
    for way in WAYS {
        let Some(homes) = before(way) else {
            return;
        };
        let rows = rows_at(&homes, way, false);
        let beside = homes.session();
        let who = match way {
            Way::ToServer => format!(
                "FROM pg_locks WHERE locktype = 'advisory' AND granted
                 AND ((CAST(classid AS BIGINT) << 32) | CAST(objid AS BIGINT)) = hashtextextended('bellwire:{}', 0)",
                schema(&homes.folder)
            ),
            Way::ToFolder => format!(
                "FROM pg_locks WHERE relation = CAST('\"{}\".events' AS regclass) AND pid <> pg_backend_pid()",
                schema(&homes.folder)
            ),
        };
        let mut is_away = false;
        let never = CancellationToken::new();
        let failed = carry(homes.both(), way, now(), &never, |done, all| {
            if done > all / 2 && !is_away {
                is_away = true;
                let ended = beside.batch(&format!("SELECT pg_terminate_backend(pid) {who}"));
                assert_eq!(ended.expect("ends it").as_deref(), Some("t"));
            }
        });
        let failed = failed.expect_err("it was away");
        assert!(matches!(failed, MoveError::Halfway { .. }), "{failed}");
        says(&failed.to_string(), &["`--cancel`"]);
        both_are_closed(&homes, way);
        homes.carry(way).expect("goes on");
        assert_eq!(rows_at(&homes, way, true), rows);
    }
}
