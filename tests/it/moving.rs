//! A queue that waits for a receiver is moved from the folder to a PostgreSQL server and back, by the program itself:
//! what waits arrives once, from where the queue is then.
//!
//! The first runs where `BELLWIRE_TEST_POSTGRES` names a server, as `tests/postgres.sh` does.

use std::collections::BTreeMap;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use tokio_postgres::NoTls;

use crate::harness::{Bridge, Phones, Ran, Upstream, free_address, soon};

/// How often each id has arrived and was taken.
fn taken(phones: &Phones, from: usize) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for one in &phones.handle.received_by(Kind::Webhook)[from..] {
        *taken
            .entry(one.header("webhook-id").to_owned())
            .or_default() += 1;
    }
    taken
}

async fn ids(bridge: &Bridge, state: &str) -> Vec<String> {
    let told = bridge
        .tool(&["queue", "list", "--json", "--state", state])
        .await;
    let list = told.json();
    let list = list.as_array().expect("an array").iter();
    let mut ids: Vec<String> = list
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

fn done(told: &Ran, words: &str) {
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.out.contains(words), "{told:?}");
}

fn refused(told: &Ran, status: i32, words: &str) {
    assert_eq!((told.status, &*told.out), (Some(status), ""), "{told:?}");
    assert!(told.complaint.contains(words), "{told:?}");
}

async fn stopped(bridge: &mut Bridge) {
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_folder_arrives_once_from_the_server_and_the_queue_comes_back() {
    let Ok(address) = std::env::var("BELLWIRE_TEST_POSTGRES") else {
        #[expect(clippy::print_stderr, reason = "that a test is skipped")]
        {
            eprintln!("SKIPPED: BELLWIRE_TEST_POSTGRES names no server");
        }
        return;
    };
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook", |_| Some(Answer::status(500)));
    let schema = format!("moving_{}", std::process::id());
    let with_folder = format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, "retry = { initial = \"1h\" }")
    );
    let with_both =
        format!("{with_folder}[store]\nurl = {{ env = \"QUEUE\" }}\nschema = \"{schema}\"\n");
    let mut bridge = Bridge::new(&with_folder).env("QUEUE", &address);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 0..12 {
        upstream
            .send(format!(
                r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{}}}}"#
            ))
            .await;
    }
    soon("an attempt", phones.handle.arrivals(Kind::Webhook, 1)).await;
    soon("all of them", async {
        while ids(&bridge, "waiting").await.len() < 12 {}
    })
    .await;
    let there = ["queue", "move", "--to", "postgresql"];
    refused(&bridge.tool(&there).await, 2, "put `[store]` into it");
    bridge.configure(&with_both);
    refused(&bridge.tool(&there).await, 1, "is in use by process");
    stopped(&mut bridge).await;
    bridge.configure(&with_folder);
    let waiting = ids(&bridge, "waiting").await;
    assert_eq!(waiting.len(), 12);
    let attempts = phones.handle.received_by(Kind::Webhook).len();

    bridge.configure(&with_both);
    let cancelled = bridge.tool(&[&there[..], &["--cancel"]].concat()).await;
    refused(&cancelled, 1, "nothing to take back");
    done(
        &bridge.tool(&there).await,
        "deliveries 12, of which 12 wait",
    );
    let again = bridge.tool(&[&there[..], &["--json"]].concat()).await;
    assert_eq!(again.json()["was_there"], true, "{again:?}");
    bridge.configure(&with_folder);
    let wrong = bridge.tool(&["queue", "list"]).await;
    refused(&wrong, 1, &format!("schema `{schema}`"));
    let wrong = bridge.tool(&["run"]).await;
    refused(&wrong, 1, "bellwire queue move --to sqlite");

    bridge.configure(&with_both);
    phones.handle.answer_as_ever("/webhook");
    bridge.start();
    soon(
        "the rest",
        phones.handle.arrivals(Kind::Webhook, attempts + 12),
    )
    .await;
    let once: BTreeMap<_, _> = waiting.iter().map(|id| (id.clone(), 1)).collect();
    assert_eq!(taken(&phones, attempts), once);
    let back = ["queue", "move", "--to", "sqlite"];
    refused(&bridge.tool(&back).await, 1, "stop every instance first");
    stopped(&mut bridge).await;

    done(&bridge.tool(&back).await, "deliveries 12, of which 0 wait");
    let wrong = bridge.tool(&["queue", "list"]).await;
    refused(&wrong, 1, "remove `[store]` from the configuration");
    bridge.configure(&with_folder);
    assert_eq!(ids(&bridge, "delivered").await, waiting);
    bridge.start();
    upstream
        .send(r#"{"type":"tp_hit","eventId":99,"timestamp":"2026-06-11T08:00:00.000Z","data":{}}"#)
        .await;
    soon(
        "a new one",
        phones.handle.arrivals(Kind::Webhook, attempts + 13),
    )
    .await;
    assert_eq!(taken(&phones, attempts).len(), 13, "with an id of its own");
    stopped(&mut bridge).await;
    let (client, connection) = tokio_postgres::connect(&address, NoTls)
        .await
        .expect("a server that is there");
    let talking = tokio::spawn(connection);
    let drop_it = format!("DROP SCHEMA {schema} CASCADE");
    client.batch_execute(&drop_it).await.expect("drops");
    drop(client);
    talking.await.expect("no panic").expect("a proper end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_what_waits_in_the_folder_and_tries_the_server() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook", |_| Some(Answer::status(500)));
    let with_folder = format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, "retry = { initial = \"1h\" }")
    );
    let closed = free_address();
    let with_both =
        format!("{with_folder}[store]\nurl = \"postgres://me@{closed}/alerts?sslmode=disable\"\n");
    let mut bridge = Bridge::new(&with_folder);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"data":{}}"#)
        .await;
    soon("an attempt", phones.handle.arrivals(Kind::Webhook, 1)).await;
    stopped(&mut bridge).await;

    let waits = "1 deliveries wait in the queue in";
    let told = bridge.tool(&["check"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(!told.complaint.contains(waits), "{told:?}");
    bridge.configure(&with_both);
    let told = bridge.tool(&["check", "--online"]).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.complaint.contains(waits), "{told:?}");
    assert!(
        told.complaint.contains("queue move --to postgresql"),
        "{told:?}"
    );
    let tried = format!("store ({closed}/alerts): failed, ");
    assert!(told.out.contains(&tried), "{told:?}");
    let told = bridge.tool(&["check", "--json"]).await;
    assert_eq!(
        told.json()["store"]["ok"],
        serde_json::Value::Null,
        "{told:?}"
    );
}
