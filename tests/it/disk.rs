//! Promise 7 on a disk that is really full: events wait upstream, the cursor stays put, it is told
//! once, and all of it ends by itself when there is room.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bellwire::simulator::Answer;
use bellwire::simulator::ttmt::Options;
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::harness::{Bridge, Phones, Upstream, free_address, soon, until};

/// The disk, and what is left of it at first.
const DISK: usize = 16 << 20;
const ROOM: usize = 1 << 20;

/// Events of 20 KB: more than find room at first, and fewer than the whole disk holds.
const EVENTS: usize = 150;

/// A file system of that size, for as long as it lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, with the reason printed, where no file system may be mounted.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"])
            .arg(folder.path())
            .output();
        let why = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!(
                "SKIPPED on a small disk; the test with a limit on files stands for it: {why}"
            );
        }
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the bridge may still have its files open.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn payload(number: usize) -> String {
    let second = number % 60;
    let filler = "x".repeat(20_000);
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{second:02}Z","data":{{"number":{number},"filler":"{filler}"}}}}"#
    )
}

/// Drives a bridge whose disk takes no more, makes room with `relieve`, and looks at what came of
/// everything.
async fn check_full_and_well_again(
    make: impl FnOnce(String, &Phones) -> Bridge,
    relieve: impl FnOnce(&Bridge),
) {
    let upstream = Upstream::with(Options {
        buffer: EVENTS,
        ..Options::default()
    })
    .await;
    let phones = Phones::start().await;
    let mut bridge = make(upstream.source(), &phones);
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    upstream.send(payload(1)).await;
    until("the first ring", || phones.events().len() == 1).await;
    let down = |_: &_| Some(Answer::status(503));
    phones.handle.answer_by("/webhook/events", down);
    for number in 2..=EVENTS {
        upstream.send(payload(number)).await;
    }
    let full = bridge
        .ready("a full disk", |ready| ready["store"]["writable"] == false)
        .await;
    assert_eq!(full.status, 503, "{}", full.body);
    let fault = full.json()["store"]["fault"].to_string();
    for word in [
        "the disk ",
        "/data` takes ",
        " of the 1024.0 MiB",
        "make room",
    ] {
        assert!(fault.contains(word), "{word} in {fault}");
    }
    let taken = full.json()["sources"]["ttmt"]["events"].as_u64();
    assert!(taken < Some(EVENTS as u64), "the source waits");
    relieve(&bridge);
    let told = || {
        let own = phones.own();
        own.iter()
            .filter(|own| own.0 == "bellwire.disk_full")
            .count()
    };
    until("word of it", || told() > 0).await;
    bridge
        .ready("room", |ready| {
            ready["store"]["writable"] == true && ready["sources"]["ttmt"]["events"] == EVENTS
        })
        .await;
    phones.handle.answer_as_ever("/webhook/events");
    let expected: BTreeSet<String> = (1..=EVENTS).map(payload).collect();
    let arrived = || phones.events().into_iter().collect::<BTreeSet<String>>();
    until("every event", || arrived().is_superset(&expected)).await;
    assert!(arrived() == expected, "byte for byte");
    assert!(bridge.log().contains("the queue can be written again"));
    assert_eq!(told(), 1, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_7_a_full_disk_pauses_the_source_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; DISK - ROOM]).expect("writes");
    let data_dir = disk.path().join("data");
    let make =
        |source, phones: &_| Bridge::watched(&format!("data_dir = {data_dir:?}\n{source}"), phones);
    check_full_and_well_again(make, |_| fs::remove_file(&ballast).expect("removes")).await;
}

/// Takes all that is left of a disk.
fn fill(ballast: &Path) {
    let full = fs::write(ballast, vec![0; DISK + 1]).expect_err("it does not hold so much");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

/// Starts on a disk that takes nothing, `before` which something has happened.
async fn check_start(before: impl AsyncFnOnce(&mut Bridge, &Upstream, &Phones)) {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let data_dir = disk.path().join("data");
    let config = format!("data_dir = {data_dir:?}\n{}", upstream.source());
    let mut bridge = Bridge::watched(&config, &phones);
    before(&mut bridge, &upstream, &phones).await;
    let earlier = phones.events().len();
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    bridge.start();
    let full = bridge
        .ready("a full disk", |ready| ready["store"]["writable"] == false)
        .await;
    assert_eq!(full.status, 503, "{}", full.body);
    let fault = full.json()["store"]["fault"].to_string();
    for word in ["the disk ", "/data` ", "make room"] {
        assert!(fault.contains(word), "{word} in {fault}");
    }
    fs::remove_file(&ballast).expect("removes");
    bridge
        .ready("room", |ready| {
            ready["store"]["writable"] == true && ready["sources"]["ttmt"]["connected"] == true
        })
        .await;
    upstream.send(payload(2)).await;
    until("the event", || phones.events().len() > earlier).await;
    assert_eq!(phones.events()[earlier..], [payload(2)]);
    let is_told = |own: &(String, _)| own.0 == "bellwire.disk_full";
    until("word of it", || phones.own().iter().any(is_told)).await;
    assert!(bridge.log().contains("the queue can be written again"));
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
}

/// Delivers one event.
async fn deliver_one(bridge: &mut Bridge, upstream: &Upstream, phones: &Phones) {
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    upstream.send(payload(1)).await;
    until("the first ring", || phones.events().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_full_disk_waits_for_room() {
    check_start(async |bridge, upstream, phones| {
        deliver_one(bridge, upstream, phones).await;
        bridge.signal("TERM");
        assert!(bridge.ended().await.success());
        soon("the upstream to notice", upstream.handle.unheard()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_full_disk_waits_for_room_after_a_kill_too() {
    check_start(async |bridge, upstream, phones| {
        deliver_one(bridge, upstream, phones).await;
        let settled = |ready: &serde_json::Value| ready["sinks"]["events"]["delivered"] == 1;
        bridge.ready("the delivery to be settled", settled).await;
        bridge.kill();
        soon("the upstream to notice", upstream.handle.unheard()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_very_first_start_on_a_full_disk_waits_for_room() {
    check_start(async |_, _, _| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_waits_for_room_stops_when_it_is_told_to() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let data_dir = disk.path().join("data");
    let config = format!("data_dir = {data_dir:?}\n{}", upstream.source());
    fill(&disk.path().join("ballast"));
    let mut bridge = Bridge::watched(&config, &phones);
    bridge.start();
    bridge
        .ready("a full disk", |ready| ready["store"]["writable"] == false)
        .await;
    let queue = bridge.tool(&["queue", "list"]).await;
    assert_eq!(queue.status, Some(1), "{queue:?}");
    assert!(queue.complaint.contains("make room"), "{queue:?}");
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
}

/// A quota or a limit on files arrives as another error than a full disk, and means the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_size_of_files_is_a_full_disk_too() {
    let script = format!("trap '' XFSZ; exec prlimit --fsize={ROOM}:unlimited \"$@\"");
    let wrapper = ["/bin/sh", "-c", &script, "sh"];
    let make = |source: String, phones: &_| Bridge::watched(&source, phones).wrapped(&wrapper);
    check_full_and_well_again(make, |bridge| {
        let id = bridge.id().to_string();
        let lifted = Command::new("prlimit")
            .args(["--fsize=unlimited:unlimited", "--pid", &id])
            .status();
        assert!(lifted.expect("prlimit is there").success());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_on_a_disk_that_cannot_be_written_is_told_as_that() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut bridge = Bridge::new(&format!(
        "data_dir = \"{}\"\nhttp.listen = \"{}\"\n[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"k\"\n",
        disk.path().display(),
        free_address(),
    ));
    let (status, now) = (Status::new().0, Timestamp::now());
    let store = Store::open(disk.path(), status, now).expect("opens");
    store.close().await;
    let shut = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(disk.path())
        .status();
    assert!(shut.expect("mount is there").success());
    bridge.start();
    assert_eq!(bridge.ended().await.code(), Some(1));
    let copied = bridge.tool(&["backup", "copy.db"]).await;
    assert_eq!(copied.status, Some(0), "{copied:?}");
    assert!(bridge.folder().join("copy.db").is_file());
    let listed = bridge.output("queue", &[]).await;
    assert_eq!(listed.status, Some(1), "{listed:?}");
    assert!(!listed.complaint.contains("in use"), "{listed:?}");
    for told in [bridge.log(), listed.complaint] {
        for words in [
            &*disk.path().display().to_string(),
            "Read-only file system",
            "a file system that can be written",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
