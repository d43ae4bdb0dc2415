//! What is not moved, and why.

use super::*;

fn kept(homes: &Homes, way: Way) -> String {
    let refused = homes.carry(way).expect_err("is refused");
    refused.to_string()
}

#[test]
fn a_queue_on_which_somebody_works_is_not_moved_and_who_it_is_is_told() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    let store = homes.open_folder().expect("opens");
    let process = format!("in use by process {}", std::process::id());
    for way in [Way::ToServer, Way::ToFolder] {
        // Nothing is on the server yet, which is told first where it would come from there.
        let part = if way == Way::ToServer {
            &process
        } else {
            "there is no queue on"
        };
        says(&kept(&homes, way), &[part]);
    }
    close(store);
    let store = homes.connect().expect("opens");
    let works = store.instances();
    let works = done(works).expect("reads").pop().expect("itself");
    for way in [Way::ToServer, Way::ToFolder] {
        says(
            &kept(&homes, way),
            &[
                &works.id,
                &works.host,
                &homes.server.named(),
                "stop every instance",
            ],
        );
    }
    close(store);
    close(homes.open_folder().expect("nothing has begun"));
    homes.carry(Way::ToServer).expect("and nobody works now");
}

#[test]
fn a_home_that_is_not_empty_is_left_alone_and_what_is_in_it_is_told() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    let store = homes.connect().expect("opens");
    done(store.accept(batch(&["1", "2"], &["phone"]))).expect("accepts");
    close(store);
    let (folder, server) = (homes.rows_in_folder(), homes.rows_on_server());
    let drop = format!("DROP SCHEMA \"{}\" CASCADE", schema(&homes.folder));
    let parts = [
        "events: 2, deliveries: 2, sources: 1",
        "`store.schema`",
        &drop,
    ];
    says(&kept(&homes, Way::ToServer), &parts);
    let parts = ["events: 4999, deliveries: 4999", "name another `data_dir`"];
    says(&kept(&homes, Way::ToFolder), &parts);
    assert_eq!(
        (homes.rows_in_folder(), homes.rows_on_server()),
        (folder, server)
    );
    close(homes.open_folder().expect("is open"));
    close(homes.connect().expect("is open"));
}

#[test]
fn a_server_that_somebody_has_only_looked_at_is_empty() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    close(homes.connect().expect("opens"));
    homes.carry(Way::ToServer).expect("moves");
}

#[test]
fn a_queue_that_is_not_there_is_not_moved_and_nothing_is_made_for_it() {
    let Some(homes) = Homes::new() else {
        return;
    };
    says(&kept(&homes, Way::ToServer), &["there is no queue in"]);
    says(&kept(&homes, Way::ToFolder), &["there is no queue on"]);
    let made = std::fs::read_dir(homes.folder.path()).expect("reads");
    assert_eq!(made.count(), 0);
}

#[test]
fn whoever_has_slept_through_a_move_changes_nothing_more_and_ends() {
    let Some(homes) = Homes::lived() else {
        return;
    };
    homes.carry(Way::ToServer).expect("moves");
    // One that only visits is not waited for, as one that has not been heard of for long is not.
    let sleeper = Store::visit(&homes.server, Status::new().0).expect("opens");
    let moving = homes.begin(Way::ToFolder);
    let late = sleeper.clone();
    let late = done(async move { late.accept(batch(&["late"], &["phone"])).await });
    let StoreError::Moved { detail } = late.expect_err("it is being moved") else {
        panic!("another reason");
    };
    says(&detail, &["is being moved"]);
    done(sleeper.closed());
    assert_eq!(sleeper.fault(), Some(&*detail));
    let never = CancellationToken::new();
    moving.copy(&never, &mut |_, _| {}).expect("arrives");
    moving.end().expect("ends");
    assert_eq!(homes.rows_in_folder(), homes.rows_on_server());
}
