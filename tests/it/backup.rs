//! Backups: made beside a running instance, put back by copying, and what goes out again after that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Upstream, ran, soon, until, wrapped};

fn hit(number: u32) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{number:02}.000Z","data":{{"number":{number}}}}}"#
    )
}

/// One webhook that is tried again only when it accepts something else, and one rule.
fn config(upstream: &Upstream, phones: &Phones) -> String {
    let more = "retry = { initial = \"1h\", max = \"1h\" }";
    format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, more)
    )
}

/// Has the receiver refuse events with these numbers for now, and accept all others.
fn refuse(phones: &Phones, numbers: &'static [u32]) {
    phones.handle.answer_by("/webhook", move |request| {
        let is_refused = numbers.contains(&number(&request.body));
        is_refused.then(|| Answer::status(503))
    });
}

fn number(body: &[u8]) -> u32 {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let number = body["data"]["number"].as_u64().expect("a number");
    u32::try_from(number).expect("a small one")
}

/// A bridge that has delivered event 1 and has event 2 wait.
async fn with_one_that_waits() -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    refuse(&phones, &[2]);
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for event in [1, 2] {
        upstream.send(hit(event)).await;
        has_settled(&bridge, event).await;
    }
    (upstream, phones, bridge)
}

/// The same with a backup `copy.db`, killed after an event 3 that came in later.
async fn killed_after_its_backup() -> (Upstream, Phones, Bridge) {
    let (upstream, phones, mut bridge) = with_one_that_waits().await;
    let made = bridge.tool(&["backup", "copy.db"]).await;
    assert_eq!(made.status, Some(0), "{made:?}");
    upstream.send(hit(3)).await;
    has_settled(&bridge, 3).await;
    bridge.kill();
    (upstream, phones, bridge)
}

/// Puts the backup into an empty folder, as after the loss of a disk.
fn put_back(bridge: &Bridge) {
    let data = bridge.folder().join("data");
    fs::remove_dir_all(&data).expect("the disk is gone");
    fs::create_dir(&data).expect("a folder");
    fs::copy(bridge.folder().join("copy.db"), data.join("bellwire.db")).expect("copies");
}

/// Waits until so many deliveries are in the queue, each has been tried and none is on its way.
async fn has_settled(bridge: &Bridge, count: u32) {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    soon("the deliveries", async {
        loop {
            let list = bridge.tool(&["queue", "list", "--json"]).await.json();
            let list = list.as_array().expect("a list").clone();
            let is_tried = |one: &Value| one["attempts"] != 0 && one["state"] != "in_flight";
            if list.len() == count as usize && list.iter().all(is_tried) {
                return;
            }
            look.tick().await;
        }
    })
    .await;
}

/// Who makes backups by night has none of the secrets, and the queue needs none of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_needs_no_secret_of_the_configuration() {
    let (_upstream, _phones, bridge) = with_one_that_waits().await;
    let folder = bridge.folder();
    let file = folder.join("config.toml");
    let right = fs::read_to_string(&file).expect("a file");
    let backup = async |text: String, target: &str| {
        fs::write(&file, text).expect("written");
        bridge.tool(&["backup", target]).await
    };
    let source = "[sources.other]\nkind = \"sse\"\nurl = { env = \"NOT_SET_ANYWHERE\" }\n";
    let token = "http.token = { env = \"NOT_SET_EITHER\" }\n";
    let made = backup(format!("{token}{right}{source}"), "a.db").await;
    assert_eq!(made.status, Some(0), "{made:?}");
    // Outside of all tables it may be about `data_dir` itself.
    let refused = backup(format!("data_dri = \"x\"\n{right}"), "b.db").await;
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.complaint.contains("did you mean `data_dir`"));
    assert!(folder.join("a.db").exists() && !folder.join("b.db").exists());
    for url in [
        "\"postgres://db.example/bellwire\"",
        "{ env = \"NOT_SET\" }",
    ] {
        let refused = backup(format!("store.url = {url}\n{right}"), "c.db").await;
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.complaint.contains("on a server"), "{refused:?}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

/// The ids with which each event has arrived.
fn ids(received: &[Received]) -> BTreeMap<u32, BTreeSet<String>> {
    let mut ids: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for one in received {
        let of_event = ids.entry(number(&one.body)).or_default();
        of_event.insert(one.header("webhook-id").to_owned());
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_instance_is_copied_into_one_file_that_replaces_nothing() {
    let (_upstream, _phones, bridge) = with_one_that_waits().await;
    let place = bridge.folder().join("backups");
    fs::create_dir(&place).expect("a folder");
    let file = place.join("one.db").display().to_string();
    let made = bridge.tool(&["backup", &file, "--json"]).await;
    assert_eq!((made.status, made.complaint.as_str()), (Some(0), ""));
    let size = fs::metadata(&file).expect("is there");
    let copy = Connection::open(&file).expect("opens");
    let schema: i64 = copy
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("reads");
    drop(copy);
    assert_eq!(
        made.json(),
        json!({ "file": file, "bytes": size.len(), "schema": schema, "waiting": 1 })
    );
    assert_eq!(size.permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&place), BTreeSet::from(["one.db".to_owned()]));

    let before = fs::read(&file).expect("reads");
    let again = bridge.tool(&["backup", &file]).await;
    assert_eq!((again.status, again.out.as_str()), (Some(1), ""));
    for words in [file.as_str(), "is there already", "the day in its name"] {
        assert!(again.complaint.contains(words), "{again:?}");
    }
    assert!(fs::read(&file).expect("reads") == before);
    let own = bridge.folder().join("data/bellwire.db-wal");
    let own = bridge.tool(&["backup", &own.display().to_string()]).await;
    assert_eq!(own.status, Some(1));
    assert!(own.complaint.contains("of the queue itself"), "{own:?}");
    // Beside the configuration, by a name that counts from where it is run.
    let made = bridge.tool(&["backup", "two.db"]).await;
    assert_eq!((made.status, made.complaint.as_str()), (Some(0), ""));
    let told = format!("two.db: 0.1 MiB, schema {schema}, 1 delivery waits in it\n");
    assert_eq!(made.out, told);
    assert!(bridge.folder().join("two.db").exists());
    assert_eq!(names(&place), BTreeSet::from(["one.db".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_can_be_copied_or_written_it_is_said_and_nothing_left() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::new(&config(&upstream, &phones));
    let before = names(bridge.folder());
    let none = bridge.tool(&["backup", "copy.db"]).await;
    assert_eq!((none.status, none.out.as_str()), (Some(1), ""));
    assert!(none.complaint.contains("there is no queue"), "{none:?}");
    assert_eq!(names(bridge.folder()), before, "and none was made");
    drop((upstream, phones, bridge));

    let (_upstream, _phones, mut bridge) = with_one_that_waits().await;
    bridge.kill();
    let before = names(bridge.folder());
    let lost = bridge.tool(&["backup", "none/copy.db"]).await;
    assert_eq!(lost.status, Some(1));
    assert!(
        lost.complaint.contains("`none/copy.db` cannot be written"),
        "{lost:?}"
    );
    // A limit on the size of files is the disk that every machine can fill up.
    let script = "trap '' XFSZ; exec prlimit --fsize=65536 \"$@\"";
    let wrapper = ["/bin/sh", "-c", script, "sh"].map(str::to_owned);
    let mut line = wrapped(bridge.folder(), &wrapper);
    let full = ran(line.args(["backup", "copy.db"])).await;
    assert_eq!((full.status, full.out.as_str()), (Some(1), ""), "{full:?}");
    assert!(
        full.complaint
            .contains("`copy.db` cannot be written: the disk"),
        "{full:?}"
    );
    assert_eq!(names(bridge.folder()), before);
    let made = bridge.tool(&["backup", "copy.db"]).await;
    assert_eq!(made.status, Some(0), "with what the log has: {made:?}");
    assert!(made.out.contains("1 delivery waits"), "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_backup_goes_out_with_its_id_and_the_cursor_goes_on_from_there() {
    let (upstream, phones, mut bridge) = killed_after_its_backup().await;
    let before = ids(&phones.handle.received_by(Kind::Webhook));

    put_back(&bridge);
    refuse(&phones, &[]);
    let asked = upstream.stream_requests().len();
    let arrived = phones.handle.received_by(Kind::Webhook).len();
    bridge.start();
    upstream_asked_again(&upstream, asked).await;
    // The upstream replays event 3, and once that is accepted, what was refused is sent again.
    soon(
        "what waited, and what came later",
        phones.handle.arrivals(Kind::Webhook, arrived + 2),
    )
    .await;
    upstream.send(hit(4)).await;
    has_settled(&bridge, 4).await;
    let after = ids(&phones.handle.received_by(Kind::Webhook)[arrived..]);
    assert_eq!(
        after.keys().copied().collect::<Vec<_>>(),
        [2, 3, 4],
        "what the backup knew as delivered is not sent again"
    );
    assert_eq!(after[&2], before[&2], "its old id");
    assert!(
        after[&3].is_disjoint(&before[&3]),
        "the backup knew nothing of it"
    );
    let last = upstream.stream_requests()[asked].clone();
    assert_eq!(last.last_event_id.as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_alert_after_a_restore_has_the_id_of_another_one_from_before() {
    let (upstream, phones, mut bridge) = killed_after_its_backup().await;
    drop(upstream);

    // An upstream that has forgotten event 3: the next one gets its place in the queue.
    let upstream = Upstream::start().await;
    for round in [4, 5] {
        put_back(&bridge);
        bridge.configure(&config(&upstream, &phones));
        bridge.start();
        soon("the connection", upstream.handle.heard()).await;
        upstream.send(hit(round)).await;
        until("the alert", || {
            let received = phones.handle.received_by(Kind::Webhook);
            received.iter().any(|one| number(&one.body) == round)
        })
        .await;
        bridge.kill();
        soon("the upstream to notice", upstream.handle.unheard()).await;
    }
    let mut events: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for (event, ids) in ids(&phones.handle.received_by(Kind::Webhook)) {
        for id in ids {
            events.entry(id).or_default().insert(event);
        }
    }
    let shared: Vec<_> = events.iter().filter(|one| one.1.len() > 1).collect();
    assert!(shared.is_empty(), "a receiver would drop one: {shared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_the_queue_before_is_not_taken_for_that_of_the_backup() {
    let (_upstream, phones, mut bridge) = killed_after_its_backup().await;
    let data = bridge.folder().join("data");
    let queue = data.join("bellwire.db");
    let log = data.join("bellwire.db-wal");
    assert!(fs::metadata(&log).expect("a log").len() > 0);
    fs::copy(bridge.folder().join("copy.db"), &queue).expect("copies");
    let before = (
        fs::read(&queue).expect("reads"),
        fs::read(&log).expect("reads"),
    );
    bridge.start();
    assert_eq!(bridge.ended().await.code(), Some(1));
    let said = bridge.log();
    for words in [
        queue.display().to_string(),
        log.display().to_string(),
        "the log of another queue".to_owned(),
        "then start again".to_owned(),
    ] {
        assert!(said.contains(&words), "{words}: {said}");
    }
    let refused = bridge.tool(&["backup", "another.db"]).await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.complaint.contains("the log of another queue"),
        "{refused:?}"
    );
    assert!(
        before
            == (
                fs::read(&queue).expect("reads"),
                fs::read(&log).expect("reads")
            )
    );

    fs::remove_file(&log).expect("goes");
    fs::remove_file(data.join("bellwire.db-shm")).expect("goes");
    let arrived = phones.handle.received_by(Kind::Webhook).len();
    bridge.start();
    until("the backup is worked on", || {
        let received = phones.handle.received_by(Kind::Webhook);
        received[arrived..].iter().any(|one| number(&one.body) == 2)
    })
    .await;
}

async fn upstream_asked_again(upstream: &Upstream, before: usize) {
    until("the upstream to be asked", || {
        upstream.stream_requests().len() > before
    })
    .await;
}
