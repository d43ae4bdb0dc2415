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
async fn a_source_that_was_told_lost_is_told_back_by_whoever_follows_it_then() {
    let world = Reloaded::start().await;
    let there = world.upstream.handle.base_url();
    let lost_after = "kind = \"ttmt\"\nlost_after = \"1s\"";
    let base = world.base.replace("kind = \"ttmt\"", lost_after);
    let kinds = || -> Vec<String> {
        let own = world.phones.own().into_iter();
        own.map(|(kind, _)| kind).collect()
    };
    let said = |kind: &str| kinds().iter().filter(|said| *said == kind).count();
    for port in [9, 19] {
        let nowhere = format!("http://127.0.0.1:{port}/api/v1");
        world.reload(&base.replace(&there, &nowhere)).await;
        let failed = world.count("connection refused");
        until("the loss, and more tries", || {
            said("bellwire.source_lost") == 1 && world.count("connection refused") >= failed + 2
        })
        .await;
    }
    world.reload(&base).await;
    until("its return", || said("bellwire.source_recovered") == 1).await;
    assert_eq!(said("bellwire.source_lost"), 1, "{:?}", kinds());
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
async fn a_file_that_is_gone_is_told_before_a_start_misses_it() {
    let world = Reloaded::start().await;
    let file = world.bridge.folder().join("config.toml");
    fs::remove_file(&file).expect("removed");
    until("word of it", || !world.phones.own().is_empty()).await;
    let own = world.phones.own();
    assert_eq!(own[0].0, "bellwire.reload_failed");
    let reason = own[0].1["reason"].to_string();
    assert!(reason.contains("cannot be read"), "{reason}");
    world.reload(&world.pager("")).await;
    world.arrive(&hit(1)).await;
    soon("the page", world.phones.handle.arrivals(Kind::Ntfy, 1)).await;
    assert_eq!(world.phones.own().len(), 1, "and it is told once");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_4_a_refused_key_is_tried_again_when_a_person_asks() {
    let world = Reloaded::start().await;
    world.upstream.handle.revoke().await;
    let parked = |ready: &serde_json::Value| !ready["sources"]["ttmt"]["fault"].is_null();
    world.bridge.ready("the fault", parked).await;
    world.upstream.handle.restore().await;
    let before = world.upstream.handle.requests().len();
    // Another file is no word about the key.
    world.write(&world.pager(""));
    until("the reload", || world.count("is in force") == 1).await;
    assert_eq!(world.upstream.handle.requests().len(), before);
    world.reload(&world.base).await;
    soon("the stream", world.upstream.handle.heard()).await;
    world.arrive(&hit(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_sink_is_tried_at_once_after_a_reload() {
    let world = Reloaded::start().await;
    world
        .phones
        .handle
        .answer("/webhook/events", Answer::status(410));
    world.upstream.send(hit(1)).await;
    let suspended = |ready: &serde_json::Value| !ready["sinks"]["events"]["suspended"].is_null();
    world.bridge.ready("the suspension", suspended).await;
    let before = world.phones.events().len();
    world.reload(&world.pager("")).await;
    until("the delivery", || world.phones.events().len() > before).await;
    let well = |ready: &serde_json::Value| ready["sinks"]["events"]["suspended"].is_null();
    world.bridge.ready("the end of it", well).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_whose_address_has_changed_does_not_rest_for_the_one_before() {
    let world = Reloaded::start().await;
    let busy = Answer::status(429).header("retry-after", "3600");
    world.phones.handle.answer("/webhook/events", busy);
    world.upstream.send(hit(1)).await;
    let rests = |ready: &serde_json::Value| !ready["sinks"]["events"]["resting_until"].is_null();
    world.bridge.ready("the rest", rests).await;
    world.phones.handle.answer_as_ever("/webhook/events");
    // Another sink is new, and this one has the same address.
    let table = "[sinks.events]\n";
    assert!(world.base.contains(table), "{}", world.base);
    let slower = format!("{table}timeout = \"14s\"\n");
    world.reload(&world.pager("").replace(table, &slower)).await;
    assert!(rests(&world.bridge.page("/readyz").await.json()));
    let before = world.phones.events().len();
    let moved = world
        .base
        .replace("/webhook/events\"", "/webhook/events?to=2\"");
    assert_ne!(moved, world.base);
    world.reload(&moved).await;
    until("the delivery", || world.phones.events().len() > before).await;
    let well = |ready: &serde_json::Value| !rests(ready);
    world.bridge.ready("the end of it", well).await;
}
