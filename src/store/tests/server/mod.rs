//! What can only be about a PostgreSQL server. Skipped, with a word, where the environment names none.

mod cut_off;
mod heard;
mod instances;
mod mended;
mod moving;
mod pause;
mod plans;
mod proxy;
mod shares;
mod starts;

use std::io::Write as _;
use std::str::FromStr as _;

use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use super::*;
use crate::clock::Clock;
use crate::store::lead::{Duty, Hold};

/// The address of the server; a word that the test is skipped where there is none.
fn address() -> Option<String> {
    let address = std::env::var(SERVER).ok();
    if address.is_none() {
        skipped(&format!("{SERVER} names no server"));
    }
    address
}

/// Says that a test is skipped, to whoever watches and not to the harness, which would keep it to itself.
fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    writeln!(std::io::stderr(), "SKIPPED {test}: {why}").expect("somebody listens");
}

/// The same address with other parts.
fn with(address: &str, change: impl FnOnce(&mut Parts)) -> String {
    let config = Config::from_str(address).expect("an address");
    let host = match config.get_hosts() {
        [tokio_postgres::config::Host::Tcp(host), ..] => host.clone(),
        other => panic!("{other:?} is reached otherwise"),
    };
    let password = config.get_password().unwrap_or_default();
    let mut parts = Parts {
        host,
        port: config.get_ports().first().copied().unwrap_or(5432),
        password: String::from_utf8_lossy(password).into_owned(),
        database: config.get_dbname().expect("a database").to_owned(),
    };
    change(&mut parts);
    format!(
        "postgres://{}:{}@{}:{}/{}?sslmode=disable",
        config.get_user().expect("a user"),
        parts.password,
        parts.host,
        parts.port,
        parts.database
    )
}

/// What tests change in an address.
struct Parts {
    host: String,
    port: u16,
    password: String,
    database: String,
}

/// The schema of a test's queue.
fn schema(folder: &TempDir) -> String {
    let name = folder.path().file_name().expect("a name");
    name.to_string_lossy().replace('.', "test_")
}

/// A connection of the test's own to the schema of its queue.
async fn beside(address: &str, folder: &TempDir) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    let to_schema = format!("SET search_path = \"{}\"", schema(folder));
    client.batch_execute(&to_schema).await.expect("sets");
    client
}

/// Takes the lock of the queue, for a transaction.
async fn take_lock(client: &Client, schema: &str) {
    let lock =
        format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('bellwire:{schema}', 0))");
    client.batch_execute(&lock).await.expect("is free");
}

/// Ends that transaction once somebody has waited for a while for its lock.
async fn commit_when_waited_for(client: &Client) {
    let waits = "DO $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_locks ours JOIN pg_locks theirs USING (database, classid, objid)
                WHERE ours.pid = pg_backend_pid() AND ours.locktype = 'advisory' AND NOT theirs.granted)
            LOOP PERFORM pg_sleep(0.01); END LOOP;
            PERFORM pg_sleep(0.2);
        END $$; COMMIT";
    client.batch_execute(waits).await.expect("lets it go");
}

fn connect(address: &str, schema: &str) -> Result<Store, StoreError> {
    let server = Server::at(&Secret::new(address.to_owned()), schema).expect("an address");
    Store::connect(&server, Status::new().0)
}

/// The same from where nothing may be waited for.
async fn joins(address: &str, folder: &TempDir) -> Store {
    let (address, schema) = (address.to_owned(), schema(folder));
    let opened = tokio::task::spawn_blocking(move || connect(&address, &schema));
    opened.await.expect("comes back").expect("opens")
}

/// Takes the duty of serving a sink, once it is free.
async fn taken(store: &Store) -> (Store, Hold) {
    let leases = store.leases.as_ref().expect("shared");
    let (duty, clock) = (Duty::Sink(name("phone")), Clock::system());
    let led = store.lead(leases, &duty, &clock).await;
    led.expect("takes it over")
}

#[tokio::test]
async fn a_character_that_no_text_may_have_there_is_replaced_and_nothing_fails() {
    if address().is_none() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let mut with_nul = batch(&["1", "2"], &["phone"]);
    with_nul.events[0].0.kind = "tp\0hit".into();
    with_nul.events[0].0.id = Some("1\0".into());
    with_nul.events[0].1[0].key = Some("\0".into());
    let accepted = store.accept(with_nul).await.expect("accepts");
    assert_eq!(accepted.new, 2);
    let claims = claim(&store, "phone", now(), 9).await;
    let kinds: Vec<&str> = claims.iter().map(|claim| &*claim.event.kind).collect();
    assert_eq!(kinds, ["tp\u{fffd}hit", "tp_hit"]);
    assert_eq!(claims[0].event.id.as_deref(), Some("1\u{fffd}"));
    for claim in claims {
        let mut attempt = attempt(1, Outcome::Retry);
        attempt.answer = Some("\0".to_owned());
        let settled = Settlement {
            reason: Some("\0".to_owned()),
            ..settlement(State::Waiting, now())
        };
        let written = store.settle(claim.row, &claim.sink, attempt, settled);
        assert!(written.await.expect("settles"));
    }
}

#[tokio::test]
async fn those_who_come_to_a_new_server_at_once_all_find_the_tables() {
    let Some(address) = address() else {
        return;
    };
    for _ in 0..4 {
        let folder = TempDir::new().expect("a folder");
        let all: Vec<_> = (0..4)
            .map(|_| {
                let (address, schema) = (address.clone(), schema(&folder));
                tokio::task::spawn_blocking(move || connect(&address, &schema))
            })
            .collect();
        for opened in all {
            let store = opened.await.expect("comes back").expect("opens");
            assert!(store.depths().await.expect("reads").by_sink.is_empty());
            store.close().await;
        }
        let made = beside(&address, &folder).await;
        let made = made.query("SELECT version FROM meta", &[]).await;
        let made = made.expect("reads");
        let steps: Vec<i64> = made.iter().map(|row| row.get(0)).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5], "each step once");
    }
}

#[tokio::test]
async fn tables_of_a_later_version_are_refused_with_both_versions_and_left_alone() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    holding(&folder, &["1"], &["phone"]).await.close().await;
    let client = beside(&address, &folder).await;
    let later = client.batch_execute("INSERT INTO meta VALUES (99)");
    later.await.expect("inserts");
    let refused = open(&folder).expect_err("too new");
    let StoreError::NewerServer { found: 99, .. } = refused else {
        panic!("{refused:?}");
    };
    let database = with_database(&address);
    let text = refused.to_string();
    for part in [&database, "has schema 99", "start the newer bellwire"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let left = "SELECT count(*) FROM deliveries WHERE state = 0";
    let left = client.query_one(left, &[]).await.expect("reads");
    assert_eq!(left.get::<_, i64>(0), 1);
}

/// The server and its database, as they are shown.
fn with_database(address: &str) -> String {
    let mut shown = String::new();
    with(address, |parts| {
        shown = format!("{}:{}/{}", parts.host, parts.port, parts.database);
    });
    shown
}

#[tokio::test]
async fn who_is_refused_is_told_by_which_server_and_never_with_which_password() {
    let Some(address) = address() else {
        return;
    };
    let secret = "Xq7SecretWord";
    let folder = TempDir::new().expect("a folder");
    let never_made = schema(&folder);
    let nowhere = with(&address, |parts| {
        "no_such_database".clone_into(&mut parts.database)
    });
    let wrong = with(&address, |parts| secret.clone_into(&mut parts.password));
    let asks = tokio_postgres::connect(&wrong, NoTls).await.is_err();
    if !asks {
        skipped("half of it: the server asks for no password");
    }
    for (address, is_refused) in [(nowhere, true), (wrong, asks)] {
        let never_made = never_made.clone();
        let connected =
            tokio::task::spawn_blocking(move || (connect(&address, &never_made), address));
        let (Err(error), address) = connected.await.expect("comes back") else {
            assert!(!is_refused);
            continue;
        };
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        for told in [error.to_string(), format!("{error:?}")] {
            assert!(told.contains(&with_database(&address)), "{told}");
            let password = Config::from_str(&address).expect("an address");
            let password = password.get_password().unwrap_or(b"none").to_owned();
            let password = String::from_utf8(password).expect("a text");
            assert!(password.is_empty() || !told.contains(&password), "{told}");
        }
    }
    let server = Server::at(
        &Secret::new(with(&address, |parts| {
            secret.clone_into(&mut parts.password);
        })),
        "bellwire",
    );
    let shown = server.expect("an address");
    assert!(!format!("{shown:?} {}", shown.shown()).contains(secret));
    let wrong = Server::at(
        &Secret::new(format!("postgres://a:{secret}@b:c/d")),
        "bellwire",
    );
    assert!(!wrong.expect_err("no port").contains(secret));
}
