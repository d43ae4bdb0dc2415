//! `[[tests]]` through the real program: rules that fail one do not come into force.

use std::fs;

use bellwire::simulator::receivers::Kind;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const TEST: &str = "[[tests]]\nname = \"gold rings\"\nevent = { type = \"tp_hit\", data = { symbol = \"XAUUSD\" } }\nexpect = [\"phone\"]\n";

/// A watched bridge with a rule of its own, and the test of it.
fn configured(upstream: &Upstream, phones: &Phones, when: &str) -> (Bridge, String) {
    let bridge = Bridge::watched(&upstream.source(), phones);
    let file = bridge.folder().join("config.toml");
    let text = fs::read_to_string(&file).expect("text");
    let text = text.replace(
        "to = [\"events\"]",
        "to = [\"events\"]\nevents = [\"other\"]",
    );
    let text = format!(
        "{text}{}[[rules]]\nname = \"gold\"\nto = [\"phone\"]\nwhen = '{when}'\n{TEST}",
        phones.sink("phone", Kind::Ntfy, ""),
    );
    fs::write(&file, &text).expect("writes");
    (bridge, text)
}

const GOLD: &str = "data.symbol == \"XAUUSD\"";

/// As somebody might misspell it.
const GOLDD: &str = "data.symbol == \"XAUUSDD\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_fails_keeps_check_and_start_from_going_on() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let (bridge, text) = configured(&upstream, &phones, GOLDD);
    let line = text.lines().position(|line| line.starts_with("expect"));
    let line = line.expect("it is there") + 1;
    for command in ["check", "run"] {
        let told = bridge.told(command, &[]).await;
        assert_eq!(told.status, Some(2), "{told:?}");
        for words in [
            "error: test `gold rings` fails: expected `phone`, and it goes to nobody",
            &format!("config.toml:{line}:10"),
            "help: `phone`: rule `gold` does not match: `data.symbol == \"XAUUSDD\"` is false: `data.symbol` is \"XAUUSD\"",
        ] {
            assert!(
                told.complaint.contains(words),
                "{words}\n{}",
                told.complaint
            );
        }
    }
    assert!(upstream.handle.requests().is_empty(), "nothing was started");
    // Whoever looks for the reason can ask.
    let file = bridge.folder().join("events.jsonl");
    fs::write(&file, "{\"type\":\"tp_hit\"}\n").expect("writes");
    let told = bridge.told("explain", &[&file.display().to_string()]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let (bridge, _) = configured(&upstream, &phones, GOLD);
    let told = bridge.told("check", &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.out.ends_with("3 rules, 1 test passed\n"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_fails_keeps_the_rules_before_in_force() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let (mut bridge, text) = configured(&upstream, &phones, GOLD);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    fs::write(
        bridge.folder().join("config.toml"),
        text.replace(GOLD, GOLDD),
    )
    .expect("writes");
    bridge.signal("HUP");
    until("word of it", || !phones.own().is_empty()).await;
    let own = phones.own();
    assert_eq!(own[0].0, "bellwire.reload_failed");
    let reason = own[0].1["reason"].as_str().expect("a reason");
    let words = "test `gold rings` fails: expected `phone`, and it goes to nobody";
    assert!(reason.contains(words), "{reason}");
    assert!(bridge.log().contains("rule `gold` does not match"));
    upstream
        .send(r#"{"type":"tp_hit","data":{"symbol":"XAUUSD"}}"#)
        .await;
    soon("the ring", phones.handle.arrivals(Kind::Ntfy, 1)).await;
}
