//! What an expression or a template can do to the program: nothing. One that loops, grows or fails costs its own
//! evaluation; the rules and the events beside it go on, and it is told and counted.

use std::fs;

use bellwire::simulator::receivers::Kind;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Bridge, Phones, Server, program, ran, until};

/// Conditions that would never end, or fill the memory.
const CONDITIONS: [(&str, &str); 4] = [
    ("range", "range(10 ** 9)|list|length > 1"),
    ("text", "('x' * 10 ** 9)|length > 1"),
    (
        "square",
        "range(9000)|map('string')|map('replace', '1', data.text)|join|length > 1",
    ),
    ("power", "10 ** 10 ** 10 > 1"),
];

/// Messages of the same sort.
const MESSAGES: [(&str, &str); 4] = [
    (
        "loop",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    ),
    (
        "output",
        "{% for a in range(9999) %}{{ data.text }}{% endfor %}",
    ),
    (
        "recursion",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ),
    (
        "sharing",
        "{% set x = [1, 1] %}{% for a in range(60) %}{% set x = [x, x] %}{% endfor %}{{ [data.text] * 10 ** 8 }}",
    ),
];

const EVENTS: usize = 20;

/// A rule for every condition and every message, and two that are as they should be, first and last.
fn config(server: &Server, phones: &Phones) -> String {
    let mut text = format!(
        "http.listen = \"127.0.0.1:0\"\n{}",
        server.source("type = \"/type\"\ndata = \"/data\"")
    );
    let mut rule = |name: &str, when: &str, message: &str| {
        let sink = phones.sink(name, Kind::Ntfy, "");
        let sink = sink.replace("topic = \"alerts\"", &format!("topic = \"{name}\""));
        text.push_str(&format!(
            "{sink}\n[[rules]]\nname = \"{name}\"\nto = [\"{name}\"]\nwhen = '''{when}'''\nmessage = '''{message}'''\n"
        ));
    };
    rule("first", "data.n >= 0", "first {{ data.n }}.");
    for (name, when) in CONDITIONS {
        rule(name, when, "never");
    }
    for (name, message) in MESSAGES {
        rule(name, "data.n >= 0", message);
    }
    rule("last", "data.n >= 0", "last {{ data.n }}.");
    text
}

/// The messages that have come in for a topic.
fn rung(phones: &Phones, topic: &str) -> Vec<String> {
    let all = phones.handle.received_by(Kind::Ntfy).into_iter();
    all.map(|one| serde_json::from_slice::<Value>(&one.body).expect("JSON"))
        .filter(|ring| ring["topic"] == topic)
        .map(|ring| ring["message"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_runs_away_costs_its_own_evaluation_and_is_told() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(&server, &phones));
    bridge.start();
    let mut visit = server.stream().await;
    for number in 0..EVENTS {
        let text = "1".repeat(20_000);
        let event = format!("{{\"type\":\"a\",\"data\":{{\"n\":{number},\"text\":\"{text}\"}}}}");
        visit.send(format!("data: {event}\n\n")).await;
    }
    for name in ["first", "last"] {
        until(name, || rung(&phones, name).len() == EVENTS).await;
        let mut rings = rung(&phones, name);
        rings.sort();
        let mut wanted: Vec<String> = (0..EVENTS).map(|n| format!("{name} {n}.")).collect();
        wanted.sort();
        assert_eq!(rings, wanted);
    }
    // A message that cannot be made gives way to the built-in one, which says so.
    for (name, _) in MESSAGES {
        until(name, || rung(&phones, name).len() == EVENTS).await;
        let rings = rung(&phones, name);
        let is_told = |ring: &String| ring.contains("the template of the message failed: ");
        assert!(rings.iter().all(is_told), "{name}: {:.300}", rings[0]);
    }
    let failed = |ready: &Value| {
        let count = |(name, _): (&str, &str)| ready["sinks"][name]["template_failures"].as_u64();
        MESSAGES
            .iter()
            .all(|one| count(*one) == Some(EVENTS as u64))
    };
    bridge.ready("the count of failed templates", failed).await;
    // A condition that cannot be worked out does not match.
    let metrics = bridge.page("/metrics").await.body;
    let log = bridge.log();
    for (name, _) in CONDITIONS {
        assert_eq!(rung(&phones, name), [""; 0], "{name}");
        let counted = format!("bellwire_expression_failures_total{{rule=\"{name}\"}} {EVENTS}\n");
        assert!(metrics.contains(&counted), "{counted}{metrics}");
        let is_told = |line: &&str| {
            line.contains("an expression failed") && line.contains(&format!("\"rule\":\"{name}\""))
        };
        assert_eq!(log.lines().filter(is_told).count(), 1, "{name}: {log}");
    }
    // So many of them stand in no time and in no id by chance.
    assert!(!log.contains(&"1".repeat(12)), "of the payload is logged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_reaches_for_the_machine_is_a_mistake() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("hidden.txt"), "the hidden words").expect("written");
    for template in [
        "{% include 'hidden.txt' %}",
        "{% import 'hidden.txt' as x %}{{ x }}",
        "{% extends 'hidden.txt' %}",
        "{{ open('hidden.txt') }}",
        "{{ read('hidden.txt') }}",
        "{{ 'hidden.txt'|file }}",
        "{{ env('HIDDEN') }}",
        "{{ env.HIDDEN }}",
        "{{ environ['HIDDEN'] }}",
        "{{ get('http://127.0.0.1:1/') }}",
        "{{ 'http://127.0.0.1:1/'|fetch }}",
        "{{ now() }}",
        "{{ random() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ debug() }}",
    ] {
        let config = format!(
            "[sinks.phone]\nkind = \"ntfy\"\ntopic = \"a\"\n[[rules]]\nname = \"x\"\nto = [\"phone\"]\nmessage = '''{template}'''\n"
        );
        fs::write(folder.path().join("config.toml"), config).expect("written");
        let line = &mut program(folder.path());
        let told = ran(line.arg("check").env("HIDDEN", "the hidden words")).await;
        assert_eq!(told.status, Some(2), "{template}: {told:?}");
        assert!(
            told.complaint.contains("config.toml:"),
            "{template}: {told:?}"
        );
        assert!(!format!("{told:?}").contains("hidden words"), "{told:?}");
    }
}
