//! The receivers as a bridge meets them.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::answer::Manner;
use super::super::plain::{Exchange, Reply, ask};
use super::*;

struct Served {
    handle: Handle,
    task: tokio::task::JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl Served {
    async fn start() -> Self {
        let receivers = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let receivers = receivers.expect("a free port");
        let handle = receivers.handle();
        let stop = CancellationToken::new();
        let task = tokio::spawn(receivers.run(stop.clone()));
        let stop = stop.drop_guard();
        Self { handle, task, stop }
    }

    async fn send(&self, start: &str, body: &str) -> Reply {
        let header = "Content-Type: application/json".to_owned();
        ask(self.handle.addr, start, &[header], body).await
    }

    async fn finish(self) {
        drop(self.stop);
        let run = tokio::time::timeout(Duration::from_secs(20), self.task).await;
        run.expect("in time").expect("no panic").expect("no error");
    }
}

#[tokio::test]
async fn each_receiver_answers_as_the_real_one() {
    let served = Served::start().await;
    let check = async |start: &str, body: &str, status: u16, answer: &str| {
        let reply = served.send(start, body).await;
        assert_eq!(reply.status, status, "{start} {body}: {reply:?}");
        assert!(reply.body.contains(answer), "{start} {body}: {reply:?}");
    };
    let discord = "/discord/api/v10/webhooks/1/token";
    let wait = format!("POST {discord}?thread_id=4&wait=true");
    let post = format!("POST {discord}");
    check("POST /webhook", "{}", 204, "").await;
    check("POST /webhook/second", "", 204, "").await;
    check("GET /webhook", "", 405, "").await;
    check(
        &wait,
        r#"{"content":"hi"}"#,
        200,
        r#""id":"1100000000000000001""#,
    )
    .await;
    check(&post, r#"{"embeds":[{"title":"hi"}]}"#, 204, "").await;
    check(
        "POST /discord/api/webhooks/1/token",
        r#"{"content":"hi"}"#,
        204,
        "",
    )
    .await;
    check(&post, r#"{"content":""}"#, 400, "50006").await;
    check(&post, "{", 400, "50109").await;
    check("POST /discord/api/webhooks/1/wrong", "{}", 401, "50027").await;
    check("POST /discord/api/webhooks/2/token", "{}", 404, "10015").await;
    check(&format!("GET {discord}"), "", 200, "name").await;
    let message = format!("{discord}/messages/1100000000000000001");
    let edit = format!("PATCH {message}");
    check(&edit, r#"{"content":"new"}"#, 200, r#""content":"new""#).await;
    check(&format!("PATCH {discord}/messages/7"), "{}", 404, "10008").await;
    let slack = "POST /slack/services/T/B/X";
    check(slack, r#"{"text":"hi"}"#, 200, "ok").await;
    check(slack, r#"{"text":""}"#, 400, "no_text").await;
    check(slack, "hi", 400, "invalid_payload").await;
    check("POST /slack/services/T/B/Y", "{}", 404, "no_service").await;
    for root in ["POST /ntfy", "POST /ntfy/"] {
        let body = r#"{"topic":"a-b_C","title":"t","message":"m"}"#;
        check(root, body, 200, r#""topic":"a-b_C","title":"t""#).await;
    }
    check("POST /ntfy/alerts", "text", 200, r#""message":"text""#).await;
    check("POST /ntfy/", r#"{"topic":"v1"}"#, 400, "40010").await;
    check("POST /ntfy/", r#"{"topic":"a b"}"#, 400, "40009").await;
    check("POST /ntfy/", "{", 400, "40024").await;
    check("POST /ntfy/", &"x".repeat(8_193), 413, "41303").await;
    check("GET /ntfy/v1/health", "", 200, "true").await;
    check("GET /ntfy/v1/account", "", 200, "anonymous").await;
    check("POST /ntfy/v1/account", "", 400, "40010").await;
    check("POST /elsewhere", "", 404, "").await;
    served.finish().await;
}

#[tokio::test]
async fn what_arrives_is_remembered_and_told() {
    let served = Served::start().await;
    let mut line = served.handle.subscribe();
    let headers = ["webhook-id: msg_1".to_owned()];
    let body = "{\"é\":1.0}";
    ask(served.handle.addr, "POST /webhook/a?b=c", &headers, body).await;
    served.send("POST /ntfy/", "{}").await;
    let list = served.handle.arrivals(Kind::Webhook, 1).await;
    let first = &list[0];
    assert_eq!((first.number, first.method.as_str()), (1, "POST"));
    assert_eq!(
        (first.path.as_str(), first.query.as_str()),
        ("/webhook/a", "b=c")
    );
    assert_eq!(first.header("Webhook-Id"), "msg_1");
    assert_eq!(first.body, body);
    assert_eq!(line.recv().await.expect("told").number, 1);
    assert_eq!(line.recv().await.expect("told").kind, Kind::Ntfy);
    for _ in 0..KEPT_MAX {
        served.send("POST /webhook", "").await;
    }
    let list = served.handle.received();
    assert_eq!(list.len(), KEPT_MAX);
    assert_eq!(list[0].number, 3, "the oldest are forgotten");
    served.handle.forget();
    assert!(served.handle.received().is_empty());
    served.finish().await;
}

#[tokio::test]
async fn answers_can_be_prepared() {
    let served = Served::start().await;
    let handle = &served.handle;
    handle.answer("/webhook", Answer::status(500).body("no"));
    handle.answer("/webhook", Answer::status(429).header("Retry-After", "3"));
    let moved = Answer::status(301).header("Location", "/elsewhere");
    handle.answer("/webhook", moved);
    let slow = Answer::status(200)
        .body("slowly")
        .after(Duration::from_millis(5))
        .sent(Manner::Drip(Duration::from_millis(1)));
    handle.answer("/webhook", slow);
    let first = served.send("POST /webhook", "").await;
    assert_eq!((first.status, first.body.as_str()), (500, "no"));
    let second = served.send("POST /webhook", "").await;
    assert_eq!(second.header("retry-after"), Some("3"));
    let third = served.send("POST /webhook", "").await;
    assert_eq!(
        (third.status, third.header("location")),
        (301, Some("/elsewhere"))
    );
    let fourth = served.send("POST /webhook", "").await;
    assert_eq!((fourth.body.as_str(), fourth.whole), ("slowly", true));
    assert_eq!(served.send("POST /webhook", "").await.status, 204);
    handle.answer_by("/webhook", |request| {
        (request.body == "x").then(|| Answer::status(410))
    });
    assert_eq!(served.send("POST /webhook", "x").await.status, 410);
    assert_eq!(served.send("POST /webhook", "y").await.status, 204);
    handle.answer("/webhook", Answer::status(20));
    assert_eq!(
        served.send("POST /webhook", "").await.status,
        501,
        "unusable"
    );
    served.finish().await;
}

#[tokio::test]
async fn an_answer_can_be_a_reset_or_never_come() {
    let served = Served::start().await;
    let addr = served.handle.addr;
    let reset = Answer::status(200).sent(Manner::Reset);
    served.handle.answer("/slack", reset);
    let exchange = Exchange::begin(addr, "POST /slack/services/T/B/X", &[], "{}").await;
    let (reply, was_reset) = exchange.end().await;
    assert!(reply.is_none() && was_reset);
    let hang = Answer::status(200).sent(Manner::Hang);
    served.handle.answer("/slack", hang);
    let exchange = Exchange::begin(addr, "POST /slack/services/T/B/X", &[], "{}").await;
    served.handle.arrivals(Kind::Slack, 2).await;
    // A stop is not kept up by a request that waits for ever.
    served.finish().await;
    drop(exchange);
}

#[test]
fn a_ring_is_what_a_person_sees() {
    let check = |kind, body: serde_json::Value, text: Option<&str>, time: Option<&str>| {
        let received = Received {
            number: 1,
            kind,
            at: Instant::now(),
            time: Timestamp::UNIX_EPOCH,
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
        };
        let ring = Ring::of(&received);
        let shown = ring.as_ref().map(|it| it.text.as_str());
        assert_eq!(shown, text, "{body}");
        let when = ring.and_then(|it| it.event_time).map(|it| it.to_string());
        assert_eq!(when.as_deref(), time, "{body}");
    };
    let when = "2026-06-11T08:05:12.932Z";
    check(
        Kind::Webhook,
        json!({"type": "tp_hit", "timestamp": when, "data": {"symbol": "XAUUSD", "realized_pl": 19.5}}),
        Some("tp_hit XAUUSD 19.5"),
        Some(when),
    );
    check(
        Kind::Discord,
        json!({"embeds": [{"title": "TP1\n hit", "timestamp": when}]}),
        Some("TP1 hit"),
        Some(when),
    );
    check(
        Kind::Slack,
        json!({"text": "a\u{1b}[31mb"}),
        Some("a [31mb"),
        None,
    );
    check(
        Kind::Ntfy,
        json!({"topic": "x", "title": "TP1", "message": "gold"}),
        Some("TP1: gold"),
        None,
    );
    check(Kind::Ntfy, json!({"topic": "x"}), None, None);
    check(Kind::Slack, json!([1]), None, None);
}
