//! Promise 1 with the power cut: copies of the queue's files, taken at random moments while the program
//! works, are what a new start would find.
//!
//! The process is stopped for the moment of the copy, so that both files are of the same instant: a
//! disk has no older log beside a newer file either. What such a copy proves: at no instant does the
//! order of the program's writes leave a file that cannot be opened, a cursor ahead of its events, or
//! an answered delivery that is not known. What it cannot prove: the copy comes from the page cache, so
//! it also holds what was written and not yet flushed, and no half-written sector. That what is
//! answered was flushed before is what the second test proves, where each file is as it was when it was last
//! flushed. There remains the disk's honesty.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bellwire::model::{Cursor, Name, State};
use bellwire::simulator::receivers::Kind;
use bellwire::status::Status;
use bellwire::store::{Standing, Store};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::harness::{Bridge, Phones, Upstream, feed, soon, until};

const EVENTS: usize = 600;
const PAUSE: Duration = Duration::from_millis(5);
const CUTS: usize = 25;

/// What a copy is compared with: what had been answered before it was taken.
struct Cut {
    files: TempDir,
    answered: BTreeSet<String>,
}

fn payload(number: usize, filler: usize) -> String {
    let (second, millis) = (number / 1000, number % 1000);
    // Large enough that the log is copied into the file a few times while this runs.
    let filler = "x".repeat(filler);
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{second:02}.{millis:03}Z","data":{{"number":{number},"filler":"{filler}"}}}}"#
    )
}

/// Takes copies from a folder whenever a random share of the events has been sent or answered.
async fn cut_at_random(
    bridge: &Bridge,
    upstream: &Upstream,
    phones: &Phones,
    folder: &Path,
) -> Vec<Cut> {
    let mut random = StdRng::seed_from_u64(7);
    let mut moments: Vec<u64> = (0..CUTS)
        .map(|_| random.random_range(2..EVENTS as u64))
        .collect();
    moments.sort_unstable();
    let mut cuts = Vec::new();
    soon("the first ring", phones.handle.arrivals(Kind::Webhook, 1)).await;
    for (index, moment) in moments.into_iter().enumerate() {
        // By turns after an answer and after an event: the one says how far the queue has come, the
        // other is at no special place in its work.
        until("the next moment", || match index % 2 {
            0 => phones.handle.received().len() as u64 >= moment,
            _ => upstream.handle.next_id() > moment,
        })
        .await;
        let received = phones.handle.received();
        let ids = received
            .iter()
            .map(|one| one.header("webhook-id").to_owned());
        let answered = ids.collect();
        bridge.signal("STOP");
        let files = copied(folder);
        bridge.signal("CONT");
        cuts.push(Cut { files, answered });
    }
    cuts
}

/// A copy of a queue's files.
fn copied(folder: &Path) -> TempDir {
    let files = TempDir::new().expect("a folder");
    for file in ["bellwire.db", "bellwire.db-wal"] {
        fs::copy(folder.join(file), files.path().join(file)).expect("copies");
    }
    files
}

async fn check(cut: &Cut) {
    let status = Status::new().0;
    let store = Store::open(cut.files.path(), status, Timestamp::now()).expect("opens as it is");
    let checkpoint = store
        .checkpoint(&Name::new("ttmt").expect("a name"))
        .await
        .expect("reads");
    let Cursor::At(cursor) = checkpoint.cursor else {
        panic!("no cursor although something was answered");
    };
    let cursor: u64 = cursor.parse().expect("a number");
    let mut events = store
        .events(Standing::default(), None, 10_000)
        .await
        .expect("reads");
    events.retain(|event| event.head.source.as_str() == "ttmt");
    let ids: BTreeSet<u64> = events
        .iter()
        .filter_map(|event| event.head.id.as_deref()?.parse().ok())
        .collect();
    let first = *ids.first().expect("events");
    let expected: BTreeSet<u64> = (first..=cursor).collect();
    assert_eq!(ids, expected, "every event up to the cursor, and no other");
    let known = store.recent_deliveries(10_000).await.expect("reads");
    for row in &known {
        let sound = matches!(row.state, State::Waiting | State::Delivered);
        assert!(sound, "{row:?}");
    }
    let known: BTreeSet<String> = known.iter().map(|row| row.id.to_string()).collect();
    let lost: Vec<&String> = cut.answered.difference(&known).collect();
    assert!(lost.is_empty(), "answered and not there: {lost:?}");
    assert_eq!(known.len(), events.len(), "each event with its delivery");
}

/// What is cut: the webhooks of every event.
fn config(upstream: &Upstream, phones: &Phones, more: &str) -> String {
    format!(
        "http.listen = \"off\"\n{more}{}{}[[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
    )
}

/// Relays all events, and checks copies from a folder that are taken meanwhile.
async fn relay(
    bridge: &mut Bridge,
    upstream: &Upstream,
    phones: &Phones,
    filler: usize,
    folder: &Path,
) {
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let payloads = (1..=EVENTS).map(|number| payload(number, filler));
    let feeding = feed(upstream, payloads.collect(), PAUSE);
    let cutting = cut_at_random(bridge, upstream, phones, folder);
    let cuts = tokio::join!(feeding, cutting).1;
    let last = phones.handle.arrivals(Kind::Webhook, EVENTS);
    soon("every ring", last).await;
    for cut in &cuts {
        check(cut).await;
    }
    let answered: Vec<usize> = cuts.iter().map(|cut| cut.answered.len()).collect();
    assert!(answered.last() > Some(&(EVENTS / 2)), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_what_a_power_cut_leaves_behind_opens_and_knows_all_that_was_answered() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones, ""));
    let data = bridge.folder().join("data");
    relay(&mut bridge, &upstream, &phones, 10_000, &data).await;
    bridge.kill();
}

/// The library that keeps what was flushed.
fn library() -> String {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flushed.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/flushed.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-o"]);
    let made = compiler.arg(&library).arg(source).arg("-ldl").status();
    assert!(made.expect("the compiler that SQLite needs").success());
    library.to_string_lossy().into_owned()
}

/// How many deliveries have arrived, as the queue of a program knows that was left in a folder.
async fn arrived(bridge: &Bridge, folder: &Path) -> usize {
    bridge.signal("STOP");
    let copy = copied(folder);
    bridge.signal("CONT");
    let store = Store::open(copy.path(), Status::new().0, Timestamp::now()).expect("opens");
    let known = store.recent_deliveries(10_000).await.expect("reads");
    known
        .iter()
        .filter(|row| row.state == State::Delivered)
        .count()
}

#[cfg_attr(not(target_os = "linux"), ignore = "its library is for Linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_what_was_flushed_knows_all_that_was_sent_and_soon_that_it_was() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let flushed = TempDir::new().expect("a folder");
    // A log that is short is copied into the file often.
    let config = config(&upstream, &phones, "retention.max_disk = \"32MiB\"\n");
    let mut bridge = Bridge::new(&config)
        .env("LD_PRELOAD", &library())
        .env("FLUSHED_TO", &flushed.path().to_string_lossy());
    relay(&mut bridge, &upstream, &phones, 5_000, flushed.path()).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while arrived(&bridge, flushed.path()).await < EVENTS {
        assert!(
            tokio::time::Instant::now() < deadline,
            "all that arrived is flushed"
        );
    }
    bridge.kill();
}
