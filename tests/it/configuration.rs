//! What `check` and `run` say to a configuration, where they look for one, and how they exit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use bellwire::app::Plan;
use bellwire::config;
use tempfile::TempDir;

use crate::harness::{Ran, program, ran};

/// Mistakes of every room that reads a part of the file. A line with one ends in the start of its
/// message; a second text before it is what is shown of the line where a secret is hidden.
const WRONG: &str = r#"
data_dir = "./queue"
[log]
level = "bellwire=loud"            # `bellwire=loud` is no log filter
[http]
listen = "0.0.0.0:8080"            # `0.0.0.0:8080` can be reached from other machines, so a `token` is required
[sources.ttmt]
kind = "ttmt"
api_key = { env = "NOT_SET" }      # the environment variable `NOT_SET` is not set
lost_aftr = "2m"                   # unknown key `lost_aftr`
[sources.feed]
kind = "ssee"                      # `ssee` is not possible here
[sinks.phone]
kind = "ntfy"
topic = "a-topic"
prioritty = 4                      # unknown key `prioritty`
title = "{{ data.symbol "          # unexpected end of input
[sinks.team]
kind = "teams"                     # `teams` is not possible here
[[rules]]
name = "gold"
events = ["tp_["]                  # `tp_[` is no pattern
when = 'data.symbol = "XAUUSD"'    # unexpected input after expression
to = ["phone", "fone"]             # there is no sink `fone`
[[rules]]
name = "nobody"
to = []                            # an empty list sends to nobody
"#;

const RIGHT: &str = r#"
[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_live_no-real-key-no-real-key-no-real-key-no-real"

[sinks.phone]
kind = "ntfy"
topic = "a-topic"

[[rules]]
name = "everything"
to = ["phone"]
"#;

/// A folder with a configuration.
fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("config.toml"), text).expect("written");
    folder
}

/// Runs a command line in a folder.
async fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut line = program(folder);
    line.args(arguments).envs(environment.iter().copied());
    ran(&mut line).await
}

#[tokio::test]
async fn every_mistake_is_told_in_one_go_with_its_place_its_text_and_what_would_be_right() {
    let folder = folder(WRONG);
    let variable = ("BELLWIRE_LOG__FORMAT", "xml");
    for command in ["check", "run"] {
        let told = run(folder.path(), &[command], &[variable]).await;
        assert_eq!(told.status, Some(2), "{told:?}");
        assert_eq!(told.out, "", "results only");
        let blocks: Vec<&str> = told.complaint.split("error: ").skip(1).collect();
        let mut expected = 1;
        for (index, line) in WRONG.lines().enumerate() {
            let Some((text, message)) = line.split_once("# ") else {
                continue;
            };
            expected += 1;
            let place = format!("--> config.toml:{}:", index + 1);
            let block = blocks.iter().find(|block| block.contains(&place));
            let block = block.unwrap_or_else(|| panic!("no word about line {}", index + 1));
            assert!(block.starts_with(message), "{message}\n{block}");
            // Nobody read the value of an unknown key, so it may be a secret and is not shown.
            let shown = match message.starts_with("unknown key") {
                true => text.split_once('=').map_or(text, |(key, _)| key),
                false => text,
            };
            assert!(block.contains(shown.trim_end()), "{shown}\n{block}");
            assert!(block.contains("= help: "), "what would be right\n{block}");
        }
        let by_variable = "environment variable `BELLWIRE_LOG__FORMAT`: `xml` is not possible here";
        assert!(told.complaint.contains(by_variable), "{}", told.complaint);
        assert_eq!(blocks.len(), expected, "{}", told.complaint);
        let count = format!("{expected} mistakes in config.toml");
        assert!(
            told.complaint.trim_end().ends_with(&count),
            "{}",
            told.complaint
        );
        let made = folder.path().join("queue").exists();
        assert!(!made, "`{command}` touched nothing");
    }
}

#[tokio::test]
async fn a_valid_file_is_summed_up_in_one_line() {
    let folder = folder(RIGHT);
    let told = run(folder.path(), &["check"], &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.out, "config.toml: valid, 1 source, 1 sink, 1 rule\n");
    assert_eq!(told.complaint, "");
    assert!(!folder.path().join("data").exists(), "nothing is opened");
}

#[tokio::test]
async fn what_is_hardly_meant_is_a_warning_and_no_mistake() {
    let (ends, _) = RIGHT.split_once("[[rules]]").expect("rules");
    let folder = folder(ends);
    let told = run(folder.path(), &["check"], &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.out.ends_with("1 sink, 0 rules\n"), "{}", told.out);
    let warning = "warning: there is no rule; add one with `[[rules]]`\n";
    assert_eq!(told.complaint, warning);

    let hook = "[sinks.phone]\nkind = \"webhook\"\nurl = \"http://host/\"\nsignature = \"github\"\nsecret = \"hushhush\"\n";
    let (start, rest) = RIGHT.split_once("[sinks.phone]").expect("a sink");
    let (_, rules) = rest.split_once("[[rules]]").expect("rules");
    fs::write(
        folder.path().join("config.toml"),
        format!("{start}{hook}[[rules]]{rules}"),
    )
    .expect("written");
    let told = run(folder.path(), &["check"], &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let warning = "warning: `sinks.phone.secret` is shorter than 16 bytes";
    assert!(told.complaint.starts_with(warning), "{told:?}");
    assert_eq!(told.complaint.lines().count(), 1, "{told:?}");
    assert!(!told.complaint.contains("hushhush"), "{told:?}");
}

#[tokio::test]
async fn the_file_is_found_by_option_then_variable_then_place() {
    let here = folder(RIGHT);
    let other = folder(RIGHT);
    fs::rename(
        other.path().join("config.toml"),
        other.path().join("other.toml"),
    )
    .expect("renamed");
    let by_option = here.path().join("by-option.toml");
    fs::write(&by_option, RIGHT).expect("written");
    let option = by_option.to_str().expect("text");
    let variable = other.path().join("other.toml");
    let variable = [("BELLWIRE_CONFIG", variable.to_str().expect("text"))];
    let check = async |arguments: &[&str], environment: &[(&str, &str)], found: &str| {
        let told = run(here.path(), arguments, environment).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        assert!(told.out.starts_with(&format!("{found}: ")), "{told:?}");
    };
    check(&["check"], &[], "config.toml").await;
    check(&["check"], &variable, variable[0].1).await;
    check(&["check", "--config", option], &variable, option).await;
    check(&["check"], &[("BELLWIRE_CONFIG", "")], "config.toml").await;
}

#[tokio::test]
async fn a_missing_file_is_told_with_every_place_that_was_looked_at() {
    let empty = TempDir::new().expect("a folder");
    let named = run(empty.path(), &["run", "--config", "none.toml"], &[]).await;
    assert_eq!((named.status, named.out.as_str()), (Some(2), ""));
    assert!(named.complaint.contains("none.toml"), "{named:?}");
    let system = "/etc/bellwire/config.toml";
    if Path::new(system).exists() {
        // This machine runs one of its own, which would be found.
        return;
    }
    for command in ["check", "run", "health"] {
        let told = run(empty.path(), &[command], &[]).await;
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{command}");
        for place in ["--config", "BELLWIRE_CONFIG", "config.toml", system] {
            assert!(told.complaint.contains(place), "{place}: {told:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_command_line_exits_2_and_help_is_a_result() {
    let folder = folder(RIGHT);
    for wrong in [
        &[][..],
        &["chekc"],
        &["check", "--confg", "config.toml"],
        &["check", "--config"],
        &["run", "config.toml"],
        &["simulate", "ttmt", "--rate", "fast"],
        &["simulate", "ttmt", "--speed", "60"],
        &["simulate", "ttmt", "--script", "s", "--speed", "0"],
        &["simulate", "ttmt", "--script", "s", "--speed=-1"],
        &["simulate", "ttmt", "--script", "s", "--speed", "NaN"],
        &[
            "simulate", "ttmt", "--script", "s", "--speed", "2", "--rate", "1",
        ],
    ] {
        let told = run(folder.path(), wrong, &[]).await;
        assert_eq!(told.status, Some(2), "{wrong:?}: {told:?}");
        assert_eq!(told.out, "", "{wrong:?}");
        let way = ["Usage: bellwire", "try '--help'"];
        assert!(
            way.iter().any(|words| told.complaint.contains(words)),
            "{told:?}"
        );
    }
    for right in ["--help", "--version"] {
        let told = run(folder.path(), &[right], &[]).await;
        assert_eq!((told.status, told.complaint.as_str()), (Some(0), ""));
        assert!(told.out.contains("bellwire"), "{told:?}");
    }
}

#[tokio::test]
async fn the_environment_lies_over_the_file() {
    let folder = folder(&RIGHT.replace("a-topic", "no topic"));
    let told = run(folder.path(), &["check"], &[]).await;
    assert_eq!(told.status, Some(2), "{told:?}");
    let variable = [("BELLWIRE_SINKS__PHONE__TOPIC", "a-topic")];
    let told = run(folder.path(), &["check"], &variable).await;
    assert_eq!(told.status, Some(0), "{told:?}");
}

#[test]
fn a_required_key_that_is_misspelt_is_suggested() {
    for (kind, wrong, right) in [
        ("ntfy", "topci = \"alerts\"", "topic"),
        (
            "ntfy",
            "topic = \"alerts\"\nservr = \"http://host\"",
            "server",
        ),
        (
            "webhook",
            "ulr = \"http://host/\"\nsignature = \"none\"",
            "url",
        ),
        (
            "webhook",
            "url = \"http://host/\"\nsecrt = \"whsec_x\"",
            "secret",
        ),
        ("discord", "ulr = \"https://host/\"", "url"),
        ("slack", "ulr = \"https://host/\"", "url"),
    ] {
        let text = format!("[sinks.it]\nkind = \"{kind}\"\n{wrong}\n");
        let loaded = config::load_text(Path::new("config.toml"), text, BTreeMap::new());
        let report = Plan::make(loaded, false).err().expect("a mistake").report;
        assert!(
            report.contains(&format!("did you mean `{right}`?")),
            "{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_doubtful_is_told_behind_what_is_wrong() {
    let wrong = RIGHT.replace("[[rules]]", "colour = 1\n[[rules]]\nevents = [\"tp_hit\"]");
    let text = format!("{wrong}title = \"{{{{ event.typ }}}}\"\n");
    let told = run(folder(&text).path(), &["check"], &[]).await;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
    let (mistakes, doubts) = told.complaint.split_once("warning: ").expect("a warning");
    assert!(mistakes.contains("unknown key `colour`"), "{told:?}");
    assert_eq!(
        doubts,
        "`title` of rule `everything`: there is no `event.typ`; did you mean `event.type`?\n"
    );
    let told = run(
        folder(&text.replace("colour = 1", "")).path(),
        &["check"],
        &[],
    )
    .await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.complaint, format!("warning: {doubts}"));
}

#[test]
fn every_mistake_of_one_text_is_told_with_its_place_and_a_suggestion() {
    let text = r#"
[sinks.it]
kind = "ntfy"
topic = "alerts"
title = "{{ dta.symbol|uper }}"
message = """
{{ evnt.type }}
{{ data.pl|monney }}"""
[[rules]]
name = "all"
when = "dta.x == 1 and data.y is od"
to = ["it"]
"#;
    let loaded = config::load_text(Path::new("config.toml"), text.to_owned(), BTreeMap::new());
    let report = Plan::make(loaded, false).err().expect("mistakes").report;
    let blocks: Vec<&str> = report.split("error: ").skip(1).collect();
    let told = [
        ("unknown filter `uper`", 5, "`upper`"),
        ("unknown variable `dta`", 5, "`data`"),
        (
            "unknown filter `monney` (line 2 of this text)",
            6,
            "`money`",
        ),
        (
            "unknown variable `evnt` (line 1 of this text)",
            6,
            "`event`",
        ),
        ("unknown test `od`", 11, "`odd`"),
        ("unknown variable `dta`", 11, "`data`"),
    ];
    assert_eq!(blocks.len(), told.len(), "{report}");
    for (block, (message, line, near)) in blocks.iter().zip(told) {
        assert!(block.starts_with(&format!("{message}\n")), "{block}");
        assert!(
            block.contains(&format!("--> config.toml:{line}:")),
            "{block}"
        );
        assert!(block.contains(&format!("did you mean {near}?")), "{block}");
    }
    assert!(report.ends_with("6 mistakes in config.toml\n"), "{report}");
}

#[test]
fn a_wrong_value_hides_no_other_mistake_of_its_table() {
    let rule =
        |name: &str, table: &str| format!("[[rules]]\nname = \"{name}\"\nto = [\"it\"]\n{table}\n");
    let text = format!(
        "[sinks.it]\nkind = \"ntfy\"\ntopic = \"alerts\"\n{}{}{}{}",
        rule(
            "a",
            "throttle = { limit = 0, per = \"0s\", key = \"nope\" }"
        ),
        rule(
            "b",
            "coalesce = { within = \"0s\", key = \"nope\", max = 1 }"
        ),
        rule("c", "digest = { at = \"daily\", zone = \"Nowhere\" }"),
        "[[watches]]\nname = \"d\"\nsilent_for = \"0s\"\nevents = \"x[\"\n",
    );
    let loaded = config::load_text(Path::new("config.toml"), text, BTreeMap::new());
    let report = Plan::make(loaded, false).err().expect("mistakes").report;
    for line in ["7:", "11:", "15:", "18:", "19:"] {
        assert!(
            report.contains(&format!("--> config.toml:{line}")),
            "{report}"
        );
    }
    for (text, times) in [
        ("unknown variable `nope`", 2),
        ("`Nowhere`", 1),
        ("`daily`", 1),
        ("`x[`", 1),
    ] {
        let found = report
            .lines()
            .filter(|line| line.starts_with("error: ") && line.contains(text));
        assert_eq!(found.count(), times, "{text} in {report}");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_no_success() {
    let folder = folder(RIGHT);
    for command in [&["schema"][..], &["check"]] {
        let full = fs::File::create("/dev/full").expect("the device");
        let mut line = program(folder.path());
        let line = line.args(command).stdout(full).stderr(Stdio::piped());
        let ended = line.output().expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("cannot be written"), "{command:?}: {said}");
    }
}
