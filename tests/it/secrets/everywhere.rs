//! A secret in every key that the schema has for one, every one of them in trouble, and everything that the program
//! says and writes meanwhile. A new key for a secret fails this until it has a mark here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwire::clock::Clock;
use bellwire::{config, sinks, sources};
use serde_json::Value;

use super::marks::{HUSH, HUSH_ENCODED, HUSH_SIGNS, WHISPER, check_absent, check_hushed, forms};
use super::{drive_feed, echo, write};
use crate::harness::{Bridge, Phones, Server, Upstream, free_address, until};
use crate::schema::{json, schema};

/// Sinks of every kind, each with an address of its own below that of the receivers.
const SINKS: [&str; 10] = [
    "failing", "dead", "gone", "team", "desk", "phone", "bot", "broker", "ring", "refused",
];

fn environment() -> BTreeMap<String, String> {
    let signs = STANDARD.encode(format!("{HUSH_SIGNS} signed it before"));
    [
        ("KEY", format!("ttmt_live_{HUSH}{}", "k".repeat(35))),
        ("WORD", format!("the-{HUSH}-word")),
        ("SIGNING", format!("whsec_{signs}")),
        ("BELLWIRE_HTTP__TOKEN", format!("token-{HUSH}")),
        ("BELLWIRE_SINKS__PHONE__PASSWORD", HUSH_SIGNS.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn configuration(upstream: &Upstream, server: &Server, phones: &Phones) -> String {
    let (api, feed) = (upstream.handle.local_addr(), server.address);
    let (there, closed) = (phones.handle.local_addr(), free_address());
    let user = format!("{HUSH}:{HUSH_ENCODED}");
    let secret = STANDARD.encode(format!("{HUSH} is what signs this webhook"));
    let retry = "rate_limit = \"off\"\nretry = { initial = \"50ms\", factor = 1.0 }";
    let webhook = |name: &str, origin: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{origin}/webhook/{name}/{HUSH}-{HUSH}?key={HUSH_ENCODED}\"\n\
             secret = [\"whsec_{secret}\", {{ env = \"SIGNING\" }}]\n\
             headers = {{ X-Api-Key = \"{HUSH_SIGNS}\", X-Other = {{ env = \"WORD\" }} }}\n{retry}\n"
        )
    };
    let here = format!("http://{user}@{there}");
    let hooks = ["failing", "dead", "gone"].map(|name| webhook(name, &here));
    let refused = webhook("refused", &format!("http://{user}@{closed}"));
    let authority = include_str!("../../fixtures/tls/authority.pem");
    let names = SINKS.map(|name| format!("\"{name}\"")).join(", ");
    format!(
        r#"
log.level = "trace"
http = {{ listen = "127.0.0.1:0", token = "another-{HUSH}" }}

[sources.ttmt]
kind = "ttmt"
base_url = "http://{user}@{api}/api/v1"
api_key = {{ env = "KEY" }}

[sources.beyond]
kind = "ttmt"
api_key = "ttmt_live_{HUSH}"
proxy = "http://{user}@{closed}"

[sources.feed]
kind = "sse"
url = "http://{user}@{feed}/events?key={HUSH}&{HUSH_ENCODED}"
headers = {{ Authorization = {{ file = "feed" }}, X-Api-Key = "{HUSH_SIGNS}" }}
max_event_size = "1KiB"

[sources.proxied]
kind = "sse"
url = "http://example.org/?key={HUSH}"
proxy = "http://{user}@{closed}"

{}{refused}
[sinks.team]
kind = "discord"
url = "http://{there}/discord/api/webhooks/1/{HUSH}-{HUSH}"
{retry}

[sinks.desk]
kind = "slack"
url = {{ file = "slack" }}
{retry}

[sinks.phone]
kind = "ntfy"
server = "http://{there}/ntfy"
topic = "{HUSH}"
username = "me"
password = "{HUSH}"
actions = [{{ action = "http", label = "Stop", url = "http://{there}/{HUSH}?{HUSH_ENCODED}", headers = {{ X-Key = "{HUSH_SIGNS}" }}, body = "{HUSH_SIGNS}" }}]
{retry}

[sinks.tablet]
kind = "ntfy"
server = "http://{there}/ntfy/{HUSH}-{HUSH}"
topic = {{ env = "WORD" }}

[sinks.watch]
kind = "ntfy"
topic = "{HUSH}"
token = "tk_{HUSH}"

[sinks.bot]
kind = "telegram"
server = "http://{user}@{there}/telegram"
token = "1:{HUSH}{HUSH}{HUSH}"
chat_id = -1
{retry}

[sinks.broker]
kind = "mqtt"
url = "mqtts://{there}#{HUSH}"
topic = "bellwire/phone"
username = "me"
password = "{HUSH_SIGNS}"
ca = """
{HUSH}
{authority}"""
{retry}

[sinks.ring]
kind = "exec"
allow_exec = true
command = ["/bin/sh", "-c", "echo $0 $1 >&2; exit 1", "{HUSH}", "--key={HUSH_SIGNS}"]
{retry}

[[rules]]
name = "fails"
when = "(data.text|int) > 3"
to = ["dead"]

[[rules]]
name = "everything"
from = ["feed"]
to = [{names}]

[heartbeat]
url = "http://{closed}/{HUSH}?{HUSH_ENCODED}"
"#,
        hooks.concat()
    )
}

/// A bridge with all of that, among receivers that repeat what they are sent.
fn troubled(upstream: &Upstream, server: &Server, phones: &Phones) -> Bridge {
    let variables = environment();
    let mut bridge = Bridge::new(&configuration(upstream, server, phones));
    for (name, value) in &variables {
        bridge = bridge.env(name, value);
    }
    bridge = bridge.token(&variables["BELLWIRE_HTTP__TOKEN"]);
    let there = phones.handle.local_addr();
    let slack = format!("http://{there}/slack/services/T/B/{HUSH}-{HUSH}");
    write(bridge.folder(), "feed", &format!("Bearer {HUSH}"));
    write(bridge.folder(), "slack", &slack);
    for (path, status) in [
        ("/webhook/failing", 500),
        ("/webhook/dead", 422),
        ("/webhook/gone", 410),
        ("/discord", 404),
        ("/slack", 403),
        ("/ntfy", 401),
        ("/telegram", 400),
    ] {
        phones.handle.answer_by(path, echo(status));
    }
    bridge
}

/// Whether a part of the schema describes a secret, wherever that comes from.
fn is_secret(form: &Value) -> bool {
    let forms = form["anyOf"].as_array().into_iter().flatten();
    let mut places = forms.filter_map(|form| form["properties"].as_object());
    places.any(|keys| keys.len() == 2 && keys.contains_key("env") && keys.contains_key("file"))
}

/// Every key of the schema that takes a secret, with the values that a file has for it.
fn collect<'v>(
    form: &Value,
    path: &str,
    values: &[&'v Value],
    found: &mut BTreeMap<String, Vec<&'v Value>>,
) {
    let one_by_one = |value: &&'v Value| match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![*other],
    };
    let values: Vec<&Value> = values.iter().flat_map(one_by_one).collect();
    if is_secret(form) {
        found.entry(path.to_owned()).or_default().extend(values);
        return;
    }
    let below = |key: &str| format!("{path}.{key}").trim_start_matches('.').to_owned();
    for (key, inner) in form["properties"].as_object().into_iter().flatten() {
        let values: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        collect(inner, &below(key), &values, found);
    }
    let others = values.iter().filter_map(|value| value.as_object());
    let others: Vec<&Value> = others.flat_map(|others| others.values()).collect();
    if form["additionalProperties"].is_object() {
        collect(&form["additionalProperties"], &below("*"), &others, found);
    }
    for choice in ["oneOf", "anyOf"] {
        for form in form[choice].as_array().into_iter().flatten() {
            let kind = &form["properties"]["kind"]["const"];
            let is_meant = |value: &&&Value| kind.is_null() || value["kind"] == *kind;
            let values: Vec<&Value> = values.iter().filter(is_meant).copied().collect();
            let path = match kind.as_str() {
                Some(kind) => path.replace('*', kind),
                None => path.to_owned(),
            };
            collect(form, &path, &values, found);
        }
    }
    if form["items"].is_object() {
        collect(&form["items"], path, &values, found);
    }
}

/// Fails unless the file has a secret with a mark for every key that takes one.
fn check_marked(bridge: &Bridge) {
    let text = fs::read_to_string(bridge.folder().join("config.toml")).expect("text");
    let file = json(&text).expect("TOML");
    let mut found = BTreeMap::new();
    collect(&schema(), "", &[&file], &mut found);
    assert!(found.len() > 20, "{:?}", found.keys());
    let marks: Vec<String> = [HUSH, HUSH_SIGNS, HUSH_ENCODED]
        .into_iter()
        .flat_map(forms)
        .collect();
    let environment = environment();
    let text_of = |value: &Value| match (value["env"].as_str(), value["file"].as_str()) {
        (Some(name), _) => environment[name].clone(),
        (_, Some(path)) => fs::read_to_string(bridge.folder().join(path)).expect("text"),
        _ => value.as_str().unwrap_or_default().to_owned(),
    };
    // Another home of the queue, which has a test of its own.
    found.remove("store.url").expect("a secret");
    for (path, values) in found {
        let is_marked = |value: &&Value| marks.iter().any(|mark| text_of(value).contains(mark));
        let is_there = values.iter().any(is_marked);
        assert!(
            is_there,
            "`{path}` takes a secret, and none here has a mark: {values:?}"
        );
    }
}

/// What the program's own types print of themselves.
fn check_printed(bridge: &Bridge) {
    let loaded = config::load(&bridge.folder().join("config.toml"), environment());
    check_hushed("what is loaded", format!("{loaded:?}").as_bytes());
    let config = loaded.config.as_ref().expect("a configuration");
    check_hushed("the configuration", format!("{config:?}").as_bytes());
    for sink in &config.sinks {
        let built = sinks::build(sink).unwrap_or_else(|| panic!("{:?}", loaded.report(false)));
        check_hushed("a sink", format!("{built:?} {built:#?}").as_bytes());
    }
    for source in &config.sources {
        let source = sources::build(source, &Clock::system()).expect("a source");
        check_hushed("a source", source.display_url.as_bytes());
    }
}

fn has_suffered(ready: &Value) -> bool {
    let count = |name: &str, key: &str| ready["sinks"][name][key].as_u64().unwrap_or_default();
    SINKS.iter().all(|name| count(name, "failed") > 0)
        && count("failing", "failed") > 3
        && count("dead", "dead") > 0
        && ready["sources"]["feed"]["skipped"] == 1
        && ["feed", "proxied", "beyond"]
            .iter()
            .all(|name| ready["sources"][name]["last_end"].is_string())
}

async fn check_pages(bridge: &Bridge) -> Vec<String> {
    let list = bridge.page("/api/v1/deliveries?limit=100").await.json();
    let all = list["data"].as_array().expect("a list").iter();
    let ids: Vec<String> = all
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    let mut paths: Vec<String> = [
        "/",
        "/events",
        "/events/1",
        "/events/2",
        "/dead-letters",
        "/replay",
        "/readyz",
        "/healthz",
        "/metrics",
        "/nothing",
        "/api/v1/events",
        "/api/v1/sources",
        "/api/v1/sinks",
        "/api/v1/rules",
        "/api/v1/openapi.json",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend(ids.iter().map(|id| format!("/api/v1/deliveries/{id}")));
    for path in &paths {
        let page = bridge.page(path).await;
        let is_there = path == "/nothing" || [200, 503].contains(&page.status);
        assert!(is_there, "{path}: {page:?}");
        check_hushed(path, format!("{}\n{}", page.head, page.body).as_bytes());
    }
    ids
}

async fn check_command(bridge: &Bridge, arguments: &[&str]) {
    let told = bridge.tool(arguments).await;
    let said = format!("{}{}", told.out, told.complaint);
    assert_ne!(said, "", "{arguments:?}: {told:?}");
    check_hushed(&arguments.join(" "), said.as_bytes());
}

/// Looks through every file that the program has written.
fn check_files(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            count += check_files(&path);
        } else if !["config.toml", "feed", "slack", "event"].contains(&&*name) {
            check_hushed(&name, &fs::read(&path).expect("a file"));
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_for_a_secret_shows_it_anywhere() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let server = Server::start().await;
    let mut bridge = troubled(&upstream, &server, &phones);
    check_marked(&bridge);
    check_printed(&bridge);
    bridge.start();
    drive_feed(&server).await;
    bridge.ready("all that trouble", has_suffered).await;
    let ids = check_pages(&bridge).await;
    for id in &ids {
        check_command(&bridge, &["queue", "show", id]).await;
    }
    let event = format!("{{\"type\":\"tp_hit\",\"data\":{{\"text\":\"{WHISPER}\"}}}}");
    fs::write(bridge.folder().join("event"), event).expect("written");
    for sink in SINKS.into_iter().chain(["tablet"]) {
        check_command(&bridge, &["send", sink]).await;
    }
    let tail = bridge.begin(&["tail"]).await;
    tail.says("ttmt: ").await;
    for arguments in [
        &["health"][..],
        &["health", "--json"],
        &["check"],
        &["check", "--json"],
        &["explain", "event", "--source", "feed"],
        &["explain", "event", "--source", "feed", "--json"],
        &["explain", "event", "--source", "feed", "--curl"],
        &["queue", "--limit", "1000"],
        &["queue", "--json"],
        &["queue", "show", "msg_000000000000_1"],
        &["queue", "retry", &ids[0]],
        &["queue", "drop", &ids[0]],
        &["replay", "--since", "1h", "--yes"],
        &["backup", "one.db"],
        &["backup", "one.db"],
    ] {
        check_command(&bridge, arguments).await;
    }
    check_hushed("tail", tail.lines().join("\n").as_bytes());
    check_hushed("tail", tail.complaint().as_bytes());
    bridge.signal("TERM");
    until("the stop", || bridge.log().contains("stopping")).await;
    bridge.kill();
    for arguments in [&["queue", "--json"][..], &["health"], &["backup", "two.db"]] {
        check_command(&bridge, arguments).await;
    }
    check_absent(&[WHISPER], "the log", bridge.log().as_bytes());
    let files = check_files(bridge.folder());
    assert!(files >= 4, "log, queue and two backups: {files}");
}
