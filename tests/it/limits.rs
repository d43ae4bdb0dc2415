//! What a hostile or broken feed can cost: never more memory than configured, and never the events
//! beside its own.

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::{Answer, Manner};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Bridge, Phones, Server, Visit, program, ran, until};

const MEGABYTE: usize = 1 << 20;

/// What the bridge may need at most beyond what it needs for one event.
const OVER_IDLE_MAX: u64 = 32 << 20;

/// The same while thousands of deliveries wait.
const OVER_BACKLOG_MAX: u64 = 16 << 20;

/// Deliveries that wait for a sink that is down.
const BACKLOG: u64 = 20_000;

/// A feed, a receiver, and a bridge that rings it for every `alert`.
struct Scene {
    server: Server,
    phones: Phones,
    bridge: Bridge,
    /// What the bridge has had at most once it had delivered one event, in bytes.
    idle: u64,
    visit: Visit,
    alerts: usize,
}

impl Scene {
    async fn start(more: &str) -> Self {
        let (server, phones) = (Server::start().await, Phones::start().await);
        let mut bridge = Bridge::new(&format!(
            "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"alerts\"\nevents = [\"alert\"]\nto = [\"automation\"]\n",
            server.source(more),
            phones.sink("automation", Kind::Webhook, ""),
        ));
        bridge.start();
        let visit = server.stream().await;
        let mut scene = Self {
            server,
            phones,
            bridge,
            idle: 0,
            visit,
            alerts: 0,
        };
        scene.check_alert("the first event").await;
        scene.bridge.page("/readyz").await;
        scene.idle = scene.bridge.memory("VmRSS:");
        scene
    }

    /// Sends an alert and waits for its ring.
    async fn check_alert(&mut self, after: &str) {
        self.alerts += 1;
        let payload = format!("alert {}", self.alerts);
        self.visit
            .send(format!("event: alert\ndata: {payload}\n\n"))
            .await;
        until(after, || self.phones.handle.received().len() >= self.alerts).await;
        let received = self.phones.handle.received();
        let last = received.last().expect("an alert");
        assert_eq!(String::from_utf8_lossy(&last.body), payload, "{after}");
    }

    fn check_memory(&self, after: &str, most: u64) {
        let over = self.bridge.peak_memory().saturating_sub(self.idle);
        assert!(over < most, "{after}: {} KiB over idle", over >> 10);
    }

    /// Sends a text again and again until this much has been sent. Answers whether all was taken.
    async fn flood(&mut self, text: &str, bytes: usize) -> bool {
        let piece = text.repeat(MEGABYTE / text.len());
        let mut left = bytes;
        while left > 0 {
            let length = left.min(piece.len());
            if !self.visit.offer(&piece.as_bytes()[..length]).await {
                return false;
            }
            left -= length;
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_b1_memory_stays_bounded_whatever_arrives() {
    const HUNDRED: usize = 100 * MEGABYTE;
    // A debug build needs a second for a hundred thousand small blocks or comments, so there are fewer
    // megabytes of those; what is kept of them does not depend on how many there are.
    // Twice the usual limit, so that a hundred megabytes stay below the 64-fold that ends a connection.
    let mut scene = Scene::start("max_event_size = \"2MiB\"").await;
    for (what, start, text, bytes) in [
        ("a giant line", "data: ", "x", HUNDRED),
        ("an endless comment", ":", "x", HUNDRED),
        ("two million data lines", "", "data: x\n", 2_000_000 * 8),
        ("a flood of comments", "", ": x\n", MEGABYTE),
        ("a flood of ids", "", "id: 7\n\n", MEGABYTE),
        ("a flood of events for nobody", "", "data: 1\n\n", 90_000),
    ] {
        scene.visit.send(start).await;
        assert!(scene.flood(text, bytes).await, "{what} was taken");
        scene.visit.send("\n\n").await;
        scene.check_alert(what).await;
        scene.check_memory(what, OVER_IDLE_MAX);
    }
    scene.visit.send("data: ").await;
    let taken = scene.flood("x", 2 * HUNDRED).await;
    assert!(!taken, "a line without an end ends the connection");
    scene.check_memory("an endless line", OVER_IDLE_MAX);
    scene.visit = scene.server.stream().await;
    scene.check_alert("an endless line").await;
    let ready = scene.bridge.page("/readyz").await.json();
    assert_eq!(ready["sources"]["feed"]["skipped"], 2, "the two large ones");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_backlog() {
    let mut scene = Scene::start("").await;
    let hang = |_: &_| Some(Answer::status(200).sent(Manner::Hang));
    scene.phones.handle.answer_by("/webhook", hang);
    let mut frames = String::new();
    for number in 1..=BACKLOG {
        frames.push_str(&format!(
            "id: {number}\nevent: alert\ndata: {{\"n\":{number},\"text\":\"{}\"}}\n\n",
            "x".repeat(100)
        ));
    }
    scene.visit.send(frames).await;
    let taken_in = |ready: &Value| ready["sources"]["feed"]["events"] == BACKLOG + 1;
    scene.bridge.ready("the whole backlog", taken_in).await;
    scene.check_memory("the backlog", OVER_BACKLOG_MAX);
    assert!(scene.phones.handle.received().len() < 10, "they do wait");
}

#[tokio::test]
async fn a_file_of_too_many_rules_is_refused_by_its_size_and_ten_thousand_are_taken() {
    let folder = TempDir::new().expect("a folder");
    for (rules, status, words) in [
        (10_000, 0, "10000 rules"),
        (
            100_000,
            2,
            "the file has more than 1048576 bytes, the most that a configuration may have",
        ),
    ] {
        let sink = "[sinks.phone]\nkind = \"ntfy\"\ntopic = \"a\"\n";
        let rule = |number| {
            format!(
                "[[rules]]\nname = \"r{number}\"\nevents = [\"e{number}\"]\nwhen = \"data.x > 1\"\nto = [\"phone\"]\n"
            )
        };
        let rules: String = (0..rules).map(rule).collect();
        let text = format!("{sink}{rules}");
        std::fs::write(folder.path().join("config.toml"), text).expect("written");
        let told = ran(program(folder.path()).arg("check")).await;
        assert_eq!(told.status, Some(status), "{:.500}", told.complaint);
        let said = format!("{}{}", told.out, told.complaint);
        assert!(said.contains(words), "{said:.500}");
    }
}

#[tokio::test]
async fn a_file_that_is_nested_without_an_end_is_a_mistake() {
    const LEVELS: usize = 100_000;
    let names = vec!["a"; LEVELS].join(".");
    let folder = TempDir::new().expect("a folder");
    for text in [
        format!("a = {}{}", "[".repeat(LEVELS), "]".repeat(LEVELS)),
        format!("a = {}1{}", "{a=".repeat(LEVELS), "}".repeat(LEVELS)),
        format!("{names} = 1"),
        format!("[{names}]\nb = 1"),
        format!("[[{names}]]\nb = 1"),
    ] {
        std::fs::write(folder.path().join("config.toml"), &text).expect("written");
        let told = ran(program(folder.path()).arg("check")).await;
        assert_eq!(told.status, Some(2), "{text:.20}: {told:?}");
        assert!(told.complaint.contains("recur"), "{text:.20}: {told:?}");
    }
    let sink = "[sinks.phone]\nkind = \"ntfy\"\ntopic = \"a\"\ntags = []\n";
    std::fs::write(folder.path().join("config.toml"), sink).expect("written");
    let mut line = program(folder.path());
    line.arg("check")
        .env("BELLWIRE_SINKS__PHONE__TAGS", "[".repeat(LEVELS));
    let told = ran(&mut line).await;
    assert_eq!(told.status, Some(2), "{told:?}");
}
