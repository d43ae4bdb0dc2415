//! How it ends: told to, twice, or because something is in the way from the start.

use std::path::Path;
use std::time::{Duration, Instant};

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::{Answer, Manner};

use crate::harness::{Bridge, Phones, Upstream, free_address, soon, until};

fn config(upstream: &Upstream, phones: &Phones) -> String {
    format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_10_sigterm_frees_the_slot_at_once_finishes_what_is_in_flight_and_exits_0() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    phones.handle.answer(
        "/webhook",
        Answer::status(200).after(Duration::from_secs(2)),
    );
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"data":{}}"#)
        .await;
    soon("the request", phones.handle.arrivals(Kind::Webhook, 1)).await;
    bridge.signal("TERM");
    soon("the free slot", upstream.handle.unheard()).await;
    assert!(bridge.ended().await.success());
    // The answer came in time, so a restart has nothing to send again.
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream
        .send(r#"{"type":"tp_hit","eventId":2,"data":{}}"#)
        .await;
    let received = soon("the second event", phones.handle.arrivals(Kind::Webhook, 2)).await;
    assert!(received[1].body.ends_with(br#""eventId":2,"data":{}}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_delays_the_end_by_eight_seconds_at_most() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    phones
        .handle
        .answer("/webhook", Answer::status(200).sent(Manner::Hang));
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"data":{}}"#)
        .await;
    soon("the request", phones.handle.arrivals(Kind::Webhook, 1)).await;
    bridge.signal("INT");
    let told = Instant::now();
    assert!(bridge.ended().await.success());
    assert!(
        told.elapsed() < Duration::from_secs(8),
        "took {:?}",
        told.elapsed()
    );
    bridge.start();
    let received = soon("the same again", phones.handle.arrivals(Kind::Webhook, 2)).await;
    assert_eq!(
        received[0].header("webhook-id"),
        received[1].header("webhook-id")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_on_the_same_folder_is_refused() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let second = bridge.output("run", &[]).await;
    assert_eq!(second.status, Some(1));
    assert!(second.complaint.contains("in use by process"), "{second:?}");
    assert_eq!(
        upstream.stream_requests().len(),
        1,
        "the second never dialled"
    );
}

/// How many other processes have a file open.
fn wanting(file: &Path) -> usize {
    let has_it_open = |process: &std::fs::DirEntry| {
        let open = std::fs::read_dir(process.path().join("fd"));
        open.is_ok_and(|mut open| {
            open.any(|open| {
                open.is_ok_and(|open| open.path().read_link().is_ok_and(|to| to == file))
            })
        })
    };
    let processes = std::fs::read_dir("/proc").expect("the system's processes");
    let others = processes.flatten().filter(|process| {
        let id = process.file_name().to_str().and_then(|id| id.parse().ok());
        id.is_some_and(|id: u32| id != std::process::id())
    });
    others.filter(has_it_open).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_and_a_command_wait_for_another_command() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    let lock = bridge.folder().join("data/bellwire.lock");
    let held = || {
        std::fs::create_dir_all(lock.parent().expect("a folder")).expect("made");
        std::fs::write(&lock, "process 1, a command").expect("writes");
        let file = std::fs::File::open(&lock).expect("opens");
        file.lock().expect("nobody has it");
        file
    };
    let command = held();
    bridge.start();
    until("the start that wants the folder", || wanting(&lock) == 1).await;
    assert!(upstream.stream_requests().is_empty(), "it waits");
    drop(command);
    soon("the connection", upstream.handle.heard()).await;
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());

    let command = held();
    let release = async {
        until("the command", || wanting(&lock) == 1).await;
        drop(command);
    };
    let queue = ["queue"];
    let (told, ()) = tokio::join!(bridge.tool(&queue), release);
    let expected = (Some(0), "no deliveries\n");
    assert_eq!((told.status, &*told.out), expected, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_queue_is_refused_and_kept() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let bridge = Bridge::new(&config(&upstream, &phones));
    let file = bridge.folder().join("data/bellwire.db");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    let rubbish = "rubbish ".repeat(1000);
    std::fs::write(&file, &rubbish).expect("written");
    let refused = bridge.output("run", &[]).await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.complaint.contains("bellwire.db") && refused.complaint.contains("rename"),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&file).expect("still there"),
        rubbish
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    phones
        .handle
        .answer("/webhook", Answer::status(200).sent(Manner::Hang));
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"data":{}}"#)
        .await;
    soon("the request", phones.handle.arrivals(Kind::Webhook, 1)).await;
    bridge.signal("TERM");
    until("the first signal to be heard", || {
        bridge.log().contains("a second signal")
    })
    .await;
    bridge.signal("TERM");
    assert_eq!(bridge.ended().await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_while_the_server_of_the_queue_is_waited_for_it_ends_properly() {
    let upstream = Upstream::start().await;
    let phones = Phones::start().await;
    let nobody = free_address();
    let store =
        format!("[store]\nurl = \"postgres://bellwire@{nobody}/bellwire?sslmode=disable\"\n");
    let mut bridge = Bridge::new(&format!("{}{store}", config(&upstream, &phones)));
    for signal in ["TERM", "INT"] {
        bridge.start();
        let waits = || bridge.log().matches("it is tried again").count();
        let before = waits();
        until("it to wait", || waits() > before).await;
        bridge.signal(signal);
        assert!(bridge.ended().await.success(), "{signal}: {}", bridge.log());
    }
}
