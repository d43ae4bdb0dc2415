//! A queue file with damage inside: told with its name and what to do, never replaced, never retried. And one
//! that is not to be had, or is taken away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellwire::model::{Batch, DataAt, Event, Name, Route};
use bellwire::simulator::receivers::Kind;
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::harness::{Bridge, Phones, Upstream, free_address, soon, until};

const PAGE: usize = 4096;

/// A bridge that sends all of a source to one receiver.
fn between(upstream: &Upstream, phones: &Phones, listen: &str) -> Bridge {
    Bridge::new(&format!(
        "http.listen = \"{listen}\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
    ))
}

async fn send(upstream: &Upstream, number: usize) {
    let payload = format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:0{number}.000Z","data":{{}}}}"#
    );
    upstream.send(payload).await;
}

/// A queue whose deliveries wait, and a file in which most pages behind the first ones are spoilt.
async fn spoilt(bridge: &Bridge) -> Vec<u8> {
    let folder = bridge.folder().join("data");
    let now = Timestamp::now();
    let store = Store::open(&folder, Status::new().0, now).expect("opens");
    let event = |number: usize| Event {
        source: Name::new("ttmt").expect("a name"),
        id: Some(number.to_string().into()),
        kind: "tp_hit".into(),
        time: Some(now),
        received: now,
        backfilled: false,
        identity: None,
        payload: vec![b'x'; 1000].into(),
        data: DataAt::Text,
        about: None,
    };
    let route = Route::new(Name::new("automation").expect("a name"), "hits".into());
    let batch = Batch {
        source: Name::new("ttmt").expect("a name"),
        events: (0..2000)
            .map(|number| (event(number), vec![route.clone()]))
            .collect(),
        checkpoint: None,
        picture: Vec::new(),
        heard: Vec::new(),
    };
    store.accept(batch).await.expect("accepts");
    store.close().await;
    let file = folder.join("bellwire.db");
    let mut bytes = fs::read(&file).expect("reads");
    for page in bytes.chunks_mut(PAGE).skip(20) {
        page[..64].fill(0xa5);
    }
    fs::write(&file, &bytes).expect("writes");
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_ends_the_program_with_its_name_and_what_to_do() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = between(&upstream, &phones, "off");
    let bytes = spoilt(&bridge).await;
    bridge.start();
    let ended = tokio::time::timeout(Duration::from_secs(20), bridge.ended()).await;
    let status = ended.expect("it ends");
    assert_eq!(status.code(), Some(1));
    let log = bridge.log();
    let name = bridge.folder().join("data").join("bellwire.db");
    assert!(log.contains(&name.display().to_string()), "{log}");
    assert!(
        log.contains("is damaged") && log.contains("rename"),
        "{log}"
    );
    assert!(fs::read(&name).expect("reads") == bytes, "left as it is");
}

/// A user who owns nothing.
const NOBODY: u32 = 65534;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_somebody_else_is_told_with_the_way_to_have_it() {
    let config = |listen: &str| {
        format!("http.listen = \"{listen}\"\n[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"k\"\n")
    };
    let is_root = rustix::process::geteuid().is_root();
    let mut bridge = Bridge::new(&config(&free_address().to_string()));
    if is_root {
        let nobody = NOBODY.to_string();
        let (user, group) = (format!("--reuid={nobody}"), format!("--regid={nobody}"));
        bridge = bridge.wrapped(&["setpriv", &user, &group, "--clear-groups"]);
    }
    let data = bridge.folder().join("data");
    fs::create_dir(&data).expect("a folder");
    let file = data.join("bellwire.db");
    let store = Store::open(&data, Status::new().0, Timestamp::now()).expect("opens");
    store.close().await;
    if is_root {
        for path in [bridge.folder(), &data, &data.join("bellwire.lock")] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("theirs");
        }
    }
    let check = |told: &str, mode: u32| {
        for words in [
            format!("the queue file `{}` cannot be used", file.display()),
            "Permission denied".to_owned(),
            "`chown -R ".to_owned(),
            format!(" {}`", data.display()),
        ] {
            assert!(told.contains(&words), "{mode:o}: {words}: {told}");
        }
    };
    for mode in [0o000, 0o444] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        bridge.start();
        assert_eq!(bridge.ended().await.code(), Some(1));
        check(&bridge.log(), mode);
        let listed = bridge.output("queue", &[]).await;
        assert_eq!(listed.status, Some(1), "{listed:?}");
        check(&listed.complaint, mode);
        assert!(!listed.complaint.contains("in use"), "{listed:?}");
        assert!(listed.complaint.contains("nothing answers"), "{listed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_taken_away_while_it_runs_is_no_longer_ready_and_goes_on() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = between(&upstream, &phones, "127.0.0.1:0");
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    bridge
        .ready("all is well", |told| told["ready"] == true)
        .await;
    let data = bridge.folder().join("data");
    fs::remove_dir_all(&data).expect("goes");
    let told = bridge
        .ready("it is away", |told| told["ready"] == false)
        .await;
    assert_eq!(told.status, 503);
    let reasons = told.json()["reasons"].to_string();
    let words = format!("`{}` was taken away", data.join("bellwire.db").display());
    assert!(reasons.contains(&words), "{reasons}");
    send(&upstream, 1).await;
    until("it goes on", || {
        !phones.handle.received_by(Kind::Webhook).is_empty()
    })
    .await;
    let log = bridge.log();
    let errors = log.lines().filter(|line| line.contains("was taken away"));
    assert_eq!(errors.count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_written_once_the_queue_takes_it_and_never_sent_again() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = between(&upstream, &phones, "off");
    bridge.start();
    soon("a connection", upstream.handle.heard()).await;
    let file = Connection::open(bridge.folder().join("data").join("bellwire.db"));
    let file = file.expect("opens");
    let file = Arc::new(Mutex::new(file));
    let held = Arc::clone(&file);
    // As another program that works on it for longer than is waited for it.
    phones.handle.answer_by("/webhook", move |_: &_| {
        let file = held.lock().expect("nobody fails with it");
        let begun = file.is_autocommit() && file.execute_batch("BEGIN IMMEDIATE").is_err();
        assert!(!begun, "it can be held");
        None
    });
    send(&upstream, 1).await;
    let one = phones.handle.arrivals(Kind::Webhook, 1);
    soon("the first", one).await;
    until("a refusal", || {
        bridge.log().contains("the queue cannot be written")
    })
    .await;
    phones.handle.answer_as_ever("/webhook");
    let file = || file.lock().expect("nobody fails with it");
    file().execute_batch("COMMIT").expect("lets it go");
    let delivered = || {
        let file = file();
        let count = "SELECT count(*) FROM deliveries WHERE state = 2";
        file.query_row(count, [], |row| row.get::<_, i64>(0))
    };
    until("its end to be written", || delivered() == Ok(1)).await;
    bridge.kill();

    bridge.start();
    upstream.streams(2).await;
    send(&upstream, 2).await;
    let two = phones.handle.arrivals(Kind::Webhook, 2);
    let ids: Vec<String> = soon("the second", two)
        .await
        .iter()
        .map(|received| received.header("webhook-id").to_owned())
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}
