//! What people see on a terminal, and that nobody else does: tables as wide as it is, and how far
//! something long has come.

use std::process::{Command, Stdio};

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use serde_json::Value;

use crate::harness::{Begun, Bridge, Phones, Ran, Upstream, program, ran, soon, until};

/// More deliveries than a few.
const COUNT: u32 = 12;

/// A stopped bridge with so many dead letters, and their ids.
async fn dead_letters() -> (Bridge, Vec<String>) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook", |_| Some(Answer::status(422)));
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, "")
    ));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=COUNT {
        let hit = format!(r#"{{"type":"tp_hit","eventId":{number},"data":{{}}}}"#);
        upstream.send(hit).await;
    }
    let dead = |ready: &Value| ready["sinks"]["automation"]["dead"] == COUNT;
    bridge.ready("dead letters", dead).await;
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    let listed = bridge.tool(&["queue", "--json"]).await.json();
    let listed = listed.as_array().expect("an array");
    let ids = listed.iter().map(|one| one["id"].as_str().expect("an id"));
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    assert_eq!(ids.len(), COUNT as usize);
    (bridge, ids)
}

/// Runs a command line on a terminal of so many columns; its output is all that the terminal was sent.
async fn on_terminal(bridge: &Bridge, columns: u32, arguments: &str) -> Ran {
    let binary = env!("CARGO_BIN_EXE_bellwire");
    let line =
        format!("stty cols {columns} rows 24; exec '{binary}' {arguments} --config config.toml");
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .current_dir(bridge.folder())
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    ran(&mut script).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_as_wide_as_the_terminal_and_whole_where_there_is_none() {
    let (bridge, ids) = dead_letters().await;
    for columns in [40, 60, 80, 200] {
        let told = on_terminal(&bridge, columns, "queue").await;
        assert_eq!(told.status, Some(0), "{told:?}");
        for line in told.out.lines() {
            let width = line.trim_end().chars().count();
            assert!(width <= columns as usize, "{columns}: {line:?}");
        }
        for id in &ids {
            assert!(told.out.contains(id), "{columns}: {told:?}");
        }
        let heads = ["STATE", "SINK", "TYPE", "TRIES", "AGE", "REASON"];
        for head in heads {
            assert!(told.out.contains(head), "{columns}: {told:?}");
        }
    }
    let told = on_terminal(&bridge, 50, "queue --limit 2").await;
    let has_more = |line: &str| line.contains("`--limit`") && line.trim_end().len() <= 50;
    assert!(told.out.lines().last().is_some_and(has_more), "{told:?}");
    let shown = on_terminal(&bridge, 30, &format!("queue show {}", ids[0])).await;
    let is_narrow = |line: &str| line.trim_end().chars().count() <= 30;
    assert!(shown.out.lines().all(is_narrow), "{shown:?}");
    assert!(shown.out.contains("created       2"), "{shown:?}");
    let told = bridge.tool(&["queue"]).await;
    assert_eq!(told.out.lines().count(), 1 + ids.len(), "{told:?}");
    assert!(
        told.out
            .starts_with("ID\tSTATE\tSINK\tTYPE\tTRIES\tAGE\tREASON\n")
    );
    for line in told.out.lines() {
        assert_eq!(line.split('\t').count(), 7, "{line:?}");
    }
    assert!(told.out.contains("422 Unprocessable Entity\n"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_shows_how_far_it_is_and_nothing_else_does() {
    let (bridge, ids) = dead_letters().await;
    let all = ids.join(" ");
    let count = format!("/{COUNT}");
    let told = on_terminal(&bridge, 80, &format!("queue retry {all}")).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        told.out.contains("retry") && told.out.contains(&count),
        "{told:?}"
    );
    for id in &ids {
        assert!(told.out.contains(&format!("{id}: waiting")), "{told:?}");
    }
    let few = ids[..3].join(" ");
    let told = on_terminal(&bridge, 80, &format!("queue retry {few}")).await;
    assert!(!told.out.contains("/3"), "a few are not worth it: {told:?}");
    // With `--json` the terminal gets the document and nothing else.
    let told = on_terminal(&bridge, 80, &format!("queue drop --json {all}")).await;
    assert_eq!(told.json().as_array().expect("an array").len(), ids.len());
    // Who does not say yes has a document, too.
    let told = on_terminal(&bridge, 80, "replay --since 1h --json").await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(
        told.out.contains("\n{\"error\":\"nothing was sent, "),
        "{told:?}"
    );
    let told = on_terminal(&bridge, 80, "replay --since 1h --yes --json").await;
    assert_eq!(told.json()["deliveries"], COUNT);

    // All of it is on its way now, so there is nothing to ask about.
    let told = on_terminal(&bridge, 80, "replay --since 1h --json").await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        told.out.contains("\n{\"events\":12,\"deliveries\":0,"),
        "{told:?}"
    );

    let mut words = vec!["queue", "retry"];
    words.extend(ids.iter().map(String::as_str));
    let told = bridge.tool(&words).await;
    assert_eq!((told.status, told.complaint.as_str()), (Some(0), ""));
    let told = bridge.tool(&["replay", "--since", "1h", "--yes"]).await;
    assert_eq!((told.status, told.complaint.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_tells_where_it_is_as_one_document_where_asked() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut line = program(folder.path());
    line.args([
        "simulate",
        "ttmt",
        "--listen",
        "127.0.0.1:0",
        "--key",
        "k",
        "--json",
    ]);
    let simulator = Begun::new(&mut line);
    let lines = simulator.has_lines(1).await;
    let told: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(told["api_key"], "k");
    let base_url = told["base_url"].as_str().expect("an address");
    assert!(base_url.starts_with("http://127.0.0.1:"), "{base_url}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_run_says_has_colour_on_a_terminal_that_wants_it() {
    let upstream = Upstream::start().await;
    let config = format!("http.listen = \"127.0.0.1:0\"\n{}", upstream.source());
    for (no_colour, is_coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let bridge = Bridge::new(&config);
        let line = format!(
            "exec timeout 30 '{}' run --config config.toml",
            env!("CARGO_BIN_EXE_bellwire")
        );
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .current_dir(bridge.folder())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(no_colour.map(|value| ("NO_COLOR", value)))
            .stdin(Stdio::null());
        let run = Begun::new(&mut script);
        let has_started = |line: &String| line.contains("started");
        until("the start", || run.lines().iter().any(has_started)).await;
        let lines = run.lines();
        let started = lines.iter().find(|line| has_started(line));
        let started = started.expect("it has started");
        assert_eq!(
            started.contains('\u{1b}'),
            is_coloured,
            "{no_colour:?}: {lines:?}"
        );
    }
}
