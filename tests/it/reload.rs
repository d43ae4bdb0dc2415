//! Another configuration for a bridge that runs: what has changed changes, what has not goes on, and a
//! wrong one changes nothing.

use std::fs;
use std::time::Duration;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// A watched bridge whose configuration has more lines.
struct Reloaded {
    upstream: Upstream,
    phones: Phones,
    bridge: Bridge,
    base: String,
}

impl Reloaded {
    async fn start() -> Self {
        let (upstream, phones) = (Upstream::start().await, Phones::start().await);
        let mut bridge = Bridge::watched(&upstream.source(), &phones);
        let base = fs::read_to_string(bridge.folder().join("config.toml")).expect("text");
        bridge.start();
        soon("the connection", upstream.handle.heard()).await;
        Self {
            upstream,
            phones,
            bridge,
            base,
        }
    }

    fn write(&self, config: &str) {
        fs::write(self.bridge.folder().join("config.toml"), config).expect("writes");
    }

    /// Writes a configuration, says so by a signal, and waits until it is in force.
    async fn reload(&self, config: &str) {
        let before = self.count("is in force");
        self.write(config);
        self.bridge.signal("HUP");
        until("the reload", || self.count("is in force") > before).await;
    }

    fn count(&self, words: &str) -> usize {
        self.bridge.log().matches(words).count()
    }

    async fn arrive(&self, payload: &str) {
        let before = self.phones.events().len();
        self.upstream.send(payload.to_owned()).await;
        until("the event", || self.phones.events().len() > before).await;
    }

    fn pager(&self, more: &str) -> String {
        let rule = "[[rules]]\nname = \"page\"\nto = [\"pager\"]\n";
        let sink = self.phones.sink("pager", Kind::Ntfy, more);
        format!("{}{sink}{rule}", self.base)
    }
}

fn hit(number: u32) -> String {
    format!(r#"{{"type":"tp_hit","data":{{"number":{number}}}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_and_rules_come_and_go_while_the_stream_stays_connected() {
    let world = Reloaded::start().await;
    world.arrive(&hit(1)).await;
    assert!(world.phones.handle.received_by(Kind::Ntfy).is_empty());
    world.reload(&world.pager("")).await;
    world.arrive(&hit(2)).await;
    soon("the page", world.phones.handle.arrivals(Kind::Ntfy, 1)).await;
    world.reload(&world.base).await;
    world.arrive(&hit(3)).await;
    world.arrive(&hit(4)).await;
    assert_eq!(world.phones.handle.received_by(Kind::Ntfy).len(), 1);
    assert_eq!(
        world.upstream.stream_requests().len(),
        1,
        "one stream all the time"
    );
    let ready = world.bridge.page("/readyz").await.json();
    assert_eq!(ready["sinks"]["pager"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_noticed_by_itself() {
    let world = Reloaded::start().await;
    world.write(&world.pager(""));
    until("the reload", || world.count("is in force") == 1).await;
    assert!(world.bridge.log().contains("the file has changed"));
    world.arrive(&hit(1)).await;
    soon("the page", world.phones.handle.arrivals(Kind::Ntfy, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_file_changes_nothing_and_says_why() {
    let world = Reloaded::start().await;
    world.write(&format!("{}\nnonsense = 1\n", world.pager("")));
    world.bridge.signal("HUP");
    until("word of it", || !world.phones.own().is_empty()).await;
    let own = world.phones.own();
    assert_eq!(own[0].0, "bellwire.reload_failed");
    let reason = own[0].1["reason"].to_string();
    assert!(reason.contains("nonsense"), "{reason}");
    world.arrive(&hit(1)).await;
    assert!(world.phones.handle.received_by(Kind::Ntfy).is_empty());
    world.reload(&world.pager("")).await;
    world.arrive(&hit(2)).await;
    soon("the page", world.phones.handle.arrivals(Kind::Ntfy, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_flight_when_its_sink_changes_arrives_once() {
    let world = Reloaded::start().await;
    world.reload(&world.pager("")).await;
    let slow = Answer::status(200).after(Duration::from_secs(2));
    world.phones.handle.answer("/ntfy", slow);
    world.arrive(&hit(1)).await;
    soon("the request", world.phones.handle.arrivals(Kind::Ntfy, 1)).await;
    world.reload(&world.pager("priority = 5")).await;
    world.arrive(&hit(2)).await;
    let pages = soon("the next", world.phones.handle.arrivals(Kind::Ntfy, 2)).await;
    let numbers: Vec<bool> = pages
        .iter()
        .map(|page| String::from_utf8_lossy(&page.body).contains("\"priority\":5"))
        .collect();
    assert_eq!(numbers, [false, true], "{pages:#?}");
    let settled = |ready: &serde_json::Value| ready["sinks"]["pager"]["delivered"] == 2;
    world.bridge.ready("both to be written down", settled).await;
    assert_eq!(world.phones.handle.received_by(Kind::Ntfy).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_7_a_source_that_changes_is_followed_anew_after_its_stream_is_closed() {
    let world = Reloaded::start().await;
    world.arrive(&hit(1)).await;
    let other = Upstream::start().await;
    let changed = world
        .base
        .replace(&world.upstream.handle.base_url(), &other.handle.base_url());
    world.reload(&changed).await;
    soon("the other stream", other.handle.heard()).await;
    soon("the end of the first", world.upstream.handle.unheard()).await;
    let before = world.phones.events().len();
    other.send(hit(2)).await;
    until("its event", || world.phones.events().len() > before).await;
    assert_eq!(
        other.stream_requests()[0].last_event_id.as_deref(),
        Some("1"),
        "it is the same source"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reload_cannot_change_is_said() {
    let world = Reloaded::start().await;
    let moved = format!("data_dir = \"elsewhere\"\n{}", world.base);
    world.reload(&moved).await;
    until("word of it", || world.count("`data_dir` has changed") == 1).await;
    world.arrive(&hit(1)).await;
    assert!(!world.bridge.folder().join("elsewhere").exists());
}
