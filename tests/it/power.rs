//! Promise 1 with the power cut: copies of the queue's files, taken at random moments while the program
//! works, are what a new start would find.
//!
//! The process is stopped for the moment of the copy, so that both files are of the same instant: a
//! disk has no older log beside a newer file either. What such a copy proves: at no instant does the
//! order of the program's writes leave a file that cannot be opened, a cursor ahead of its events, or
//! an answered delivery that is not known. What it cannot prove: the copy comes from the page cache, so
//! it also holds what was written and not yet flushed, and no half-written sector. That what is
//! answered was flushed before rests on `synchronous = FULL` and on the disk's honesty.

use std::collections::BTreeSet;
use std::fs;
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

fn payload(number: usize) -> String {
    let (second, millis) = (number / 1000, number % 1000);
    // Large enough that the log is copied into the file a few times while this runs.
    let filler = "x".repeat(10_000);
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{second:02}.{millis:03}Z","data":{{"number":{number},"filler":"{filler}"}}}}"#
    )
}

/// Takes copies whenever a random share of the events has been sent or answered.
async fn cut_at_random(bridge: &Bridge, upstream: &Upstream, phones: &Phones) -> Vec<Cut> {
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
        let files = TempDir::new().expect("a folder");
        for file in ["bellwire.db", "bellwire.db-wal"] {
            let original = bridge.folder().join("data").join(file);
            fs::copy(original, files.path().join(file)).expect("copies");
        }
        bridge.signal("CONT");
        cuts.push(Cut { files, answered });
    }
    cuts
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_what_a_power_cut_leaves_behind_opens_and_knows_all_that_was_answered() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
    ));
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let feeding = feed(&upstream, (1..=EVENTS).map(payload).collect(), PAUSE);
    let cutting = cut_at_random(&bridge, &upstream, &phones);
    let cuts = tokio::join!(feeding, cutting).1;
    let last = phones.handle.arrivals(Kind::Webhook, EVENTS);
    soon("every ring", last).await;
    bridge.kill();
    for cut in &cuts {
        check(cut).await;
    }
    let answered: Vec<usize> = cuts.iter().map(|cut| cut.answered.len()).collect();
    assert!(answered.last() > Some(&(EVENTS / 2)), "{answered:?}");
}
