//! Sinks that are tried: each one answers for itself, and none of them receives anything.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;

use super::{check, check_in};
use crate::harness::{Bridge, Phones, Ran, Server, program, ran};

/// A sink of each kind.
pub(super) fn sinks(phones: &Phones) -> String {
    [
        phones.sink("automation", Kind::Webhook, ""),
        phones.sink("team", Kind::Discord, ""),
        phones.sink("desk", Kind::Slack, ""),
        phones.sink("phone", Kind::Ntfy, "token = \"tk_hushhush\""),
    ]
    .concat()
}

/// The lines about sinks, without their places.
fn sink_lines(told: &Ran) -> Vec<String> {
    let lines = told.out.lines().filter(|line| line.starts_with("sink "));
    let bare = lines.map(|line| {
        let (start, rest) = line.split_once(" (").expect("a place");
        let (_, end) = rest.split_once(')').expect("its end");
        format!("{start}{end}")
    });
    bare.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sink_is_tried_and_none_of_them_receives_a_message() {
    let phones = Phones::start().await;
    let told = check(&sinks(&phones), &[]).await;
    let reached = "ok, only the address was reached; nothing was sent";
    assert_eq!(
        sink_lines(&told),
        [
            &*format!("sink automation: {reached}"),
            &*format!("sink desk: {reached}"),
            "sink phone: ok, the server is healthy, the credentials are accepted; nothing was sent",
            "sink team: ok, the webhook `receiver` is there; nothing was sent",
        ]
    );
    assert_eq!(told.status, Some(0), "{told:?}");
    let mut received = phones.handle.received();
    received.sort_by(|one, other| one.path.cmp(&other.path));
    let asked: Vec<_> = received
        .iter()
        .map(|one| (&*one.method, &*one.path, one.header("authorization")))
        .collect();
    assert_eq!(
        asked,
        [
            ("GET", "/discord/api/webhooks/1/token", ""),
            ("GET", "/ntfy/v1/account", "Bearer tk_hushhush"),
            ("GET", "/ntfy/v1/health", ""),
        ]
    );
    assert!(received.iter().all(|one| one.body.is_empty()));
    assert!(!told.out.contains("hushhush"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_is_not_touched_and_sees_no_credential() {
    let server = Server::start().await;
    let config = format!(
        "[sinks.automation]\nkind = \"webhook\"\nurl = \"http://me:hushhush@{}/hook/hushhush?key=hushhush\"\n\
         signature = \"none\"\nheaders = {{ X-Api-Key = \"hushhush\" }}\n",
        server.address
    );
    let (told, visit) = tokio::join!(check(&config, &[]), server.refuse("405 Method Not Allowed"));
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        visit.head.starts_with("OPTIONS / HTTP/1.1\r\n"),
        "{}",
        visit.head
    );
    assert!(!visit.head.contains("hushhush"), "{}", visit.head);
    for name in ["authorization", "webhook-id", "content-type"] {
        assert_eq!(visit.header(name), None);
    }
    assert!(!told.out.contains("hushhush"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_looked_for_and_not_started() {
    let sink = |name: &str, command: &str| {
        format!("[sinks.{name}]\nkind = \"exec\"\nallow_exec = true\ncommand = {command}\n")
    };
    let config = [
        sink("here", r#"["sh", "-c", "echo hushhush > mark"]"#),
        sink("nowhere", r#"["no-such-program-anywhere", "hushhush"]"#),
        sink("text", "\"./config.toml\""),
    ]
    .concat();
    let bridge = Bridge::new(&config);
    let started = bridge.folder().join("mark");
    let told = check_in(bridge.folder(), &[]).await;
    assert_eq!(
        sink_lines(&told),
        [
            "sink here: ok, the program can be started; nothing was sent",
            "sink nowhere: failed, there is no such program in the folders of `PATH`",
            "sink text: failed, the program may not be run",
        ]
    );
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(!told.complaint.contains("would fail"), "{told:?}");
    // The machine that it is for may have what this one has not.
    let mut line = program(bridge.folder());
    let told = ran(line.arg("check")).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let mut warnings = told
        .complaint
        .lines()
        .filter(|line| line.contains("would fail"));
    let words = [
        (
            "sink `nowhere` (no-such-program-anywhere #",
            "there is no such program in the folders of `PATH`",
        ),
        ("sink `text` (config.toml #", "the program may not be run"),
    ];
    for (start, end) in words {
        let line = warnings.next().expect("a warning");
        assert!(line.starts_with(&format!("warning: {start}")), "{line}");
        assert!(
            line.ends_with(&format!(") would fail here: {end}")),
            "{line}"
        );
    }
    assert_eq!(warnings.next(), None);
    assert!(!told.complaint.contains("hushhush"), "{told:?}");
    assert!(!started.exists(), "it was started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_7_nt_4_a_sink_that_is_gone_or_refuses_is_told_with_what_to_do() {
    let phones = Phones::start().await;
    for (path, status) in [("/discord", 404), ("/ntfy/v1/account", 401)] {
        phones.handle.answer_by(path, move |request| {
            let answer = format!("no {} {:?}", request.path, request.headers);
            Some(Answer::status(status).body(answer))
        });
    }
    let blocked = "[sinks.metadata]\nkind = \"webhook\"\nurl = \"http://169.254.169.254/\"\nsignature = \"none\"\n";
    let closed = "[sinks.nobody]\nkind = \"slack\"\nurl = \"http://127.0.0.1:1/services/T/B/X\"\n";
    let told = check(&format!("{}{blocked}{closed}", sinks(&phones)), &[]).await;
    let lines = sink_lines(&told);
    let guarded = "sink metadata: failed, address not allowed: 169.254.169.254 is a link-local";
    assert!(lines[2].starts_with(guarded), "{lines:?}");
    assert_eq!(lines[3], "sink nobody: failed, connection refused");
    let refused =
        "sink phone: failed, the credentials are refused (401 Unauthorized); check `token`";
    assert!(lines[4].starts_with(refused), "{lines:?}");
    assert_eq!(
        lines[5],
        "sink team: failed, the webhook is gone; make a new one and configure its `url` (404 Not Found)"
    );
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(!told.out.contains("hushhush"), "{told:?}");
}
