//! `--json`: one document on standard output, whatever comes of the command, and what is wrong in it.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Bridge, Phones, Ran, Upstream, program, ran, shut};

/// Every way to a command that knows `--json`, with what it needs besides.
const LINES: [&[&str]; 14] = [
    &["check"],
    &["explain"],
    &["health"],
    &["queue"],
    &["queue", "list"],
    &["queue", "show", "msg_0_1"],
    &["queue", "retry", "msg_0_1"],
    &["queue", "drop", "msg_0_1"],
    &["backup", "copy.db"],
    &["replay", "--since", "1h"],
    &["send", "phone"],
    &["tail"],
    &["verify", "--sink", "hook"],
    &["simulate", "ttmt", "--script", "none.jsonl"],
];

const RIGHT: &str = r#"
[sinks.phone]
kind = "ntfy"
topic = "t"

[[rules]]
name = "hits"
to = ["phone"]
"#;

/// Four mistakes, at lines 3, 5, 5 and 8, the last one in an expression.
const WRONG: &str = r#"[sinks.phone]
kind = "ntfy"
"tópic" = "t"
topic = "t"
retry = { "ü" = 1, initial = "soon" }
[[rules]]
name = "hits"
when = 'data.x =='
to = ["phone"]
"#;

async fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut line = program(folder);
    line.args(arguments).envs(environment.iter().copied());
    ran(&mut line).await
}

/// Holds that a command failed, and answers with its one document, which says what people read.
fn failed(told: &Ran, status: i32) -> Value {
    assert_eq!(told.status, Some(status), "{told:?}");
    let document = told.json();
    let error = document["error"].as_str().expect("an error");
    assert!(
        !error.is_empty() && !error.starts_with("bellwire: "),
        "{told:?}"
    );
    assert!(!told.complaint.is_empty(), "people read it, too: {told:?}");
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_knows_json_has_one_document_when_it_fails() {
    let folder = TempDir::new().expect("a folder");
    let help = run(folder.path(), &["--help"], &[]).await.out;
    let (_, commands) = help.split_once("Commands:\n").expect("commands");
    let (commands, _) = commands.split_once("\n\n").expect("and what follows");
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = commands.lines().filter(is_name);
    let names = names.filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        let mut path = vec![name];
        if name == "simulate" {
            path.push("ttmt");
        }
        let help = run(folder.path(), &[&path[..], &["--help"]].concat(), &[]).await;
        let knows_json = help.out.contains("--json");
        let is_here = LINES.iter().any(|line| line[0] == name);
        assert_eq!(knows_json, is_here, "{name}");
    }
    for line in LINES {
        let config = ["--json", "--config", "none.toml"];
        let more = if line[0] == "simulate" {
            &config[..1]
        } else {
            &config
        };
        let told = run(folder.path(), &[line, more].concat(), &[]).await;
        let document = failed(&told, 2);
        if line[0] == "simulate" {
            let error = document["error"].as_str().expect("an error");
            assert_eq!(told.complaint.trim_end(), format!("bellwire: {error}"));
            continue;
        }
        let mistake = &document["mistakes"][0];
        assert_eq!(mistake["file"], "none.toml", "{told:?}");
        assert_eq!(mistake["line"], Value::Null);
        let text = mistake["text"].as_str().expect("a text");
        assert!(text.contains("cannot be read"), "{told:?}");
        assert!(told.complaint.contains(text), "{told:?}");

        // A command line that is wrong is told in the same way.
        let told = run(
            folder.path(),
            &[line, &["--json", "--colour"]].concat(),
            &[],
        )
        .await;
        let document = failed(&told, 2);
        let expected = "unexpected argument '--colour' found";
        let error = document["error"].as_str().expect("an error");
        assert!(
            error.starts_with(expected) && !error.contains("Usage"),
            "{told:?}"
        );
    }
    // What stands behind `--` is no option.
    let told = run(folder.path(), &["tail", "--colour", "--", "--json"], &[]).await;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_every_mistake_and_every_warning() {
    let folder = TempDir::new().expect("a folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, WRONG).expect("written");
    let variable = [("BELLWIRE_LOG__FORMAT", "xml")];
    let told = run(folder.path(), &["check", "--json"], &variable).await;
    let document = failed(&told, 2);
    assert_eq!(document["valid"], false);
    assert_eq!(
        (&document["sources"], &document["sinks"]),
        (&json!([]), &json!([]))
    );
    let mistakes = document["mistakes"].as_array().expect("a list");
    let places: Vec<_> = mistakes
        .iter()
        .map(|one| {
            (
                one["file"].as_str(),
                one["line"].as_u64(),
                one["column"].as_u64(),
            )
        })
        .collect();
    let file = Some("config.toml");
    let expected = [
        // Places count characters, not bytes.
        (file, Some(3), Some(1)),
        (file, Some(5), Some(11)),
        (file, Some(5), Some(30)),
        (file, Some(8), Some(8)),
        (None, None, None),
    ];
    assert_eq!(places, expected, "{told:?}");
    for (mistake, (text, help)) in mistakes.iter().zip([
        ("unknown key `tópic`", "topic"),
        ("unknown key `ü`", ""),
        ("soon", "30s"),
        ("", ""),
        (
            "environment variable `BELLWIRE_LOG__FORMAT`: `xml` is not possible here",
            "json",
        ),
    ]) {
        let said = mistake["text"].as_str().expect("a text");
        assert!(said.contains(text), "{text}: {mistake}");
        assert!(
            told.complaint.contains(said),
            "people read the same: {mistake}"
        );
        let helps = mistake["help"].as_str().unwrap_or_default();
        assert!(helps.contains(help), "{help}: {mistake}");
    }
    let human = run(folder.path(), &["check"], &variable).await;
    assert_eq!(human.complaint, told.complaint);

    std::fs::write(&config, "[sinks.phone\n").expect("written");
    let told = run(folder.path(), &["check", "--json"], &[]).await;
    let broken = &failed(&told, 2)["mistakes"][0];
    assert_eq!(
        (&broken["file"], &broken["line"]),
        (&json!("config.toml"), &json!(1))
    );

    let doubtful = "hours = { days = \"Mon\" }\n";
    std::fs::write(&config, format!("{RIGHT}{doubtful}")).expect("written");
    let told = run(folder.path(), &["check", "--json"], &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let document = told.json();
    assert_eq!(
        (&document["valid"], &document["mistakes"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(document.get("error"), None);
    let warnings = document["warnings"].as_array().expect("a list");
    let warnings: Vec<&str> = warnings.iter().filter_map(Value::as_str).collect();
    assert!(
        warnings
            .iter()
            .any(|text| text.starts_with("`rules[0].hours` ")),
        "{told:?}"
    );
    let said = warnings.iter().map(|text| format!("warning: {text}\n"));
    assert_eq!(told.complaint, said.collect::<String>());
    std::fs::write(&config, format!("{WRONG}{doubtful}")).expect("written");
    let told = run(folder.path(), &["check", "--json"], &[]).await;
    let warnings = failed(&told, 2)["warnings"].clone();
    assert!(
        warnings.to_string().contains("`rules[0].hours` "),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_told_in_the_document() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::watched(&upstream.source(), &phones);
    for line in [
        &["queue"][..],
        &["queue", "list"],
        &["queue", "show", "msg_0_1"],
        &["backup", "copy.db"],
        &["replay", "--since", "1h", "--yes"],
    ] {
        let told = bridge.tool(&[line, &["--json"]].concat()).await;
        let error = failed(&told, 1)["error"].to_string();
        assert!(error.contains("no queue"), "{told:?}");
    }
    let (_upstream, _phones, bridge) = shut().await;
    let told = bridge.tool(&["queue", "show", "nope", "--json"]).await;
    assert!(
        failed(&told, 1)["error"].to_string().contains("nope"),
        "{told:?}"
    );
    let told = bridge.tool(&["send", "nope", "--json"]).await;
    assert!(
        failed(&told, 2)["error"].to_string().contains("`nope`"),
        "{told:?}"
    );
    let told = bridge
        .tool(&["queue", "list", "--sink", "nope", "--json"])
        .await;
    assert!(
        failed(&told, 2)["error"].to_string().contains("`nope`"),
        "{told:?}"
    );
    let told = bridge
        .tool(&["send", "events", "--event", "none", "--json"])
        .await;
    assert!(
        failed(&told, 2)["error"].to_string().contains("`none`"),
        "{told:?}"
    );
    let told = bridge.tool(&["tail", "nope", "--json"]).await;
    assert!(
        failed(&told, 2)["error"].to_string().contains("`nope`"),
        "{told:?}"
    );
    let told = bridge.tool(&["replay", "--since", "1h", "--json"]).await;
    let document = failed(&told, 1);
    assert_eq!(document["error"], "nobody is there to ask");
    assert_eq!(document["help"], "`--yes` does not ask");
    let told = bridge
        .tool(&["replay", "--since", "1h", "--yes", "--json"])
        .await;
    assert_eq!(
        (told.status, &told.json()["deliveries"]),
        (Some(0), &json!(0))
    );

    // Of several, each is answered for.
    let told = bridge
        .tool(&["queue", "retry", "nope", "none", "--json"])
        .await;
    assert_eq!(told.status, Some(1), "{told:?}");
    let list = told.json();
    let ids: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, ["nope", "none"]);
    assert!(
        list[0]["error"].is_string() && list[1]["error"].is_string(),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_no_event_has_its_place_in_the_list() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::watched(&upstream.source(), &phones);
    let events = bridge.folder().join("events");
    let event = r#"{"type":"tp_hit","data":{}}"#;
    std::fs::write(&events, format!("{event}\nnonsense\n{event}\n")).expect("written");
    let file = events.display().to_string();
    let told = bridge.tool(&["explain", &file, "--json"]).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    let list = told.json();
    let lines: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["line"].as_u64(), one["error"].as_str()))
        .collect();
    let error = list[1]["error"].as_str();
    assert_eq!(lines, [(Some(1), None), (Some(2), error), (Some(3), None)]);
    assert!(error.expect("an error").starts_with("is no JSON"), "{list}");
}
