//! What `check --online` asks, what it never sends, and what it says about each source and sink.

mod sinks;

use std::path::Path;

use bellwire::simulator::Answer;
use bellwire::simulator::ttmt::{self, Authorization};
use serde_json::{Value, json};

use self::sinks::sinks;
use crate::harness::{Bridge, Phones, Ran, Server, Upstream, program, ran, recorded, soon, until};

/// The accounts of the simulator.
const MAIN: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
const PROP: &str = "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93";

/// The way to the list of accounts.
const ACCOUNTS: &str = "/api/v1/accounts";

/// Checks a configuration.
async fn check(config: &str, more: &[&str]) -> Ran {
    let bridge = Bridge::new(config);
    let told = check_in(bridge.folder(), more).await;
    let data = bridge.folder().join("data");
    assert!(!data.exists(), "nothing is opened");
    told
}

async fn check_in(folder: &Path, more: &[&str]) -> Ran {
    let mut line = program(folder);
    line.args(["check", "--online"]).args(more);
    let told = ran(&mut line).await;
    for text in [&told.out, &told.complaint] {
        let key = ttmt::DEMO_KEY;
        let bare = key.strip_prefix("ttmt_live_").unwrap_or(key);
        assert!(!text.contains(bare), "the key: {text}");
        let odd = |it: char| it.is_control() && it != '\n';
        assert!(!text.contains(odd), "{text:?}");
    }
    told
}

/// The lines about the source of an upstream, and the exit status.
async fn source(upstream: &Upstream, more: &str) -> (Vec<String>, Option<i32>) {
    let told = check(&format!("{}{more}\n", upstream.source()), &[]).await;
    let place = format!(" ({})", upstream.handle.local_addr());
    let lines = told.out.lines().skip(1);
    let lines = lines.map(|line| line.replace(&place, "")).collect();
    (lines, told.status)
}

/// Asserts that the upstream has been asked so often for its accounts and for nothing else.
fn asked(upstream: &Upstream, times: usize) {
    let requests = upstream.handle.requests();
    assert_eq!(requests.len(), times, "{requests:?}");
    for request in requests {
        assert_eq!((&*request.method, &*request.path), ("GET", ACCOUNTS));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_1_auth_3_a_valid_key_is_told_with_its_accounts_after_one_request() {
    let upstream = Upstream::start().await;
    let (lines, status) = source(&upstream, "").await;
    assert_eq!(
        lines,
        [
            "source ttmt: ok, the key is valid; 29 requests left this minute",
            &*format!("  {MAIN}  Main Live (live, USD, deployed)"),
            &*format!("  {PROP}  Prop 50K – Phase 2 (prop, EUR, deployed)"),
        ]
    );
    assert_eq!(status, Some(0));
    asked(&upstream, 1);
    let request = &upstream.handle.requests()[0];
    assert_eq!(request.authorization, Authorization::Right);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_5_an_account_that_the_key_does_not_have_is_a_failure_that_lists_those_it_has() {
    let upstream = Upstream::start().await;
    let account = |id: &str| format!("account_id = \"{id}\"");
    let (lines, status) = source(&upstream, &account(PROP)).await;
    assert_eq!(status, Some(0), "{lines:?}");
    let fine = "ok, the key is valid and `account_id` is among its accounts; 29 requests";
    assert!(lines[0].contains(fine), "{lines:?}");
    let other = PROP.replace('9', "8");
    let (lines, status) = source(&upstream, &account(&other)).await;
    assert_eq!(status, Some(1), "{lines:?}");
    let wrong = format!(
        "failed, the key is valid, but `account_id` {other} is not among its accounts; take one of these"
    );
    assert!(lines[0].contains(&wrong), "{lines:?}");
    assert!(lines[1].contains(MAIN) && lines[2].contains(PROP));
    asked(&upstream, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_4_auth_5_rate_2_a_refused_key_is_told_with_what_to_do() {
    let upstream = Upstream::start().await;
    let handle = &upstream.handle;
    handle.revoke().await;
    let (lines, status) = source(&upstream, "").await;
    let revoked =
        "source ttmt: failed, the key is unknown or was revoked; configure a new `api_key`";
    assert!(lines[0].starts_with(revoked), "{lines:?}");
    assert_eq!((lines.len(), status), (1, Some(1)));
    asked(&upstream, 1);
    handle.restore().await;
    handle.suspend().await;
    let (lines, status) = source(&upstream, "").await;
    let disabled = "the same key works again once access returns";
    assert!(lines[0].contains(disabled), "{lines:?}");
    assert_eq!((lines.len(), status), (1, Some(1)));
    handle.restore().await;
    let limited = Answer::status(429)
        .header("Retry-After", "17")
        .header("X-RateLimit-Remaining", "0");
    handle.answer(ACCOUNTS, limited);
    let (lines, status) = source(&upstream, "").await;
    let limited = "source ttmt: failed, over the limit of the key; it may ask again in 17 s; 0 requests left this minute";
    assert_eq!((&*lines.join("|"), status), (limited, Some(1)));
    asked(&upstream, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_cannot_be_asked_is_told_with_the_reason() {
    let upstream = Upstream::start().await;
    let handle = &upstream.handle;
    handle.answer(ACCOUNTS, Answer::status(200).body("<html>"));
    let (lines, _) = source(&upstream, "").await;
    assert!(lines[0].contains("answered, but the answer is no JSON"));
    handle.answer(ACCOUNTS, Answer::status(302).header("Location", "/nowhere"));
    let (lines, _) = source(&upstream, "").await;
    assert!(lines[0].contains("answered 302 Found; check `base_url`"));
    asked(&upstream, 2);
    let closed = "[sources.ttmt]\nkind = \"ttmt\"\nbase_url = \"http://me:hushhush@127.0.0.1:1/api/v1\"\napi_key = \"ttmt_live_x\"\n";
    let told = check(closed, &[]).await;
    let refused = "source ttmt (127.0.0.1:1): failed, connection refused\n";
    assert!(told.out.ends_with(refused), "{told:?}");
    assert!(!told.out.contains("hushhush"), "{told:?}");
    assert_eq!(told.status, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_2_nothing_that_an_upstream_says_reaches_the_terminal_as_it_is() {
    let upstream = Upstream::start().await;
    let key = ttmt::DEMO_KEY;
    let rows: Vec<Value> = (0..25)
        .map(|number| {
            json!({
                "account_id": format!("{MAIN}\u{1b}[2J"),
                "label": format!("{number} \u{9b}31m{key}\r\n\u{202e}{}", "x".repeat(500)),
                "type": key.trim_start_matches("ttmt_live_"),
                "currency": "U\u{0}SD",
                "state": ["deployed"],
            })
        })
        .collect();
    let answer = Answer::json(200, &json!({ "data": rows }));
    upstream
        .handle
        .answer_by(ACCOUNTS, move |_| Some(answer.clone()));
    let (lines, status) = source(&upstream, "").await;
    assert_eq!(status, Some(0), "{lines:?}");
    assert_eq!(lines.len(), 1 + 20 + 1);
    assert_eq!(lines[21], "  and 5 more, all of them with `--json`");
    let expected = format!("  {MAIN}[2J  0 31m… {}… (…, USD)", "x".repeat(56));
    assert_eq!(lines[1], expected);
    let told = check(&upstream.source(), &["--json"]).await;
    let document: Value = serde_json::from_str(&told.out).expect("one document");
    let accounts = document["sources"][0]["accounts"]
        .as_array()
        .expect("accounts");
    assert_eq!(accounts.len(), 25);
    assert!(!told.out.contains('\u{202e}'), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sse_7_a_feed_is_opened_and_closed_again() {
    let server = Server::start().await;
    let config = server.source("headers = { Authorization = \"Bearer hushhush\" }");
    let (told, visit) = tokio::join!(check(&config, &[]), server.stream());
    let fine = format!(
        "source feed ({}): ok, an event stream answers\n",
        server.address
    );
    assert!(told.out.ends_with(&fine), "{told:?}");
    assert_eq!(told.status, Some(0));
    assert_eq!(visit.header("authorization"), Some("Bearer hushhush"));
    assert_eq!(visit.header("last-event-id"), None);
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    for (answer, reason) in [
        (page, "failed, no event stream but `text/html`"),
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "failed, answered 401 Unauthorized: check the credentials in `headers`",
        ),
    ] {
        let answering = async {
            let mut visit = server.visit().await;
            visit.send(answer).await;
        };
        let (told, ()) = tokio::join!(check(&config, &[]), answering);
        assert!(told.out.contains(reason), "{told:?}");
        assert_eq!(told.status, Some(1));
        assert!(!format!("{told:?}").contains("hushhush"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_file_is_told_as_ever_and_nobody_is_asked() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "{}{}[sinks.x]\nkind = \"y\"\n",
        upstream.source(),
        sinks(&phones)
    );
    let told = check(&config, &[]).await;
    assert_eq!((told.status, &*told.out), (Some(2), ""));
    assert!(
        told.complaint.contains("`y` is not possible here"),
        "{told:?}"
    );
    let told = check(&config, &["--json"]).await;
    assert_eq!(told.status, Some(2));
    let document: Value = serde_json::from_str(&told.out).expect("one document");
    let tried = (&document["valid"], &document["sources"], &document["sinks"]);
    assert_eq!(tried, (&json!(false), &json!([]), &json!([])));
    let mistake = document["mistakes"][0]["text"].to_string();
    assert!(mistake.contains("`y` is not possible here"), "{told:?}");
    asked(&upstream, 0);
    assert!(phones.handle.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_gets_one_document_whether_it_was_tried_or_not() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/discord", |_| Some(Answer::status(401)));
    let config = format!("{}{}", upstream.source(), sinks(&phones));
    let told = check(&config, &["--json"]).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    let account = |id: &str, label: &str, kind: &str, currency: &str| {
        json!({
            "account_id": id, "label": label, "type": kind, "currency": currency,
            "state": "deployed",
        })
    };
    let gone = "the webhook is gone; make a new one and configure its `url` (401 Unauthorized)";
    let sink = |name: &str, kind: &str, ok: Value, reason: Value| json!({ "name": name, "kind": kind, "ok": ok, "reason": reason });
    let document: Value = serde_json::from_str(&told.out).expect("one document");
    assert_eq!(
        document,
        json!({
            "valid": true,
            "mistakes": [],
            "warnings": ["there is no rule; add one with `[[rules]]`"],
            "store": null,
            "sources": [{
                "name": "ttmt", "kind": "ttmt", "ok": true, "reason": null,
                "accounts": [
                    account(MAIN, "Main Live", "live", "USD"),
                    account(PROP, "Prop 50K – Phase 2", "prop", "EUR"),
                ],
                "requests_left": 29,
            }],
            "sinks": [
                sink("automation", "webhook", json!(true), Value::Null),
                sink("desk", "slack", json!(true), Value::Null),
                sink("phone", "ntfy", json!(true), Value::Null),
                sink("team", "discord", json!(false), json!(gone)),
            ],
        })
    );
    let bridge = Bridge::new(&config);
    let mut line = program(bridge.folder());
    let told = ran(line.args(["check", "--json"])).await;
    let document: Value = serde_json::from_str(&told.out).expect("one document");
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(
        (&document["valid"], &document["sources"][0]["ok"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        document["sinks"][3],
        sink("team", "discord", Value::Null, Value::Null)
    );
    asked(&upstream, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_7_a_running_instance_keeps_its_stream() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    soon("a stream", upstream.handle.heard()).await;
    let told = check_in(bridge.folder(), &[]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(upstream.handle.is_heard(), "the stream is still open");
    assert_eq!(upstream.stream_requests().len(), 1);
    upstream.send(recorded()[0]).await;
    until("the event", || !phones.events().is_empty()).await;
}
