//! A server that goes away in the middle of a start is waited for as one that is not there yet.

use tempfile::TempDir;

use super::proxy::{Cut, Proxy};
use super::*;

/// Commits of a start: that of the tables, and that of an instance more.
const COMMITS: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_server_goes_away_during_a_start_the_queue_is_opened_when_it_is_back() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let mut server = (String::new(), 0);
    with(&address, |parts| server = (parts.host.clone(), parts.port));
    let proxy = Proxy::before(server).await;
    let by_proxy = with(&address, |parts| {
        "127.0.0.1".clone_into(&mut parts.host);
        parts.port = proxy.port;
    });
    let mut started = 0;
    for commits in 0..COMMITS {
        for cut in [Cut::Before, Cut::With, Cut::After] {
            proxy.set_behind(commits, cut);
            let (by_proxy, schema) = (by_proxy.clone(), schema(&folder));
            let opened = tokio::task::spawn_blocking(move || connect(&by_proxy, &schema)).await;
            let store = opened.expect("comes back").expect("opens");
            started += 1;
            assert_eq!(proxy.cuts(), started, "{cut:?} behind {commits}");
            let instances = store.instances().await.expect("reads");
            assert_eq!(
                instances.len(),
                1,
                "{cut:?} behind {commits}: {instances:?}"
            );
            let id = started.to_string();
            let accepted = store.accept(batch(&[&id], &["phone"])).await;
            assert_eq!(accepted.expect("accepts").new, 1);
            store.close().await;
        }
    }
    let client = beside(&address, &folder).await;
    let made = "SELECT count(*), max(version) FROM meta";
    let made = client.query_one(made, &[]).await.expect("reads");
    assert_eq!(
        made.get::<_, i64>(0),
        made.get::<_, i64>(1),
        "each step once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_asks_is_told_what_a_start_would_find_and_changes_nothing() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let schema = schema(&folder);
    let asked = async |address: &str| {
        let server = Server::at(&Secret::new(address.to_owned()), &schema).expect("an address");
        let asked = tokio::task::spawn_blocking(move || server.try_out());
        asked.await.expect("comes back")
    };
    let client = beside(&address, &folder).await;
    let told = asked(&address).await.expect("answers");
    assert!(
        told.ends_with("`bellwire run` will make the queue"),
        "{told}"
    );
    let there = "SELECT to_regnamespace($1) IS NOT NULL";
    let made = client.query_one(there, &[&schema]).await.expect("reads");
    assert!(!made.get::<_, bool>(0));
    // Somebody else's schema, in which nothing may be made.
    let role = format!("{schema}_guest").to_lowercase();
    let guest = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'guest'; CREATE SCHEMA \"{schema}\"; GRANT USAGE ON SCHEMA \"{schema}\" TO {role}"
    );
    client.batch_execute(&guest).await.expect("makes them");
    let (user, rest) = (with(&address, |_| {}), "guest");
    let (_, place) = user.split_once('@').expect("a user");
    let refused = asked(&format!("postgres://{role}:{rest}@{place}")).await;
    let gone = format!("REVOKE ALL ON SCHEMA \"{schema}\" FROM {role}; DROP ROLE {role}");
    client.batch_execute(&gone).await.expect("drops it");
    let refused = refused.expect_err("no right").to_string();
    assert!(refused.contains("may make none in the schema"), "{refused}");
    connect(&address, &schema).expect("connects").close().await;
    let told = asked(&address).await.expect("answers");
    assert!(told.ends_with("the queue is there"), "{told}");
    let later = client.batch_execute("UPDATE meta SET version = 0").await;
    later.expect("changes");
    let told = asked(&address).await.expect("answers");
    assert!(told.contains("an earlier version"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_begins_while_a_start_waits_for_the_lock_refuses_it() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let schema = schema(&folder);
    connect(&address, &schema).expect("connects").close().await;
    let client = beside(&address, &folder).await;
    take_lock(&client, &schema).await;
    let starting = tokio::task::spawn_blocking(move || connect(&address, &schema));
    let moved = "INSERT INTO moves VALUES ('one', 'leaving', 'a folder', 0)";
    client.batch_execute(moved).await.expect("writes");
    commit_when_waited_for(&client).await;
    let refused = starting.await.expect("comes back").map(drop);
    let told = refused.expect_err("it is being moved").to_string();
    assert!(told.contains("the queue is being moved"), "{told}");
}
