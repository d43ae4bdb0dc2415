//! A watch over a silence from end to end: told once, over once, and not again after a restart.

use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const WATCH: &str = "[[watches]]\nname = \"hits\"\nevents = [\"tp_*\"]\nsilent_for = \"1s\"\n";

/// What was told of silences.
fn told(phones: &Phones) -> Vec<(String, Value)> {
    let mut own = phones.own();
    own.retain(|(kind, _)| kind.starts_with("bellwire.silence"));
    own
}

fn hit(number: u32) -> String {
    format!(r#"{{"type":"tp_hit","data":{{"number":{number}}}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_is_told_once_and_its_end_once_over_restarts() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&format!("{}{WATCH}", upstream.source()), &phones);
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    until("the silence", || told(&phones).len() == 1).await;
    let (kind, silence) = told(&phones).remove(0);
    assert_eq!(kind, "bellwire.silence");
    assert_eq!(silence["watch"], "hits");
    assert_eq!(silence["silent_for"], "1s");
    assert_eq!(silence["events"], serde_json::json!(["tp_*"]));
    // What is in flight when the process ends is sent again.
    let settled = |ready: &Value| ready["sinks"]["own"]["delivered"] == 2;
    bridge
        .ready("the start and the silence to be settled", settled)
        .await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    bridge.start();
    soon("a connection", upstream.handle.heard()).await;
    // Not what it listens to.
    upstream.send(r#"{"type":"sl_hit","data":{}}"#).await;
    until("the event", || phones.events().len() == 1).await;
    upstream.send(hit(1)).await;
    until("the end and the next silence", || told(&phones).len() >= 3).await;
    let told = told(&phones);
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    let silences = ["bellwire.silence", "bellwire.silence_over"];
    assert_eq!(kinds[..3], [silences[0], silences[1], silences[0]]);
    assert_eq!(told[1].1["since"], silence["since"]);
    assert_eq!(told[1].1["until"], told[2].1["since"], "when it came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_a_reload_brings_is_one() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let config = std::fs::read_to_string(bridge.folder().join("config.toml")).expect("text");
    bridge.configure(&format!("{config}{WATCH}"));
    bridge.signal("HUP");
    until("the silence", || told(&phones).len() == 1).await;
    upstream.send(hit(1)).await;
    until("its end", || told(&phones).len() >= 2).await;
    assert_eq!(told(&phones)[1].0, "bellwire.silence_over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_bellwire_says_about_itself_can_be_watched_for() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let watch = WATCH.replace("\"tp_*\"]", "\"bellwire.started\"]\nfrom = [\"bellwire\"]");
    let mut bridge = Bridge::watched(&format!("{}{watch}", upstream.source()), &phones);
    bridge.start();
    until("the silence", || !told(&phones).is_empty()).await;
    bridge.kill();
    bridge.start();
    let is_over = |(kind, _): &(String, Value)| kind == "bellwire.silence_over";
    until("its end", || told(&phones).iter().any(is_over)).await;
}
