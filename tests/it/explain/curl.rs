//! The command lines of `explain --curl`, run by a shell.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::{HIT, every_kind, explained};
use crate::harness::{Bridge, ran};

/// A `curl` that writes down what it was told: its address, its headers, and its body.
const STUB: &str = r#"#!/bin/sh
n=$(ls "$OUT" | wc -l); here="$OUT/$n"; mkdir "$here"
while [ $# -gt 0 ]; do
  case "$1" in
    -X) printf %s "$2" > "$here/method"; shift;;
    -H) printf '%s\n' "$2" >> "$here/headers"; shift;;
    --data-raw) printf %s "$2" > "$here/body"; shift;;
    --data-binary) cat > "$here/body"; shift;;
    *) printf %s "$1" > "$here/url";;
  esac
  shift
done
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_line_sends_what_is_shown_once_its_variables_are_set() {
    let config = every_kind("host.example", "nothing").replacen(
        "[sinks.discord]",
        "headers = { X-Key = \"k3y\" }\n[sinks.text-1]\nkind = \"webhook\"\nurl = \"http://u:p@host.example/a?b=c\"\n\
         signature = \"none\"\nbody = \"\\r\\n{{ data.text|tojson }}\"\n[sinks.discord]",
        1,
    );
    let bridge = Bridge::new(&config.replacen("to = [", "to = [\"text-1\", ", 1));
    let hostile = [
        "it's $(touch bad) `touch bad` \"$HOME\" \\n %s",
        "@/etc/passwd",
        "-n \u{1b}[31m\r\n\u{0} %d \\101 '\u{202e}'",
    ];
    let lines = hostile.map(|text| {
        json!({ "type": "x'; touch bad #", "timestamp": "2026-06-11T08:00:00.000Z", "data": { "text": text, "symbol": text } }).to_string()
    });
    let lines = lines.join("\n");
    let shown = explained(&bridge, &lines, &["--json", "--source", "ttmt"])
        .await
        .json();
    let script = explained(&bridge, &lines, &["--curl", "--source", "ttmt"]).await;
    assert_eq!(script.status, Some(0), "{script:?}");
    assert!(script.out.contains("printf "), "no argument carries it all");
    assert!(
        !script
            .out
            .contains(|one: char| one.is_control() && one != '\n'),
        "{script:?}"
    );

    let (bin, out) = (bridge.folder().join("bin"), bridge.folder().join("out"));
    fs::create_dir(&bin)
        .and_then(|()| fs::create_dir(&out))
        .expect("folders");
    fs::write(bin.join("curl"), STUB).expect("written");
    assert!(
        Command::new("chmod")
            .arg("+x")
            .arg(bin.join("curl"))
            .status()
            .expect("runs")
            .success()
    );
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-euc", &script.out])
        .current_dir(bridge.folder())
        .env("OUT", &out);
    let path = format!("{}:/usr/bin:/bin", bin.display());
    shell.env("PATH", path).envs([
        ("WEBHOOK_URL_1", "me"),
        ("WEBHOOK_X_KEY", "k3y"),
        ("TEXT_1_URL_1", "a"),
        ("TEXT_1_URL_2", "b"),
        ("TEXT_1_URL_3", "c"),
        ("TEXT_1_AUTHORIZATION", "Basic dTpw"),
        ("DISCORD_URL_1", "1"),
        ("DISCORD_URL_2", "token"),
        ("SLACK_URL_1", "T"),
        ("SLACK_URL_2", "B"),
        ("SLACK_URL_3", "X"),
        ("NTFY_TOPIC", "alerts"),
        ("TELEGRAM_TOKEN", "1:abcdefghijklmnopqrstuvwxyz"),
    ]);
    let told = ran(&mut shell).await;
    assert_eq!(
        (told.status, told.complaint.as_str()),
        (Some(0), ""),
        "{told:?}\n{}",
        script.out
    );
    assert!(
        !bridge.folder().join("bad").exists(),
        "an event has run a command"
    );

    let deliveries = shown.as_array().expect("events").iter();
    let deliveries = deliveries.flat_map(|event| event["deliveries"].as_array().expect("a list"));
    let requests = deliveries.map(|one| (&one["sink"], &one["request"]));
    let requests: Vec<_> = requests
        .filter(|(_, request)| request["url"].is_string())
        .collect();
    assert_eq!(requests.len(), 3 * 6);
    let expected = [
        ("text-1", "a?b=c"),
        ("webhook", "hook/me"),
        ("discord", "api/webhooks/1/token?wait=true"),
        ("slack", "services/T/B/X"),
        ("ntfy", ""),
        ("telegram", "bot1:abcdefghijklmnopqrstuvwxyz/sendMessage"),
    ];
    for (index, (sink, request)) in requests.iter().enumerate() {
        let read = |name: &str| {
            fs::read_to_string(out.join(index.to_string()).join(name)).unwrap_or_default()
        };
        let (name, url) = expected[index % 6];
        assert_eq!(*sink, name);
        assert_eq!(read("url"), format!("http://host.example/{url}"));
        assert_eq!(read("method"), "POST");
        let body = request["body"]
            .as_str()
            .expect("a body")
            .replace("\"topic\":\"…\"", "\"topic\":\"alerts\"");
        assert_eq!(read("body"), body, "{sink}");
        let headers = request["headers"].as_object().expect("headers");
        // Two runs sign two times.
        for (name, value) in headers.iter().filter(|(name, _)| {
            !["webhook-timestamp", "webhook-signature"].contains(&name.as_str())
        }) {
            let value = match name.as_str() {
                "authorization" => "Basic dTpw",
                "x-key" => "k3y",
                _ => value.as_str().expect("text"),
            };
            assert!(
                read("headers")
                    .lines()
                    .any(|line| line == format!("{name}: {value}")),
                "{name}"
            );
        }
        assert_eq!(read("headers").lines().count(), headers.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_whose_names_are_the_same_in_capitals_share_no_variable() {
    let sink = |name: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"http://host.example/{name}\"\nsignature = \"none\"\nheaders = {{ X-Key = \"k3y\" }}\n"
        )
    };
    let source = "[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"ttmt_live_x\"\n";
    let rule = "[[rules]]\nname = \"all\"\nevents = [\"tp_hit\"]\nto = [\"a_b\", \"a-b\", \"A_B\"]\n\
                [[rules]]\nname = \"one\"\nevents = [\"sl_hit\"]\nto = [\"a_b\"]\n";
    let sinks = ["a-b", "a_b", "A_B"].map(sink).concat();
    let bridge = Bridge::new(&format!("{source}{sinks}{rule}"));
    for (line, expected) in [
        (HIT.to_owned(), &["A_B_3", "A_B_2", "A_B"][..]),
        (HIT.replace("tp_hit", "sl_hit"), &["A_B_3"]),
    ] {
        let script = explained(&bridge, &line, &["--curl"]).await;
        assert_eq!(script.status, Some(0), "{script:?}");
        let lines = script.out.lines();
        let urls = lines.clone().filter(|line| line.starts_with("curl"));
        let urls: Vec<&str> = urls.collect();
        let keys: Vec<&str> = lines.filter(|line| line.contains("x-key")).collect();
        let of = |shape: &str| -> Vec<String> {
            expected
                .iter()
                .map(|start| shape.replace("START", start))
                .collect()
        };
        assert_eq!(
            urls,
            of("curl -X POST 'http://host.example/'\"$START_URL_1\"'' \\"),
            "{script:?}"
        );
        assert_eq!(keys, of("  -H \"x-key: $START_X_KEY\" \\"), "{script:?}");
    }
}
