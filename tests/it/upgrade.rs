//! Queues that older programs have made, opened by this one: nothing of them is lost, and what waits goes
//! out with its old id.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bellwire::simulator::receivers::Kind;
use jiff::Timestamp;
use rusqlite::Connection;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::harness::{Bridge, Phones, Server, soon};

/// The versions of the tables that there are stored queues of, made by the programs of their time.
const VERSIONS: [u32; 4] = [1, 4, 8, 12];

/// The steps that lead from one version to the next, each with the first eight bytes of its SHA-256. A
/// step is never changed: files have been through it. What is to change needs a step of its own.
const STEPS: &[&str] = &[
    "bf10f23ef30c0d61",
    "b7ab69ff88c4d69b",
    "5cc57c67896e3934",
    "ed118c8c733ed246",
    "af3a9c0b559db07e",
    "82513ca223721ee2",
    "3a95bb18fce1b9a4",
    "2fe0d2e06dd39129",
    "3078f00d8fa48870",
    "1c7f25f076cc9c18",
    "1478f7f08ef8fe2e",
    "d6f6cc7c65fd3df4",
    "31d7789f130f4610",
    "9eb931078caccdde",
    "370e2695d1b1cd4b",
    "ea2e8676d771168b",
];

/// What the receiver of a stored queue was sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sent {
    webhook_id: String,
    state: String,
    requests: u64,
    body: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stored(version: u32, extension: &str) -> PathBuf {
    root().join(format!(
        "tests/fixtures/queues/version_{version}.{extension}"
    ))
}

fn config(server: &Server, phones: &Phones) -> String {
    format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}\
         [[rules]]\nname = \"closed\"\nevents = [\"tp_hit\", \"sl_hit\", \"trade_closed\"]\nto = [\"automation\"]\n",
        server.source("type = \"/type\"\ntime = \"/timestamp\"\ndata = \"/data\""),
        phones.sink("automation", Kind::Webhook, ""),
    )
}

/// Puts a stored queue where the bridge will look for its own.
fn placed(bridge: &Bridge, version: u32) -> PathBuf {
    let data = bridge.folder().join("data");
    fs::create_dir(&data).expect("a folder");
    let queue = data.join("bellwire.db");
    fs::copy(stored(version, "db"), &queue).expect("copies");
    queue
}

async fn opens_with_all_it_holds(version: u32) {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&server, &phones));
    let queue = placed(&bridge, version);
    make_young(&queue);
    let sent = fs::read_to_string(stored(version, "json")).expect("reads");
    let sent: Vec<Sent> = serde_json::from_str(&sent).expect("what was sent");
    let states: Vec<&str> = sent.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["delivered", "dead", "waiting", "waiting"]);

    let made = bridge.tool(&["backup", "before.db", "--json"]).await;
    assert_eq!(made.status, Some(0), "{made:?}");
    let made = made.json();
    assert_eq!(
        (&made["schema"], &made["waiting"]),
        (&version.into(), &2.into())
    );
    let before = contents(&queue);
    assert_eq!(contents(&bridge.folder().join("before.db")), before);

    for one in &sent {
        let shown = bridge
            .tool(&["queue", "show", &one.webhook_id, "--json"])
            .await;
        assert_eq!(shown.status, Some(0), "{one:?}: {shown:?}");
        let shown = shown.json();
        assert_eq!(shown["state"], one.state, "{one:?}");
        assert_eq!(shown["attempts"], one.requests, "{one:?}");
        let tries = shown["tries"].as_array().expect("a list");
        assert_eq!(tries.len() as u64, one.requests, "{one:?}");
        assert_eq!(
            (&shown["sink"], &shown["rule"]),
            (&"automation".into(), &"closed".into())
        );
    }
    assert_eq!(contents(&queue), before, "the steps leave what is there");

    bridge.start();
    let mut stream = server.stream().await;
    assert_eq!(stream.header("last-event-id"), Some("5"), "its cursor");
    let received = soon("what waited", phones.handle.arrivals(Kind::Webhook, 2)).await;
    let arrived: BTreeSet<(String, String)> = received
        .iter()
        .map(|one| {
            let body = String::from_utf8(one.body.to_vec()).expect("text");
            (one.header("webhook-id").to_owned(), body)
        })
        .collect();
    let waited = sent.iter().filter(|one| one.state == "waiting");
    let waited: BTreeSet<_> = waited
        .map(|one| (one.webhook_id.clone(), one.body.clone()))
        .collect();
    assert_eq!(arrived, waited, "byte for byte, with the old ids");

    // A repeat of what the older program knew is one; what is new is delivered.
    let new = r#"{"type":"tp_hit","eventId":6,"timestamp":"2026-06-11T08:00:06.000Z","data":{}}"#;
    for (id, event) in [("5", sent[3].body.as_str()), ("6", new)] {
        stream.send(format!("id: {id}\ndata: {event}\n\n")).await;
    }
    let received = soon("what is new", phones.handle.arrivals(Kind::Webhook, 3)).await;
    assert_eq!(received[2].body, new);
    let id = received[2].header("webhook-id");
    assert!(sent.iter().all(|one| one.webhook_id != id));
}

/// Has all of a stored queue happen today, and what waits be due: stored queues are older with every day.
fn make_young(queue: &Path) {
    let now = Timestamp::now().as_microsecond();
    let file = Connection::open(queue).expect("opens");
    file.execute("UPDATE events SET received = ?1", [now])
        .expect("updates");
    file.execute(
        "UPDATE deliveries SET created = ?1, due = ?1, ended = iif(ended IS NULL, NULL, ?1)",
        [now],
    )
    .expect("updates");
}

/// What every version of the tables has of events, deliveries, attempts and cursors.
fn contents(queue: &Path) -> Vec<Vec<String>> {
    let file = Connection::open(queue).expect("opens");
    [
        "SELECT seq, source, id, kind, time, received, backfilled, hex(identity), data_start, data_end, hex(payload) FROM events",
        "SELECT seq, event, sink, rule, state, attempts, step, plain, created, due, ended, reason FROM deliveries",
        "SELECT delivery, number, at, duration_us, outcome, status, reason, answer FROM attempts",
        "SELECT name, cursor, cleared, epoch, high_id, high_time FROM sources WHERE name = 'feed'",
    ]
    .iter()
    .flat_map(|sql| {
        let mut select = file.prepare(sql).expect("prepares");
        let columns = select.column_count();
        let rows = select
            .query_map([], |row| {
                (0..columns)
                    .map(|column| Ok(format!("{:?}", row.get_ref(column)?)))
                    .collect()
            })
            .expect("reads");
        rows.map(|row| row.expect("a row")).collect::<Vec<_>>()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_every_stored_version_is_opened_with_all_it_holds() {
    for version in VERSIONS {
        opens_with_all_it_holds(version).await;
    }
}

/// Writes into a strict table what it refuses, as a damaged file holds it.
fn spoil(queue: &Path, sql: &str) {
    let file = Connection::open(queue).expect("opens");
    let replace = |from: &str, to: &str| {
        file.pragma_update(None, "writable_schema", true)
            .expect("on");
        let sql = "UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2)";
        file.execute(sql, [from, to]).expect("the schema");
        file.execute_batch("PRAGMA writable_schema = RESET")
            .expect("off");
    };
    replace(") STRICT", ") /*L*/");
    assert_eq!(file.execute(sql, []).expect(sql), 1);
    replace(") /*L*/", ") STRICT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_in_an_older_queue_stops_no_step_and_no_other_row() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&server, &phones));
    // Earlier ones get columns by steps that SQLite refuses where a row is bad.
    let queue = placed(&bridge, 12);
    make_young(&queue);
    spoil(
        &queue,
        "UPDATE deliveries SET created = 'now' WHERE seq = 3",
    );
    bridge.start();
    soon("the other", phones.handle.arrivals(Kind::Webhook, 1)).await;
    let file = Connection::open(&queue).expect("opens");
    let reason = "SELECT reason FROM deliveries WHERE seq = 3 AND state = 3";
    let reason: String = file
        .query_row(reason, [], |row| row.get(0))
        .expect("a dead letter");
    let expected = "its row cannot be read: `created` holds a text where a whole number belongs";
    assert_eq!(reason, expected);
}

#[test]
fn a_step_between_versions_is_never_changed() {
    let mut steps = Vec::new();
    for version in 1.. {
        let step = root().join(format!("src/store/schema_{version}.sql"));
        let Ok(text) = fs::read(step) else { break };
        let hash = Sha256::digest(&text);
        steps.push(hash[..8].iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all text");
            hex
        }));
    }
    assert_eq!(steps, STEPS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_a_later_version_ends_the_start_with_what_to_do() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&server, &phones));
    let queue = placed(&bridge, 12);
    let file = Connection::open(&queue).expect("opens");
    file.pragma_update(None, "user_version", 99)
        .expect("writes");
    drop(file);
    bridge.start();
    assert_eq!(bridge.ended().await.code(), Some(1));
    let log = bridge.log();
    let known = STEPS.len();
    for words in [
        queue.display().to_string(),
        "has schema 99".to_owned(),
        format!("knows up to {known}"),
        "put back a backup from before".to_owned(),
    ] {
        assert!(log.contains(&words), "{words}: {log}");
    }
}
