//! The kinds of sink whose receivers are not played by the simulator: the whole way to each of them.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"XAUUSD","tp_level":1,"realized_pl":19.840,"currency":"USD"}}"#;

/// A bridge that sends every event to one sink.
async fn bridge(sink: &str) -> (Upstream, Bridge) {
    let upstream = Upstream::start().await;
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}[sinks.it]\n{sink}\n[[rules]]\nname = \"all\"\nto = [\"it\"]\n",
        upstream.source(),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, bridge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telegram_bot_tells_the_news_and_waits_when_it_is_told_to() {
    let phones = Phones::start().await;
    let server = phones.handle.url(Kind::Webhook);
    let path = "/webhook/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5/sendMessage";
    let later = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":1}}"#;
    let posted = r#"{"ok":true,"result":{"message_id":7}}"#;
    let tries = AtomicUsize::new(0);
    phones.handle.answer_by("/webhook", move |_| {
        Some(match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::status(429).body(later),
            _ => Answer::status(200).body(posted),
        })
    });
    let (upstream, bridge) = bridge(&format!(
        "kind = \"telegram\"\ntoken = \"110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5\"\nchat_id = 42\nserver = \"{server}\""
    ))
    .await;
    upstream.send(HIT).await;
    let received = soon("both tries", phones.handle.arrivals(Kind::Webhook, 2)).await;
    assert!(received.iter().all(|one| one.path == path), "{received:?}");
    let body: Value = serde_json::from_slice(&received[1].body).expect("JSON");
    assert_eq!(body["chat_id"], 42);
    assert_eq!(body["text"], "TP1 hit · XAUUSD · +19.84 USD");
    bridge
        .ready("the delivery", |page| page["sinks"]["it"]["delivered"] == 1)
        .await;
    assert!(
        !bridge.log().contains("AAHdqTcvCH1vGWJxfSeofSAs0K5"),
        "the token is in the log"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_gets_the_event_and_its_exit_status_decides() {
    let sink = "kind = \"exec\"\nallow_exec = true\nretry = { initial = \"50ms\" }\ncommand = [\"/bin/sh\", \"-c\", \
                'cat > got.$$; mv got.$$ \"$1/$BELLWIRE_DELIVERY_ID\"; [ -e \"$1/again\" ] || { touch \"$1/again\"; exit 75; }', \"ring\", \"FOLDER\"]";
    let folder = tempfile::TempDir::new().expect("a folder");
    let place = folder.path().display().to_string();
    let (upstream, bridge) = bridge(
        &sink
            .replace("got.$$", "$1/got.$$")
            .replace("FOLDER", &place),
    )
    .await;
    upstream.send(HIT).await;
    bridge
        .ready("the delivery", |page| {
            page["sinks"]["it"]["delivered"] == 1 && page["sinks"]["it"]["failed"] == 1
        })
        .await;
    let files: Vec<_> = fs::read_dir(folder.path())
        .expect("reads")
        .flatten()
        .collect();
    let file = files
        .iter()
        .find(|file| file.file_name() != "again")
        .expect("the event");
    let text = fs::read_to_string(file.path()).expect("reads");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        told["webhook_id"],
        file.file_name().to_str().expect("a name")
    );
    assert_eq!(told["type"], "tp_hit");
    assert!(
        text.contains("\"realized_pl\":19.840"),
        "digit for digit: {text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_hangs_is_ended_and_tried_again() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let marks = folder.path().join("marks");
    let (upstream, _bridge) = bridge(&format!(
        "kind = \"exec\"\nallow_exec = true\ntimeout = \"1s\"\nretry = {{ initial = \"50ms\" }}\n\
         command = [\"/bin/sh\", \"-c\", 'echo $$ >> \"$1\"; exec sleep 600', \"ring\", \"{}\"]",
        marks.display()
    ))
    .await;
    upstream.send(HIT).await;
    let pids = || -> Vec<u32> {
        let text = fs::read_to_string(&marks).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    until("another try", || pids().len() >= 2).await;
    let first = pids()[0];
    until("the first one to be gone", || {
        !std::path::Path::new(&format!("/proc/{first}")).exists()
    })
    .await;
}
