//! Every secret that can be configured, given in every way, through everything that can go wrong: none
//! of them is ever seen again outside the requests it is for. Nor is what an event says ever logged.

mod everywhere;
mod explain;
mod marks;
mod memory;
mod server;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Received;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::marks::{HUSH, HUSH_ENCODED, HUSH_SIGNS, WHISPER, check_absent, check_hushed};
use crate::harness::{
    Bridge, Page, Phones, Server, Upstream, free_address, program, ran, soon, until,
};

/// A receiver's answer that repeats everything it was sent, as some do when they complain.
fn echo(status: u16) -> impl Fn(&Received) -> Option<Answer> {
    move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let (path, query, headers) = (&request.path, &request.query, &request.headers);
        let answer = format!("what is {path}?{query} {headers:?} {body}");
        Some(Answer::status(status).body(answer))
    }
}

/// A source or sink of each kind of trouble. What can be secret is.
fn config(upstream: &Upstream, server: &Server, phones: &Phones) -> String {
    let (api, feed) = (upstream.handle.local_addr(), server.address);
    let (receivers, closed) = (phones.handle.local_addr(), free_address().to_string());
    let secret = STANDARD.encode(format!("{HUSH} is what signs this webhook"));
    let user = format!("{HUSH}:{HUSH_ENCODED}");
    let webhook = |name: &str, origin: &str, more: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{origin}/webhook/{name}?key={HUSH}&{HUSH_ENCODED}\"\n\
             secret = [\"whsec_{secret}\", {{ file = \"signing\" }}]\nrate_limit = \"off\"\n\
             headers = {{ X-Api-Key = \"{HUSH_SIGNS}\", X-Other = {{ env = \"OTHER\" }} }}\n\
             retry = {{ initial = \"50ms\", factor = 1.0 }}\n{more}\n"
        )
    };
    let here = format!("http://{user}@{receivers}");
    let sinks: String = ["good", "failing", "gone", "dead"]
        .map(|name| webhook(name, &here, ""))
        .concat();
    let refused = webhook("refused", &format!("http://{user}@{closed}"), "");
    let tls = webhook("tls", &format!("https://{user}@{receivers}"), "");
    let broken = webhook("broken", &here, "message = \"{{ data.text // 0 }}\"");
    format!(
        r#"
log.level = "trace"
http = {{ listen = "127.0.0.1:0", token = {{ file = "token" }} }}

[sources.ttmt]
kind = "ttmt"
base_url = "http://{user}@{api}/api/v1"
api_key = {{ env = "KEY" }}

[sources.feed]
kind = "sse"
url = "http://{user}@{feed}/events?key={HUSH}&{HUSH_ENCODED}"
headers = {{ Authorization = {{ file = "feed" }}, X-Api-Key = "{HUSH_SIGNS}" }}
max_event_size = "1KiB"

[sources.refused]
kind = "sse"
url = {{ env = "REFUSED" }}

[sources.tls]
kind = "sse"
url = "https://{user}@{receivers}/{HUSH}?key={HUSH}"

[sources.proxied]
kind = "sse"
url = "http://example.org/?key={HUSH}"
proxy = "http://{user}@{closed}"

{sinks}{refused}{tls}{broken}
[sinks.team]
kind = "discord"
url = {{ file = "discord" }}

[sinks.desk]
kind = "slack"
url = "http://{receivers}/slack/services/T/B/{HUSH}-{HUSH}"

[sinks.phone]
kind = "ntfy"
server = "http://{receivers}/ntfy"
topic = "{HUSH}"
token = {{ env = "OTHER" }}

[sinks.tablet]
kind = "ntfy"
server = "http://{receivers}/ntfy"
topic = {{ file = "topic" }}
username = "me"
password = "{HUSH_SIGNS}"

[[rules]]
name = "fails"
from = ["feed"]
when = "(data.text|int) > 3"
to = ["good"]

[[rules]]
name = "everything"
to = ["good", "failing", "gone", "dead", "refused", "tls", "broken", "team", "desk", "phone", "tablet"]

[[rules]]
name = "watch-the-watcher"
from = ["bellwire"]
to = ["good", "failing", "dead"]

[heartbeat]
url = "http://{closed}/{HUSH}?{HUSH_ENCODED}"
form = "healthchecks"
"#
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), format!("{text}\n")).expect("written");
}

/// A bridge with all of that, among receivers that repeat what they are sent.
fn troubled(upstream: &Upstream, server: &Server, phones: &Phones) -> Bridge {
    let key = format!("ttmt_live_{HUSH}{}", "k".repeat(35));
    let refused = format!("http://me:{HUSH_ENCODED}@{}/{HUSH}", free_address());
    let token = format!("the {HUSH_SIGNS} token").replace(' ', "-");
    let bridge = Bridge::new(&config(upstream, server, phones))
        .env("KEY", &key)
        .env("OTHER", &format!("tk_{HUSH}"))
        .env("REFUSED", &refused)
        .token(&token);
    let receivers = phones.handle.local_addr();
    let folder = bridge.folder();
    write(folder, "token", &token);
    let former = STANDARD.encode(format!("{HUSH_SIGNS} signed it before"));
    write(folder, "signing", &format!("whsec_{former}"));
    write(folder, "feed", &format!("Bearer {HUSH}"));
    write(
        folder,
        "discord",
        &format!("http://{receivers}/discord/api/webhooks/1/{HUSH}-{HUSH}"),
    );
    write(folder, "topic", &format!("{HUSH}-tablet"));
    for (path, status) in [
        ("/webhook/failing", 500),
        ("/webhook/gone", 410),
        ("/webhook/dead", 422),
        ("/webhook/broken", 400),
        ("/discord", 404),
        ("/slack", 403),
        ("/ntfy", 401),
    ] {
        phones.handle.answer_by(path, echo(status));
    }
    let told = format!("no such key: {key}");
    let refusal = move |_: &_| Some(Answer::status(401).body(told.clone()));
    upstream.handle.answer_by("/api/v1", refusal);
    bridge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_2_feed_s1_feed_s2_wh_12_sl_8_no_secret_is_seen_again_whatever_goes_wrong() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let server = Server::start().await;
    let mut bridge = troubled(&upstream, &server, &phones);
    bridge.start();
    drive_feed(&server).await;
    let ready = bridge.ready("all that trouble", has_suffered).await;
    let address = bridge.address().await;
    let shown = ["/", "/readyz", "/healthz", "/nothing", "/?token=wrong"];
    let lists = ["deliveries", "events", "sources", "sinks", "rules"];
    let lists = lists.map(|list| format!("/api/v1/{list}?limit=100"));
    for path in shown.into_iter().chain(lists.iter().map(String::as_str)) {
        let (open, shut) = (bridge.page(path).await, Page::get(address, path, &[]).await);
        for page in [open, shut] {
            check_hushed(path, format!("{}\n{}", page.head, page.body).as_bytes());
        }
    }
    check_hushed("/readyz", ready.body.as_bytes());
    let listen = [("BELLWIRE_HTTP__LISTEN", &*address.to_string())];
    for command in ["health", "check"] {
        let told = bridge.output(command, &listen).await;
        assert_eq!(
            told.status,
            Some(i32::from(command == "health")),
            "{told:?}"
        );
        check_hushed(
            command,
            format!("{}{}", told.out, told.complaint).as_bytes(),
        );
    }
    for arguments in [
        &["queue", "--json"][..],
        &["send", "failing"],
        &["send", "refused"],
        &["send", "desk", "--json"],
    ] {
        let told = bridge.tool(arguments).await;
        assert_ne!(told.out, "", "{arguments:?}: {told:?}");
        let said = format!("{}{}", told.out, told.complaint);
        check_hushed(arguments[0], said.as_bytes());
    }
    bridge.signal("TERM");
    until("the stop", || bridge.log().contains("stopping")).await;
    let log = bridge.log();
    check_hushed("the log", log.as_bytes());
    check_absent(&[WHISPER], "the log", log.as_bytes());
    assert!(log.contains("\"level\":\"DEBUG\""), "nothing is held back");
    bridge.kill();
    let data = bridge.folder().join("data");
    let mut files = 0;
    for entry in fs::read_dir(data).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        check_hushed(&path.display().to_string(), &bytes);
        files += usize::from(String::from_utf8_lossy(&bytes).contains(WHISPER));
    }
    assert!(files > 0, "the queue was looked into");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_2_feed_s1_wh_12_sl_8_trying_everybody_shows_no_secret() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let server = Server::start().await;
    let bridge = troubled(&upstream, &server, &phones);
    let bare = format!("{HUSH}{}", "k".repeat(35));
    let accounts = json!([{ "account_id": format!("ttmt_live_{bare}"), "label": bare }]);
    let webhook = json!({ "name": format!("{HUSH}-{HUSH}") });
    for told in ["the webhook is gone", "the webhook `…` is there"] {
        let online = bridge.told("check", &["--online"]);
        let (online, visit) = tokio::join!(online, async {
            let mut visit = server.visit().await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {HUSH_SIGNS}\r\n\r\n");
            visit.send(head + &visit.head.clone()).await;
            visit
        });
        assert!(visit.head.contains(HUSH), "the feed was shown its secrets");
        let said = format!("{}{}", online.out, online.complaint);
        check_hushed("check --online", said.as_bytes());
        assert!(said.contains(told), "{said}");
        // Once more, with answers that are good and repeat secrets all the same.
        let (accounts, webhook) = (accounts.clone(), webhook.clone());
        let handle = &upstream.handle;
        handle.answer_by("/api/v1", move |_| Some(Answer::json(200, &accounts)));
        let rule = move |_: &_| Some(Answer::json(200, &webhook));
        phones.handle.answer_by("/discord", rule);
    }
}

/// A good event, one that is too large, one cut off, and then a server that repeats what it was sent.
async fn drive_feed(server: &Server) {
    let mut visit = server.stream().await;
    let event = |id: u32| format!("id: {id}\ndata: {{\"text\":\"{WHISPER}\"}}\n\n");
    let large = format!("id: 2\ndata: {}\n\n", WHISPER.repeat(100));
    let cut = format!("id: 4\ndata: {WHISPER}");
    visit.send([event(1), large, event(3), cut].concat()).await;
    visit.send(format!(": {WHISPER}\nwhat: {WHISPER}\n")).await;
    drop(visit);
    let mut visit = server.visit().await;
    assert!(visit.head.contains(HUSH), "it does travel: {}", visit.head);
    let head = visit.head.clone();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{head}"
    );
    visit.send(answer).await;
}

fn has_suffered(ready: &Value) -> bool {
    let sink = |name: &str, key: &str| ready["sinks"][name][key].as_u64().unwrap_or_default();
    let ended = |name: &str| ready["sources"][name]["last_end"].is_string();
    let failed = [
        "failing", "refused", "tls", "dead", "gone", "broken", "team", "desk", "phone",
    ];
    failed.iter().all(|name| sink(name, "failed") > 0)
        && sink("failing", "failed") > 3
        && sink("good", "delivered") > 3
        && sink("dead", "dead") > 1
        && ready["sinks"]["gone"]["suspended"].is_string()
        && ready["sources"]["ttmt"]["fault"].is_string()
        && ready["sources"]["feed"]["skipped"] == 1
        && ["feed", "refused", "tls", "proxied"].into_iter().all(ended)
}

/// A mistake in or beside a secret, as a whole file or as lines of one sink.
async fn check_mistake(text: &str, environment: &[(&str, &str)]) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("config.toml"), text).expect("written");
    write(folder.path(), "lines", &format!("{HUSH}\n{HUSH_SIGNS}"));
    for command in ["check", "run", "explain"] {
        let mut line = program(folder.path());
        line.arg(command).envs(environment.iter().copied());
        let told = soon("the report", ran(&mut line)).await;
        assert_eq!(told.status, Some(2), "{text}\n{told:?}");
        assert!(told.complaint.contains("mistake"), "{told:?}");
        check_hushed(text, format!("{}{}", told.out, told.complaint).as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_mistakes_shows_no_secret_beside_them() {
    let sources = [
        format!("kind = \"ttmt\"\napi_key = \"{HUSH} with a space\""),
        format!("kind = \"ttmt\"\napi_key = {{ env = \"{HUSH}\" }}"),
        format!("kind = \"ttmt\"\napi_key = [\"{HUSH}\"]"),
        "kind = \"ttmt\"\napi_key = { file = \"lines\" }".to_owned(),
        format!("kind = \"ttmt\"\napi_kee = \"{HUSH}\""),
        format!("kind = \"ttmt\"\napi_key = \"{HUSH}\"\nbase_url = \"htp://me:{HUSH}@host\""),
        format!("kind = \"ttmt\"\napi_key = \"{HUSH}\"\nbase_url = \"http://host/?key={HUSH}\""),
        format!("kind = \"tttt\"\napi_key = \"{HUSH}\""),
        format!("kind = \"sse\"\nurl = \"//{HUSH}:{HUSH_ENCODED}@host/?{HUSH}\""),
        format!("kind = \"sse\"\nurl = \"http://host/\"\nheaders = {{ \"a b\" = \"{HUSH}\" }}"),
        "kind = \"sse\"\nurl = \"http://host/\"\nheaders = { A = { file = \"lines\" } }".to_owned(),
        format!("kind = \"sse\"\nurl = \"http://host/\"\nproxy = \"{HUSH}\""),
    ];
    let sinks = [
        format!("kind = \"ntfy\"\ntopic = \"{HUSH} {HUSH_SIGNS}\""),
        format!("kind = \"ntfy\"\ntopic = \"{HUSH}\"\nserver = \"http://host/{HUSH}\""),
        format!("kind = \"ntfy\"\ntopic = \"{HUSH}\"\nserver = \"http://me:{HUSH}@host/\""),
        format!("kind = \"ntfy\"\ntopic = \"{HUSH}\"\ntoken = \"{HUSH}\"\npassword = \"{HUSH}\""),
        format!("kind = \"discord\"\nurl = \"https://discord.com/{HUSH}\""),
        format!("kind = \"slack\"\nurl = \"hooks.slack.com/services/T/B/{HUSH}\""),
        format!("kind = \"webhook\"\nurl = \"http://host/\"\nsecret = \"{HUSH_SIGNS}!\""),
        format!("kind = \"webhook\"\nurl = \"{HUSH}\"\nsignature = \"none\""),
        format!("kind = \"webhook\"\nurl = \"http://me:{HUSH}@host/?{HUSH}\"\nsignature = \"nun\""),
        format!("kind = \"webhook\" # was {HUSH}\nurl = \"http://host/\"\nsecrets = \"{HUSH}\""),
        format!("kind = \"webhook\"\nurl = \"http://host/\"\nsecret = \"{HUSH}\nbody = \"event\""),
        format!("kind = \"webhook\"\nurl = \"http://host/\nsecret = \"{HUSH}\""),
    ];
    for (table, entries) in [("sources", &sources[..]), ("sinks", &sinks)] {
        for entry in entries {
            check_mistake(&format!("[{table}.x]\n{entry}\n"), &[]).await;
        }
    }
    let http = format!("http = {{ listen = \"{HUSH}\", token = \"{HUSH}\" }}");
    check_mistake(&http.replacen(HUSH, "everywhere", 1), &[]).await;
    check_mistake(&format!("[heartbeat]\nurl = \"{HUSH}\""), &[]).await;
    let value = format!("{HUSH} {HUSH_SIGNS}");
    for variable in ["TOPIC", "SERVER", "TOKEN", "TOKKEN", "PASSWORD"] {
        let name = format!("BELLWIRE_SINKS__X__{variable}");
        let text = "[sinks.x]\nkind = \"ntfy\"\ntopic = \"a\"\nusername = 5\n";
        check_mistake(text, &[(&name, &value)]).await;
    }
}
